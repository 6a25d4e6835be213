import { describe, expect, test } from 'vitest';
import { Bench, kinds, routing, sent } from '../../testkit/station-bench.ts';
import type { Effect, StationEvent } from './events.ts';
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
    bench.context.routing = routing(
      [{ route: 0, group: null, primary: 'new', actions: new Map() }],
      ['ocpp1.6'],
    );
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
    bench.context.routing = routing(
      [{ route: 0, group: null, primary: 'old', actions: new Map() }],
      ['ocpp1.6'],
    );
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
    bench.context.nowMs += 900;
    bench.do({ type: 'backend_pong', backend: 'old', epoch: bench.backendEpoch('old') });
    expect(bench.last.wakeAtMs).toBe(wakeAtMs);
    expect(kinds(bench.pass(100))).toContain('resume_reading');
  });
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
    expect(sent(effects, 'backend').map((text) => text.slice(0, 8))).toEqual(['[4,"c1",', '[4,"c2",']);
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
