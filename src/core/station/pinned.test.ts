/** What a station says of a transaction that stayed with the backend it was moved away from. */
import { describe, expect, test } from 'vitest';
import { answerAs, Bench, sent, sentTo } from '../../testkit/station-bench.ts';
import type { Assignment } from '../routing/table.ts';
import type { AssignmentDecision } from './events.ts';

const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
const started =
  '[2,"t","TransactionEvent",{"eventType":"Started","seqNo":0,"evse":{"id":1},"transactionInfo":{"transactionId":"T"}}]';
const needs = (evse: number): string =>
  `[2,"n","NotifyEVChargingNeeds",{"evseId":${evse},"chargingNeeds":{"requestedEnergyTransfer":"DC"}}]`;
const schedule =
  '[2,"c","NotifyEVChargingSchedule",{"timeBase":"2023-11-14T22:13:20Z","evseId":1,"chargingSchedule":{"id":1}}]';

const update = (id: number): string =>
  `[2,"u${id}","UpdateDynamicSchedule",{"chargingProfileId":${id},"scheduleUpdate":{"limit":6}}]`;

type Decided = Extract<AssignmentDecision, { do: 'cut_over' }>;

/** A transaction of `old` is open at EVSE 1, and `new` is the primary. */
function moved(
  routed: Partial<Assignment> = {},
  observers: Decided['observers'] = [],
  before: (bench: Bench) => void = () => undefined,
): Bench {
  const bench = new Bench(routed);
  bench.connect(1, true, 'ocpp2.1');
  bench.fromStation(
    '[2,"b","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"V","model":"M"}}]',
  );
  answerAs(bench, 'old', accepted);
  const decide = (decision: AssignmentDecision): void => {
    bench.do({ type: 'assignment_decided', requestId: 1, decision });
  };
  decide({ do: 'attach', backend: 'new' });
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, '{"currentTime":"2023-11-14T22:13:20Z"}']) answerAs(bench, 'new', payload);
  bench.fromStation(started);
  answerAs(bench, 'old', '{}');
  before(bench);
  decide({
    do: 'cut_over',
    primary: 'new',
    observers,
    openTransactions: 'pin',
    keepWarmMs: 60_000,
    isForced: false,
  });
  expect(bench.state.assignment?.primary).toBe('new');
  return bench;
}

/** `old` sets a dynamic profile, and the station takes it. */
function withProfile(bench: Bench, id: number, purpose: string, transaction = ''): void {
  bench.fromBackend(
    `[2,"d${id}","SetChargingProfile",{"evseId":1,"chargingProfile":{"id":${id},"chargingProfilePurpose":"${purpose}","chargingProfileKind":"Dynamic"${transaction}}}]`,
  );
  bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
}

/** To whom the last call went: action by action. */
function told(bench: Bench): { readonly old: unknown[]; readonly new: unknown[] } {
  const actions = (backend: string): unknown[] =>
    sentTo(bench.last.effects, backend).map((text) => (JSON.parse(text) as unknown[])[2]);
  return { old: actions('old'), new: actions('new') };
}

describe('what a vehicle needs', () => {
  test.each([
    ['that is no more than that', []],
    ['that listens in', [{ backend: 'old', receives: ['state' as const], commands: [] }]],
  ])('is told to the owner of its transaction, whose profile it waits for, %s', (_what, observers) => {
    const bench = moved({}, observers);
    bench.fromStation(needs(1));
    expect(told(bench)).toEqual({ old: ['NotifyEVChargingNeeds'], new: [] });
    expect(sent(bench.last.effects, 'station')).toEqual([]);
    expect(sent(answerAs(bench, 'old', '{"status":"Accepted"}'), 'station')).toEqual([
      '[3,"n",{"status":"Accepted"}]',
    ]);
    bench.fromStation(schedule);
    expect(told(bench)).toEqual({ old: ['NotifyEVChargingSchedule'], new: [] });
  });

  test('is told to the primary where no transaction of another is open', () => {
    const bench = moved();
    bench.fromStation(needs(2));
    expect(told(bench)).toEqual({ old: [], new: ['NotifyEVChargingNeeds'] });
    answerAs(bench, 'new', '{"status":"Accepted"}');
    bench.fromStation(started.replace('Started', 'Ended').replace('"seqNo":0', '"seqNo":1'));
    answerAs(bench, 'old', '{}');
    bench.fromStation(needs(1));
    expect(told(bench)).toEqual({ old: [], new: ['NotifyEVChargingNeeds'] });
  });

  test('is told to the authority for it, whoever owns the transaction', () => {
    const bench = moved({ actions: new Map([['NotifyEVChargingNeeds', 'new']]) });
    bench.fromStation(needs(1));
    expect(told(bench)).toEqual({ old: [], new: ['NotifyEVChargingNeeds'] });
  });
});

test.each([
  ['RequestStopTransaction', '{"transactionId":"t"}'],
  ['GetTransactionStatus', '{"transactionId":"t"}'],
  [
    'SetChargingProfile',
    '{"evseId":1,"chargingProfile":{"chargingProfilePurpose":"TxProfile","transactionId":"t"}}',
  ],
])(
  '%s of its owner reaches the station, though it spells the transaction in another case',
  (action, payload) => {
    const bench = moved();
    const command = `[2,"q","${action}",${payload}]`;
    expect(sent(bench.fromBackend(command, 'new'), 'station')).toEqual([]);
    const [text = '[]'] = sent(bench.fromBackend(command), 'station');
    expect(text.endsWith(`,"${action}",${payload}]`)).toBe(true);
  },
);

test('the dynamic profile of a transaction is changed by its owner, and no other profile is', () => {
  const bench = moved();
  withProfile(bench, 7, 'TxProfile', ',"transactionId":"T"');
  expect(sent(bench.fromBackend(update(8)), 'station')).toEqual([]);
  expect(sent(bench.fromBackend(update(7), 'new'), 'station')).toEqual([]);
  expect(sent(bench.fromBackend(update(7)), 'station')).toHaveLength(1);
});

test('a dynamic profile for all transactions is not changed any more by the backend that was the primary', () => {
  const bench = moved({}, [], (before) => withProfile(before, 7, 'TxDefaultProfile'));
  expect(sent(bench.fromBackend(update(7)), 'station')).toEqual([]);
});

const askLog = (bench: Bench): void => {
  bench.fromBackend(
    '[2,"l","GetLog",{"requestId":7,"logType":"DiagnosticsLog","log":{"remoteLocation":"x"}}]',
  );
  bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
};
const uploaded = (bench: Bench): string =>
  `[2,"u","LogStatusNotification",{"status":"Uploaded","requestId":${bench.state.durable.ids.requests[0]?.minted}}]`;
const endOfUpload = '[2,"LogStatusNotification",{"status":"Uploaded","requestId":7}]';
const toOld = (bench: Bench): string[] =>
  sentTo(bench.last.effects, 'old').map((text) => text.replace(/^\[2,"[^"]*"/, '[2'));

describe('what the backend before had asked the station to report', () => {
  test('is told to it, and the station does not wait for it any more', () => {
    const bench = moved({}, [], askLog);
    bench.fromStation(uploaded(bench));
    expect(sent(bench.last.effects, 'station')).toEqual(['[3,"u",{}]']);
    expect(toOld(bench)).toEqual([endOfUpload]);
  });

  test('is told to it once it is there again', () => {
    const bench = moved({}, [], askLog);
    const epoch = bench.backendEpoch('old');
    bench.do({ type: 'backend_lost', backend: 'old', epoch, code: 1006, reason: 'gone' });
    bench.fromStation(uploaded(bench));
    expect(sent(bench.last.effects, 'station')).toEqual(['[3,"u",{}]']);
    bench.pass(60_000);
    bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
    bench.pass(1_000);
    const heard = toOld(bench);
    for (let count = 0; count < 5 && !heard.includes(endOfUpload); count += 1) {
      const slot = bench.state.backends.find(({ backend }) => backend === 'old')?.slot;
      bench.fromBackend(`[3,"${slot?.sentId}",${slot?.action === 'BootNotification' ? accepted : '{}'}]`);
      heard.push(...toOld(bench));
    }
    expect(heard).toContain(endOfUpload);
  });
});

/** The station opens a stream, and `backend` lets it. */
function openStream(bench: Bench, backend: string): void {
  bench.fromStation(
    '[2,"o","OpenPeriodicEventStream",{"constantStreamData":{"id":3,"variableMonitoringId":1,"params":{}}}]',
  );
  answerAs(bench, backend, '{"status":"Accepted"}');
}

const streaming = (): Bench => moved({}, [], (bench) => openStream(bench, 'old'));

describe('what a periodic stream reports', () => {
  const report = '[6,"r","NotifyPeriodicEventStream",{"id":3,"pending":0,"basetime":"2023-11-14T22:13:20Z"}]';
  const close = '[2,"x","ClosePeriodicEventStream",{"id":3}]';
  const adjust = '[2,"a","AdjustPeriodicEventStream",{"id":3,"params":{"interval":1}}]';

  test('goes to who let it be opened, which alone may adjust it, until it is closed there', () => {
    const bench = streaming();
    bench.fromStation(report);
    expect(told(bench)).toEqual({ old: ['NotifyPeriodicEventStream'], new: [] });
    expect(sentTo(bench.fromBackend(adjust, 'new'), 'new')[0]).toContain('[3,"a",{"status":"Rejected"');
    bench.fromStation(close);
    expect(told(bench)).toEqual({ old: ['ClosePeriodicEventStream'], new: [] });
  });

  test('goes to nobody once that one is not there', () => {
    const bench = streaming();
    bench.do({
      type: 'backend_lost',
      backend: 'old',
      epoch: bench.backendEpoch('old'),
      code: 1006,
      reason: '',
    });
    bench.fromStation(report);
    expect(told(bench)).toEqual({ old: [], new: [] });
  });

  test('goes to the new primary where the station has opened it again there', () => {
    const bench = streaming();
    openStream(bench, 'new');
    bench.fromStation(report);
    expect(told(bench)).toEqual({ old: [], new: ['NotifyPeriodicEventStream'] });
  });
});

describe('a backend that has one transaction left to finish', () => {
  test.each([
    ['UnlockConnector', '{"transactionId":"T","evseId":2,"connectorId":1}'],
    ['UnlockConnector', '{"evseId":2,"evseId":1,"connectorId":1}'],
    ['UnlockConnector', '{"EVSEID":2,"evseId":1,"connectorId":1}'],
    ['RequestStopTransaction', '{"TransactionId":"other","transactionId":"T"}'],
    [
      'SetChargingProfile',
      '{"transactionId":"T","evseId":2,"chargingProfile":{"id":1,"chargingProfilePurpose":"TxProfile"}}',
    ],
    [
      'SetChargingProfile',
      '{"transactionId":"T","evseId":1,"csChargingProfiles":{"chargingProfilePurpose":"TxProfile"},"chargingProfile":{"id":1,"chargingProfilePurpose":"ChargingStationMaxProfile"}}',
    ],
  ])('reaches no other by what its %s says beside: %s', (action, payload) => {
    const bench = moved();
    const effects = bench.fromBackend(`[2,"c","${action}",${payload}]`);
    expect(sent(effects, 'station')).toEqual([]);
    expect(sentTo(effects, 'old')).toHaveLength(1);
  });

  test('may unlock the connector of that one', () => {
    const effects = moved().fromBackend('[2,"c","UnlockConnector",{"evseId":1,"connectorId":1}]');
    expect(sent(effects, 'station')).toHaveLength(1);
  });
});

test('a start that a primary has asked for is its own also where it is kept for nothing but the answer that it owes', () => {
  const bench = moved();
  bench.fromBackend(
    '[2,"r","RequestStartTransaction",{"evseId":2,"remoteStartId":5,"idToken":{"idToken":"X","type":"ISO14443"}}]',
    'new',
  );
  const asked = sent(bench.last.effects, 'station')[0] ?? '';
  bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
  bench.fromStation('[2,"h","Heartbeat",{}]');
  const decision = {
    do: 'cut_over',
    primary: 'old',
    openTransactions: 'pin',
    keepWarmMs: 0,
    isForced: true,
  } as const;
  bench.do({ type: 'assignment_decided', requestId: 2, decision });
  expect([bench.state.assignment?.primary, bench.state.durable.placement?.before ?? null]).toEqual([
    'old',
    null,
  ]);
  const id = /"remoteStartId":(\d+)/.exec(asked)?.[1];
  bench.fromStation(
    `[2,"s","TransactionEvent",{"eventType":"Started","triggerReason":"RemoteStart","seqNo":0,"evse":{"id":2},"transactionInfo":{"transactionId":"S","remoteStartId":${id}}}]`,
  );
  expect(bench.state.durable.ids.transactions.at(-1)).toMatchObject({ ext: 'S', owner: 'new' });
});
