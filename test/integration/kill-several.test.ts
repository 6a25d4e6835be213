/**
 * kill -9 with two backends on one station: what each of them knows by its own numbers outlives the process.
 *
 * Busbar is killed while a transaction is open, while a report is half told and while commands are out, and started on the same journal. The backends are `ocpp-rpc` and give out the
 * same numbers on purpose; what they and the station wrote down decides.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { OcppVersion } from '../../src/protocol/version.ts';
import { until } from '../../src/testkit/until.ts';
import { connectRpcStation, type RpcPeer } from '../conformance/rpc-peers.ts';
import { dialStation, type BarePeer } from './busbar-fixture.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import {
  answersPerCall,
  payloadsOf,
  startHeardBackend,
  stationId,
  type HeardBackend,
  type HeardCall,
} from './rpc-world.ts';

type Payload = HeardCall['payload'];

interface World {
  readonly busbar: BusbarProcess;
  /** Where stations connect; the identity follows. */
  readonly endpoint: string;
  readonly old: HeardBackend;
  readonly next: HeardBackend;
}

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function startWorld(version: OcppVersion, commands: readonly string[]): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-kill-several-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const old = await startHeardBackend(version);
  const next = await startHeardBackend(version);
  for (const backend of [old, next]) cleanups.push(() => backend.close());
  const [stationPort = 0, adminPort = 0] = await freePorts(2);
  const config = join(folder, 'busbar.yaml');
  await writeFile(
    config,
    `stations: { listen: "127.0.0.1:${stationPort}" }
admin: { listen: "127.0.0.1:${adminPort}" }
storage: sqlite:./busbar.db
backends:
  old: { url: "${old.url}", redial: { from: 100ms, to: 1s } }
  new: { url: "${next.url}", nonBilling: true, redial: { from: 100ms, to: 1s } }
routes:
  - stations: "*"
    primary: old
    observers:
      - backend: new
        receives: [registration, liveness, state, transactions, report]
        commands: [${commands.join(', ')}]
`,
  );
  const busbar = new BusbarProcess(config);
  cleanups.push(() => busbar.stop('SIGKILL'));
  await busbar.start();
  return { busbar, endpoint: `ws://127.0.0.1:${stationPort}/ocpp`, old, next };
}

/** The station connects; both backends get a new link each. */
async function connect({ endpoint, old, next }: World, version: OcppVersion): Promise<RpcPeer> {
  const linksBefore = [old.links.length, next.links.length] as const;
  const station = await connectRpcStation(endpoint, stationId, version);
  cleanups.push(() => station.close());
  await Promise.all([old.link(linksBefore[0] + 1), next.link(linksBefore[1] + 1)]);
  return station;
}

async function killAndStart({ busbar }: World): Promise<void> {
  await busbar.stop('SIGKILL');
  await busbar.start();
}

/** Resolves once both backends have heard this many calls of the action; one that a crash has sent again counts once. */
function heard({ old, next }: World, action: string, count: number): Promise<unknown> {
  return until(`both backends heard ${count} ${action}`, () =>
    [old, next].every(({ calls }) => withoutResends(payloadsOf(calls, action)).length >= count),
  );
}

function expectNothingRefused({ old, next }: World, stations: readonly RpcPeer[]): void {
  for (const peer of [...stations, ...old.links, ...next.links]) expect(peer.refused).toEqual([]);
}

/** A crash may cost one re-send of a copy, as the same bytes. */
function withoutResends(told: readonly unknown[]): unknown[] {
  return told.filter((one, at) => JSON.stringify(one) !== JSON.stringify(told[at - 1]));
}

test('transactions of OCPP 1.6 keep the number that each backend gave them', async () => {
  const world = await startWorld('ocpp1.6', []);
  const { old, next } = world;
  // The primary calls both 7; the observer calls the first 100 and the second 7.
  old.nextNumber = () => 7;
  const numbersOfNew = [100, 7];
  next.nextNumber = () => numbersOfNew.shift() ?? 0;
  const first = await connect(world, 'ocpp1.6');
  await first.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
  const transactionIds: number[] = [];
  for (const connectorId of [1, 2]) {
    const timestamp = `2026-01-01T00:00:0${connectorId}Z`;
    const start = { connectorId, idTag: 'T', meterStart: 0, timestamp };
    const answer = (await first.call('StartTransaction', start)) as { transactionId: number };
    transactionIds.push(answer.transactionId);
  }
  const [one = 0, two = 0] = transactionIds;
  expect(one).toBe(7);
  expect(two).not.toBe(7);
  // A backend gets one call at a time: the observer's last number is known once it has these, and on disk once the next are answered.
  await first.call('MeterValues', meterValues(one, 1, '1'));
  await heard(world, 'MeterValues', 1);
  await first.call('MeterValues', meterValues(two, 2, '2'));

  await killAndStart(world);
  const second = await connect(world, 'ocpp1.6');
  await second.call('MeterValues', meterValues(two, 2, '3'));
  const stopOfTwo = { transactionId: two, meterStop: 22, timestamp: '2026-01-01T01:00:00Z' };
  expect(await second.call('StopTransaction', stopOfTwo)).toEqual({});
  await heard(world, 'StopTransaction', 1);

  await killAndStart(world);
  const third = await connect(world, 'ocpp1.6');
  // As a station does that missed the answer: it gets it again, and nobody hears the stop a second time.
  expect(await third.call('StopTransaction', stopOfTwo)).toEqual({});
  await third.call('StopTransaction', { ...stopOfTwo, transactionId: one, meterStop: 11 });
  await heard(world, 'StopTransaction', 2);
  await third.call('Heartbeat', {});

  expect(seen(old, 'StopTransaction', 'meterStop')).toEqual([
    [7, 22],
    [7, 11],
  ]);
  expect(withoutResends(seen(next, 'StopTransaction', 'meterStop'))).toEqual([
    [7, 22],
    [100, 11],
  ]);
  expect(seen(old, 'MeterValues', 'connectorId')).toEqual([
    [7, 1],
    [7, 2],
    [7, 2],
  ]);
  // A kill may have taken the copy of one along, never given it another's number.
  const [firstSeen, ...restSeen] = seen(next, 'MeterValues', 'connectorId');
  expect(firstSeen).toEqual([100, 1]);
  expect(restSeen.length).toBeGreaterThan(0);
  for (const pair of restSeen) expect(pair).toEqual([7, 2]);
  for (const backend of [old, next]) expect(payloadsOf(backend.calls, 'StartTransaction')).toHaveLength(2);
  expectNothingRefused(world, [first, second, third]);
}, 60_000);

test('the rest of a report reaches only the backend that asked for it, under its own request id', async () => {
  const world = await startWorld('ocpp2.0.1', ['GetBaseReport']);
  const { old, next } = world;
  const first = await connect(world, 'ocpp2.0.1');
  const asked: Payload[] = [];
  first.answer = (_action, payload) => {
    asked.push(payload as Payload);
    return { status: 'Accepted' };
  };
  await first.call('BootNotification', {
    reason: 'PowerUp',
    chargingStation: { vendorName: 'V', model: 'M' },
  });
  const [oldLink, nextLink] = await Promise.all([old.link(), next.link()]);
  await Promise.all([
    oldLink.call('GetBaseReport', { requestId: 1, reportBase: 'FullInventory' }),
    nextLink.call('GetBaseReport', { requestId: 1, reportBase: 'SummaryInventory' }),
  ]);
  const [idOfOld, idOfNew] = ['FullInventory', 'SummaryInventory'].map(
    (base) => asked.find(({ reportBase }) => reportBase === base)?.['requestId'] as number,
  ) as [number, number];
  expect(idOfOld).not.toBe(idOfNew);
  const tell = async (station: RpcPeer, seqNo: number): Promise<void> => {
    await station.call('NotifyReport', reportPart(idOfOld, seqNo, 'old'));
    await station.call('NotifyReport', reportPart(idOfNew, seqNo, 'new'));
    // Nobody waits for an observer, so the station's answer does not say that the part has arrived.
    const parts = seqNo + 1;
    await until(
      'the observer has it',
      () => withoutResends(payloadsOf(next.calls, 'NotifyReport')).length === parts,
    );
  };
  await tell(first, 0);
  // Its answer leaves once everything before it is on disk.
  await first.call('TransactionEvent', {
    eventType: 'Started',
    timestamp: '2026-01-01T00:00:00.000Z',
    triggerReason: 'CablePluggedIn',
    seqNo: 0,
    transactionInfo: { transactionId: 'TX-1' },
  });

  await killAndStart(world);
  const second = await connect(world, 'ocpp2.0.1');
  await tell(second, 1);

  await killAndStart(world);
  const third = await connect(world, 'ocpp2.0.1');
  await tell(third, 2);

  expect(payloadsOf(old.calls, 'NotifyReport')).toEqual(wholeReport('old'));
  expect(withoutResends(payloadsOf(next.calls, 'NotifyReport'))).toEqual(wholeReport('new'));
  expectNothingRefused(world, [first, second, third]);
}, 60_000);

test('commands that were out or waiting are not sent again, and nobody gets their answers', async () => {
  const world = await startWorld('ocpp1.6', ['RemoteStartTransaction', 'GetConfiguration']);
  const { old, next } = world;
  const before = await dialBare(world);
  before.send('[2,"boot","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]');
  await until('the boot is answered', () => before.texts.length === 1);
  // The last that an observer is told when it joins.
  await until('the observer is up to date', () => payloadsOf(next.calls, 'Heartbeat').length > 0);
  const [oldLink, nextLink] = await Promise.all([old.link(), next.link()]);
  const unlock = expect(oldLink.call('UnlockConnector', { connectorId: 1 })).rejects.toThrow();
  await until('the station has the first', () => commandsTo(before).length === 1);
  const start = nextLink.call('RemoteStartTransaction', { idTag: 'T', connectorId: 1 });
  const waiting = expect(start).rejects.toThrow();
  await until('the second has left', () => nextLink.tapped.some(({ text }) => text.includes('RemoteStart')));
  // The observer gets the second status once its answer to the first has come, and that came after its command: which is in the queue then.
  for (const status of ['Available', 'Preparing'])
    before.send(
      `[2,"${status}","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"${status}"}]`,
    );
  await heard(world, 'StatusNotification', 2);
  const late = `[3,"${commandsTo(before)[0]?.[1]}",{"status":"Unlocked"}]`;

  await killAndStart(world);
  await Promise.all([unlock, waiting]);
  const after = await dialBare(world);
  const [oldAgain, nextAgain] = await Promise.all([old.link(2), next.link(2)]);
  after.send(late);
  after.send('[2,"beat","Heartbeat",{}]');
  await until('the heartbeat is answered', () => after.texts.length > 0);
  expect(commandsTo(after)).toEqual([]);

  const read = nextAgain.call('GetConfiguration', { key: ['A'] });
  await until('the read is at the station', () => commandsTo(after).length === 1);
  const cleared = oldAgain.call('ClearCache', {});
  // Nothing but its own answer frees the station for what waits, and none but the one that asked gets it.
  after.send(late);
  after.send('[2,"beat2","Heartbeat",{}]');
  await until('the heartbeat is answered', () => after.texts.some((text) => text.startsWith('[3,"beat2"')));
  expect(commandsTo(after)).toHaveLength(1);
  const known = { configurationKey: [{ key: 'A', readonly: false, value: '1' }] };
  after.send(`[3,"${commandsTo(after)[0]?.[1]}",${JSON.stringify(known)}]`);
  expect(await read).toEqual(known);
  await until('what waited is at the station', () => commandsTo(after).length === 2);
  after.send(late);
  after.send(`[3,"${commandsTo(after)[1]?.[1]}",{"status":"Accepted"}]`);
  expect(await cleared).toEqual({ status: 'Accepted' });

  expect(commandsTo(after).map(([, , action]) => action)).toEqual(['GetConfiguration', 'ClearCache']);
  expect(commandsTo(before).map(([, , action]) => action)).toEqual(['UnlockConnector']);
  for (const peer of [oldLink, nextLink]) expect(repliesTo(peer)).toBe(0);
  for (const peer of [oldAgain, nextAgain]) {
    expect(answersPerCall(peer)).toEqual([1]);
    expect(repliesTo(peer)).toBe(1);
  }
  expectNothingRefused(world, []);
}, 60_000);

/** A station that answers only what the test has it answer; both backends are linked when this returns. */
async function dialBare({ endpoint, old, next }: World): Promise<BarePeer> {
  const linksBefore = [old.links.length, next.links.length] as const;
  const station = await dialStation(`${endpoint}/${stationId}`);
  cleanups.push(async () => station.socket.terminate());
  await Promise.all([old.link(linksBefore[0] + 1), next.link(linksBefore[1] + 1)]);
  return station;
}

/** The commands that reached the station, as frames. */
function commandsTo({ texts }: BarePeer): [kind: number, messageId: string, action: string][] {
  return texts
    .map((text) => JSON.parse(text) as [kind: number, messageId: string, action: string])
    .filter(([kind]) => kind === 2);
}

/** Results and errors that the peer got, whatever for. */
function repliesTo({ tapped }: RpcPeer): number {
  return tapped.filter(({ isSent, text }) => !isSent && /^\s*\[\s*[34]/.test(text)).length;
}

function meterValues(transactionId: number, connectorId: number, value: string): Payload {
  const meterValue = [{ timestamp: '2026-01-01T00:30:00Z', sampledValue: [{ value }] }];
  return { connectorId, transactionId, meterValue };
}

/** What the backend heard of transactions: the number, and another field. */
function seen({ calls }: HeardBackend, action: string, field: string): [number: unknown, field: unknown][] {
  return payloadsOf(calls, action).map((payload) => [payload['transactionId'], payload[field]]);
}

/** The parts as the backend that asked gets them. */
function wholeReport(name: string): Payload[] {
  return [0, 1, 2].map((seqNo) => reportPart(1, seqNo, name));
}

/** One of three parts. */
function reportPart(requestId: number, seqNo: number, name: string): Payload {
  return {
    requestId,
    generatedAt: '2026-01-01T00:00:00.000Z',
    seqNo,
    tbc: seqNo < 2,
    reportData: [{ component: { name }, variable: { name: 'V' }, variableAttribute: [{ value: '1' }] }],
  };
}
