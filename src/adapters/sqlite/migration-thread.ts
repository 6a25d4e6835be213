/**
 * The migrations' thread: one transaction a step, read back whole at a start.
 *
 * Each row is under a checksum of all it says. A migration of which any row does not hold is told of and left as it is, and not given: nobody may move stations by half of what is
 * known. Evidence that does not hold is left out, which its number shows.
 */
import { crc32 } from 'node:zlib';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { workerData } from 'node:worker_threads';
import { isOver } from '../../core/migration/phase.ts';
import type { Evidence, MigrationHead } from '../../core/migration/state.ts';
import { migrationsKept, type MigrationSave } from '../../ports/migrations.ts';
import { serveBeside } from './beside-server.ts';
import type {
  MigrationAnswer,
  MigrationRequest,
  MigrationThreadData,
  UnreadableMigrationRow,
} from './migration-messages.ts';

serveBeside(workerData as MigrationThreadData, perform);

function perform(open: DatabaseSync, request: MigrationRequest): MigrationAnswer {
  switch (request.type) {
    case 'heads':
      return heads(open);
    case 'stations':
      return stationsBehind(open, request.after, request.limit);
    case 'save':
      open.exec('BEGIN IMMEDIATE');
      save(open, request.save);
      forgetOldest(open);
      open.exec('COMMIT');
      return { type: 'save' };
    case 'evidence':
      return evidence(open, request.id, request.after, request.limit);
  }
}

function heads(open: DatabaseSync): MigrationAnswer {
  const unreadable: UnreadableMigrationRow[] = [];
  const found: MigrationHead[] = [];
  const rows = open.prepare('SELECT id, head, checksum FROM migration ORDER BY serial');
  // A damaged integer may be beyond what a number holds; read as a number it would throw.
  rows.setReadBigInts(true);
  for (const row of rows.iterate()) {
    const [id, head] = textsOf(row, 'id', 'head');
    if (holds(row, id, head)) found.push(JSON.parse(head) as MigrationHead);
    else unreadable.push({ row: 'migration', migration: id });
  }
  return { type: 'heads', heads: found, unreadable };
}

function stationsBehind(open: DatabaseSync, after: number, limit: number): MigrationAnswer {
  const unreadable: UnreadableMigrationRow[] = [];
  const stations: { migration: string; progress: string }[] = [];
  const rows = open.prepare(
    'SELECT serial, migration, station, progress, checksum FROM migration_station WHERE serial > ? ORDER BY serial LIMIT ?',
  );
  rows.setReadBigInts(true);
  let last = after;
  let count = 0;
  for (const row of rows.iterate(after, limit)) {
    last = Number(row['serial']);
    count += 1;
    const [migration, station, progress] = textsOf(row, 'migration', 'station', 'progress');
    if (holds(row, migration, station, progress)) stations.push({ migration, progress });
    else unreadable.push({ row: 'migration_station', migration, station });
  }
  return { type: 'stations', stations, unreadable, next: count < limit ? null : last };
}

function save(open: DatabaseSync, { head, stations, isReplaced, evidence: entries }: MigrationSave): void {
  const { id } = head;
  const text = JSON.stringify(head);
  open
    .prepare(
      'INSERT INTO migration (id, head, checksum) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET head = excluded.head, checksum = excluded.checksum',
    )
    .run(id, text, checksumOf(id, text));
  if (isReplaced) open.prepare('DELETE FROM migration_station WHERE migration = ?').run(id);
  const put = open.prepare(
    'INSERT INTO migration_station (migration, station, progress, checksum) VALUES (?, ?, ?, ?) ON CONFLICT (migration, station) DO UPDATE SET progress = excluded.progress, checksum = excluded.checksum',
  );
  for (const one of stations) {
    const progress = JSON.stringify(one);
    put.run(id, one.station, progress, checksumOf(id, one.station, progress));
  }
  const append = open.prepare('INSERT OR IGNORE INTO migration_evidence VALUES (?, ?, ?, ?)');
  for (const one of entries) {
    const entry = JSON.stringify(one);
    append.run(id, one.number, entry, checksumOf(id, String(one.number), entry));
  }
}

/** Evidence deleted at once: a commit of frames waits for this one. */
const deletedAtOnce = 10_000;

/** One that has more evidence than is deleted at once goes with the saves that follow. */
function forgetOldest(open: DatabaseSync): void {
  const count = Number(open.prepare('SELECT count(*) AS count FROM migration').get()?.['count']);
  let surplus = count - migrationsKept;
  if (surplus <= 0) return;
  for (const row of open.prepare('SELECT id, head, checksum FROM migration ORDER BY serial').all()) {
    const [id, head] = textsOf(row, 'id', 'head');
    if (surplus === 0) return;
    if (!holds(row, id, head) || !isOver((JSON.parse(head) as MigrationHead).phase)) continue;
    const { changes } = open
      .prepare(
        'DELETE FROM migration_evidence WHERE migration = ? AND number IN (SELECT number FROM migration_evidence WHERE migration = ? ORDER BY number LIMIT ?)',
      )
      .run(id, id, deletedAtOnce);
    if (Number(changes) === deletedAtOnce) return;
    open.prepare('DELETE FROM migration_station WHERE migration = ?').run(id);
    open.prepare('DELETE FROM migration WHERE id = ?').run(id);
    surplus -= 1;
  }
}

function evidence(open: DatabaseSync, id: string, after: number, limit: number): MigrationAnswer {
  const unreadable: UnreadableMigrationRow[] = [];
  const entries: Evidence[] = [];
  const rows = open.prepare(
    'SELECT number, entry, checksum FROM migration_evidence WHERE migration = ? AND number > ? ORDER BY number',
  );
  rows.setReadBigInts(true);
  for (const row of rows.iterate(id, after)) {
    if (entries.length === limit) break;
    const [number, entry] = textsOf(row, 'number', 'entry');
    if (holds(row, id, number, entry)) entries.push(JSON.parse(entry) as Evidence);
    else unreadable.push({ row: 'migration_evidence', migration: id, number: Number(number) });
  }
  return { type: 'evidence', entries, unreadable };
}

function textsOf<Names extends readonly string[]>(
  row: Record<string, SQLOutputValue>,
  ...names: Names
): { [Key in keyof Names]: string } {
  return names.map((name) => String(row[name])) as { [Key in keyof Names]: string };
}

function holds(row: Record<string, SQLOutputValue>, ...texts: readonly string[]): boolean {
  return checksumOf(...texts) === Number(row['checksum']);
}

/** CRC-32 over all columns; part of the format. JSON holds no line feed, and neither do names. */
function checksumOf(...texts: readonly string[]): number {
  return crc32(texts.join('\n'));
}
