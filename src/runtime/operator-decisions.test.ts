import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createOperatorDecisions, decisionDeadlineMs, type DeliveryDecided } from './operator-decisions.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('each decision gets its own outcome, in whatever order they come', async () => {
  const decisions = createOperatorDecisions();
  const told: DeliveryDecided[] = [];
  const first = decisions.decide(1, 'retry', (event) => told.push(event));
  const second = decisions.decide(2, 'drop', (event) => told.push(event));
  expect(told).toMatchObject([
    { number: 1, decision: 'retry' },
    { number: 2, decision: 'drop' },
  ]);
  const [one, two] = told as [DeliveryDecided, DeliveryDecided];
  const refused = { kind: 'refused', reason: 'unknown', detail: 'No.' } as const;
  decisions.settle(two.requestId, { kind: 'done' });
  decisions.settle(one.requestId, refused);
  expect([await first, await second]).toEqual([refused, { kind: 'done' }]);
  expect(vi.getTimerCount()).toBe(0);
});

test('one that is settled before it was handed over is settled', async () => {
  const decisions = createOperatorDecisions();
  const settled = await decisions.decide(1, 'drop', ({ requestId }) =>
    decisions.settle(requestId, { kind: 'done' }),
  );
  expect(settled).toEqual({ kind: 'done' });
});

test('one that does not reach the disk in time has no outcome, and a late one is forgotten', async () => {
  const decisions = createOperatorDecisions();
  let requestId = 0;
  const deciding = decisions.decide(1, 'drop', (event) => {
    requestId = event.requestId;
  });
  await vi.advanceTimersByTimeAsync(decisionDeadlineMs);
  expect(await deciding).toBeNull();
  decisions.settle(requestId, { kind: 'done' });
});
