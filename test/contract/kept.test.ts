import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freshDelivery } from '../../src/core/hold/fresh-delivery.ts';
import type { Delivery } from '../../src/core/hold/held-message.ts';
import type { JournalRecord } from '../../src/core/journal/record.ts';
import type { HeldEntry } from '../../src/core/hold/held-lane.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import {
  batchOf,
  billingRecord,
  deliveryRecord,
  heldRecord,
  learnedRecord,
  sentRecord,
} from './journal-samples.ts';
import { keepAll, storesUnderTest, type StoreUnderTest } from './journal-stores.ts';

const one = 'CP-1' as StationId;
const two = 'CP-2' as StationId;
const refusedOnce: Delivery = { state: 'waiting', attempts: 1, retryAt: 9, lastError: 'InternalError' };
const parked: Delivery = { state: 'parked', attempts: 5, retryAt: 0, lastError: '"\n' };

/** A record of the model test; `back` counts from the station's newest message. */
type Told =
  | { readonly what: 'hold'; readonly station: StationId }
  | {
      readonly what: 'mark' | 'over';
      readonly station: StationId;
      readonly back: number;
      readonly attempts: number;
    };

describe.each(storesUnderTest)('what a journal store keeps for a start $name', (underTest) => {
  let storage: Awaited<ReturnType<StoreUnderTest['prepare']>>;
  let store: JournalStore;
  let position: number;

  beforeEach(async () => {
    storage = await underTest.prepare();
    store = await storage.open();
    position = 1;
  });
  afterEach(async () => {
    await store.close();
    await storage.dispose();
  });

  const reopen = async (): Promise<void> => {
    await store.close();
    store = await storage.open();
  };

  /** Commits the records as one batch, `times` times. */
  async function commit(records: readonly JournalRecord[], times = 1): Promise<void> {
    const batch = batchOf(position, records);
    position = batch.last + 1;
    for (let time = 0; time < times; time += 1) expect(await store.commit(batch)).toBe(null);
  }

  const held = async (): Promise<[StationId, [number, Delivery][]][]> =>
    [...(await store.reader.held())].map(([station, entries]) => [
      station,
      entries.map(({ message, delivery }) => [message.number, delivery]),
    ]);

  test('is nothing at first', async () => {
    expect(await store.reader.held()).toEqual(new Map());
    expect(await store.reader.tokens()).toEqual(new Map());
    expect(await store.reader.risks()).toEqual(new Map());
  });

  test('is a held message as it was, whose delivery was not tried', async () => {
    await commit([sentRecord(), heldRecord(1)]);
    await reopen();
    expect(await store.reader.held()).toEqual(
      new Map([[one, [{ message: heldRecord(1).message, delivery: freshDelivery }]]]),
    );
  });

  test('is how far a delivery has come, until it is over', async () => {
    await commit([heldRecord(1), heldRecord(2)]);
    await commit([deliveryRecord(1, refusedOnce)]);
    await commit([deliveryRecord(1, parked), deliveryRecord(2, parked), deliveryRecord(2, refusedOnce)]);
    await reopen();
    expect(await held()).toEqual([
      [
        one,
        [
          [1, parked],
          [2, refusedOnce],
        ],
      ],
    ]);
    await commit([deliveryRecord(1)]);
    await reopen();
    expect(await held()).toEqual([[one, [[2, refusedOnce]]]]);
    await commit([deliveryRecord(2, parked), deliveryRecord(2)]);
    await reopen();
    expect(await held()).toEqual([]);
  });

  test('is the same when a batch is committed again', async () => {
    await commit(
      [heldRecord(1), heldRecord(2), deliveryRecord(2, parked), learnedRecord('t', 'Accepted')],
      2,
    );
    expect(await held()).toEqual([
      [
        one,
        [
          [1, freshDelivery],
          [2, parked],
        ],
      ],
    ]);
    await commit([deliveryRecord(1, refusedOnce), deliveryRecord(1), deliveryRecord(2, refusedOnce)], 2);
    expect(await held()).toEqual([[one, [[2, refusedOnce]]]]);
    expect([...(await store.reader.tokens()).keys()]).toEqual(['t']);
  });

  test('has no trace of a message that was held and over within one batch', async () => {
    const batch = batchOf(1, [heldRecord(1), deliveryRecord(1, refusedOnce), deliveryRecord(1)]);
    expect(batch.kept).toEqual([]);
    expect(await store.commit(batch)).toBe(null);
    expect(await held()).toEqual([]);
  });

  test.each([
    ['soon after it was held', false],
    ['long after', true],
  ])('is not a message that its station repeats %s, and its backend then takes', async (_, isLater) => {
    const { message, ...record } = heldRecord(1);
    const again = { ...record, message, at: message.since + 5 };
    await commit([heldRecord(1), heldRecord(2)]);
    if (isLater) await reopen();
    await commit([again, deliveryRecord(1), { ...again, message: heldRecord(2).message }]);
    await commit([deliveryRecord(2)]);
    expect(await held()).toEqual([]);
    // Rows are all written now.
    await reopen();
    await reopen();
    expect(await held()).toEqual([]);
  });

  test('is the newer of two messages that a clock set back has given one number, once the other is over', async () => {
    const { message, ...record } = heldRecord(1);
    const newer = { ...record, message: { ...message, key: 'newer' } };
    await commit([heldRecord(1)]);
    await reopen();
    await commit([deliveryRecord(1, refusedOnce), deliveryRecord(1)]);
    await commit([newer]);
    const isNewer = new Map([[one, [{ message: newer.message, delivery: freshDelivery }]]]);
    expect(await store.reader.held()).toEqual(isNewer);
    await reopen();
    expect(await store.reader.held()).toEqual(isNewer);
    await commit([deliveryRecord(1)]);
    await reopen();
    expect(await held()).toEqual([]);
  });

  test('is each station by itself, by number', async () => {
    const stations = Array.from({ length: 300 }, (_, at) => `CP-${at}` as StationId);
    for (const number of [10, 2, 9]) await commit(stations.map((station) => heldRecord(number, station)));
    await commit([deliveryRecord(9, null, two)]);
    await reopen();
    const found = new Map(await held());
    expect([...found.keys()].sort()).toEqual(stations.toSorted());
    for (const station of stations) {
      const numbers = station === two ? [2, 10] : [2, 9, 10];
      expect(found.get(station)?.map(([number]) => number)).toEqual(numbers);
    }
  });

  test("is the newest word on a token, also of one batch's", async () => {
    await commit([learnedRecord('a', 'Accepted'), learnedRecord('b', 'Blocked')]);
    await commit([learnedRecord('a', 'Expired'), learnedRecord('a', 'Invalid')]);
    await reopen();
    expect(await store.reader.tokens()).toEqual(
      new Map([
        ['a', learnedRecord('a', 'Invalid').learned],
        ['b', learnedRecord('b', 'Blocked').learned],
      ]),
    );
  });

  test('is whose billing is at risk by the last record of each, however often it is committed', async () => {
    await commit([billingRecord('old'), billingRecord('new')], 2);
    await commit([billingRecord('old', 'over')], 2);
    await reopen();
    const { since, stations, messages, oldest } = billingRecord('new');
    const risk = { since, stations, messages, oldest };
    expect(await store.reader.risks()).toEqual(new Map([['new', risk]]));
    await commit([billingRecord('old', 'over'), billingRecord('old'), billingRecord('new', 'over')]);
    expect(await store.reader.risks()).toEqual(new Map([['old', risk]]));
  });

  test('outlives the records that told of it', async () => {
    await commit([
      { ...heldRecord(1), at: 1 },
      { ...learnedRecord('a', 'Accepted'), at: 1 },
      { ...billingRecord('old'), at: 1 },
    ]);
    await commit([sentRecord({ at: 1 })]);
    store.retain({ framesMs: 1_000, bytesMax: 1 });
    await commit([sentRecord({ at: 1 })]);
    await expect
      .poll(async () => (await store.reader.records(0, 9)).records.length, { timeout: 15_000 })
      .toBe(1);
    await reopen();
    expect(await held()).toEqual([[one, [[1, freshDelivery]]]]);
    expect([...(await store.reader.tokens()).keys()]).toEqual(['a']);
    expect([...(await store.reader.risks()).keys()]).toEqual(['old']);
    store.retain(keepAll);
  });

  test('is what the records tell, however they come in batches', async () => {
    const told: fc.Arbitrary<Told> = fc.oneof(
      fc.record({ what: fc.constant('hold' as const), station: fc.constantFrom(one, two) }),
      fc.record({
        what: fc.constantFrom('mark' as const, 'over' as const),
        station: fc.constantFrom(one, two),
        back: fc.nat(4),
        attempts: fc.nat(9),
      }),
    );
    const batches = fc.array(fc.tuple(fc.array(told, { maxLength: 8 }), fc.integer({ min: 1, max: 2 })), {
      maxLength: 8,
    });
    const numbers = new Map<StationId, number>();
    const model = new Map<StationId, Map<number, HeldEntry>>([
      [one, new Map()],
      [two, new Map()],
    ]);

    const recordOf = (item: Told): JournalRecord => {
      const { station } = item;
      const last = numbers.get(station) ?? 0;
      const entries = model.get(station);
      if (item.what === 'hold') {
        const record = heldRecord(last + 1, station);
        numbers.set(station, last + 1);
        entries?.set(last + 1, { message: record.message, delivery: freshDelivery });
        return record;
      }
      const number = last - item.back;
      const entry = entries?.get(number);
      const delivery = item.what === 'over' ? null : { ...refusedOnce, attempts: item.attempts };
      if (delivery === null) entries?.delete(number);
      else if (entry !== undefined) entries?.set(number, { ...entry, delivery });
      return deliveryRecord(number, delivery, station);
    };

    // One store for all runs: numbers grow on, as they do over restarts.
    await fc.assert(
      fc.asyncProperty(batches, async (given) => {
        for (const [items, times] of given) await commit(items.map(recordOf), times);
        const expected = [...model].filter(([, entries]) => entries.size > 0);
        expect(await store.reader.held()).toEqual(
          new Map(expected.map(([station, entries]) => [station, [...entries.values()]])),
        );
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });
});
