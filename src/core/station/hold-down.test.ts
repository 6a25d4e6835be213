import { expect, test } from 'vitest';
import { Bench, kinds, sent } from '../../testkit/station-bench.ts';

const covered = { whenDown: { covers: true, untilMs: Infinity, untilMessages: Infinity } };
const stop =
  '[2,"s","StopTransaction",{"transactionId":7,"meterStop":10,"timestamp":"2026-11-24T02:10:00Z"}]';
const stableMs = 30_000;
const holdDownMs = 30_000;

function lose(bench: Bench): void {
  const epoch = bench.backendEpoch('old');
  bench.do({ type: 'backend_lost', backend: 'old', epoch, code: 1006, reason: '' });
}

/** Time passes, and the station lives. */
function pass(bench: Bench, ms: number): readonly string[] {
  bench.do({ type: 'station_pong', epoch: 1 });
  return sent(bench.pass(ms), 'backend');
}

/** Waits out the back-off, and dials. */
function redial(bench: Bench): number {
  for (let waits = 0; waits < 3; waits += 1) pass(bench, 20_000);
  return bench.backendEpoch('old');
}

function open(bench: Bench): readonly string[] {
  const epoch = redial(bench);
  return sent(bench.do({ type: 'backend_opened', backend: 'old', epoch }), 'backend');
}

function heldMessages(texts: readonly string[]): readonly string[] {
  return texts.filter((text) => text.includes('StopTransaction'));
}

test('a backend that only could not be reached gets what was held as soon as it is back, however often it was dialled', () => {
  const bench = new Bench(covered);
  bench.connect();
  pass(bench, stableMs);
  lose(bench);
  bench.fromStation(stop);
  for (let dial = 0; dial < 5; dial += 1) {
    const epoch = redial(bench);
    bench.do({ type: 'backend_refused', backend: 'old', epoch, fault: 'connect_failed', detail: '' });
  }
  expect(heldMessages(open(bench))).toHaveLength(1);
});

test('a backend that has come and gone three times gets what was held once it was there for a while', () => {
  const bench = new Bench(covered);
  bench.connect();
  lose(bench);
  bench.fromStation(stop);
  for (let time = 0; time < 2; time += 1) {
    open(bench);
    lose(bench);
  }
  expect(heldMessages(open(bench))).toEqual([]);
  expect(heldMessages(pass(bench, holdDownMs - 1))).toEqual([]);
  expect(heldMessages(pass(bench, 1))).toHaveLength(1);
});

test('a backend that is configured anew is dialled at once, however long it could not be reached as it was', () => {
  const bench = new Bench(covered);
  bench.connect();
  pass(bench, stableMs);
  lose(bench);
  for (let dial = 0; dial < 8; dial += 1) {
    const epoch = redial(bench);
    bench.do({ type: 'backend_refused', backend: 'old', epoch, fault: 'connect_failed', detail: '' });
  }
  expect(kinds(bench.pass(1_000))).not.toContain('dial');
  const { routing } = bench.context;
  const backends = new Map(
    [...routing.backends].map(([name, facts]) => [name, { ...facts, revision: 'r2' }]),
  );
  bench.context.routing = { ...routing, backends };
  bench.do({ type: 'routing_changed' });
  expect(kinds(bench.pass(1_000))).toContain('dial');
});
