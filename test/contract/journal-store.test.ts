import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { framesOf, type JournalFrame } from '../../src/core/journal/frame-view.ts';
import { positionsOf, type JournalRecord } from '../../src/core/journal/record.ts';
import type { FrameQuery } from '../../src/ports/journal.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { anyRecord } from './journal-arbitraries.ts';
import { batchOf, frameRecord, sentRecord } from './journal-samples.ts';
import {
  keepAll,
  openFile,
  storesUnderTest,
  temporaryFolder,
  type StoreUnderTest,
} from './journal-stores.ts';

const stationOne = 'CP-1' as StationId;
const stationTwo = 'CP-2' as StationId;

describe.each(storesUnderTest)('a journal store $name', (underTest) => {
  let storage: Awaited<ReturnType<StoreUnderTest['prepare']>>;
  let store: JournalStore;

  beforeEach(async () => {
    storage = await underTest.prepare();
    store = await storage.open();
  });
  afterEach(async () => {
    await store.close();
    await storage.dispose();
  });

  const reopen = async (): Promise<void> => {
    await store.close();
    store = await storage.open();
  };

  /** Commits the batches, positions from 1 and leaving out `skip` after each; returns every frame they hold. */
  async function fill(batches: readonly (readonly JournalRecord[])[], skip = 0): Promise<JournalFrame[]> {
    const frames: JournalFrame[] = [];
    let position = 1;
    for (const records of batches) {
      expect(await store.commit(batchOf(position, records))).toBe(null);
      for (const record of records) {
        frames.push(...framesOf(record, position));
        position += positionsOf(record);
      }
      position += skip;
    }
    return frames;
  }

  test('is empty at first', async () => {
    expect(store.lastPosition).toBe(0);
    expect(await store.reader.frames({ limit: 10 })).toEqual([]);
    expect(await store.reader.records(0, 10)).toEqual({ records: [], next: null });
    expect(await store.reader.stations()).toEqual(new Map());
  });

  test('goes on after its last position when opened again', async () => {
    const frames = await fill([[frameRecord(), sentRecord()], [sentRecord()]]);
    await reopen();
    expect(store.lastPosition).toBe(4);
    expect(await store.reader.frames({ limit: 10 })).toEqual(frames);
  });

  test('keeps the latest state of each station, with or without records beside it', async () => {
    const boot = { vendor: 'V', model: 'M', firmware: null, serial: null };
    const first = { boot: null, version: 'ocpp1.6', lastSeenAt: 1 };
    const second = { boot, version: 'ocpp2.1', lastSeenAt: 2 };
    await store.commit(batchOf(1, [sentRecord()], new Map([[stationOne, JSON.stringify(first)]])));
    const later = new Map([stationOne, stationTwo].map((id) => [id, JSON.stringify(second)]));
    await store.commit(batchOf(2, [], later));
    await reopen();
    expect(store.lastPosition).toBe(1);
    expect(await store.reader.stations()).toEqual(
      new Map([
        [stationOne, second],
        [stationTwo, second],
      ]),
    );
  });

  test('forgets what was saved of a station, and knows it again once it is saved anew', async () => {
    const state = JSON.stringify({ boot: null, version: 'ocpp1.6', lastSeenAt: 1 });
    const both = [stationOne, stationTwo];
    await store.commit(batchOf(1, [], new Map(both.map((id) => [id, state]))));
    const forgotten = batchOf(1, [sentRecord()], new Map(both.map((id) => [id, null])));
    await store.commit(forgotten);
    expect(await store.reader.stations()).toEqual(new Map());
    await store.commit(batchOf(2, [], new Map([[stationTwo, state]])));
    await reopen();
    expect([...(await store.reader.stations()).keys()]).toEqual([stationTwo]);
  });

  test('takes the same batch again and holds it once', async () => {
    const batch = batchOf(1, [frameRecord(), sentRecord()]);
    await store.commit(batch);
    await store.commit(batch);
    expect((await store.reader.records(0, 10)).records.map(({ position }) => position)).toEqual([1, 3]);
  });

  test('answers any query as a filter over all frames would', async () => {
    const batches = fc.array(fc.array(anyRecord, { minLength: 1, maxLength: 6 }), {
      minLength: 40,
      maxLength: 40,
    });
    // The positions left out make the batches span many pages of the index, of 65,536 each.
    const frames = await fill(fc.sample(batches, { numRuns: 1, seed: 7 })[0] ?? [], 20_000);
    const last = frames.at(-1)?.position ?? 0;
    const query: fc.Arbitrary<FrameQuery> = fc.record(
      {
        station: fc.constantFrom(stationOne, stationTwo, 'CP' as StationId, 'CP-9' as StationId),
        fromMs: fc.nat(60),
        toMs: fc.nat(60),
        action: fc.constantFrom('Heartbeat', 'MeterValues'),
        after: fc.nat(last + 1),
        order: fc.constantFrom('asc', 'desc'),
        limit: fc.integer({ min: 1, max: 40 }),
      },
      { requiredKeys: ['limit'] },
    );
    await fc.assert(
      fc.asyncProperty(query, async (asked) => {
        expect(await store.reader.frames(asked)).toEqual(filtered(frames, asked));
      }),
      { numRuns: 300 },
    );
  });

  test('pages through all records by cursor, also where a page ends within a batch', async () => {
    await fill([[frameRecord(), sentRecord(), frameRecord()], [frameRecord()], [sentRecord(), sentRecord()]]);
    const positions: number[] = [];
    let after: number | null = 0;
    while (after !== null) {
      const page = await store.reader.records(after, 2);
      positions.push(...page.records.map(({ position }) => position));
      after = page.next;
    }
    expect(positions).toEqual([1, 3, 4, 6, 8, 9]);
  });

  test('gives a start the last seconds once more, in order, over whatever takes one position or two', async () => {
    const statuses = Array.from({ length: 3_000 }, (_, at) =>
      frameRecord({
        at: 10 * at,
        action: 'StatusNotification',
        relayedTo: at % 3 === 0 ? null : 'backend:old',
      }),
    );
    const batches = Array.from({ length: 6 }, (_, at) => statuses.slice(500 * at, 500 * (at + 1)));
    for (const [at, batch] of batches.entries()) {
      await store.commit(
        batchOf(store.lastPosition + 1, [...batch, sentRecord({ at: 5_000 * (at + 1) - 1 })]),
      );
      await reopen();
    }
    const found = await store.reader.recent();
    expect(found.map(({ at }) => at)).toEqual(statuses.slice(1_000).map(({ at }) => at));
    await store.commit(
      batchOf(store.lastPosition + 1, [frameRecord({ at: 30_000, action: 'StatusNotification' })]),
    );
    await reopen();
    expect(await store.reader.recent()).toHaveLength(2_001);
  });

  test('deletes old batches in the background, but never the newest', async () => {
    const old = Date.now() - 60_000;
    await fill([[sentRecord({ at: old })], [sentRecord({ at: old })], [sentRecord({ at: old })]]);
    store.retain({ framesMs: 1_000, bytesMax: Infinity });
    await store.commit(batchOf(4, []));
    await expect
      .poll(async () => (await store.reader.frames({ limit: 9 })).length, { timeout: 5_000 })
      .toBe(1);
    await reopen();
    expect(store.lastPosition).toBe(3);
  });

  test('deletes by age also what a clock that was ahead has dated in the future, and what is behind it', async () => {
    const [old, ahead] = [Date.now() - 60_000, Date.now() + 3_600_000];
    const dates = [old, ahead, ahead, old, ahead, old, ...Array.from({ length: 250 }, () => ahead), old];
    await fill(dates.map((at) => [sentRecord({ at })]));
    store.retain({ framesMs: 1_000, bytesMax: Infinity });
    await store.commit(batchOf(dates.length + 1, []));
    await expect
      .poll(async () => (await store.reader.frames({ limit: 1 }))[0]?.position, { timeout: 5_000 })
      .toBe(dates.length);
  });

  test('keeps what is dated in the future while nothing newer is old', async () => {
    const [old, ahead] = [Date.now() - 60_000, Date.now() + 3_600_000];
    const dates = [old, ahead, ahead, Date.now(), Date.now()];
    await fill(dates.map((at) => [sentRecord({ at })]));
    store.retain({ framesMs: 30_000, bytesMax: Infinity });
    await store.commit(batchOf(dates.length + 1, []));
    await expect
      .poll(async () => (await store.reader.frames({ limit: 1 }))[0]?.position, { timeout: 5_000 })
      .toBe(2);
    expect(await store.reader.frames({ limit: 9 })).toHaveLength(4);
  });

  test('deletes the oldest batches beyond its size', async () => {
    const text = Array.from({ length: 64 * 1024 }, (_, at) =>
      String.fromCodePoint(0x4e00 + ((at * 7919) % 20_000)),
    ).join('');
    await fill(Array.from({ length: 24 }, () => [sentRecord({ text, idStart: 0, idEnd: 0 })]));
    store.retain({ framesMs: Infinity, bytesMax: 512 * 1024 });
    await store.commit(batchOf(25, []));
    await expect
      .poll(async () => (await store.reader.frames({ limit: 1 }))[0]?.position, { timeout: 5_000 })
      .toBeGreaterThan(12);
    expect((await store.reader.frames({ limit: 1, order: 'desc' }))[0]?.position).toBe(24);
    store.retain(keepAll);
  });
});

function filtered(frames: readonly JournalFrame[], query: FrameQuery): JournalFrame[] {
  const { station, fromMs = 0, toMs = Infinity, action, after, order = 'asc', limit } = query;
  const isDescending = order === 'desc';
  const matching = frames.filter(
    (frame) =>
      (station === undefined || frame.station === station) &&
      (action === undefined || frame.action === action) &&
      frame.at >= fromMs &&
      frame.at < toMs &&
      (after === undefined || (isDescending ? frame.position < after : frame.position > after)),
  );
  return (isDescending ? matching.toReversed() : matching).slice(0, limit);
}

test('a file gives a start no more of its last seconds than can be read in a moment', async () => {
  const folder = await temporaryFolder();
  const store = await openFile(join(folder.path, 'journal.db'));
  for (const first of [1, 100_000, 131_074])
    await store.commit(batchOf(first, [frameRecord({ action: 'StatusNotification', idStart: first % 100 })]));
  // The last one ends at 131,075: what ended so many positions before it is out, and nothing else.
  const found = await store.reader.recent();
  expect(found.map((record) => record.type === 'frame' && record.idStart)).toEqual([0, 74]);
  await store.close();
  await folder.remove();
});
