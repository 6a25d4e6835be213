/** Commands of several backends and of operators at one station. */
import { describe, expect, test } from 'vitest';
import { Bench, routing, sent, sentTo } from '../../testkit/station-bench.ts';
import { plainAssignment } from '../routing/table.ts';
import type { Effect } from './events.ts';
import { graceMs } from './grace.ts';

function withObserver(commands: readonly string[] = []): Bench {
  const bench = new Bench({
    observers: [{ backend: 'new', receives: new Set(['registration']), commands: new Set(commands) }],
  });
  bench.connect();
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  return bench;
}

const settled = (effects: readonly Effect[]): unknown[] =>
  effects.flatMap((effect) =>
    effect.type === 'command_settled' ? [[effect.requestId, effect.outcome]] : [],
  );

describe('a backend that listens in', () => {
  test('is refused the settings that others write, and what it asked for is kept, but no secret', () => {
    const bench = withObserver();
    const set = (key: string, value: string): readonly Effect[] =>
      bench.fromBackend(`[2,"1","ChangeConfiguration",{"key":"${key}","value":"${value}"}]`, 'new');
    expect(sent(set('MeterValueSampleInterval', '60'), 'backend')).toEqual(['[3,"1",{"status":"Rejected"}]']);
    set('metervaluesampleinterval', '10');
    set('VendorPassword', 'hunter2');
    const asked = [{ component: null, key: 'metervaluesampleinterval', value: '10' }];
    expect(bench.state.durable.asked).toEqual({ new: asked });
    expect(bench.last.isDurableChanged).toBe(false);
    set('metervaluesampleinterval', '10');
    expect(bench.last.isDurableChanged).toBe(false);
    for (let at = 0; at < 40; at += 1) set(`Key${at}`, '1');
    expect(bench.state.durable.asked['new']).toHaveLength(32);
    expect(bench.state.durable.asked['new']?.at(-1)).toEqual({ component: null, key: 'Key39', value: '1' });
  });

  test('is refused what waits for the station once a reload has taken the right to it away', () => {
    const bench = withObserver(['UnlockConnector', 'DataTransfer']);
    bench.fromBackend('[2,"o","ClearCache",{}]');
    bench.fromBackend('[2,"u","UnlockConnector",{"connectorId":1}]', 'new');
    bench.fromBackend('[2,"d","DataTransfer",{"vendorId":"V"}]', 'new');
    bench.fromBackend('[2,"p","Reset",{"type":"Soft"}]');
    expect(bench.state.link?.lane?.length).toBe(3);
    bench.context.routing = routing(
      [
        {
          ...plainAssignment(0, 'old'),
          observers: [
            { backend: 'new', receives: new Set(['registration']), commands: new Set(['DataTransfer']) },
          ],
        },
      ],
      ['ocpp1.6'],
    );
    const told = bench.do({ type: 'routing_changed' });
    expect(sentTo(told, 'new')).toEqual(['[3,"u",{"status":"UnlockFailed"}]']);
    expect([...(bench.state.link?.lane ?? [])].map(({ action }) => action)).toEqual([
      'Reset',
      'DataTransfer',
    ]);
  });

  test('has written by itself what counts no more of what it asked for', () => {
    const bench = withObserver();
    bench.state.durable.asked['new'] = [
      { component: null, key: 'interval', value: '10' },
      { component: null, key: 'Zone', value: 'A' },
    ];
    const write = (id: string, status: string): void => {
      const call = `[2,"${id}","ChangeConfiguration",{"key":"Interval","value":"20"}]`;
      const [sentCall = ''] = sent(bench.fromBackend(call), 'station');
      bench.fromStation(`[3,"${(JSON.parse(sentCall) as string[])[1]}",{"status":"${status}"}]`);
    };
    bench.state.durable.asked['old'] = bench.state.durable.asked['new'];
    write('1', 'Rejected');
    expect(bench.state.durable.asked['old']).toHaveLength(2);
    write('2', 'RebootRequired');
    expect(bench.state.durable.asked['old']).toEqual([{ component: null, key: 'Zone', value: 'A' }]);
    expect(bench.state.durable.asked['new']).toHaveLength(2);
  });

  test('is kept by component where it sets variables', () => {
    const bench = new Bench({
      observers: [{ backend: 'new', receives: new Set(['registration']), commands: new Set() }],
    });
    bench.connect(1, true, 'ocpp2.0.1');
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    const data =
      '{"attributeValue":"30","component":{"name":"SampledDataCtrlr"},"variable":{"name":"TxUpdatedInterval"}}';
    bench.fromBackend(`[2,"1","SetVariables",{"setVariableData":[${data}]}]`, 'new');
    expect(bench.state.durable.asked).toEqual({
      new: [{ component: 'SampledDataCtrlr', key: 'TxUpdatedInterval', value: '30' }],
    });
  });

  test('may send nothing, and hears so in the words of the action', () => {
    const bench = withObserver();
    const effects = bench.fromBackend('[2,"1","Reset",{"type":"Hard"}]', 'new');
    expect(sent(effects, 'station')).toEqual([]);
    expect(sent(effects, 'backend')).toEqual(['[3,"1",{"status":"Rejected"}]']);
  });

  test('may send what its rule grants; the answer goes to it alone', () => {
    const bench = withObserver(['GetConfiguration']);
    const up = sent(bench.fromBackend('[2,"1","GetConfiguration",{"key":["A"]}]', 'new'), 'station')[0] ?? '';
    const id = (JSON.parse(up) as string[])[1];
    const effects = bench.fromStation(
      `[3,"${id}",{"configurationKey":[{"key":"A","readonly":false,"value":"1"}]}]`,
    );
    expect(effects).toMatchObject([{ type: 'send', link: { side: 'backend', backend: 'new' } }]);
  });

  test('is told once what the station reports on its request, and keeps nobody waiting for its answer', () => {
    const bench = withObserver(['GetDiagnostics']);
    bench.fromStation('[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]');
    const verdict = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
    for (const { backend, slot } of bench.state.backends)
      bench.fromBackend(`[3,"${slot?.sentId}",${verdict}]`, backend);
    bench.fromBackend('[2,"1","GetDiagnostics",{"location":"ftp://x"}]', 'new');
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{}]`);
    const effects = bench.fromStation('[2,"d","DiagnosticsStatusNotification",{"status":"Uploaded"}]');
    expect(sent(effects, 'station')).toEqual(['[3,"d",{}]']);
    expect(sent(effects, 'backend')).toHaveLength(1);
    expect(effects).toContainEqual(
      expect.objectContaining({ link: expect.objectContaining({ backend: 'new' }) }),
    );
  });

  test('reads what Busbar has learnt from answers to others, and never asks the station', () => {
    const bench = withObserver();
    bench.fromBackend('[2,"1","GetConfiguration",{"key":["A"]}]');
    bench.fromStation('[3,"p1",{"configurationKey":[{"key":"A","readonly":false,"value":"1"}]}]');
    const effects = bench.fromBackend('[2,"2","GetConfiguration",{"key":["A"]}]', 'new');
    expect(sent(effects, 'station')).toEqual([]);
    expect(sent(effects, 'backend')[0]).toContain('"key":"A"');
  });
});

test('nobody re-points a station: the primary neither, and it is told so', () => {
  const bench = new Bench();
  bench.connect();
  for (const key of ['SecurityProfile', 'AuthorizationKey', 'CentralSystemURL']) {
    const effects = bench.fromBackend(`[2,"1","ChangeConfiguration",{"key":"${key}","value":"x"}]`);
    expect(sent(effects, 'station')).toEqual([]);
    expect(sent(effects, 'backend')).toEqual(['[3,"1",{"status":"Rejected"}]']);
    expect(effects).toContainEqual({ type: 'notice', notice: 'command_protected', backend: 'old' });
  }
});

test('a setting that Busbar owns is accepted, kept from the station, and seen by the backend that wrote it', () => {
  const bench = new Bench();
  bench.connect();
  const effects = bench.fromBackend('[2,"1","ChangeConfiguration",{"key":"HeartbeatInterval","value":"1"}]');
  expect(sent(effects, 'station')).toEqual([]);
  expect(sent(effects, 'backend')).toEqual(['[3,"1",{"status":"Accepted"}]']);
  bench.fromBackend('[2,"2","GetConfiguration",{"key":["HeartbeatInterval"]}]');
  const answer = bench.fromStation(
    '[3,"p1",{"configurationKey":[{"key":"HeartbeatInterval","readonly":false,"value":"900"}]}]',
  );
  expect(sent(answer, 'backend')[0]).toContain('"value":"1"');
});

test('what stops goes before bulk, and each asker has its turn', () => {
  const bench = withObserver(['GetLog', 'TriggerMessage']);
  bench.fromBackend('[2,"1","ClearCache",{}]');
  bench.fromBackend('[2,"2","GetDiagnostics",{"location":"x"}]');
  bench.fromBackend('[2,"3","Reset",{"type":"Soft"}]');
  bench.fromBackend('[2,"4","TriggerMessage",{"requestedMessage":"MeterValues"}]', 'new');
  const order: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const [next = '[]'] = sent(
      bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`),
      'station',
    );
    order.push((JSON.parse(next) as string[])[2] ?? '');
  }
  expect(order).toEqual(['Reset', 'TriggerMessage', 'GetDiagnostics']);
});

test('one whose time is up before its turn is refused in its own words, and never sent', () => {
  const bench = new Bench();
  bench.connect();
  bench.fromBackend('[2,"1","ClearCache",{}]');
  bench.fromBackend('[2,"2","RemoteStartTransaction",{"idTag":"T"}]');
  const effects = bench.pass(25_000);
  expect(sent(effects, 'backend')).toEqual(['[3,"2",{"status":"Rejected"}]']);
  expect(sent(bench.fromStation('[3,"p1",{"status":"Accepted"}]'), 'station')).toEqual([]);
});

test('of an action that a backend makes up, no more is kept among the recent commands than an action can have', () => {
  const bench = new Bench();
  bench.connect();
  bench.fromBackend(`[2,"1","${'X'.repeat(100_000)}",{}]`);
  bench.fromStation('[4,"p1","NotImplemented","",{}]');
  expect(bench.state.recentCommands.map(({ action }) => action)).toEqual(['X'.repeat(64)]);
});

const ask = (
  bench: Bench,
  requestId: number,
  action = 'Reset',
  payload = '{"type":"Soft"}',
): readonly Effect[] => bench.do({ type: 'command_requested', requestId, action, payload });

describe('an operator', () => {
  test('gets the station’s answer', () => {
    const bench = new Bench();
    bench.connect();
    expect(sent(ask(bench, 7), 'station')).toEqual(['[2,"p.1","Reset",{"type":"Soft"}]']);
    const effects = bench.fromStation('[3,"p.1",{"status":"Accepted"}]');
    expect(settled(effects)).toEqual([[7, { kind: 'result', payload: '{"status":"Accepted"}' }]]);
    expect(sent(effects, 'backend')).toEqual([]);
    expect(bench.state.recentCommands).toMatchObject([
      { from: 'operator', action: 'Reset', outcome: 'result' },
    ]);
  });

  test('hears the station’s error, its silence, its going, and that it is not there', () => {
    const bench = new Bench();
    expect(settled(ask(bench, 1))).toMatchObject([[1, { kind: 'refused', reason: 'not_connected' }]]);
    bench.connect();
    ask(bench, 2);
    expect(settled(bench.fromStation('[4,"p.2","NotSupported","no",{}]'))).toEqual([
      [2, { kind: 'error', code: 'NotSupported', description: 'no' }],
    ]);
    ask(bench, 3);
    expect(settled(bench.pass(30_000))).toMatchObject([[3, { kind: 'refused', reason: 'unknown_outcome' }]]);
    ask(bench, 4);
    ask(bench, 5);
    const gone = bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'x' });
    expect(settled(gone)).toMatchObject([[4, { reason: 'unknown_outcome' }]]);
    expect(settled(bench.pass(graceMs))).toMatchObject([[5, { reason: 'not_connected' }]]);
  });

  test('waits in the same queue as the backends', () => {
    const bench = new Bench();
    bench.connect();
    bench.fromBackend('[2,"1","ClearCache",{}]');
    expect(sent(ask(bench, 1), 'station')).toEqual([]);
    expect(sent(bench.fromStation('[3,"p1",{"status":"Accepted"}]'), 'station')).toEqual([
      '[2,"p.1","Reset",{"type":"Soft"}]',
    ]);
  });

  test('puts a list in the place of a backend’s: that one is told that it has none there', () => {
    const bench = new Bench();
    bench.connect();
    const answerOf = (effects: readonly Effect[], payload: string): readonly Effect[] =>
      bench.fromStation(
        `[3,"${(JSON.parse(sent(effects, 'station')[0] ?? '[]') as string[])[1]}",${payload}]`,
      );
    const list = '{"listVersion":7,"updateType":"Full","localAuthorizationList":[]}';
    answerOf(bench.fromBackend(`[2,"1","SendLocalList",${list}]`), '{"status":"Accepted"}');
    const ask7 = answerOf(bench.fromBackend('[2,"2","GetLocalListVersion",{}]'), '{"listVersion":7}');
    expect(sent(ask7, 'backend')).toEqual(['[3,"2",{"listVersion":7}]']);
    const payload = list.replace('7', '8');
    const own = bench.do({ type: 'command_requested', requestId: 9, action: 'SendLocalList', payload });
    answerOf(own, '{"status":"Accepted"}');
    const ask8 = bench.fromBackend('[2,"3","GetLocalListVersion",{}]');
    expect(sent(ask8, 'backend')).toEqual(['[3,"3",{"listVersion":0}]']);
  });
});

const uploaded = (requestId: number): string =>
  `[2,"l${requestId}","LogStatusNotification",{"status":"Uploading","requestId":${requestId}}]`;
const requestIn = (effects: readonly Effect[]): number =>
  (JSON.parse(sent(effects, 'station')[0] ?? '[]') as [number, string, string, { requestId: number }])[3]
    .requestId;

describe('what a station says of an operator’s own request', () => {
  const log = '{"logType":"DiagnosticsLog","requestId":7,"log":{"remoteLocation":"ftp://x"}}';
  const asking = (status: string): { bench: Bench; minted: number } => {
    const bench = new Bench();
    bench.connect(1, true, 'ocpp2.0.1');
    const minted = requestIn(ask(bench, 1, 'GetLog', log));
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"${status}"}]`);
    return { bench, minted };
  };

  test('reaches no backend, not the one that has used the same number', () => {
    const { bench, minted } = asking('Accepted');
    const own = requestIn(bench.fromBackend(`[2,"g","GetLog",${log}]`));
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
    expect(new Set([7, minted, own]).size).toBe(3);
    const told = bench.fromStation(uploaded(minted));
    expect(sent(told, 'backend')).toEqual([]);
    expect(sent(told, 'station')).toEqual([`[3,"l${minted}",{}]`]);
    expect(sent(bench.fromStation(uploaded(own)), 'backend')[0]).toContain('"requestId":7');
  });

  test('is nothing more where the station has refused it', () => {
    const { bench } = asking('Rejected');
    expect(bench.state.durable.ids.requests).toMatchObject([{ state: 'closed' }]);
  });

  test('names no remote start to the primary, whose the transaction is', () => {
    const bench = new Bench();
    bench.connect(1, true, 'ocpp2.0.1');
    const start = '{"idToken":{"idToken":"T","type":"Central"},"remoteStartId":7,"evseId":1}';
    const [call = '[]'] = sent(ask(bench, 1, 'RequestStartTransaction', start), 'station');
    const { remoteStartId } = (JSON.parse(call) as [number, string, string, { remoteStartId: number }])[3];
    expect(remoteStartId).not.toBe(7);
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
    const event = `{"eventType":"Started","timestamp":"2023-11-14T22:13:20Z","triggerReason":"RemoteStart","seqNo":0,"transactionInfo":{"transactionId":"t","remoteStartId":${remoteStartId}},"evse":{"id":1}}`;
    const [told = ''] = sentTo(bench.fromStation(`[2,"e","TransactionEvent",${event}]`), 'old');
    expect(told).toContain('"transactionId":"t"');
    expect(told).not.toContain('remoteStartId');
  });
});

test('a primary whose list the station has lost, in a reset or with its board, hears of it', () => {
  const bench = new Bench();
  bench.connect();
  const answer = (payload: string): readonly Effect[] =>
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",${payload}]`);
  bench.fromBackend(
    '[2,"1","SendLocalList",{"listVersion":7,"updateType":"Full","localAuthorizationList":[]}]',
  );
  answer('{"status":"Accepted"}');
  bench.fromBackend('[2,"2","GetLocalListVersion",{}]');
  expect(sent(answer('{"listVersion":0}'), 'backend')).toEqual(['[3,"2",{"listVersion":0}]']);
});

test('a local list of which nobody heard whether the station took it is nobody’s: no backend changes another’s', () => {
  const bench = withObserver(['SendLocalList']);
  const listOf = (backend: string, id: string, listVersion: number, updateType: string): readonly Effect[] =>
    bench.fromBackend(
      `[2,"${id}","SendLocalList",{"listVersion":${listVersion},"updateType":"${updateType}","localAuthorizationList":[]}]`,
      backend,
    );
  const accept = (): readonly Effect[] =>
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
  listOf('old', '1', 7, 'Full');
  accept();
  listOf('new', '2', 3, 'Full');
  bench.arrive(2);
  expect(bench.state.link?.slot).toBeNull();
  expect(sent(listOf('old', '3', 8, 'Differential'), 'backend')).toEqual([
    '[3,"3",{"status":"VersionMismatch"}]',
  ]);
  expect(sentTo(bench.fromBackend('[2,"4","GetLocalListVersion",{}]'), 'old')).toEqual([
    '[3,"4",{"listVersion":0}]',
  ]);
  listOf('old', '5', 8, 'Full');
  accept();
  expect(sent(listOf('old', '6', 9, 'Differential'), 'station')).toHaveLength(1);
});

const getLog = (id: string, number: number): string =>
  `[2,"${id}","GetLog",{"logType":"DiagnosticsLog","requestId":${number},"log":{"remoteLocation":"x"}}]`;
const requestStart =
  '[2,"r","RequestStartTransaction",{"remoteStartId":1,"idToken":{"idToken":"T","type":"Central"}}]';
const openRequests = ({ state }: Bench): number =>
  state.durable.ids.requests.filter((request) => request.state === 'open').length;

describe('a command that is never sent', () => {
  test('because too many wait, leaves no request open that others would need the room of', () => {
    const bench = new Bench();
    bench.connect(1, true, 'ocpp2.0.1');
    bench.fromBackend('[2,"1","ClearCache",{}]');
    for (let at = 0; at < 100; at += 1) bench.fromBackend(getLog(`g${at}`, at));
    expect(bench.state.link?.lane?.length).toBeLessThan(100);
    expect(openRequests(bench)).toBe(bench.state.link?.lane?.length);
    bench.pass(25_000);
    bench.pass(5_000);
    expect([bench.state.link?.slot, bench.state.link?.lane, openRequests(bench)]).toEqual([null, null, 0]);
    bench.pass(60_000);
    expect(sent(bench.fromBackend(requestStart), 'station')).toHaveLength(1);
  });

  test('because its asker is gone, does not either', () => {
    const bench = new Bench({
      observers: [{ backend: 'new', receives: new Set(['registration']), commands: new Set(['GetLog']) }],
    });
    bench.connect(1, true, 'ocpp2.0.1');
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    bench.fromBackend('[2,"o","ClearCache",{}]');
    for (let at = 0; at < 20; at += 1) bench.fromBackend(getLog(`g${at}`, at), 'new');
    expect(openRequests(bench)).toBe(20);
    const epoch = bench.backendEpoch('new');
    bench.do({ type: 'backend_lost', backend: 'new', epoch, code: null, reason: 'x' });
    expect(openRequests(bench)).toBe(0);
  });

  test('because too many wait, takes the notifications of an upload from nobody', () => {
    const bench = withObserver(['GetDiagnostics']);
    bench.fromBackend('[2,"d","GetDiagnostics",{"location":"ftp://x"}]');
    for (let at = 0; at < 24; at += 1)
      bench.fromBackend(`[2,"n${at}","GetDiagnostics",{"location":"ftp://y"}]`, 'new');
    const refused = bench.fromBackend('[2,"n","GetDiagnostics",{"location":"ftp://y"}]', 'new');
    expect(sentTo(refused, 'new')).toHaveLength(1);
    expect(bench.state.durable.ids.issuers).toEqual({ GetDiagnostics: 'old' });
  });

  test('because its time is up, takes the notifications of an upload from nobody either', () => {
    const bench = withObserver(['GetDiagnostics']);
    bench.fromBackend('[2,"d","GetDiagnostics",{"location":"ftp://x"}]');
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{}]`);
    bench.fromBackend('[2,"r","GetConfiguration",{}]');
    bench.fromBackend('[2,"n","GetDiagnostics",{"location":"ftp://y"}]', 'new');
    expect(bench.state.durable.ids.issuers).toEqual({ GetDiagnostics: 'old' });
    expect(sentTo(bench.pass(26_000), 'new')).toHaveLength(1);
    expect(bench.state.link?.lane ?? null).toBeNull();
    expect(bench.state.durable.ids.issuers).toEqual({ GetDiagnostics: 'old' });
  });

  test.each([
    ['those of the upload before go on to who asked for that', '{}', 'old'],
    ['those of no upload are nobody’s', '4', undefined],
  ])('because the station answers it with an error, takes none either: %s', (_what, first, issuer) => {
    const bench = withObserver(['GetDiagnostics']);
    if (first === '{}') {
      bench.fromBackend('[2,"d","GetDiagnostics",{"location":"ftp://x"}]');
      bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{}]`);
    }
    bench.fromBackend('[2,"n","GetDiagnostics",{"location":"ftp://y"}]', 'new');
    expect(bench.state.durable.ids.issuers).toEqual({ GetDiagnostics: 'new' });
    bench.fromStation(`[4,"${bench.state.link?.slot?.sentId}","InternalError","busy",{}]`);
    expect(bench.state.durable.ids.issuers.GetDiagnostics).toBe(issuer);
  });

  test('because its time is up, is not sent by the answer that frees the station before the tick', () => {
    const bench = new Bench();
    bench.connect();
    bench.fromBackend('[2,"1","ClearCache",{}]');
    bench.fromBackend('[2,"2","RemoteStartTransaction",{"idTag":"T"}]');
    bench.context.nowMs += 25_001;
    const effects = bench.fromStation('[3,"p1",{"status":"Accepted"}]');
    expect(sent(effects, 'station')).toEqual([]);
    expect(sentTo(effects, 'old')).toContain('[3,"2",{"status":"Rejected"}]');
  });
});

const withGranted = (commands: readonly string[]): Bench => {
  const bench = new Bench({
    observers: [{ backend: 'new', receives: new Set(['registration']), commands: new Set(commands) }],
  });
  bench.connect(1, true, 'ocpp2.1');
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  return bench;
};

describe('2.1 SEND', () => {
  test('of a backend is about nothing of another’s, as a call is', () => {
    const bench = withGranted(['ReserveNow']);
    const reserve =
      '[2,"r","ReserveNow",{"id":7,"expiryDateTime":"2030-01-01T00:00:00Z","idToken":{"idToken":"T","type":"Central"}}]';
    bench.fromBackend(reserve, 'new');
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
    const cancel = (type: number): readonly Effect[] =>
      bench.fromBackend(`[${type},"c","CancelReservation",{"reservationId":7}]`);
    expect(sent(cancel(2), 'station')).toEqual([]);
    expect(sent(cancel(6), 'station')).toEqual([]);
  });

  test('of a station names no request that another backend made', () => {
    const bench = withGranted(['GetReport']);
    const [call = '[]'] = sent(bench.fromBackend('[2,"r","GetReport",{"requestId":7}]', 'new'), 'station');
    const { requestId } = (JSON.parse(call) as [number, string, string, { requestId: number }])[3];
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
    const report = `[6,"x","NotifyReport",{"requestId":${requestId},"seqNo":0,"generatedAt":"2023-11-14T22:13:20Z"}]`;
    expect(sentTo(bench.fromStation(report), 'old')).toEqual([]);
  });
});

describe('1.6 notifications without a number', () => {
  const uploading = '[2,"u","DiagnosticsStatusNotification",{"status":"Uploading"}]';
  const installed = '[2,"f","FirmwareStatusNotification",{"status":"Installed"}]';

  test('of what an operator asked for go to the primary', () => {
    const bench = withObserver(['GetDiagnostics']);
    bench.fromBackend('[2,"n","GetDiagnostics",{"location":"ftp://y"}]', 'new');
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{}]`);
    expect(sentTo(bench.fromStation(uploading), 'old')).toEqual([]);
    const [action, payload] = ['GetDiagnostics', '{"location":"ftp://z"}'];
    bench.do({ type: 'command_requested', requestId: 1, action, payload });
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{}]`);
    expect(sentTo(bench.fromStation(uploading.replace('"u"', '"v"')), 'old')).toHaveLength(1);
  });

  test.each([
    ['has nothing to do with the station any more', ['old', 'new', 'vendor']],
    ['is not configured any more', ['new', 'vendor']],
  ])('go to the primary where who asked last %s', (_what, names) => {
    const bench = new Bench();
    bench.connect();
    bench.fromBackend('[2,"n","UpdateFirmware",{"location":"ftp://y"}]');
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{}]`);
    const moved = routing([plainAssignment(0, 'new')], ['ocpp1.6']);
    const backends = new Map([...moved.backends].filter(([name]) => names.includes(name)));
    bench.context.routing = { ...moved, backends };
    bench.do({ type: 'routing_changed' });
    bench.arrive(2);
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    const effects = bench.fromStation(installed);
    expect([sent(effects, 'station'), sentTo(effects, 'new').length]).toEqual([[], 1]);
  });
});
