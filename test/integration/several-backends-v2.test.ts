/**
 * One station of OCPP 2.0.1 or 2.1 and three backends, all of them `ocpp-rpc`, which nobody here wrote and which checks every message strictly.
 *
 * The backends give out the same request ids, remote start ids, reservation ids and charging profile ids on purpose; what each of them wrote down says whether any was taken for
 * another's.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../src/testkit/until.ts';
import { connectRpcStation, type RpcPeer } from '../conformance/rpc-peers.ts';
import { startFixture } from './busbar-fixture.ts';
import {
  answersPerCall,
  payloadsOf,
  startHeardBackend,
  stationId,
  type HeardBackend,
  type HeardCall,
} from './rpc-world.ts';

type Payload = HeardCall['payload'];
type Version = 'ocpp2.0.1' | 'ocpp2.1';

interface World {
  readonly station: RpcPeer;
  /** What reached the station, in order. */
  readonly commanded: HeardCall[];
  /** The primary, an observer that may command, and one that may not. */
  readonly old: HeardBackend;
  readonly next: HeardBackend;
  readonly watch: HeardBackend;
  readonly oldLink: RpcPeer;
  readonly nextLink: RpcPeer;
  readonly watchLink: RpcPeer;
}

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const since = '2025-12-31T23:00:00Z';

/** The station has booted and told its one status; every backend knows it. */
async function startWorld(version: Version): Promise<World> {
  const backends = await Promise.all([1, 2, 3].map(() => startHeardBackend(version)));
  for (const backend of backends) cleanups.push(() => backend.close());
  const [old, next, watch] = backends as [HeardBackend, HeardBackend, HeardBackend];
  const fixture = await startFixture(`stations: { listen: "127.0.0.1:0" }
admin: { listen: "127.0.0.1:0" }
storage: sqlite:./busbar.db
backends:
  old: { url: "${old.url}" }
  new: { url: "${next.url}", nonBilling: true }
  watch: { url: "${watch.url}" }
routes:
  - stations: "*"
    primary: old
    observers:
      - backend: new
        receives: [registration, liveness, state, transactions, report]
        commands:
          - GetBaseReport
          - GetReport
          - GetVariables
          - RequestStartTransaction
          - ReserveNow
          - CancelReservation
          - SetChargingProfile
          - ClearChargingProfile
          - GetChargingProfiles
      - { backend: watch, receives: [registration, liveness, state, report] }
`);
  cleanups.push(() => fixture.close());
  const endpoint = fixture.stationUrl(stationId).replace(new RegExp(`/${stationId}$`), '');
  const station = await connectRpcStation(endpoint, stationId, version);
  cleanups.push(() => station.close());
  const commanded: HeardCall[] = [];
  station.answer = (action, payload) => {
    commanded.push({ action, payload: payload as Payload });
    return action === 'GetVariables' ? variablesOf(payload as Payload) : { status: 'Accepted' };
  };
  const [oldLink, nextLink, watchLink] = await Promise.all([old.link(), next.link(), watch.link()]);
  await station.call('BootNotification', {
    reason: 'PowerUp',
    chargingStation: { vendorName: 'V', model: 'M' },
  });
  await station.call('StatusNotification', {
    timestamp: since,
    connectorStatus: 'Available',
    evseId: 1,
    connectorId: 1,
  });
  await until('every backend knows the status', () =>
    backends.every(({ calls }) => payloadsOf(calls, 'StatusNotification').length > 0),
  );
  return { station, commanded, old, next, watch, oldLink, nextLink, watchLink };
}

/** Each variable has its own name for its value. */
function variablesOf({ getVariableData }: Payload): Payload {
  const asked = getVariableData as { component: object; variable: { name: string } }[];
  return {
    getVariableResult: asked.map(({ component, variable }) => ({
      component,
      variable,
      attributeStatus: 'Accepted',
      attributeValue: variable.name,
    })),
  };
}

/** No peer found fault with anything, and every command was answered once. */
function expectOrderly({ station, oldLink, nextLink, watchLink }: World): void {
  for (const peer of [station, oldLink, nextLink, watchLink]) {
    expect(peer.refused).toEqual([]);
    expect(answersPerCall(peer).filter((answers) => answers !== 1)).toEqual([]);
  }
}

/** The one command of this action and with this text in it that reached the station. */
function reached(commanded: readonly HeardCall[], action: string, text: string): Payload {
  const found = payloadsOf(commanded, action).filter((payload) => JSON.stringify(payload).includes(text));
  expect(found, `${action} ${text}`).toHaveLength(1);
  return found[0] ?? {};
}

const accepted = { status: 'Accepted' };

describe.each(['ocpp2.0.1', 'ocpp2.1'] as const)('%s', (version) => {
  test('each backend sees the boot first and the status as of when it was so', async () => {
    const world = await startWorld(version);
    for (const { calls } of [world.old, world.next, world.watch]) {
      expect(calls[0]?.action).toBe('BootNotification');
      expect(payloadsOf(calls, 'BootNotification')).toHaveLength(1);
      expect(payloadsOf(calls, 'StatusNotification').map(({ timestamp }) => timestamp)).toEqual([since]);
    }
    expectOrderly(world);
  });

  test('the parts of a report reach only the backend that asked for it, under its own request id', async () => {
    const world = await startWorld(version);
    const { station, commanded, old, next, watch, oldLink, nextLink, watchLink } = world;
    const answers = await Promise.all([
      oldLink.call('GetBaseReport', { requestId: 1, reportBase: 'FullInventory' }),
      nextLink.call('GetBaseReport', { requestId: 1, reportBase: 'SummaryInventory' }),
      oldLink.call('GetReport', { requestId: 2, componentCriteria: ['Active'] }),
      nextLink.call('GetReport', { requestId: 2, componentCriteria: ['Problem'] }),
      watchLink.call('GetBaseReport', { requestId: 1, reportBase: 'ConfigurationInventory' }),
    ]);
    expect(answers.map((answer) => (answer as Payload)['status'])).toEqual([
      'Accepted',
      'Accepted',
      'Accepted',
      'Accepted',
      'Rejected',
    ]);
    expect(commanded).toHaveLength(4);
    const requestIds = [
      reached(commanded, 'GetBaseReport', 'FullInventory'),
      reached(commanded, 'GetBaseReport', 'SummaryInventory'),
      reached(commanded, 'GetReport', 'Active'),
      reached(commanded, 'GetReport', 'Problem'),
    ].map(({ requestId }) => requestId as number);
    expect(new Set(requestIds).size).toBe(4);

    const names = ['old-base', 'new-base', 'old-report', 'new-report'];
    for (const isLast of [false, true])
      for (const [index, requestId] of requestIds.entries())
        await station.call('NotifyReport', reportPart(requestId, isLast, names[index] ?? ''));
    // What comes after the last part on each link: whoever gets a part too many has got it by then.
    await sendStatus(station, [old, next, watch]);

    expect(payloadsOf(old.calls, 'NotifyReport')).toEqual(bothReports('old-base', 'old-report'));
    expect(payloadsOf(next.calls, 'NotifyReport')).toEqual(bothReports('new-base', 'new-report'));
    expect(payloadsOf(watch.calls, 'NotifyReport')).toEqual([]);
    expectOrderly(world);
  });

  test('transactions reach those who may see them, once and unchanged but for the ids of others', async () => {
    const world = await startWorld(version);
    const { station, commanded, old, next, watch, oldLink, nextLink, watchLink } = world;
    const reserve = (expiryDateTime: string): Payload => ({
      id: 5,
      expiryDateTime,
      idToken: driver,
      evseId: 1,
    });
    expect(
      await Promise.all([
        oldLink.call('ReserveNow', reserve('2026-01-02T00:00:00Z')),
        nextLink.call('ReserveNow', reserve('2026-01-03T00:00:00Z')),
        oldLink.call('RequestStartTransaction', { remoteStartId: 7, idToken: driver, evseId: 1 }),
        nextLink.call('RequestStartTransaction', { remoteStartId: 7, idToken: driver, evseId: 2 }),
      ]),
    ).toEqual([accepted, accepted, accepted, accepted]);
    expect(
      await watchLink.call('RequestStartTransaction', { remoteStartId: 7, idToken: driver, evseId: 3 }),
    ).toMatchObject({ status: 'Rejected' });
    const ofOld = reached(commanded, 'RequestStartTransaction', '"evseId":1');
    const ofNew = reached(commanded, 'RequestStartTransaction', '"evseId":2');
    expect(payloadsOf(commanded, 'RequestStartTransaction')).toHaveLength(2);
    expect(ofOld['remoteStartId']).not.toBe(ofNew['remoteStartId']);
    const reservationOfOld = reached(commanded, 'ReserveNow', '2026-01-02')['id'];
    const reservationOfNew = reached(commanded, 'ReserveNow', '2026-01-03')['id'];
    expect(reservationOfOld).not.toBe(reservationOfNew);

    const first = events('TX-1', 1);
    const second = events('TX-2', 2);
    const startOfOld = { remoteStartId: ofOld['remoteStartId'], reservationId: reservationOfOld };
    const sent = [
      withIds(first[0], startOfOld),
      withIds(second[0], { remoteStartId: ofNew['remoteStartId'] }),
      first[1],
      second[1],
      second[2],
      first[2],
    ];
    for (const payload of sent) {
      await station.call('TransactionEvent', payload);
      // The same message once more, under another id: the first answer, and nobody is told again.
      await station.call('TransactionEvent', payload);
    }
    await station.call('ReservationStatusUpdate', {
      reservationId: reservationOfNew,
      reservationUpdateStatus: 'Expired',
    });
    await sendStatus(station, [old, next, watch]);

    const rest = sent.slice(2);
    expect(payloadsOf(old.calls, 'TransactionEvent')).toEqual([
      withIds(first[0], { remoteStartId: 7, reservationId: 5 }),
      second[0],
      ...rest,
    ]);
    expect(payloadsOf(next.calls, 'TransactionEvent')).toEqual([
      first[0],
      withIds(second[0], { remoteStartId: 7 }),
      ...rest,
    ]);
    expect(payloadsOf(watch.calls, 'TransactionEvent')).toEqual([]);
    expect(payloadsOf(next.calls, 'ReservationStatusUpdate')).toEqual([
      { reservationId: 5, reservationUpdateStatus: 'Expired' },
    ]);
    for (const { calls } of [old, watch]) expect(payloadsOf(calls, 'ReservationStatusUpdate')).toEqual([]);
    expectOrderly(world);
  });

  test('a charging profile is cleared by its own backend only, though another has one of that id', async () => {
    const world = await startWorld(version);
    const { station, commanded, old, next, watch, oldLink, nextLink } = world;
    expect(
      await Promise.all([
        oldLink.call('SetChargingProfile', { evseId: 1, chargingProfile: profile(9, 16) }),
        nextLink.call('SetChargingProfile', { evseId: 1, chargingProfile: profile(9, 32) }),
      ]),
    ).toEqual([accepted, accepted]);
    const idOf = (limit: number): number =>
      (reached(commanded, 'SetChargingProfile', `"limit":${limit}`)['chargingProfile'] as { id: number }).id;
    const idOfOld = idOf(16);
    const idOfNew = idOf(32);
    expect(idOfOld).not.toBe(idOfNew);

    expect(
      await Promise.all([
        oldLink.call('GetChargingProfiles', { requestId: 3, evseId: 1, chargingProfile: {} }),
        nextLink.call('GetChargingProfiles', { requestId: 3, evseId: 2, chargingProfile: {} }),
      ]),
    ).toEqual([accepted, accepted]);
    const requestId = reached(commanded, 'GetChargingProfiles', '"evseId":2')['requestId'];
    const report = { evseId: 1, chargingLimitSource: 'CSO', tbc: false };
    await station.call('ReportChargingProfiles', {
      ...report,
      requestId,
      chargingProfile: [profile(idOfOld, 16), profile(idOfNew, 32)],
    });
    await sendStatus(station, [old, next, watch]);
    const [shown, ...more] = payloadsOf(next.calls, 'ReportChargingProfiles');
    expect(more).toEqual([]);
    expect(shown).toMatchObject({ ...report, requestId: 3 });
    const profiles = shown?.['chargingProfile'] as { id: number }[];
    expect(profiles[1]).toEqual(profile(9, 32));
    expect(profiles[0]).toEqual(profile(profiles[0]?.id ?? 0, 16));
    expect(profiles[0]?.id).not.toBe(9);
    for (const { calls } of [old, watch]) expect(payloadsOf(calls, 'ReportChargingProfiles')).toEqual([]);

    expect(await nextLink.call('ClearChargingProfile', { chargingProfileId: 9 })).toEqual(accepted);
    expect(await oldLink.call('ClearChargingProfile', { chargingProfileId: 9 })).toEqual(accepted);
    expect(payloadsOf(commanded, 'ClearChargingProfile')).toEqual([
      { chargingProfileId: idOfNew },
      { chargingProfileId: idOfOld },
    ]);
    expectOrderly(world);
  });

  test('a command is answered to whoever sent it, and a refused one never reaches the station', async () => {
    const world = await startWorld(version);
    const { commanded, oldLink, nextLink, watchLink } = world;
    const names = Array.from({ length: 6 }, (_, index) => `V${index}`);
    expect(
      await Promise.all(names.map((name, index) => readVariable(index % 2 === 0 ? oldLink : nextLink, name))),
    ).toEqual(names);
    expect(commanded).toHaveLength(names.length);

    const password = {
      setVariableData: [
        {
          component: { name: 'SecurityCtrlr' },
          variable: { name: 'BasicAuthPassword' },
          attributeValue: 'abcdefghijklmnop',
        },
      ],
    };
    for (const link of [oldLink, nextLink, watchLink])
      expect(await link.call('SetVariables', password)).toMatchObject({
        setVariableResult: [{ attributeStatus: 'Rejected' }],
      });
    for (const link of [nextLink, watchLink]) {
      expect(await link.call('Reset', { type: 'Immediate' })).toMatchObject({ status: 'Rejected' });
      expect(await link.call('ClearCache', {})).toMatchObject({ status: 'Rejected' });
    }
    expect(await watchLink.call('CancelReservation', { reservationId: 5 })).toMatchObject({
      status: 'Rejected',
    });
    expect(await nextLink.call('RequestStopTransaction', { transactionId: 'TX-1' })).toMatchObject({
      status: 'Rejected',
    });
    expect(commanded).toHaveLength(names.length);
    expectOrderly(world);
  });
});

const driver = { idToken: 'DRIVER', type: 'ISO14443' };

/** Start, meter value and end of a transaction. */
function events(transactionId: string, evseId: number): [Payload, Payload, Payload] {
  const event = (eventType: string, triggerReason: string, seqNo: number, more: Payload): Payload => ({
    eventType,
    timestamp: `2026-01-01T00:0${seqNo}:00.000Z`,
    triggerReason,
    seqNo,
    transactionInfo: { transactionId },
    ...more,
  });
  const meterValue = [
    { timestamp: '2026-01-01T00:01:00.000Z', sampledValue: [{ value: 12.5, context: 'Sample.Periodic' }] },
  ];
  return [
    event('Started', 'RemoteStart', 0, { evse: { id: evseId, connectorId: 1 }, idToken: driver }),
    event('Updated', 'MeterValuePeriodic', 1, { meterValue, offline: false }),
    event('Ended', 'StopAuthorized', 2, { idToken: driver }),
  ];
}

function reportPart(requestId: number, isLast: boolean, name: string): Payload {
  return {
    requestId,
    generatedAt: '2026-01-01T00:00:00.000Z',
    seqNo: isLast ? 1 : 0,
    tbc: !isLast,
    reportData: [
      { component: { name }, variable: { name: 'Enabled' }, variableAttribute: [{ value: 'true' }] },
    ],
  };
}

/** The parts of a backend's two reports, in the order the station sends them. */
function bothReports(base: string, report: string): Payload[] {
  return [false, true].flatMap((isLast) => [reportPart(1, isLast, base), reportPart(2, isLast, report)]);
}

async function readVariable(link: RpcPeer, name: string): Promise<unknown> {
  const answer = await link.call('GetVariables', {
    getVariableData: [{ component: { name: 'C' }, variable: { name } }],
  });
  const [result] = (answer as { getVariableResult: { attributeValue?: string }[] }).getVariableResult;
  return result?.attributeValue;
}

function withIds(
  event: Payload,
  { remoteStartId, reservationId }: { readonly remoteStartId: unknown; readonly reservationId?: unknown },
): Payload {
  const transactionInfo = { ...(event['transactionInfo'] as object), remoteStartId };
  return { ...event, transactionInfo, ...(reservationId === undefined ? {} : { reservationId }) };
}

function profile(id: number, limit: number): Payload {
  const schedule = { id: 1, chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit }] };
  return {
    id,
    stackLevel: 0,
    chargingProfilePurpose: 'TxDefaultProfile',
    chargingProfileKind: 'Relative',
    chargingSchedule: [schedule],
  };
}

/** Returns once every backend has got a status that was sent after everything else. */
async function sendStatus(station: RpcPeer, backends: readonly HeardBackend[]): Promise<void> {
  const timestamp = '2026-01-01T02:00:00.000Z';
  await station.call('StatusNotification', {
    timestamp,
    connectorStatus: 'Occupied',
    evseId: 2,
    connectorId: 1,
  });
  await until('every backend got the last status', () =>
    backends.every(({ calls }) =>
      payloadsOf(calls, 'StatusNotification').some((status) => status['timestamp'] === timestamp),
    ),
  );
  // What is held for a listener leaves with a commit, and may come a little later.
  await delay(heldMs);
}

const heldMs = 300;
