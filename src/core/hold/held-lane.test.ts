import { describe, expect, test } from 'vitest';
import { freshDelivery } from './fresh-delivery.ts';
import { HeldLane, type HeldEntry } from './held-lane.ts';
import type { Delivery } from './held-message.ts';

const nowMs = 1_000_000;

function entryOf(
  number: number,
  transaction: string | null,
  delivery: Delivery = freshDelivery,
  since = 0,
): HeldEntry {
  const message = {
    number,
    backend: 'b',
    key: `k${number}`,
    version: 'ocpp1.6',
    action: 'MeterValues',
    transaction,
    hasLeft: false,
    answer: '{}',
    isWorded: false,
    text: 'x'.repeat(number % 10),
    since,
  } as const;
  return { message, delivery };
}

function refusedUntil(retryAt: number): Delivery {
  return { state: 'waiting', attempts: 1, retryAt, lastError: 'InternalError' };
}

const parked: Delivery = { state: 'parked', attempts: 4, retryAt: 0, lastError: 'InternalError' };

function laneOf(...transactions: readonly (string | null)[]): HeldLane {
  const lane = new HeldLane('b');
  for (const [at, transaction] of transactions.entries()) lane.push(entryOf(at + 1, transaction));
  return lane;
}

/** A lane of such messages, each held at the time that is its number. */
function laneWith(
  ...stands: readonly (readonly [transaction: string | null, delivery?: Delivery])[]
): HeldLane {
  const lane = new HeldLane('b');
  for (const [at, [transaction, delivery]] of stands.entries())
    lane.push(entryOf(at + 1, transaction, delivery, at + 1));
  return lane;
}

/** For each message, the number of the parked one it waits behind. */
function behinds(lane: HeldLane): (number | null)[] {
  return Array.from(lane.standings(), ({ behind }) => behind?.message.number ?? null);
}

/** Takes messages out as they may leave, until none may. */
function drain(lane: HeldLane, wallMs = nowMs): number[] {
  const numbers: number[] = [];
  for (let entry = lane.next(wallMs); entry !== null; entry = lane.next(wallMs)) {
    numbers.push(entry.message.number);
    lane.remove(entry);
  }
  return numbers;
}

describe('messages leave', () => {
  test('in the order in which they were held', () => {
    const lane = laneOf('A', 'B', null, 'A');
    expect(drain(lane)).toEqual([1, 2, 3, 4]);
    expect([lane.length, lane.characters]).toEqual([0, 0]);
  });

  test('past one that was refused, but for those of its own transaction', () => {
    const lane = laneOf('A', 'B', 'A', null, 'B');
    lane.mark(lane.find(1) as HeldEntry, refusedUntil(nowMs + 1));
    expect(drain(lane)).toEqual([2, 4, 5]);
    expect(lane.nextRetryAt()).toBe(nowMs + 1);
    expect(drain(lane, nowMs + 1)).toEqual([1, 3]);
    expect(lane.nextRetryAt()).toBe(Infinity);
  });

  test('never behind a parked one of their transaction, until an operator has it tried again', () => {
    const lane = laneOf('A', 'A', null);
    const first = lane.find(1) as HeldEntry;
    lane.mark(first, parked);
    expect(drain(lane, Infinity)).toEqual([3]);
    expect(lane.nextRetryAt()).toBe(Infinity);
    lane.mark(first, freshDelivery);
    expect(drain(lane)).toEqual([1, 2]);
  });

  test('also from the middle of a long lane, of which nothing is left over', () => {
    const lane = laneOf(...Array.from({ length: 1_000 }, (_, at) => `T${Math.floor(at / 4)}`));
    for (const number of [1, 401]) lane.mark(lane.find(number) as HeldEntry, refusedUntil(nowMs + 5));
    expect(drain(lane)).toHaveLength(992);
    expect([...lane].map(({ message }) => message.number)).toEqual([1, 2, 3, 4, 401, 402, 403, 404]);
    expect(lane.find(402)?.message.key).toBe('k402');
    expect(lane.findKey('k5')).toBeNull();
    expect(drain(lane, nowMs + 5)).toEqual([1, 2, 3, 4, 401, 402, 403, 404]);
  });
});

describe('a new message stands behind', () => {
  test('all that may leave', () => {
    const lane = laneOf('A');
    expect([lane.isAhead('B', nowMs), lane.isAhead(null, nowMs)]).toEqual([true, true]);
  });

  test('only its own transaction, where nothing may leave', () => {
    const lane = laneOf('A', null);
    for (const entry of lane) lane.mark(entry, refusedUntil(nowMs + 1));
    expect([lane.isAhead('A', nowMs), lane.isAhead('B', nowMs), lane.isAhead(null, nowMs)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  test('no copy but of its own transaction: the station was answered by another', () => {
    const lane = new HeldLane('b');
    const { message, delivery } = entryOf(1, 'A');
    lane.push({ message: { ...message, answer: null }, delivery });
    expect(['A', 'B', null].map((transaction) => lane.isAhead(transaction, nowMs))).toEqual([
      true,
      false,
      false,
    ]);
    const refused = entryOf(2, 'C', refusedUntil(nowMs + 1));
    lane.push(refused);
    expect(['B', 'C'].map((transaction) => lane.isAhead(transaction, nowMs))).toEqual([false, true]);
    lane.remove(refused);
    lane.push(entryOf(3, null));
    expect(lane.isAhead('B', nowMs)).toBe(false);
  });

  test('nothing, in an empty lane', () => {
    const lane = laneOf('A');
    lane.remove(lane.find(1) as HeldEntry);
    expect(lane.isAhead('A', nowMs)).toBe(false);
  });
});

test('a lane knows a transaction from its first message to its last', () => {
  const lane = laneOf('A', 'B', 'A');
  expect([lane.holds('A'), lane.holds('C'), lane.holds(null)]).toEqual([true, false, false]);
  lane.remove(lane.find(1) as HeldEntry);
  expect(lane.holds('A')).toBe(true);
  lane.remove(lane.find(3) as HeldEntry);
  expect(lane.holds('A')).toBe(false);
});

test('numbers only grow', () => {
  const lane = laneOf('A', 'A');
  expect(() => lane.push(entryOf(2, 'A'))).toThrow('in order');
});

test('what was refused before a restart still waits after it', () => {
  const lane = new HeldLane('b');
  lane.push(entryOf(1, 'A', refusedUntil(nowMs + 10)));
  lane.push(entryOf(2, 'A'));
  lane.push(entryOf(3, 'B', parked));
  expect(lane.next(nowMs)).toBeNull();
  expect(lane.nextRetryAt()).toBe(nowMs + 10);
  expect(drain(lane, nowMs + 10)).toEqual([1, 2]);
});

test('what was refused while the clock was hours ahead leaves in its turn once that is right again', () => {
  const lane = new HeldLane('b');
  lane.push(entryOf(1, 'A', refusedUntil(nowMs + 7_200_000)));
  lane.push(entryOf(2, 'A'));
  expect(drain(lane, nowMs)).toEqual([1, 2]);
});

describe('what waits behind a parked message', () => {
  test('is the rest of its transaction, and nothing else', () => {
    const lane = laneWith(['a'], ['a', parked], ['b'], [null, parked], [null], ['a'], ['a', parked]);
    expect(behinds(lane)).toEqual([null, null, null, null, null, 2, 2]);
    expect(lane.depth(0)).toEqual({ held: 3, parked: 4, atRisk: 3, oldestAtRisk: 2 });
  });

  test('is none where a message was refused and will be sent again', () => {
    const lane = laneWith(['a', refusedUntil(99)], ['a']);
    expect(behinds(lane)).toEqual([null, null]);
    expect(lane.depth(0)).toEqual({ held: 2, parked: 0, atRisk: 0, oldestAtRisk: Infinity });
  });
});

test.each([
  ['where nothing was refused', freshDelivery],
  ['where something was', refusedUntil(99)],
])('what is old is at risk if it is of a transaction, %s', (_where, delivery) => {
  const lane = laneWith(['a'], [null], ['b', delivery], ['c']);
  expect([0, 1, 2, 4, 5].map((before) => lane.depth(before).atRisk)).toEqual([0, 0, 1, 2, 3]);
  lane.remove(lane.find(1) as HeldEntry);
  expect(lane.depth(5)).toEqual({ held: 3, parked: 0, atRisk: 2, oldestAtRisk: 3 });
});

test.each([freshDelivery, refusedUntil(99)])(
  'a copy puts no bill at risk, however old it is: %j',
  (delivery) => {
    const lane = new HeldLane('b');
    const { message } = entryOf(1, 'a');
    lane.push({ message: { ...message, answer: null }, delivery });
    expect(lane.depth(nowMs)).toEqual({ held: 1, parked: 0, atRisk: 0, oldestAtRisk: Infinity });
  },
);

test('what was held while the clock was ahead does not hide what is older than it looks behind that', () => {
  const dayMs = 86_400_000;
  const lane = new HeldLane('b');
  lane.push(entryOf(1, 't', freshDelivery, nowMs + dayMs));
  lane.push(entryOf(2, 't', freshDelivery, nowMs - dayMs));
  lane.push(entryOf(3, 't', freshDelivery, nowMs));
  expect(lane.depth(nowMs)).toMatchObject({ held: 3, atRisk: 1, oldestAtRisk: nowMs - dayMs });
});

function numberIn(lane: HeldLane, wallMs: number): number | undefined {
  return lane.next(wallMs)?.message.number;
}

describe('a lane in which nothing may leave for now', () => {
  const later = nowMs + 60_000;
  const quiet = (): HeldLane => {
    const lane = laneWith(['t', refusedUntil(later)], ['t']);
    expect(lane.next(nowMs)).toBeNull();
    return lane;
  };

  test('is looked at again when the first one may', () => {
    const lane = quiet();
    expect(lane.nextRetryAt()).toBe(later);
    expect(lane.next(later - 1)).toBeNull();
    expect(numberIn(lane, later)).toBe(1);
  });

  test('is looked at again when the clock goes back by more than any wait', () => {
    expect(numberIn(quiet(), nowMs - 600_000)).toBe(1);
  });

  test('lets out what comes after, is decided about, or has nothing in front of it any more', () => {
    const grown = quiet();
    grown.push(entryOf(3, 'u'));
    expect(numberIn(grown, nowMs)).toBe(3);
    const decided = quiet();
    for (const entry of decided) if (entry.message.number === 1) decided.mark(entry, freshDelivery);
    expect(numberIn(decided, nowMs)).toBe(1);
    const dropped = quiet();
    const first = dropped.find(1);
    if (first !== null) dropped.remove(first);
    expect(numberIn(dropped, nowMs)).toBe(2);
  });

  test('is not read through again however often it is asked', () => {
    const lane = laneWith(...Array.from({ length: 20_000 }, () => ['t', refusedUntil(later)] as const));
    const startedAt = performance.now();
    for (let asked = 0; asked < 20_000; asked += 1) {
      expect(lane.next(nowMs)).toBeNull();
      lane.nextRetryAt();
    }
    // Read through each time, it takes 10 s.
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
