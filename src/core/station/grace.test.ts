/** A station whose link was lost: what its backends see, what becomes of what is asked of it, and what it comes back to. */
import { describe, expect, test } from 'vitest';
import { Outage } from '../../testkit/outage-bench.ts';
import { Bench, kinds, routing, sent } from '../../testkit/station-bench.ts';
import { plainAssignment, type Assignment } from '../routing/table.ts';
import { commandsOfAskerMax } from '../commands/command-queue.ts';
import type { Effect } from './events.ts';
import { graceMs } from './grace.ts';

const boot = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]';
const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":60}';
const stop = (id: string): string => `[2,"${id}","StopTransaction",{"transactionId":7,"meterStop":5}]`;

/** Connected, with one that listens in. */
function connected(primary: Partial<Assignment> = {}): Bench {
  const observer = {
    backend: 'new',
    receives: new Set(['registration', 'liveness'] as const),
    commands: new Set(['GetConfiguration', 'TriggerMessage']),
  };
  const bench = new Bench({ observers: [observer], ...primary });
  bench.connect();
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  return bench;
}

const lose = (bench: Bench, epoch = bench.state.link?.epoch ?? 0): readonly Effect[] =>
  bench.do({ type: 'station_lost', epoch, code: null, reason: 'gone' });

const ask = (bench: Bench, requestId: number): readonly Effect[] =>
  bench.do({ type: 'command_requested', requestId, action: 'Reset', payload: '{"type":"Soft"}' });

/** The reasons for which links to backends were closed, by backend. */
const closed = (effects: readonly Effect[]): string[] =>
  effects.flatMap((effect) =>
    effect.type === 'close' && effect.link.side === 'backend'
      ? [`${effect.link.backend} ${effect.reason}`]
      : [],
  );

const settled = (effects: readonly Effect[]): unknown[] =>
  effects.flatMap((effect) =>
    effect.type === 'command_settled' ? [[effect.requestId, effect.outcome]] : [],
  );

describe('the links to its backends', () => {
  test('stay for a moment, and are closed all together when it does not come back', () => {
    const bench = connected();
    expect(lose(bench)).toEqual([]);
    expect(bench.last.wakeAtMs).toBe(bench.context.nowMs + graceMs);
    expect(bench.pass(graceMs - 1)).toEqual([]);
    expect(closed(bench.pass(1))).toEqual(['old station_gone', 'new station_gone']);
    expect(bench.last.wakeAtMs).toBe(Infinity);
    expect(kinds(bench.arrive(2))).toEqual(['dial']);
  });

  test('are used again as they are when it does, and nobody hears of it', () => {
    const bench = connected();
    const epochs = ['old', 'new'].map((name) => bench.backendEpoch(name));
    for (let epoch = 2; epoch < 12; epoch += 1) {
      lose(bench);
      bench.pass(graceMs - 1);
      expect(bench.arrive(epoch)).toEqual([{ type: 'accept', epoch, version: 'ocpp1.6' }]);
      expect(bench.state.link?.epoch).toBe(epoch);
    }
    expect(['old', 'new'].map((name) => bench.backendEpoch(name))).toEqual(epochs);
    expect(sent(bench.fromStation('[2,"h","Heartbeat",{}]'), 'backend')).toEqual(['[2,"p1","Heartbeat",{}]']);
    expect(sent(bench.fromBackend('[3,"p1",{"currentTime":"x"}]'), 'station')).toEqual([
      '[3,"h",{"currentTime":"x"}]',
    ]);
  });

  test('are closed first when it comes back with another version', () => {
    const bench = connected();
    lose(bench);
    const effects = bench.arrive(2, true, ['ocpp2.0.1']);
    expect(kinds(effects)).toEqual(['close', 'close', 'dial']);
    expect(effects.at(-1)).toMatchObject({ backend: 'old', version: 'ocpp2.0.1' });
  });

  test('are closed first when they show its backend the password of another connection', () => {
    const bench = connected();
    lose(bench);
    expect(kinds(bench.arrive(2, true, ['ocpp1.6'], false))).toEqual(['close', 'close', 'dial']);
    const taken = connected();
    const effects = taken.arrive(2, true, ['ocpp1.6'], false);
    expect(kinds(effects)).toEqual(['notice', 'close', 'close', 'close', 'dial']);
  });

  test('are closed when the time is up, though the tick for it comes after the station', () => {
    const bench = connected();
    lose(bench);
    bench.context.nowMs += graceMs;
    expect(kinds(bench.arrive(2))).toEqual(['close', 'close', 'dial']);
  });

  test('go with that of the primary', () => {
    const bench = connected();
    lose(bench);
    ask(bench, 1);
    const epoch = bench.backendEpoch('old');
    const effects = bench.do({ type: 'backend_lost', backend: 'old', epoch, code: 1001, reason: 'bye' });
    expect(closed(effects)).toEqual(['new station_gone']);
    expect(settled(effects)).toMatchObject([[1, { reason: 'not_connected' }]]);
    expect(bench.last.wakeAtMs).toBe(Infinity);
  });

  test('outlive that of one that listens in, which is dialled when the station is back', () => {
    const bench = connected();
    lose(bench);
    const epoch = bench.backendEpoch('new');
    expect(bench.do({ type: 'backend_lost', backend: 'new', epoch, code: 1001, reason: 'bye' })).toEqual([]);
    expect(bench.pass(4_000)).toEqual([]);
    expect(kinds(bench.arrive(2))).toEqual(['accept', 'dial']);
  });

  test('are closed at once by a change of the routes, and by a drain, after whoever waits was told', () => {
    for (const event of [
      { type: 'routing_changed' },
      { type: 'drain_started', closeAtMs: 9e9, deadlineMs: 9e9 },
    ] as const) {
      const bench = connected();
      lose(bench);
      bench.fromBackend('[2,"1","Reset",{"type":"Soft"}]');
      const effects = bench.do(event);
      expect(kinds(effects)).toEqual(['send', 'close', 'close']);
      expect(sent(effects, 'backend')).toEqual(['[3,"1",{"status":"Rejected"}]']);
      expect(bench.last.wakeAtMs).toBe(Infinity);
    }
  });

  test('are not kept where nobody has seen them yet', () => {
    const bench = new Bench({ actions: new Map([['DataTransfer', 'vendor']]) });
    bench.connect();
    expect(closed(lose(bench))).toEqual(['vendor station_gone']);
    expect(kinds(bench.arrive(2))).toEqual(['accept', 'dial']);
  });
});

describe('a station is not waited for', () => {
  test('that Busbar closed itself', () => {
    const bench = connected();
    const epoch = bench.backendEpoch('old');
    const effects = bench.do({ type: 'backend_lost', backend: 'old', epoch, code: null, reason: 'gone' });
    expect(closed(effects)).toEqual(['new station_gone']);
    expect(bench.state.grace).toBeNull();
  });

  test('that was silent for long before its link counted as lost', () => {
    const bench = connected();
    for (const ms of [60_000, 20_000]) {
      bench.pass(ms);
      for (const backend of ['old', 'new'])
        bench.do({ type: 'backend_pong', backend, epoch: bench.backendEpoch(backend) });
    }
    expect(closed(bench.pass(20_000))).toEqual(['old station_gone', 'new station_gone']);
  });

  test('during a drain, nor while the journal fails', () => {
    const draining = connected();
    draining.do({ type: 'drain_started', closeAtMs: 9e9, deadlineMs: 9e9 });
    expect(closed(lose(draining))).toHaveLength(2);
    const failing = connected();
    failing.context.isJournalWritable = false;
    expect(closed(lose(failing))).toHaveLength(2);
  });

  test('whose primary is down while Busbar answers in its place', () => {
    const bench = connected({ whenDown: { covers: true, untilMs: Infinity, untilMessages: Infinity } });
    const epoch = bench.backendEpoch('old');
    bench.do({ type: 'backend_lost', backend: 'old', epoch, code: null, reason: 'gone' });
    expect(closed(lose(bench))).toEqual(['new station_gone']);
  });
});

describe('a command', () => {
  test('waits, and is sent when the station is back', () => {
    const bench = connected();
    lose(bench);
    expect(bench.fromBackend('[2,"1","Reset",{"type":"Soft"}]')).toEqual([]);
    expect(ask(bench, 7)).toEqual([]);
    const effects = bench.arrive(2);
    expect(kinds(effects)).toEqual(['accept', 'send']);
    expect(sent(effects, 'station')).toEqual(['[2,"p1","Reset",{"type":"Soft"}]']);
    const next = bench.fromStation('[3,"p1",{"status":"Accepted"}]');
    expect(sent(next, 'backend')).toEqual(['[3,"1",{"status":"Accepted"}]']);
    expect(sent(next, 'station')).toEqual(['[2,"p.1","Reset",{"type":"Soft"}]']);
  });

  test('is answered truthfully when it is not, before the links close, and is sent to nobody later', () => {
    const bench = connected();
    lose(bench);
    bench.fromBackend('[2,"1","RemoteStartTransaction",{"idTag":"T"}]');
    bench.fromBackend('[2,"2","GetConfiguration",{}]');
    ask(bench, 7);
    const effects = bench.pass(graceMs);
    expect(sent(effects, 'backend')).toEqual([
      '[3,"1",{"status":"Rejected"}]',
      '[4,"2","GenericError","The station is not connected.",{}]',
    ]);
    expect(kinds(effects).slice(-2)).toEqual(['close', 'close']);
    expect(settled(effects)).toEqual([
      [7, { kind: 'refused', reason: 'not_connected', detail: 'The station is not connected.' }],
    ]);
    expect(bench.last.records.filter(({ type }) => type === 'dropped')).toHaveLength(2);
    bench.connect(2);
    expect(sent(bench.pass(60_000), 'station')).toEqual([]);
    expect(settled(ask(bench, 8))).toEqual([]);
  });

  test('that had waited already goes on waiting, and one that the station had is over', () => {
    const bench = connected();
    bench.fromBackend('[2,"1","ClearCache",{}]');
    bench.fromBackend('[2,"2","Reset",{"type":"Soft"}]');
    expect(sent(lose(bench), 'backend')).toEqual([
      '[4,"1","GenericError","Outcome unknown: the station was lost after the command was sent.",{}]',
    ]);
    expect(sent(bench.arrive(2), 'station')).toEqual(['[2,"p2","Reset",{"type":"Soft"}]']);
    // The answer to the first is nobody's by now.
    expect(bench.fromStation('[3,"p1",{"status":"Accepted"}]')).toEqual([]);
  });

  test('waits no longer than it may, and is not sent after it was refused', () => {
    const bench = connected();
    bench.fromBackend('[2,"1","ClearCache",{}]');
    bench.fromBackend('[2,"2","Reset",{"type":"Soft"}]');
    bench.pass(24_000);
    lose(bench);
    expect(bench.last.wakeAtMs).toBe(bench.context.nowMs + 1_000);
    expect(sent(bench.pass(1_000), 'backend')).toEqual(['[3,"2",{"status":"Rejected"}]']);
    expect(kinds(bench.arrive(2))).toEqual(['accept']);
  });

  test('whose time is up when the station comes, but was not looked at, is refused all the same', () => {
    const bench = connected();
    bench.fromBackend('[2,"1","ClearCache",{}]');
    bench.fromBackend('[2,"2","Reset",{"type":"Soft"}]');
    bench.pass(24_000);
    lose(bench);
    bench.context.nowMs += 2_000;
    const effects = bench.arrive(2);
    expect(sent(effects, 'station')).toEqual([]);
    expect(sent(effects, 'backend')).toEqual(['[3,"2",{"status":"Rejected"}]']);
  });

  test('of a backend that goes meanwhile goes with it', () => {
    const bench = connected();
    lose(bench);
    bench.fromBackend('[2,"1","TriggerMessage",{"requestedMessage":"MeterValues"}]', 'new');
    const epoch = bench.backendEpoch('new');
    bench.do({ type: 'backend_lost', backend: 'new', epoch, code: null, reason: 'gone' });
    expect(bench.last.records).toContainEqual(expect.objectContaining({ reason: 'caller_gone' }));
    expect(sent(bench.arrive(2), 'station')).toEqual([]);
  });

  test('is refused at once where too many wait', () => {
    const bench = connected();
    lose(bench);
    for (let count = 0; count < commandsOfAskerMax; count += 1)
      expect(bench.fromBackend(`[2,"${count}","ClearCache",{}]`)).toEqual([]);
    expect(sent(bench.fromBackend('[2,"x","ClearCache",{}]'), 'backend')).toEqual([
      '[3,"x",{"status":"Rejected"}]',
    ]);
  });

  test('that Busbar answers itself is answered as ever', () => {
    const bench = connected();
    lose(bench);
    const effects = bench.fromBackend('[2,"1","ChangeConfiguration",{"key":"SecurityProfile","value":"1"}]');
    expect(sent(effects, 'backend')).toEqual(['[3,"1",{"status":"Rejected"}]']);
  });
});

describe('what was said before', () => {
  test('an answer that was owed to the old link never reaches the new one; a message that is repeated gets it', () => {
    const bench = connected();
    bench.context.digest = () => 'd'.repeat(32);
    const [left = ''] = sent(bench.fromStation(stop('1')), 'backend');
    const id = (JSON.parse(left) as string[])[1];
    lose(bench);
    bench.arrive(2);
    expect(sent(bench.fromBackend(`[3,"${id}",{}]`), 'station')).toEqual([]);
    expect(bench.last.records).toContainEqual(expect.objectContaining({ outcome: 'late' }));
    const effects = bench.fromStation(stop('2'));
    expect(sent(effects, 'backend')).toEqual([]);
    expect(sent(effects, 'station')).toEqual(['[3,"2",{}]']);
  });

  test('so does one that is repeated before its backend has answered, which is asked once', () => {
    const bench = connected();
    bench.context.digest = () => 'd'.repeat(32);
    const [left = ''] = sent(bench.fromStation(stop('1')), 'backend');
    const id = (JSON.parse(left) as string[])[1];
    lose(bench);
    bench.arrive(2);
    expect(bench.fromStation(stop('2'))).toEqual([]);
    expect(sent(bench.fromBackend(`[3,"${id}",{}]`), 'station')).toEqual(['[3,"2",{}]']);
  });

  test('one that Busbar was to answer while the station was away is answered when it is said again', () => {
    const bench = connected({ whenDown: { covers: true, untilMs: Infinity, untilMessages: Infinity } });
    bench.context.digest = () => 'd'.repeat(32);
    bench.fromStation(stop('1'));
    bench.pass(6_000);
    lose(bench);
    bench.pass(4_000);
    bench.arrive(2);
    expect(sent(bench.fromStation(stop('2')), 'station')).toEqual(['[3,"2",{}]']);
    expect(bench.state.held).toHaveLength(1);
    expect(bench.state.backends[0]?.slot).toMatchObject({ purpose: 'held' });
  });

  test('what waited for its turn is not sent any more: the station says it again', () => {
    const bench = connected();
    bench.fromStation('[2,"1","Heartbeat",{}]');
    bench.fromStation('[2,"2","DataTransfer",{"vendorId":"x"}]');
    lose(bench);
    expect(bench.last.records).toContainEqual(expect.objectContaining({ reason: 'caller_gone' }));
    expect(sent(bench.fromBackend('[3,"p1",{"currentTime":"x"}]'), 'backend')).toEqual([]);
  });

  test('nothing that was held is lost or taken for the end of the link', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    outage.stop(outage.start(1), 5);
    outage.answer = () => '';
    outage.comeBack();
    outage.do({ type: 'station_lost', epoch: outage.state.link?.epoch ?? 0, code: null, reason: 'gone' });
    expect(outage.state.grace).not.toBeNull();
    expect(outage.last.effects).toEqual([]);
    outage.answer = (call) => outage.usual(call);
    outage.pass(200_000);
    expect(outage.held).toEqual([]);
    expect(outage.state.backends.every(({ phase }) => phase !== 'open')).toBe(true);
  });
});

test('no heartbeat is sent in its name while it is away', () => {
  const away = beaten();
  lose(away);
  expect(away.pass(4_000)).toEqual([]);
  expect(sent(beaten().pass(4_000), 'backend')).toHaveLength(1);
});

test('routes that are as before give a station that comes back its links', () => {
  const bench = new Bench();
  bench.connect();
  bench.context.routing = routing([plainAssignment(0, 'old')], ['ocpp1.6']);
  bench.do({ type: 'routing_changed' });
  lose(bench);
  expect(kinds(bench.arrive(2))).toEqual(['accept']);
});

/** Its observer wants a heartbeat a minute, and got the last one 57 s ago. */
function beaten(): Bench {
  const bench = connected();
  bench.fromStation(boot);
  for (const { backend, slot } of bench.state.backends)
    bench.fromBackend(`[3,"${slot?.sentId}",${accepted}]`, backend);
  for (let slot = bench.state.backends[1]?.slot; slot != null; slot = bench.state.backends[1]?.slot)
    bench.fromBackend(`[3,"${slot.sentId}",{"currentTime":"2023-11-14T22:13:20Z"}]`, 'new');
  bench.pass(57_000);
  return bench;
}
