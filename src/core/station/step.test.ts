import { describe, expect, test } from 'vitest';
import { plainAssignment } from '../routing/table.ts';
import { Bench, kinds, sent } from '../../testkit/station-bench.ts';
import type { Effect, StationEvent } from './events.ts';
import { commandsOfAskerMax } from '../commands/command-queue.ts';
import { laneCallsMax } from './state.ts';

describe('at the door', () => {
  test('the upgrade is answered once the primary is reached, with the version both were given', () => {
    const bench = new Bench();
    expect(bench.arrive(1, true, ['ocpp2.1', 'ocpp1.6'])).toMatchObject([
      { type: 'dial', backend: 'old', version: 'ocpp2.1' },
    ]);
    const effects = bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
    expect(effects).toMatchObject([{ type: 'accept', epoch: 1, version: 'ocpp2.1' }]);
  });

  test('a backend that cannot be reached means 503, and the wait is that of its back-off', () => {
    const bench = new Bench();
    bench.arrive();
    const refused: StationEvent = {
      type: 'backend_refused',
      backend: 'old',
      epoch: bench.backendEpoch('old'),
      fault: 'connect_failed',
      detail: 'x',
    };
    expect(bench.do(refused)).toMatchObject([{ type: 'refuse', epoch: 1, status: 503, retryAfterS: 1 }]);
    expect(bench.arrive(2)).toMatchObject([{ type: 'refuse', epoch: 2, status: 503 }]);
    bench.context.nowMs += 600;
    expect(bench.arrive(3)).toMatchObject([{ type: 'dial', backend: 'old' }]);
  });

  test('a station that offers nothing the primary speaks gets 400', () => {
    const bench = new Bench({}, ['ocpp2.0.1']);
    expect(bench.arrive(1, true, ['ocpp1.6'])).toMatchObject([{ type: 'refuse', status: 400 }]);
  });

  test('with credentials the newest link wins at once, and the backend does not notice', () => {
    const bench = new Bench();
    bench.connect(1);
    const effects = bench.arrive(2);
    expect(effects.find((effect) => effect.type === 'close')).toMatchObject({
      link: { side: 'station', epoch: 1 },
    });
    expect(effects.at(-1)).toMatchObject({ type: 'accept', epoch: 2 });
    expect(kinds(effects)).not.toContain('dial');
  });

  test('a late close of the old link touches nothing', () => {
    const bench = new Bench();
    bench.connect(1);
    bench.arrive(2);
    bench.do({ type: 'station_lost', epoch: 1, code: 1006, reason: 'late' });
    expect(sent(bench.fromStation('[2,"a","Heartbeat",{}]', 2), 'backend')).toHaveLength(1);
    expect(bench.fromStation('[2,"b","Heartbeat",{}]', 1)).toMatchObject([
      { type: 'notice', notice: 'stale_event' },
    ]);
  });

  test('without credentials a live old link stays and the newcomer gets 409', () => {
    const bench = new Bench();
    bench.connect(1, false);
    expect(bench.arrive(2, false)).toMatchObject([{ type: 'ping', link: { epoch: 1 } }]);
    const effects = bench.do({ type: 'station_pong', epoch: 1 });
    expect(effects).toMatchObject([
      { type: 'notice', notice: 'identity_clash' },
      { type: 'refuse', epoch: 2, status: 409 },
    ]);
    expect(bench.state.link?.epoch).toBe(1);
  });

  test('without credentials a silent old link makes way after five seconds', () => {
    const bench = new Bench();
    bench.connect(1, false);
    bench.arrive(2, false);
    expect(bench.last.wakeAtMs).toBe(6_000);
    expect(bench.pass(5_000).at(-1)).toMatchObject({ type: 'accept', epoch: 2 });
  });

  test('an identity that displaces itself again and again is held off', () => {
    const bench = new Bench();
    bench.connect(1);
    for (let epoch = 2; epoch <= 7; epoch += 1)
      expect(bench.arrive(epoch).at(-1)).toMatchObject({ type: 'accept' });
    expect(bench.arrive(8).at(-1)).toMatchObject({ type: 'refuse', status: 409 });
    expect(bench.state.link?.epoch).toBe(7);
  });
});

describe('calls of a station', () => {
  test('only the message id changes, and the answer comes back under the own one', () => {
    const bench = new Bench();
    bench.connect();
    const [up] = sent(bench.fromStation('[2, "x\\u0041" ,"Heartbeat", {"a":1.10}]'), 'backend');
    expect(up).toBe('[2, "p1" ,"Heartbeat", {"a":1.10}]');
    expect(bench.fromBackend('[3,"p1",{"currentTime":"t"}]')).toMatchObject([
      { type: 'send', link: { side: 'station' }, text: '[3,"x\\u0041",{"currentTime":"t"}]', when: 'now' },
    ]);
  });

  test('the answer to a guaranteed message leaves after its commit, and its id depends on content only', () => {
    const bench = new Bench();
    bench.connect();
    const [up] = sent(bench.fromStation('[2,"1","StopTransaction",{"transactionId":1}]'), 'backend');
    const id = JSON.parse(up ?? '[]')[1] as string;
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    const other = new Bench();
    other.connect();
    const [again] = sent(other.fromStation('[2,"other","StopTransaction",{"transactionId":1}]'), 'backend');
    expect(again).toBe(up);
    expect(other.fromBackend(`[3,"${id}",{}]`)).toMatchObject([
      { type: 'send', text: '[3,"other",{}]', when: 'afterCommit' },
    ]);
  });

  test('a pipelining station is queued, one call at a time, and read from no more when 64 wait', () => {
    const bench = new Bench();
    bench.connect();
    const first = bench.fromStation('[2,"0","Heartbeat",{}]');
    expect(sent(first, 'backend')).toHaveLength(1);
    for (let call = 1; call < laneCallsMax; call += 1)
      expect(sent(bench.fromStation(`[2,"${call}","Heartbeat",{}]`), 'backend')).toHaveLength(0);
    expect(kinds(bench.fromStation('[2,"64","Heartbeat",{}]'))).toEqual(['pause_reading']);
    for (let answer = 1; answer < laneCallsMax / 2; answer += 1)
      expect(kinds(bench.fromBackend(`[3,"p${answer.toString(36)}",{}]`))).toEqual(['send', 'send']);
    expect(kinds(bench.fromBackend(`[3,"p${(laneCallsMax / 2).toString(36)}",{}]`))).toEqual([
      'send',
      'send',
      'resume_reading',
    ]);
  });

  test('a repeat of a guaranteed message that is still open joins it, and both get the one answer', () => {
    const bench = new Bench();
    bench.connect();
    const [up] = sent(bench.fromStation('[2,"1","StopTransaction",{"transactionId":1}]'), 'backend');
    expect(sent(bench.fromStation('[2,"2","StopTransaction",{"transactionId":1}]'), 'backend')).toHaveLength(
      0,
    );
    const id = JSON.parse(up ?? '[]')[1] as string;
    expect(sent(bench.fromBackend(`[3,"${id}",{}]`), 'station')).toEqual(['[3,"1",{}]', '[3,"2",{}]']);
  });

  test('late, repeated and foreign replies are told apart and go nowhere', () => {
    const bench = new Bench();
    bench.connect();
    bench.fromStation('[2,"1","Heartbeat",{}]');
    bench.fromBackend('[3,"p1",{}]');
    const outcomes = ['[3,"p1",{}]', '[3,"zz",{}]'].map((text) => {
      expect(bench.fromBackend(text)).toEqual([]);
      return bench.last.records[0];
    });
    bench.fromStation('[2,"2","Heartbeat",{}]');
    bench.pass(30_000);
    bench.fromBackend('[3,"p2",{}]');
    expect([...outcomes, bench.last.records[0]]).toMatchObject([
      { outcome: 'repeated' },
      { outcome: 'foreign' },
      { outcome: 'late' },
    ]);
  });

  test('a silent backend: an ordinary call gets an error, a guaranteed one closes the link', () => {
    const bench = new Bench();
    bench.connect();
    bench.fromStation('[2,"1","Heartbeat",{}]');
    expect(sent(bench.pass(30_000), 'station')).toEqual([
      '[4,"1","GenericError","The backend did not answer in time.",{}]',
    ]);
    bench.fromStation('[2,"2","StopTransaction",{"transactionId":1}]');
    const effects = bench.pass(30_000);
    expect(sent(effects, 'station')).toEqual([]);
    expect(effects.find((effect) => effect.type === 'close')).toMatchObject({
      link: { side: 'station' },
      reason: 'backend_silent',
    });
  });

  test('a lost primary closes the station link, and says nothing to its calls', () => {
    const bench = new Bench();
    bench.connect();
    bench.fromStation('[2,"2","StopTransaction",{"transactionId":1}]');
    const effects = bench.do({
      type: 'backend_lost',
      backend: 'old',
      epoch: bench.backendEpoch('old'),
      code: 1006,
      reason: 'gone',
    });
    expect(effects).toMatchObject([
      { type: 'close', link: { side: 'station' }, code: 1012, reason: 'primary_lost' },
    ]);
  });

  test('another authority answers its action, and only its commands pass', () => {
    const bench = new Bench({ actions: new Map([['DataTransfer', 'vendor']]) });
    bench.connect();
    bench.do({ type: 'backend_opened', backend: 'vendor', epoch: bench.backendEpoch('vendor') });
    const effects = bench.fromStation('[2,"1","DataTransfer",{"vendorId":"x"}]');
    expect(effects).toMatchObject([{ type: 'send', link: { side: 'backend', backend: 'vendor' } }]);
    expect(sent(bench.fromBackend('[2,"9","DataTransfer",{}]', 'vendor'), 'station')).toHaveLength(1);
    const refused = bench.fromBackend('[2,"9","Reset",{"type":"Hard"}]', 'vendor');
    expect(sent(refused, 'station')).toHaveLength(0);
    expect(sent(refused, 'backend')).toEqual(['[3,"9",{"status":"Rejected"}]']);
  });

  test('what the station says of itself in a boot moves it to the backend of its group', () => {
    const bench = new Bench();
    const toNew = { ...plainAssignment(0, 'new'), group: 'abb' };
    const group = { name: 'abb', stations: null, vendor: 'ABB', model: null, firmware: null, tags: null };
    bench.context.routing = {
      ...bench.context.routing,
      groups: new Map([['abb', group]]),
      routes: [{ stations: null, group: 'abb', assignment: toNew }, ...bench.context.routing.routes],
    };
    bench.connect();
    const effects = bench.fromStation(
      '[2,"1","BootNotification",{"chargePointVendor":"ABB","chargePointModel":"T"}]',
    );
    expect(effects.find((effect) => effect.type === 'close')).toMatchObject({ reason: 'moved_by_route' });
    expect(bench.arrive(2)).toMatchObject([{ type: 'dial', backend: 'new' }]);
  });
});

const refused = (bench: Bench): readonly Effect[] =>
  bench.do({
    type: 'backend_refused',
    backend: 'vendor',
    epoch: bench.backendEpoch('vendor'),
    fault: 'connect_failed',
    detail: '',
  });

describe('a backend for single actions that goes while the station stays', () => {
  test('a call that waited for its dial gets an error when the dial fails', () => {
    const bench = new Bench({ actions: new Map([['DataTransfer', 'vendor']]) });
    bench.connect();
    expect(bench.fromStation('[2,"1","DataTransfer",{"vendorId":"x"}]')).toEqual([]);
    expect(sent(refused(bench), 'station')).toEqual([
      '[4,"1","InternalError","The backend for this action cannot be reached.",{}]',
    ]);
  });

  test('a call that it had taken gets an error when its link is lost', () => {
    const bench = new Bench({ actions: new Map([['DataTransfer', 'vendor']]) });
    bench.connect();
    const epoch = bench.backendEpoch('vendor');
    bench.do({ type: 'backend_opened', backend: 'vendor', epoch });
    bench.fromStation('[2,"1","DataTransfer",{"vendorId":"x"}]');
    const effects = bench.do({ type: 'backend_lost', backend: 'vendor', epoch, code: null, reason: '' });
    expect(sent(effects, 'station')).toHaveLength(1);
  });

  test('a guaranteed call gets no error: the link of the station is closed, and it keeps the message', () => {
    const bench = new Bench({ actions: new Map([['SecurityEventNotification', 'vendor']]) });
    bench.connect();
    bench.fromStation('[2,"1","SecurityEventNotification",{}]');
    const effects = refused(bench);
    expect(sent(effects, 'station')).toEqual([]);
    expect(effects).toContainEqual(
      expect.objectContaining({ type: 'close', code: 1013, reason: 'authority_lost' }),
    );
  });

  test('one that waits to be dialled again and is configured anew is dialled, and loses no call', () => {
    const bench = new Bench({ actions: new Map([['SecurityEventNotification', 'vendor']]) });
    bench.connect();
    refused(bench);
    const { routing } = bench.context;
    const backends = new Map(
      [...routing.backends].map(([name, facts]) => [name, { ...facts, revision: 'r2' }]),
    );
    bench.context.routing = { ...routing, backends };
    bench.state.backends.forEach((link) => (link.revision = link.backend === 'vendor' ? 'r1' : 'r2'));
    bench.fromStation('[2,"1","SecurityEventNotification",{}]');
    expect(kinds(bench.pass(2_000))).toContain('dial');
    expect(bench.state.link).not.toBeNull();
  });
});

describe('commands', () => {
  test('one at a time; those over the bound are refused, and answers go on', () => {
    const bench = new Bench();
    bench.connect();
    expect(sent(bench.fromBackend('[2,"c0","Reset",{"type":"Soft"}]'), 'station')).toEqual([
      '[2,"p1","Reset",{"type":"Soft"}]',
    ]);
    for (let command = 1; command <= commandsOfAskerMax; command += 1)
      expect(bench.fromBackend(`[2,"c${command}","ClearCache",{}]`)).toEqual([]);
    expect(sent(bench.fromBackend('[2,"over","ClearCache",{}]'), 'backend')).toEqual([
      '[3,"over",{"status":"Rejected"}]',
    ]);
    const effects = bench.fromStation('[3,"p1",{"status":"Accepted"}]');
    expect(sent(effects, 'backend')).toEqual(['[3,"c0",{"status":"Accepted"}]']);
    expect(sent(effects, 'station')).toHaveLength(1);
  });

  test('a station that does not answer: its backend is told, and the late answer goes nowhere', () => {
    const bench = new Bench();
    bench.connect();
    bench.fromBackend('[2,"c","Reset",{}]');
    expect(sent(bench.pass(30_000), 'backend')[0]).toMatch(/^\[4,"c","GenericError"/);
    expect(sent(bench.fromStation('[3,"p1",{}]'), 'backend')).toEqual([]);
    expect(bench.last.records[0]).toMatchObject({ outcome: 'late' });
  });

  test('message types 5 and 6 pass in 2.1 and are unknown elsewhere', () => {
    const modern = new Bench();
    modern.connect(1, true, 'ocpp2.1');
    expect(sent(modern.fromStation('[6,"s","NotifyPeriodicEventStream",{}]'), 'backend')).toEqual([
      '[6,"p1","NotifyPeriodicEventStream",{}]',
    ]);
    modern.fromStation('[2,"b","Heartbeat",{}]');
    modern.fromBackend('[3,"p2",{"bad":1}]');
    expect(sent(modern.fromStation('[5,"b","FormatViolation","",{}]'), 'backend')).toEqual([
      '[5,"p2","FormatViolation","",{}]',
    ]);
    const older = new Bench();
    older.connect(1, true, 'ocpp2.0.1');
    expect(sent(older.fromStation('[6,"s","NotifyPeriodicEventStream",{}]'), 'station')[0]).toContain(
      '"MessageTypeNotSupported"',
    );
  });
});

describe('a journal that cannot be written', () => {
  test('a guaranteed message closes the link instead of being relayed; the rest passes; newcomers get 503', () => {
    const bench = new Bench();
    bench.connect();
    bench.context.isJournalWritable = false;
    expect(sent(bench.fromStation('[2,"1","Heartbeat",{}]'), 'backend')).toHaveLength(1);
    const effects = bench.fromStation('[2,"2","StopTransaction",{"transactionId":1}]');
    expect(sent(effects, 'backend')).toHaveLength(0);
    expect(effects.find((effect) => effect.type === 'close')).toMatchObject({
      link: { side: 'station' },
      when: 'now',
    });
    expect(bench.arrive(2)).toMatchObject([{ type: 'refuse', status: 503 }]);
  });
});

const pingsStation = (effects: readonly Effect[]): boolean =>
  effects.some((effect) => effect.type === 'ping' && effect.link.side === 'station');

describe('liveness and the end', () => {
  test('a silent station is pinged twice, then cut', () => {
    const bench = new Bench();
    bench.connect();
    const alive = (): void =>
      void bench.do({ type: 'backend_pong', backend: 'old', epoch: bench.backendEpoch('old') });
    alive();
    bench.context.nowMs += 55_000;
    alive();
    expect(pingsStation(bench.pass(5_000))).toBe(true);
    expect(pingsStation(bench.pass(20_000))).toBe(true);
    alive();
    expect(
      bench.pass(20_000).some((effect) => effect.type === 'terminate' && effect.link.side === 'station'),
    ).toBe(true);
    expect(bench.state.link).toBe(null);
  });

  test('a drain finishes the call in flight, then closes', () => {
    const bench = new Bench();
    bench.connect();
    bench.fromStation('[2,"1","Heartbeat",{}]');
    expect(bench.do({ type: 'drain_started', closeAtMs: 0, deadlineMs: 60_000 })).toEqual([]);
    const effects = bench.fromBackend('[3,"p1",{}]');
    expect(kinds(effects)).toEqual(['send', 'close', 'close']);
    expect(bench.arrive(2)).toMatchObject([{ type: 'refuse', status: 503 }]);
  });
});

describe('more than its rate', () => {
  const big = 'x'.repeat(8_000);

  test('answers that nobody asked for are counted too, and large texts for their size', () => {
    const bench = new Bench();
    bench.connect();
    const until = (text: string): number => {
      for (let texts = 1; texts < 1_000; texts += 1)
        if (kinds(bench.fromStation(text)).includes('pause_reading')) return texts;
      return Infinity;
    };
    expect(until('[3,"nobody",{}]')).toBe(101);
    bench.pass(11_000);
    expect(until(`[3,"nobody",{"x":"${big}"}]`)).toBe(51);
  });

  test('what was read before the pause is owed, five seconds at most', () => {
    const bench = new Bench();
    bench.connect();
    for (let text = 0; text < 2_000; text += 1) bench.fromStation('[3,"nobody",{}]');
    expect(kinds(bench.pass(4_900))).not.toContain('resume_reading');
    expect(kinds(bench.pass(200))).toContain('resume_reading');
  });

  test('a backend that floods is read from at four times the rate of its station, and keeps its link', () => {
    const bench = new Bench();
    bench.connect();
    const text = `[3,"nobody",{"x":"${big}"}]`;
    let texts = 1;
    while (texts < 1_000 && !kinds(bench.fromBackend(text)).includes('pause_reading')) texts += 1;
    expect(texts).toBe(201);
    expect(kinds(bench.fromBackend(text))).toEqual([]);
    expect(kinds(bench.pass(70))).toEqual(['resume_reading']);
    expect(bench.last.wakeAtMs).toBeGreaterThan(bench.context.nowMs);
  });

  test('one that only listens in is read from at a quarter of that rate, and its answers are free', () => {
    const observer = { backend: 'new', receives: new Set(['state'] as const), commands: new Set<string>() };
    const bench = new Bench({ observers: [observer] });
    bench.connect();
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    bench.state.backends.forEach(({ priming }) => {
      priming.phase = 'synced';
      priming.isRegistered = true;
    });
    for (let call = 0; call < 200; call += 1) {
      bench.fromStation(`[2,"${call}","FirmwareStatusNotification",{"status":"Idle"}]`);
      const open = bench.state.backends.map(({ backend, slot }) => [backend, slot?.sentId] as const);
      expect(open).toHaveLength(2);
      for (const [backend, id] of open)
        expect(kinds(bench.fromBackend(`[3,"${id}",{}]`, backend))).not.toContain('pause_reading');
      bench.context.nowMs += 100;
    }
    let texts = 1;
    while (texts < 1_000 && !kinds(bench.fromBackend('[3,"nobody",{}]', 'new')).includes('pause_reading'))
      texts += 1;
    expect(texts).toBe(26);
    expect(kinds(bench.pass(1_000))).toContain('resume_reading');
  });

  test('a backend that was paused is read from when it is dialled anew', () => {
    const bench = new Bench();
    bench.connect();
    for (let text = 0; text < 1_000; text += 1) bench.fromBackend(`[3,"nobody",{"x":"${big}"}]`);
    bench.do({
      type: 'backend_lost',
      backend: 'old',
      epoch: bench.backendEpoch('old'),
      code: 1006,
      reason: 'x',
    });
    bench.context.nowMs += 60_000;
    bench.connect(2);
    expect(kinds(bench.fromBackend('[3,"nobody",{}]'))).toEqual([]);
    expect(kinds(bench.pass(10))).toEqual([]);
  });
});
