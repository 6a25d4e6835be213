import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DecisionOutcome } from '../core/station/events.ts';
import { createOperatorDecisions, decisionDeadlineMs } from './operator-decisions.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('each decision gets its own outcome, in whatever order they come', async () => {
  const decisions = createOperatorDecisions<DecisionOutcome>();
  const told: number[] = [];
  const first = decisions.decide((requestId) => told.push(requestId));
  const second = decisions.decide((requestId) => told.push(requestId));
  const [one, two] = told as [number, number];
  expect(one).not.toBe(two);
  const refused = { kind: 'refused', reason: 'unknown', detail: 'No.' } as const;
  decisions.settle(two, { kind: 'done' });
  decisions.settle(one, refused);
  expect([await first, await second]).toEqual([refused, { kind: 'done' }]);
  expect(vi.getTimerCount()).toBe(0);
});

test('one that is settled before it was handed over is settled', async () => {
  const decisions = createOperatorDecisions<DecisionOutcome>();
  const settled = await decisions.decide((requestId) => decisions.settle(requestId, { kind: 'done' }));
  expect(settled).toEqual({ kind: 'done' });
});

test('one that does not reach the disk in time has no outcome, and a late one is forgotten', async () => {
  const decisions = createOperatorDecisions<DecisionOutcome>();
  let requestId = 0;
  const deciding = decisions.decide((given) => {
    requestId = given;
  });
  await vi.advanceTimersByTimeAsync(decisionDeadlineMs);
  expect(await deciding).toBeNull();
  decisions.settle(requestId, { kind: 'done' });
});
