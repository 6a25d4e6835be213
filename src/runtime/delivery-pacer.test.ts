import { expect, test } from 'vitest';
import type { DeliveryOutcome, DeliveryRecord } from '../core/journal/record.ts';
import type { StationId } from '../protocol/station-id.ts';
import { createRandom } from '../testkit/random.ts';
import { DeliveryPacer } from './delivery-pacer.ts';

const told = (outcome: DeliveryOutcome): DeliveryRecord => ({
  type: 'delivery',
  at: 0,
  station: 'CP-1' as StationId,
  backend: 'old',
  number: 1,
  action: 'StopTransaction',
  outcome,
  delivery: null,
});

/** A thousand stations that all have something to deliver, for so long: how many messages leave in each second. */
function drain(seconds: number, outcomeOf: (second: number) => DeliveryOutcome): number[] {
  const random = createRandom(1);
  const pacer = new DeliveryPacer(
    () => 50,
    () => random.next(),
  );
  const dueMs = Array.from({ length: 1_000 }, () => 0);
  const left = Array.from({ length: seconds }, () => 0);
  for (let nowMs = 0; nowMs < seconds * 1_000; nowMs += 1)
    for (const [at, due] of dueMs.entries()) {
      if (due > nowMs) continue;
      const second = Math.floor(nowMs / 1_000);
      const waitMs = pacer.waitMs('old', nowMs);
      dueMs[at] = nowMs + (waitMs === 0 ? 50 : waitMs);
      if (waitMs > 0) continue;
      left[second] = (left[second] ?? 0) + 1;
      pacer.observe(told(outcomeOf(second)));
    }
  return left;
}

test('delivery starts gently, grows to the configured rate and stays there', () => {
  const left = drain(60, () => 'delivered');
  expect(left[0]).toBeLessThan(10);
  for (const count of left) expect(count).toBeLessThanOrEqual(56);
  expect(left.slice(40).reduce((sum, count) => sum + count, 0) / 20).toBeGreaterThan(45);
});

test('it backs off where messages are refused, and never stops', () => {
  const left = drain(60, (second) => (second < 20 ? 'delivered' : 'refused'));
  expect(left.slice(30).every((count) => count <= 5)).toBe(true);
  expect(left.slice(30).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10);
});

test('a backend without a pace is sent everything at once', () => {
  const pacer = new DeliveryPacer(
    () => Infinity,
    () => 0,
  );
  expect(pacer.waitMs('old', 0)).toBe(0);
});

test('a backend whose pace a reload has raised is not left at the one before', () => {
  let most = 1 / 3_600;
  const pacer = new DeliveryPacer(
    () => most,
    () => 0,
  );
  expect(pacer.waitMs('old', 0)).toBe(0);
  expect(pacer.waitMs('old', 5_000)).toBeGreaterThan(0);
  most = 50;
  let waitedMs = 0;
  for (let left = 0; left < 10;) {
    const waitMs = pacer.waitMs('old', 5_000 + waitedMs);
    waitedMs += waitMs;
    if (waitMs === 0) left += 1;
  }
  // A fiftieth of the configured rate at the least.
  expect(waitedMs).toBeLessThanOrEqual(10_000);
});
