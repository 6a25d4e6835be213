/**
 * Writes batches into the database, one transaction each; in between it writes the rows that follow from them, and deletes old batches. Synchronous: it has a thread to itself.
 *
 * After any failure the connection is closed and the next commit opens a new one, because what SQLite and the system's cache believe about
 * a disk that failed once is not evidence (a second fsync after a failed one succeeds without writing).
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { KeptChange } from '../../core/journal/kept-changes.ts';
import type { CommitFault, Retention } from '../../ports/journal-store.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import {
  checkpoint,
  firstPositionOf,
  fullCode,
  messageOf,
  openForWriting,
  pageOf,
  prepareUnsynced,
  prepareWalBytes,
  resultCodeOf,
  type OpenFault,
} from './database.ts';
import { KeptBehind } from './kept-behind.ts';
import { prepareKeeping, stationChecksum } from './kept-rows.ts';
import { prepareKeptUpto, prepareSettingUpto } from './kept-upto.ts';
import { areInPlace, ownFilesOf, takenAway, walAt, type OwnFiles } from './own-files.ts';
import { createSweeper } from './retention.ts';
import { checksumOf, packBody, type BatchHead } from './stored-batch.ts';

/** A batch as it is handed to the writer's thread. */
export interface WrittenBatch extends BatchHead {
  readonly body: Uint8Array;
  /** null: it is forgotten. */
  readonly saved: readonly (readonly [station: string, state: string | null])[];
  readonly kept: readonly KeptChange[];
  /** Its stations that the index of its page has not got yet, or may not have. */
  readonly indexed: readonly string[];
}

export interface Writer {
  /** Opens the database and tells the highest position in it, 0 when there is none. */
  open(): Result<number, OpenFault>;
  /** On disk when it returns null. Opens the database first where a failure closed it. */
  commit(batch: WrittenBatch): CommitFault | null;
  /** What need not come before the answer to a commit, for a few milliseconds: writes rows that are due, empties the WAL once it is long. True when there is more to do. */
  tidy(): boolean;
  /** Deletes for a few milliseconds; true when there is more to delete. */
  sweep(retention: Retention, nowMs: number): boolean;
  close(): void;
}

/** How rows are written between commits. */
export interface RowsPace {
  /** A commit that comes while rows are being written waits about so long; ten times that where too many are behind. */
  readonly sliceMs: number;
  /** Changes that are gathered first, unless that takes too long: a page of rows that lie together is written once for all of them, and a start reads so much more from batches. */
  readonly dueChanges: number;
}

/**
 * `troubled` is told why what comes between commits could not be done. Nothing that was promised is at stake then: it is safe in the WAL, and the next commit opens the database anew.
 */
export function createWriter(
  file: string,
  pace: RowsPace = { sliceMs: 0.5, dueChanges: 8_192 },
  troubled: (detail: string) => void = () => {},
): Writer {
  let journal: OpenJournal | null = null;
  /** Outlives a connection: what was committed is on disk, whatever becomes of the file's next pages. */
  let behind: KeptBehind | null = null;
  /** Those that were there at first. */
  let own: OwnFiles | null = null;

  function isInPlace(): boolean {
    return own === null || areInPlace(file, own);
  }

  function opened(): Result<OpenJournal, OpenFault> {
    // Opening would make a new and empty one.
    if (!isInPlace()) return fail(takenAway(file));
    if (journal !== null) return journal.isInPlace() ? ok(journal) : fail(takenAway(file));
    const database = openForWriting(file);
    if (!database.ok) return database;
    own ??= ownFilesOf(file);
    behind ??= readBehind(database.value, pace.dueChanges);
    journal = openJournalOf(file, database.value, behind, pace.sliceMs);
    return ok(journal);
  }

  function abandon(failed: OpenJournal): void {
    journal = null;
    failed.abandon();
  }

  /** What comes between commits; false where it failed. */
  function between(work: (open: OpenJournal) => boolean): boolean {
    if (journal === null || !isInPlace()) return false;
    const used = journal;
    try {
      return work(used);
    } catch (error) {
      abandon(used);
      troubled(messageOf(error));
      return false;
    }
  }

  return {
    open() {
      const result = opened();
      return result.ok ? ok(result.value.lastPosition) : result;
    },
    commit(batch) {
      const result = opened();
      if (!result.ok) return openFaultOf(result.fault);
      try {
        result.value.write(batch);
        return null;
      } catch (error) {
        abandon(result.value);
        return commitFaultOf(error);
      }
    },
    tidy: () => between((open) => open.tidy()),
    sweep: (retention, nowMs) => between((open) => open.sweep(retention, nowMs)),
    close() {
      // Where it fails, the records are on disk, and the next start reads what the rows do not tell.
      between((open) => {
        open.settle();
        return false;
      });
      journal?.abandon();
      journal = null;
    },
  };
}

/** A full disk is one also for the commits after the first, which open the file anew. */
function openFaultOf({ fault, detail }: OpenFault): CommitFault {
  return { fault: fault === 'disk_full' ? 'disk_full' : 'disk_failing', detail };
}

function commitFaultOf(error: unknown): CommitFault {
  const isFull = resultCodeOf(error) === fullCode;
  return { fault: isFull ? 'disk_full' : 'disk_failing', detail: messageOf(error) };
}

/**
 * The WAL is emptied once about this much was written to it by so many commits, since the work is paid for by a commit that may have to wait for it: one millisecond instead of two or three. Large
 * commits are of a gateway at its limit, where the work itself is what everybody waits for: then the WAL may be longer. A start reads it quickly.
 */
const walBytesMin = 256 * 1024;
const walCommitsMin = 8;
const walBytesMax = 1024 * 1024;
/** What a commit writes beside its body: the pages of the index and of the tables it touches. */
const commitOverheadBytes = 32 * 1024;
/** What the first of several rows that lie together writes beside itself: the page that they lie in. */
const rowsOverheadBytes = 8 * 1024;

/** While no rows are behind, how far they tell all is noted once in so many positions: a start reads no more batches for nothing. */
const uptoPositions = 4_096;

interface OpenJournal {
  readonly lastPosition: number;
  /** False once its WAL is elsewhere: SQLite goes on in files that nobody finds again. */
  isInPlace(): boolean;
  sweep(retention: Retention, nowMs: number): boolean;
  write(batch: WrittenBatch): void;
  tidy(): boolean;
  /** Writes all rows that are behind. */
  settle(): void;
  abandon(): void;
}

function readBehind(database: DatabaseSync, dueChanges: number): KeptBehind {
  const upto = prepareKeptUpto(database);
  // The reader, which looks at the same batches at a start, tells of those that cannot be trusted.
  const found = upto.changesBehind(upto.read(), () => {});
  return new KeptBehind(found, lastPositionOf(database), dueChanges);
}

function lastPositionOf(database: DatabaseSync): number {
  return Number(database.prepare('SELECT last FROM batch ORDER BY first DESC LIMIT 1').get()?.['last'] ?? 0);
}

/** The page being written. Its times are indexed once it is full. */
interface CurrentPage {
  readonly page: number;
  atFrom: number;
  atTo: number;
}

function openJournalOf(
  file: string,
  database: DatabaseSync,
  behind: KeptBehind,
  sliceMs: number,
): OpenJournal {
  const ownWal = walAt(file);
  const statements = prepareStatements(database);
  const keep = prepareKeeping(database);
  const setUpto = prepareSettingUpto(database);
  const unsynced = prepareUnsynced(database);
  const sweeper = createSweeper(database);
  const walBytesNow = prepareWalBytes(database);
  const lastPosition = lastPositionOf(database);
  let upto = prepareKeptUpto(database).read();
  let current = currentPageOf(database);
  let walBytes = 0;
  let walCommits = 0;

  function index(batch: WrittenBatch): void {
    const page = pageOf(batch.first);
    if (current === null || current.page !== page) {
      if (current !== null) statements.pageTime.run(current.page, current.atFrom, current.atTo);
      current = { page, atFrom: batch.atFrom, atTo: batch.atTo };
    }
    current.atFrom = Math.min(current.atFrom, batch.atFrom);
    current.atTo = Math.max(current.atTo, batch.atTo);
    for (const station of batch.indexed) statements.pageStation.run(page, station);
  }

  /** What a power cut takes of it, the batches behind tell again. */
  function writeSlice(due: readonly KeptChange[], endMs: number): void {
    let written = 0;
    let bytes = 0;
    let station: string | null = null;
    const uptoThen = unsynced(() => {
      do {
        const change = due[written] as KeptChange;
        bytes += keep(change);
        if (change.do === 'learn') sweeper.learned();
        if (!('station' in change) || change.station !== station) bytes += rowsOverheadBytes;
        station = 'station' in change ? change.station : null;
      } while (++written < due.length && performance.now() < endMs);
      const then = behind.uptoAfter(written);
      if (then !== null) setUpto(then);
      return then;
    });
    behind.wrote(written);
    upto = uptoThen ?? upto;
    walBytes += bytes;
  }

  /** True when more rows are due. */
  function writeRows(): boolean {
    const now = performance.now();
    const due = behind.due(now);
    if (due.length > 0) writeSlice(due, now + sliceMs * (behind.isTooFar ? 10 : 1));
    return behind.due(now).length > 0;
  }

  return {
    lastPosition,
    isInPlace: () => walAt(file) === ownWal,
    sweep(retention, nowMs) {
      const isMore = sweeper.sweep(retention, nowMs, behind.isEmpty ? Infinity : upto);
      // What deleting and giving back writes is not counted as it is written.
      walBytes = Math.max(walBytes, walBytesNow());
      return isMore;
    },
    settle() {
      while (!behind.isEmpty) writeSlice(behind.due(0, true), Infinity);
      if (upto >= behind.lastPosition) return;
      setUpto(behind.lastPosition);
    },
    write(batch) {
      // Rows tell all up to here; it costs a page more, so not every time.
      const uptoThen = behind.isEmpty && batch.first - 1 - upto >= uptoPositions ? batch.first - 1 : null;
      statements.begin.run();
      if (uptoThen !== null) setUpto(uptoThen);
      if (batch.records > 0) {
        const body = packBody(batch.body);
        const { first, last, atFrom, atTo, records, stations } = batch;
        const checksum = checksumOf(batch, body);
        statements.batch.run(
          first,
          last,
          atFrom,
          atTo,
          records,
          checksum,
          body.encoding,
          stations,
          body.bytes,
        );
        walBytes += body.bytes.length;
        index(batch);
      }
      for (const [station, state] of batch.saved) {
        if (state === null) statements.forget.run(station);
        else statements.station.run(station, state, stationChecksum(station, state));
        walBytes += (state?.length ?? 0) + rowsOverheadBytes;
      }
      statements.commit.run();
      walBytes += commitOverheadBytes;
      walCommits += 1;
      behind.add(batch.kept, batch.last, performance.now());
      upto = uptoThen ?? upto;
    },
    tidy() {
      // One of the two at a time: a commit that comes meanwhile waits for it.
      const isLong = walBytes >= (walCommits < walCommitsMin ? walBytesMax : walBytesMin);
      if (!isLong) return writeRows();
      walBytes = 0;
      walCommits = 0;
      checkpoint(database, 'PASSIVE');
      return !behind.isEmpty;
    },
    abandon() {
      // Closing rolls back. Its own failure says nothing new: the connection is given up either way.
      try {
        database.close();
      } catch {}
    },
  };
}

interface Statements {
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly batch: StatementSync;
  readonly pageStation: StatementSync;
  readonly pageTime: StatementSync;
  readonly station: StatementSync;
  readonly forget: StatementSync;
}

function prepareStatements(database: DatabaseSync): Statements {
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    batch: database.prepare('INSERT OR REPLACE INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    pageStation: database.prepare('INSERT OR REPLACE INTO page_station VALUES (?, ?)'),
    pageTime: database.prepare('INSERT OR REPLACE INTO page_time VALUES (?, ?, ?)'),
    station: database.prepare('INSERT OR REPLACE INTO station VALUES (?, ?, ?)'),
    forget: database.prepare('DELETE FROM station WHERE id = ?'),
  };
}

/** The page of the newest batch. It reads at most one page's batches, however long the journal is. */
function currentPageOf(database: DatabaseSync): CurrentPage | null {
  const newest = database.prepare('SELECT first FROM batch ORDER BY first DESC LIMIT 1').get();
  if (newest === undefined) return null;
  const page = pageOf(Number(newest['first']));
  const from = firstPositionOf(page);
  const times = database
    .prepare('SELECT min(at_from) AS at_from, max(at_to) AS at_to FROM batch WHERE first >= ?')
    .get(from);
  return {
    page,
    atFrom: Number(times?.['at_from']),
    atTo: Number(times?.['at_to']),
  };
}
