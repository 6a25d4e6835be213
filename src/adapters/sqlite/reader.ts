/**
 * Finds frames and records in the database.
 *
 * A query walks the pages of positions that may hold something, by the indexes of stations and of times, and within a page the batches whose heads
 * may match; only those are unpacked. Every read is short and the walk pauses between them, so a long one stands in no other's way, and none keeps
 * the writer's WAL from being emptied.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DatabaseSync } from 'node:sqlite';
import { decodeRecords, type PlacedRecord } from '../../core/journal/codec.ts';
import type { JournalFrame } from '../../core/journal/frame-view.ts';
import type { JournalRecord } from '../../core/journal/record.ts';
import { selectFrames } from '../../core/journal/selection.ts';
import { isRelearnt, relearntMs } from '../../core/station/relearn.ts';
import type { FrameQuery } from '../../ports/journal.ts';
import { firstPositionOf, pageOf } from './database.ts';
import { type KeptReader, prepareKeptReader, stationChecksum, type UnreadableRow } from './kept-rows.ts';
import {
  batchColumns,
  placeOf,
  readBatch,
  storedBatchOf,
  type BatchHead,
  type StoredBatch,
  type UnreadableBatch,
} from './stored-batch.ts';
import type { RecordsPage } from './thread-messages.ts';

export interface Reader extends KeptReader {
  /** `unreadable` is told of every batch met whose checksum does not hold. */
  frames(query: FrameQuery, unreadable: (batch: UnreadableBatch) => void): Promise<JournalFrame[]>;
  records(after: number, limit: number, unreadable: (batch: UnreadableBatch) => void): Promise<RecordsPage>;
  /** Those of the last seconds that stations are learnt from again, in order. */
  recent(unreadable: (batch: UnreadableBatch) => void): JournalRecord[];
  stations(unreadable: (row: UnreadableRow) => void): (readonly [id: string, state: string])[];
}

/** An answer stops here, short of its limit, rather than fill the memory of who asked. Characters of frame text. */
export const answerCharactersMax = 8 * 1024 * 1024;

/** Positions that a start looks at for what is recent, at most: what ten seconds take at full load. More would make a start after a storm slow. */
const recentPositionsMax = 131_072;

/** The reader takes a turn's pause after this long. */
const turnMs = 10;

export function createReader(database: DatabaseSync): Reader {
  const find = prepareFinders(database);
  const kept = prepareKeptReader(database);
  let turnEndMs = 0;

  async function pause(): Promise<void> {
    if (performance.now() < turnEndMs) return;
    await nextTurn();
    turnEndMs = performance.now() + turnMs;
  }

  /** The batches that may hold frames of the query, in its order. */
  async function* candidates(query: FrameQuery): AsyncGenerator<StoredBatch> {
    const { order = 'asc', fromMs = -Infinity, toMs = Infinity, station } = query;
    const range = find.range(query);
    if (range === null) return;
    const { from, to } = range;
    const isAscending = order === 'asc';
    const step = isAscending ? 1 : -1;
    const lastPage = pageOf(isAscending ? to : from);
    for (let page = pageOf(isAscending ? from : to); (lastPage - page) * step >= 0; page += step) {
      await pause();
      if (station !== undefined && !find.hasStation(page, station)) continue;
      if (!find.overlaps(page, fromMs, toMs)) continue;
      let low = Math.max(from, firstPositionOf(page));
      let high = Math.min(to, firstPositionOf(page + 1) - 1);
      for (;;) {
        const batch = find.batch(order, { low, high, fromMs, toMs, station });
        if (batch === null) break;
        yield batch;
        await pause();
        if (isAscending) low = batch.first + 1;
        else high = batch.first - 1;
      }
    }
  }

  return {
    async frames(query, unreadable) {
      const found: JournalFrame[] = [];
      let characters = 0;
      for await (const batch of candidates(query)) {
        const frames = readBatch(batch, (body) => selectFrames(body, batch.first, query));
        if (frames === null) unreadable(placeOf(batch));
        for (const frame of frames ?? []) {
          found.push(frame);
          characters += frame.text.length;
          if (found.length === query.limit || characters >= answerCharactersMax) return found;
        }
      }
      return found;
    },
    async records(after, limit, unreadable) {
      const records: PlacedRecord[] = [];
      let characters = 0;
      for await (const batch of candidates({ after, limit })) {
        const placed = readBatch(batch, (body) =>
          decodeRecords(body, batch.first, { fromPosition: after + 1 }),
        );
        if (placed === null) unreadable(placeOf(batch));
        characters += batch.body.length;
        for (const item of placed ?? [gapOf(batch)]) {
          if (item.position <= after) continue;
          if (records.length === limit) return { records, next: records.at(-1)?.position ?? null };
          records.push(item);
        }
        if (characters >= answerCharactersMax) return { records, next: batch.last };
      }
      return { records, next: null };
    },
    recent(unreadable) {
      const found: JournalRecord[][] = [];
      let fromMs: number | null = null;
      let last: number | null = null;
      for (const batch of find.newestFirst()) {
        last ??= batch.last;
        const isOld = fromMs !== null && batch.atTo < fromMs;
        if (isOld || last - batch.last >= recentPositionsMax) break;
        const placed = readBatch(batch, (body) => decodeRecords(body, batch.first));
        if (placed === null) unreadable(placeOf(batch));
        else {
          const since: number = (fromMs ??= (placed.at(-1)?.record.at ?? 0) - relearntMs);
          found.push(
            placed.flatMap(({ record }) => (record.at >= since && isRelearnt(record) ? [record] : [])),
          );
        }
      }
      return found.toReversed().flat();
    },
    stations: (unreadable) => find.stations(unreadable),
    ...kept,
  };
}

function gapOf(batch: BatchHead): PlacedRecord {
  return {
    position: batch.first,
    record: { type: 'gap', at: batch.atFrom, records: batch.records, cause: 'unreadable' },
  };
}

interface BatchSearch {
  readonly low: number;
  readonly high: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly station: string | undefined;
}

interface Finders {
  /** First positions of the earliest and latest batch that may matter. */
  range(query: FrameQuery): { readonly from: number; readonly to: number } | null;
  hasStation(page: number, station: string): boolean;
  /** A page whose times are not noted yet may hold any. */
  overlaps(page: number, fromMs: number, toMs: number): boolean;
  batch(order: 'asc' | 'desc', search: BatchSearch): StoredBatch | null;
  /** All batches. */
  newestFirst(): Iterable<StoredBatch>;
  stations(unreadable: (row: UnreadableRow) => void): (readonly [id: string, state: string])[];
}

function prepareFinders(database: DatabaseSync): Finders {
  const earliest = database.prepare('SELECT first FROM batch ORDER BY first LIMIT 1');
  const latestUpTo = database.prepare('SELECT first FROM batch WHERE first <= ? ORDER BY first DESC LIMIT 1');
  const hasStation = database.prepare('SELECT 1 FROM page_station WHERE page = ? AND station = ?');
  const times = database.prepare('SELECT at_from, at_to FROM page_time WHERE page = ?');
  const newest = database.prepare(`SELECT ${batchColumns} FROM batch ORDER BY first DESC`);
  const stations = database.prepare('SELECT id, state, checksum FROM station');
  stations.setReadBigInts(true);
  const search = `SELECT ${batchColumns} FROM batch WHERE first BETWEEN ? AND ? AND at_to >= ? AND at_from < ? AND (? = '' OR instr(stations, ?) > 0)`;
  const ascending = database.prepare(`${search} ORDER BY first LIMIT 1`);
  const descending = database.prepare(`${search} ORDER BY first DESC LIMIT 1`);

  const firstUpTo = (position: number): number | null => {
    const first = latestUpTo.get(position)?.['first'];
    return first === undefined ? null : Number(first);
  };

  return {
    range({ after, order }) {
      const first = earliest.get()?.['first'];
      if (first === undefined) return null;
      const isBefore = after !== undefined && order === 'desc';
      const to = firstUpTo(isBefore ? after - 1 : Number.MAX_SAFE_INTEGER);
      if (to === null) return null;
      const from = after === undefined || isBefore ? null : firstUpTo(after + 1);
      return { from: from ?? Number(first), to };
    },
    hasStation: (page, station) => hasStation.get(page, station) !== undefined,
    overlaps(page, fromMs, toMs) {
      const row = times.get(page);
      return row === undefined || (Number(row['at_to']) >= fromMs && Number(row['at_from']) < toMs);
    },
    batch(order, { low, high, fromMs, toMs, station }) {
      const name = station === undefined ? '' : `\n${station}\n`;
      const row = (order === 'asc' ? ascending : descending).get(low, high, fromMs, toMs, name, name);
      return row === undefined ? null : storedBatchOf(row);
    },
    *newestFirst() {
      for (const row of newest.iterate()) yield storedBatchOf(row);
    },
    stations(unreadable) {
      const found: (readonly [id: string, state: string])[] = [];
      for (const row of stations.iterate()) {
        const { id, state } = { id: String(row['id']), state: String(row['state']) };
        const isWhole = row['checksum'] === null || Number(row['checksum']) === stationChecksum(id, state);
        if (isWhole) found.push([id, state]);
        else unreadable({ row: 'station', station: id });
      }
      return found;
    },
  };
}
