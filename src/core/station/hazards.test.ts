import { describe, expect, test } from 'vitest';
import { plainAssignment } from '../routing/table.ts';
import { Bench, kinds, routing, sent } from '../../testkit/station-bench.ts';
import type { Effect, StationEvent } from './events.ts';
import { graceMs } from './grace.ts';
import { laneCallsMax, laneOverrunMax } from './state.ts';

function refused(bench: Bench, backend: string): readonly Effect[] {
  const epoch = bench.backendEpoch(backend);
  return bench.do({ type: 'backend_refused', backend, epoch, fault: 'connect_failed', detail: '' });
}

function opened(bench: Bench, backend: string): readonly Effect[] {
  return bench.do({ type: 'backend_opened', backend, epoch: bench.backendEpoch(backend) });
}

/** After a tick nothing may be due that the tick did not do: that would be a loop. */
function expectNoSpin(bench: Bench): void {
  expect(bench.last.wakeAtMs).toBeGreaterThan(bench.context.nowMs);
}

const vendorAnswersData = { actions: new Map([['DataTransfer', 'vendor']]) };

describe('when it wants to be woken', () => {
  test('a former primary whose back-off is over wakes nobody', () => {
    const bench = new Bench();
    bench.arrive();
    refused(bench, 'old');
    bench.context.routing = routing([plainAssignment(0, 'new')], ['ocpp1.6']);
    bench.do({ type: 'routing_changed' });
    bench.arrive(2);
    opened(bench, 'new');
    bench.pass(10_000);
    expectNoSpin(bench);
  });

  test('a backend for single actions that a reload took away wakes nobody', () => {
    const bench = new Bench(vendorAnswersData);
    bench.connect();
    refused(bench, 'vendor');
    bench.context.routing = routing([plainAssignment(0, 'old')], ['ocpp1.6']);
    bench.do({ type: 'routing_changed' });
    bench.pass(10_000);
    expectNoSpin(bench);
  });

  test('a station that was read too fast is read again in time, however often something else happens', () => {
    const bench = new Bench();
    bench.context.settings = { ...bench.context.settings, callsPerSecond: 1 };
    bench.connect();
    for (let call = 0; call < 6; call += 1) bench.fromStation(`[2,"${call}","Heartbeat",{}]`);
    const wakeAtMs = bench.last.wakeAtMs;
    bench.context.nowMs = wakeAtMs - 100;
    bench.do({ type: 'backend_pong', backend: 'old', epoch: bench.backendEpoch('old') });
    expect(bench.last.wakeAtMs).toBe(wakeAtMs);
    expect(kinds(bench.pass(100))).toContain('resume_reading');
  });
});

test('a backend that is not configured any more is forgotten with its link', () => {
  const bench = new Bench(vendorAnswersData);
  bench.connect();
  opened(bench, 'vendor');
  const table = routing([plainAssignment(0, 'old')], ['ocpp1.6']);
  const backends = new Map([...table.backends].filter(([name]) => name === 'old'));
  bench.context.routing = { ...table, backends };
  expect(kinds(bench.do({ type: 'routing_changed' }))).toEqual(['close']);
  expect(bench.state.backends.map(({ backend }) => backend)).toEqual(['old']);
});

describe('a station that is not read from', () => {
  test('cannot show that it lives, and is not cut for that', () => {
    const bench = new Bench();
    bench.context.settings = { ...bench.context.settings, callTimeoutMs: 30_000 };
    bench.connect();
    for (let call = 0; call <= laneCallsMax; call += 1) bench.fromStation(`[2,"${call}","Heartbeat",{}]`);
    // The backend takes four seconds for each: the lane stays above its half for longer than two unanswered pings.
    const cut: Effect[] = [];
    for (let answer = 1; answer <= 30; answer += 1) {
      for (let part = 0; part < 4; part += 1)
        cut.push(...bench.pass(1_000).filter(({ type }) => type === 'terminate'));
      bench.fromBackend(`[3,"p${answer.toString(36)}",{}]`);
    }
    expect(cut).toEqual([]);
  });
});

describe('a drain', () => {
  test('gives up the dial of a station that was not let in yet', () => {
    const bench = new Bench();
    bench.arrive();
    const effects = bench.do({ type: 'drain_started', closeAtMs: 60_000, deadlineMs: 90_000 });
    expect(effects).toMatchObject([
      { type: 'refuse', epoch: 1, status: 503 },
      { type: 'close', link: { side: 'backend', backend: 'old' } },
    ]);
  });

  test('closes at its deadline also where the spread reaches further', () => {
    const bench = new Bench();
    bench.connect();
    bench.do({ type: 'drain_started', closeAtMs: 60_000, deadlineMs: 11_000 });
    expect(bench.last.wakeAtMs).toBeLessThanOrEqual(11_000);
    expect(kinds(bench.pass(10_000))).toContain('close');
    expect(bench.state.link).toBe(null);
  });
});

describe('commands of a link that goes', () => {
  test('one that the old link had is answered when that link goes while a newcomer waits', () => {
    const bench = new Bench();
    bench.connect(1, false);
    bench.fromBackend('[2,"c1","Reset",{}]');
    bench.fromBackend('[2,"c2","Reset",{}]');
    bench.arrive(2, false);
    const effects = bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
    expect(sent(effects, 'backend').map((text) => text.slice(0, 8))).toEqual(['[4,"c1",', '[3,"c2",']);
    expect(effects.at(-1)).toMatchObject({ type: 'accept', epoch: 2 });
  });

  test('those of a backend that is gone are not sent any more', () => {
    const bench = new Bench(vendorAnswersData);
    bench.connect();
    opened(bench, 'vendor');
    bench.fromBackend('[2,"a","Reset",{}]');
    bench.fromBackend('[2,"b","DataTransfer",{}]', 'vendor');
    const epoch = bench.backendEpoch('vendor');
    bench.do({ type: 'backend_lost', backend: 'vendor', epoch, code: 1006, reason: '' });
    expect(bench.last.records).toContainEqual(
      expect.objectContaining({ type: 'dropped', link: 'backend:vendor', reason: 'caller_gone' }),
    );
    expect(sent(bench.fromStation('[3,"p1",{}]'), 'station')).toEqual([]);
  });
});

test('what outlives the process is saved when the station’s link or boot changes it, and for nothing else', () => {
  const bench = new Bench();
  const changes = (event: () => unknown): boolean => {
    event();
    return bench.last.isDurableChanged;
  };
  expect(changes(() => bench.arrive())).toBe(false);
  expect(changes(() => opened(bench, 'old'))).toBe(true);
  expect(changes(() => bench.fromStation('[2,"1","Heartbeat",{}]'))).toBe(false);
  expect(changes(() => bench.fromStation('[2,"2","BootNotification",{"chargePointVendor":"v"}]'))).toBe(true);
  expect(changes(() => bench.fromStation('[2,"3","BootNotification",{"chargePointVendor":"v"}]'))).toBe(
    false,
  );
  expect(changes(() => bench.do({ type: 'station_lost', epoch: 1, code: null, reason: '' }))).toBe(true);
});

describe('the books', () => {
  const boot = '[2,"boot","BootNotification",{"chargePointVendor":"ABB","chargePointModel":"T"}]';

  test('a backend that a boot takes the route from keeps its link until it has answered', () => {
    const bench = new Bench({ actions: new Map([['SecurityEventNotification', 'vendor']]) });
    const group = { name: 'abb', stations: null, vendor: 'ABB', model: null, firmware: null, tags: null };
    const assignment = { ...plainAssignment(0, 'old'), group: 'abb' };
    bench.context.routing = {
      ...bench.context.routing,
      groups: new Map([['abb', group]]),
      routes: [{ stations: null, group: 'abb', assignment }, ...bench.context.routing.routes],
    };
    bench.connect();
    opened(bench, 'vendor');
    const [up] = sent(bench.fromStation('[2,"s","SecurityEventNotification",{}]'), 'backend');
    bench.fromStation(boot);
    expect(bench.last.records.filter((record) => record.type === 'frame')).toMatchObject([
      { action: 'BootNotification' },
    ]);
    expect(sent(bench.fromBackend(`[3,"${JSON.parse(up ?? '')[1]}",{}]`, 'vendor'), 'station')).toHaveLength(
      1,
    );
    const effects = bench.pass(1_000);
    expect(effects).toMatchObject([{ type: 'close', link: { side: 'backend', backend: 'vendor' } }]);
    expect(bench.state.link).not.toBeNull();
  });

  test('a guaranteed message that is repeated without end while it is open ends the link', () => {
    const bench = new Bench();
    bench.context.settings = { ...bench.context.settings, callsPerSecond: Infinity };
    bench.connect();
    const effects: Effect[] = [];
    for (let call = 0; call <= laneOverrunMax + 1; call += 1)
      effects.push(...bench.fromStation(`[2,"${call}","StopTransaction",{}]`));
    expect(effects.filter(({ type }) => type === 'close')).toMatchObject([
      { link: { side: 'station' }, reason: 'too_many_calls' },
      { link: { side: 'backend' } },
    ]);
  });
});

describe('replies that fit nothing now', () => {
  test('an answer to the call of an older link closes nothing when the journal fails', () => {
    const bench = new Bench();
    bench.connect();
    const [up] = sent(bench.fromStation('[2,"1","StopTransaction",{}]'), 'backend');
    bench.arrive(2);
    bench.context.isJournalWritable = false;
    expect(bench.fromBackend(`[3,"${JSON.parse(up ?? '')[1]}",{}]`)).toEqual([]);
    expect(bench.state.link?.epoch).toBe(2);
    expect(bench.last.records).toMatchObject([{ type: 'changed' }, { outcome: 'late' }]);
  });
});

describe('odd words', () => {
  const boots = [
    '[2,"1","BootNotification"]',
    '[2,"1","BootNotification",null]',
    '[2,"1","BootNotification",{"chargePointVendor":{"a":[1]},"chargePointModel":7}]',
    '[2,"1","BootNotification",{"__proto__":{"chargePointVendor":"x"},"constructor":1}]',
    `[2,"1","BootNotification",{"chargePointVendor":"${'v'.repeat(100_000)}"}]`,
  ];

  test.each(boots)('a boot with an odd payload passes: %.60s', (text) => {
    const bench = new Bench();
    bench.connect();
    expect(sent(bench.fromStation(text), 'backend')).toHaveLength(1);
    expect((bench.state.durable.boot?.vendor ?? '').length).toBeLessThanOrEqual(255);
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'an action called %s is an action like any other, from both sides',
    (action) => {
      const bench = new Bench();
      bench.connect();
      expect(sent(bench.fromStation(`[2,"1","${action}",{}]`), 'backend')).toEqual([
        `[2,"p1","${action}",{}]`,
      ]);
      expect(sent(bench.fromBackend(`[2,"1","${action}",{}]`), 'station')).toEqual([
        `[2,"p2","${action}",{}]`,
      ]);
    },
  );
});

describe('S7: what is of an old link', () => {
  test('events of a link that was let go touch nothing, whatever they are', () => {
    const bench = new Bench();
    bench.connect();
    const epoch = bench.backendEpoch('old');
    bench.do({ type: 'station_lost', epoch: 1, code: 1001, reason: '' });
    bench.pass(graceMs);
    const stale: StationEvent[] = [
      { type: 'backend_opened', backend: 'old', epoch },
      { type: 'backend_refused', backend: 'old', epoch, fault: 'timed_out', detail: '' },
      { type: 'backend_lost', backend: 'old', epoch, code: null, reason: '' },
      { type: 'backend_pong', backend: 'old', epoch },
      { type: 'station_pong', epoch: 1 },
      { type: 'station_lost', epoch: 1, code: null, reason: '' },
    ];
    const before = JSON.stringify(bench.state);
    for (const event of stale) {
      expect(bench.do(event)).toEqual([]);
      expect(bench.last.records).toEqual([]);
    }
    expect(JSON.stringify(bench.state)).toBe(before);
    expect(bench.last.wakeAtMs).toBe(Infinity);
  });
});

describe('a backend that is down for long', () => {
  test('does not use up the connects of the stations that keep trying', () => {
    const bench = new Bench();
    bench.context.settings = { ...bench.context.settings, connectsPerHour: 1 };
    for (let epoch = 1; epoch <= 5; epoch += 1) {
      expect(bench.arrive(epoch)).toMatchObject([{ type: 'dial', backend: 'old' }]);
      const dialled = bench.backendEpoch('old');
      bench.do({
        type: 'backend_refused',
        backend: 'old',
        epoch: dialled,
        fault: 'connect_failed',
        detail: 'x',
      });
      bench.context.nowMs += 61_000;
    }
  });

  test('and a station that was let in too often is held off', () => {
    const bench = new Bench();
    for (let epoch = 1; epoch <= 60; epoch += 1) {
      bench.connect(epoch);
      bench.do({ type: 'station_lost', epoch, code: 1000, reason: 'gone' });
    }
    expect(bench.arrive(61)).toMatchObject([{ type: 'refuse', status: 429 }]);
  });
});
