/**
 * Deletes the oldest batches, by age and by size, and the tokens heard of longest ago, a few milliseconds at a time.
 *
 * Deleting needs no promise, so its transactions are not synced on their own: a power cut gives back what the next sweep deletes again.
 * The newest batch stays whatever its age, since the next position is counted from it. A batch that is dated in the future, by a clock that was ahead, is as old as the next one that is not.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Retention } from '../../ports/journal-store.ts';
import { pageOf, prepareUnsynced } from './database.ts';
import { createTokenSweeper } from './forget-tokens.ts';

export interface Sweeper {
  /** The row of a token was written. */
  learned(): void;
  /** One slice; true when there is more to delete. `nowMs` is the wall clock. Batches behind `keptUpto` stay: rows do not tell yet what they tell. */
  sweep(retention: Retention, nowMs: number, keptUpto: number): boolean;
}

/** A commit that comes during a slice waits at most about this long, and for the row being deleted. */
const sliceMs = 5;
const vacuumPages = 64;

export function createSweeper(database: DatabaseSync): Sweeper {
  const unsynced = prepareUnsynced(database);
  const tokens = createTokenSweeper(database);
  const oldest = database.prepare('SELECT first, last, at_to FROM batch ORDER BY first LIMIT 1');
  const newest = database.prepare('SELECT first FROM batch ORDER BY first DESC LIMIT 1');
  const remove = database.prepare('DELETE FROM batch WHERE first = ?');
  const following = database.prepare(
    'SELECT first, at_to FROM batch WHERE first > ? ORDER BY first LIMIT 200',
  );
  const removeStations = database.prepare(
    'DELETE FROM page_station WHERE (page, station) IN (SELECT page, station FROM page_station WHERE page < ? LIMIT 500)',
  );
  const removeTimes = database.prepare('DELETE FROM page_time WHERE page < ?');
  const pageCount = database.prepare('PRAGMA page_count');
  const freePages = database.prepare('PRAGMA freelist_count');
  const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.['page_size']);

  /** The next batch that is not dated in the future, as far as was looked. */
  let dated = { first: 0, atMs: Infinity };
  let lookedTo = 0;

  /** When the oldest batch was written; null: the slice was over before that was found. */
  function timeOf(first: number, atTo: number, nowMs: number, endMs: number): number | null {
    if (atTo <= nowMs) return atTo;
    lookedTo = Math.max(lookedTo, first);
    while (dated.first < first) {
      const rows = following.all(lookedTo);
      if (rows.length === 0) return Infinity;
      const found = rows.find((row) => Number(row['at_to']) <= nowMs);
      lookedTo = Number((found ?? rows.at(-1))?.['first']);
      if (found !== undefined) dated = { first: lookedTo, atMs: Number(found['at_to']) };
      else if (performance.now() >= endMs) return null;
    }
    return dated.atMs;
  }

  /** Deletes batches until the slice is over; true when it ended before the work did. */
  function removeBatches(retention: Retention, nowMs: number, keptUpto: number, endMs: number): boolean {
    const newestFirst = newest.get()?.['first'];
    while (performance.now() < endMs) {
      const row = oldest.get();
      if (row === undefined || row['first'] === newestFirst || Number(row['last']) > keptUpto) return false;
      const atMs = timeOf(Number(row['first']), Number(row['at_to']), nowMs, endMs);
      const isOld = atMs !== null && atMs < nowMs - retention.framesMs;
      if (!isOld && usedBytes() <= retention.bytesMax) return atMs === null;
      remove.run(Number(row['first']));
    }
    return true;
  }

  function usedBytes(): number {
    const pages = Number(pageCount.get()?.['page_count']);
    const free = Number(freePages.get()?.['freelist_count']);
    return (pages - free) * pageBytes;
  }

  /** Forgets the pages before the oldest batch; true when some are left. */
  function removePages(endMs: number): boolean {
    const first = oldest.get()?.['first'];
    if (first === undefined) return false;
    const page = pageOf(Number(first));
    removeTimes.run(page);
    while (performance.now() < endMs) {
      if (removeStations.run(page).changes === 0) return false;
    }
    return true;
  }

  /** Gives free pages back to the file system where there are many; a few are kept, since the next batches need them. */
  function shrink(): boolean {
    const pages = Number(pageCount.get()?.['page_count']);
    const free = Number(freePages.get()?.['freelist_count']);
    if (free < vacuumPages * 2 || free * 4 < pages) return false;
    database.exec(`PRAGMA incremental_vacuum(${vacuumPages})`);
    return true;
  }

  return {
    learned: () => tokens.learned(),
    sweep(retention, nowMs, keptUpto) {
      const endMs = performance.now() + sliceMs;
      return unsynced(
        // Tokens first: they count towards the size that batches are deleted for.
        () =>
          tokens.sweep(endMs) ||
          removeBatches(retention, nowMs, keptUpto, endMs) ||
          removePages(endMs) ||
          shrink(),
      );
    },
  };
}
