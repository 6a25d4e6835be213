import { describe, expect, test } from 'vitest';
import { freshDelivery } from './fresh-delivery.ts';
import { HeldLane, type HeldEntry } from './held-lane.ts';
import type { Delivery } from './held-message.ts';

/** A message of that number, held at that time. */
function entry(number: number, transaction: string | null, delivery: Delivery = freshDelivery): HeldEntry {
  return {
    message: {
      number,
      backend: 'old',
      key: `k${number}`,
      version: 'ocpp1.6',
      action: 'StopTransaction',
      transaction,
      hasLeft: false,
      answer: '{}',
      isWorded: true,
      text: '[2,"1","StopTransaction",{}]',
      since: number,
    },
    delivery,
  };
}

const parked: Delivery = { state: 'parked', attempts: 4, retryAt: 0, lastError: 'InternalError' };
const refused: Delivery = { state: 'waiting', attempts: 1, retryAt: 99, lastError: 'InternalError' };

function laneOf(...entries: readonly HeldEntry[]): HeldLane {
  const lane = new HeldLane('old');
  for (const one of entries) lane.push(one);
  return lane;
}

const behinds = (lane: HeldLane): unknown[] =>
  Array.from(lane.standings(), ({ behind }) => behind?.message.number ?? null);

describe('what waits behind a parked message', () => {
  test('is the rest of its transaction, and nothing else', () => {
    const lane = laneOf(
      entry(1, 'a'),
      entry(2, 'a', parked),
      entry(3, 'b'),
      entry(4, null, parked),
      entry(5, null),
      entry(6, 'a'),
      entry(7, 'a', parked),
    );
    expect(behinds(lane)).toEqual([null, null, null, null, null, 2, 2]);
    expect(lane.depth(0)).toEqual({ held: 3, parked: 4, atRisk: 3 });
  });

  test('is none where a message was refused and will be sent again', () => {
    const lane = laneOf(entry(1, 'a', refused), entry(2, 'a'));
    expect(behinds(lane)).toEqual([null, null]);
    expect(lane.depth(0)).toEqual({ held: 2, parked: 0, atRisk: 0 });
  });
});

test.each([
  ['where nothing was refused', freshDelivery],
  ['where something was', refused],
])('what is old is at risk if it is of a transaction, %s', (_where, delivery) => {
  const lane = laneOf(entry(1, 'a'), entry(2, null), entry(3, 'b', delivery), entry(4, 'c'));
  expect([0, 1, 2, 4, 5].map((before) => lane.depth(before).atRisk)).toEqual([0, 0, 1, 2, 3]);
  lane.remove(lane.find(1) as HeldEntry);
  expect(lane.depth(5)).toEqual({ held: 3, parked: 0, atRisk: 2 });
});
