/**
 * The journal's database file: opening it safely, and what its tables are.
 *
 * WAL and `synchronous=FULL`: a commit is on disk when it returns. SQL is written out here, not built: see docs/adr/0006-one-journal-row-per-commit.md. One process writes
 * a journal; a lock on a file beside it, which the system drops with the process, keeps a second one from numbering its records the same.
 */
import { DatabaseSync } from 'node:sqlite';
import { fail, ok, type Result } from '../../std/result.ts';
import { diskFull, faultOfPlace } from './place.ts';

/** Why a journal cannot be opened; all but `in_use`, `disk_full` and `cannot_open` need an operator. */
export type OpenFaultCode =
  | 'sqlite_too_old'
  | 'newer_schema'
  | 'not_a_journal'
  | 'in_use'
  | 'disk_full'
  | 'cannot_open';

export interface OpenFault {
  readonly fault: OpenFaultCode;
  /** A sentence for the operator: what, where, what to do. */
  readonly detail: string;
}

/** Positions are cut into pages of this many; stations and times are indexed by page. Part of the format. */
export const pagePositions = 65_536;

/** The page that a batch belongs to, by its first position. */
export function pageOf(position: number): number {
  return Math.floor(position / pagePositions);
}

/** The first position of a page. */
export function firstPositionOf(page: number): number {
  return page * pagePositions;
}

/** Earlier releases can corrupt a database in WAL mode (sqlite.org, release 3.51.3: WAL-reset bug). */
const sqliteVersionMin = [3, 51, 3] as const;

/** 'Busb', in the file's header: what `file` and SQLite call the application id. */
const applicationId = 0x42757362;

/** Entry n brings a journal from schema n to n + 1. Only ever added to. */
const migrations: readonly string[] = [
  `
  CREATE TABLE batch (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    at_from INTEGER NOT NULL,
    at_to INTEGER NOT NULL,
    records INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    encoding INTEGER NOT NULL,
    stations TEXT NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE page_station (page INTEGER NOT NULL, station TEXT NOT NULL, PRIMARY KEY (page, station)) STRICT, WITHOUT ROWID;
  CREATE TABLE page_time (page INTEGER PRIMARY KEY, at_from INTEGER NOT NULL, at_to INTEGER NOT NULL) STRICT;
  CREATE TABLE station (id TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, intent TEXT NOT NULL, outcome TEXT) STRICT;`,
  `
  CREATE TABLE held (
    station TEXT NOT NULL,
    number INTEGER NOT NULL,
    message TEXT NOT NULL,
    delivery TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (station, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE token (token TEXT PRIMARY KEY, backend TEXT NOT NULL, learned TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
  // Rows of before have none, and are trusted.
  `ALTER TABLE station ADD COLUMN checksum INTEGER;`,
  `
  CREATE TABLE migration (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    head TEXT NOT NULL,
    checksum INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE migration_station (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    migration TEXT NOT NULL,
    station TEXT NOT NULL,
    progress TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    UNIQUE (migration, station)
  ) STRICT;
  CREATE TABLE migration_evidence (
    migration TEXT NOT NULL,
    number INTEGER NOT NULL,
    entry TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (migration, number)
  ) STRICT, WITHOUT ROWID;
  `,
  `CREATE TABLE billing_risk (backend TEXT PRIMARY KEY, risk TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
  // Rows of before were written with their batches, so that they tell all.
  `
  CREATE TABLE kept_upto (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL, complement INTEGER NOT NULL) STRICT;
  INSERT INTO kept_upto SELECT 1, coalesce(max(last), 0), -1 - coalesce(max(last), 0) FROM batch;
  `,
];

/** Opens the journal for its one writer, makes or migrates it, and brings everything in its WAL into the file. */
export function openForWriting(file: string): Result<DatabaseSync, OpenFault> {
  return opening(file, false, (database) => {
    // Only where there is nothing yet: on a journal that exists they would be a write, and opening is none.
    if (numberOf(database, tableCount) === 0)
      database.exec('PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL');
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = 0;
      PRAGMA temp_store = MEMORY;
    `);
    // A WAL that a failed sync left behind may be whole in memory and torn on disk, and what is appended to a torn one is lost with it: so it is
    // emptied into the database, which is synced, before anything new is written.
    checkpoint(database, 'TRUNCATE');
    return migrate(database, file);
  });
}

/** Opens the journal beside its writer. */
export function openForReading(file: string): Result<DatabaseSync, OpenFault> {
  return opening(file, true, () => null);
}

/** Opens the journal for what is small, seldom and written beside the batches; each commit is on disk when it returns. The writer opened it before. */
export function openBeside(file: string): Result<DatabaseSync, OpenFault> {
  return opening(file, false, (database) => {
    database.exec('PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0');
    return null;
  });
}

/** What is locked beside a journal. */
export function lockFileOf(file: string): string {
  return `${file}-lock`;
}

/** Holds the journal's lock until the process ends or `close` is called on what this returns. */
export function lockJournal(file: string): Result<DatabaseSync, OpenFault> {
  const lockFile = lockFileOf(file);
  let lock: DatabaseSync | null = null;
  try {
    lock = new DatabaseSync(lockFile);
    lock.exec('PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    return ok(lock);
  } catch (error) {
    lock?.close();
    if (resultCodeOf(error) === busyCode) {
      return fault(
        'in_use',
        `${file} is in use by another process: stop it, or give this one a storage of its own`,
      );
    }
    return cannotOpen(lockFile, error);
  }
}

/** Moves what the WAL holds into the database. `TRUNCATE` moves all of it or throws; `PASSIVE` what no reader stands in the way of. */
export function checkpoint(database: DatabaseSync, mode: 'PASSIVE' | 'TRUNCATE'): void {
  const row = database.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
  if (mode === 'TRUNCATE' && row?.['busy'] !== 0) throw new Error('the WAL is still being read');
}

/** Bytes of the WAL that are not in the database yet. */
export function prepareWalBytes(database: DatabaseSync): () => number {
  const look = database.prepare('PRAGMA wal_checkpoint(NOOP)');
  const pageBytes = numberOf(database, 'PRAGMA page_size');
  return () => {
    const row = look.get();
    return (Number(row?.['log']) - Number(row?.['checkpointed'])) * pageBytes;
  };
}

/**
 * Work in one transaction that is not synced by itself: for what a power cut may take, since it is done again. A failure inside is thrown, and the connection is then to be given up: it neither rolls back
 * nor syncs again.
 */
export function prepareUnsynced(database: DatabaseSync): <Value>(work: () => Value) => Value {
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  return (work) => {
    database.exec('PRAGMA synchronous = NORMAL');
    begin.run();
    const value = work();
    commit.run();
    database.exec('PRAGMA synchronous = FULL');
    return value;
  };
}

/** SQLITE_FULL: no room on the disk. */
export const fullCode = 13;

/** SQLite's primary result code of an error, 0 for another kind of error. */
export function resultCodeOf(error: unknown): number {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : 0;
  return typeof code === 'number' ? code & 0xff : 0;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const tableCount = 'SELECT count(*) FROM sqlite_schema';
const busyCode = 5;
const notADatabaseCode = 26;
/**
 * How long a connection waits for another one's write. What is saved of a migration of 100,000 stations takes seconds on a slow disk, and a commit that gave up on it would be taken for a failed disk: stations
 * would lose their links. One that waits longer is noticed as a disk that hangs (runtime/journal-writer.ts).
 */
const busyTimeoutMs = 6_000;

function opening(
  file: string,
  readOnly: boolean,
  prepare: (database: DatabaseSync) => OpenFault | null,
): Result<DatabaseSync, OpenFault> {
  const version = process.versions['sqlite'] ?? '0';
  if (isOlder(version)) {
    return fault(
      'sqlite_too_old',
      `SQLite ${version} can corrupt a journal: run Busbar on a Node with ${sqliteVersionMin.join('.')} or later`,
    );
  }
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(file, { readOnly, timeout: busyTimeoutMs });
    const found = prepare(database);
    if (found === null) return ok(database);
    database.close();
    return fail(found);
  } catch (error) {
    database?.close();
    if (resultCodeOf(error) === notADatabaseCode) return notAJournal(file);
    return cannotOpen(file, error);
  }
}

function cannotOpen(file: string, error: unknown): Result<never, OpenFault> {
  const isFull = resultCodeOf(error) === fullCode;
  const advice = isFull
    ? diskFull
    : (faultOfPlace(file) ?? 'name a file in a folder that this user may write to');
  return fault(
    isFull ? 'disk_full' : 'cannot_open',
    `${file} cannot be opened (${messageOf(error)}); ${advice}`,
  );
}

function migrate(database: DatabaseSync, file: string): OpenFault | null {
  const schema = numberOf(database, 'PRAGMA user_version');
  const application = numberOf(database, 'PRAGMA application_id');
  if (application !== applicationId && numberOf(database, tableCount) > 0) return notAJournal(file).fault;
  if (schema > migrations.length) {
    return {
      fault: 'newer_schema',
      detail: `${file} was written by a newer Busbar (schema ${schema}, this one knows ${migrations.length}): run that release or a later one`,
    };
  }
  if (schema === migrations.length) return null;
  const steps = migrations.slice(schema).join('\n');
  database.exec(`
    BEGIN IMMEDIATE;
    ${steps}
    PRAGMA application_id = ${applicationId};
    PRAGMA user_version = ${migrations.length};
    COMMIT;
  `);
  return null;
}

function isOlder(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [at, wanted] of sqliteVersionMin.entries()) {
    const part = parts[at] ?? 0;
    if (part !== wanted) return part < wanted;
  }
  return false;
}

function numberOf(database: DatabaseSync, sql: string): number {
  const row = database.prepare(sql).get() ?? {};
  return Number(Object.values(row)[0]);
}

function notAJournal(file: string): { readonly ok: false; readonly fault: OpenFault } {
  return fault('not_a_journal', `${file} is no journal of Busbar's: name another file under storage`);
}

function fault(code: OpenFaultCode, detail: string): { readonly ok: false; readonly fault: OpenFault } {
  return fail({ fault: code, detail });
}
