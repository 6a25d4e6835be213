/** What is told of migrations on a real disk: over a restart, damaged, and half written. */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createSqliteMigrationStore } from '../../src/adapters/sqlite/migration-store.ts';
import type { Evidence } from '../../src/core/migration/state.ts';
import type { MigrationStore, StoredMigration } from '../../src/ports/migrations.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { openFile, quietLog, temporaryFolder } from '../contract/journal-stores.ts';
import { headOf, progressOf, saveOf } from '../contract/migration-saves.ts';

const disposals: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0).toReversed()) await dispose();
});

async function prepareFile() {
  const folder = await temporaryFolder();
  disposals.push(() => folder.remove());
  const file = join(folder.path, 'journal.db');
  const journal = await openFile(file);
  disposals.push(() => journal.close());
  const logged: unknown[] = [];
  const open = (): MigrationStore => {
    const log = { ...quietLog, error: (event: string, fields?: object) => void logged.push([event, fields]) };
    const store = createSqliteMigrationStore({ file, log });
    disposals.push(() => store.close());
    return store;
  };
  return { file, open, logged };
}

function evidenceOf(number: number, given: Partial<Evidence> = {}): Evidence {
  return {
    number,
    at: 1_700_000_000_000 + number,
    who: 'busbar',
    what: 'station',
    station: 'CP-1' as StationId,
    wave: 'canary',
    before: 'synced',
    after: 'moved',
    reason: null,
    values: { sessions: 2 },
    ...given,
  };
}

async function load(store: MigrationStore): Promise<readonly StoredMigration[]> {
  const loaded = await store.load();
  if (!loaded.ok) throw new Error(loaded.fault.detail);
  return loaded.value;
}

async function evidence(store: MigrationStore, id: string, after = 0, limit = 100): Promise<number[]> {
  const page = await store.evidence(id, after, limit);
  if (!page.ok) throw new Error(page.fault.detail);
  return page.value.map(({ number }) => number);
}

test('outlives the process', async () => {
  const { open } = await prepareFile();
  const first = open();
  const moved = progressOf('CP-2', { phase: 'moved', movedAt: 5 });
  await first.save(saveOf(headOf('m1'), { stations: [progressOf('CP-2'), progressOf('CP-1')] }));
  const running = headOf('m1', { phase: 'running' });
  await first.save(saveOf(running, { stations: [moved], evidence: [evidenceOf(1)] }));
  await first.close();
  const second = open();
  expect(await load(second)).toEqual([{ head: running, stations: [moved, progressOf('CP-1')] }]);
  expect(await evidence(second, 'm1')).toEqual([1]);
});

test('without its file is a fault, and closed too', async () => {
  const store = createSqliteMigrationStore({ file: '/nowhere/at/all/journal.db', log: quietLog });
  expect(await store.load()).toMatchObject({ ok: false, fault: { fault: 'unavailable' } });
  expect(await store.save(saveOf(headOf('m1')))).toMatchObject({ fault: 'unavailable' });
  await store.close();
  expect(await store.evidence('m1', 0, 1)).toMatchObject({ ok: false, fault: { fault: 'unavailable' } });
});

test.each([
  ["UPDATE migration SET head = replace(head, 'ready', 'reidy') WHERE id = 'm1'", 'migration'],
  ["UPDATE migration SET id = 'm9' WHERE id = 'm1'", 'migration'],
  [
    "UPDATE migration_station SET progress = replace(progress, 'planned', 'plenned') WHERE migration = 'm1'",
    'migration_station',
  ],
  [
    "UPDATE migration_station SET checksum = -9223372036854775808 WHERE migration = 'm1'",
    'migration_station',
  ],
])('does not give a migration of which a row is damaged, and leaves it as it is: %s', async (sql, row) => {
  const { file, open, logged } = await prepareFile();
  const store = open();
  await store.save(saveOf(headOf('m1'), { stations: [progressOf('CP-1')] }));
  await store.save(saveOf(headOf('m2'), { stations: [progressOf('CP-1')] }));
  inFile(file, (database) => database.exec(sql));
  expect((await load(store)).map(({ head }) => head.id)).toEqual(['m2']);
  expect(logged).toMatchObject([['journal_corrupt', { row }]]);
  for (const table of ['migration', 'migration_station'])
    expect(inFile(file, (database) => database.prepare(`SELECT count(*) FROM ${table}`).get())).toEqual({
      'count(*)': 2,
    });
});

test('leaves damaged evidence out, without ending there', async () => {
  const { file, open, logged } = await prepareFile();
  const store = open();
  await store.save(saveOf(headOf('m1'), { evidence: [1, 2, 3].map((number) => evidenceOf(number)) }));
  inFile(file, (database) =>
    database.exec("UPDATE migration_evidence SET entry = replace(entry, 'moved', 'mxved') WHERE number = 1"),
  );
  expect(await evidence(store, 'm1', 0, 2)).toEqual([2, 3]);
  expect(logged).toMatchObject([['journal_corrupt', { row: 'migration_evidence', number: 1 }]]);
});

test('saves a step whole or not at all', async () => {
  const { file, open } = await prepareFile();
  const store = open();
  await store.save(saveOf(headOf('m1'), { stations: [progressOf('CP-1')] }));
  inFile(file, (database) =>
    database.exec(
      "CREATE TRIGGER no_evidence BEFORE INSERT ON migration_evidence BEGIN SELECT raise(ABORT, 'no room'); END",
    ),
  );
  const step = saveOf(headOf('m1', { phase: 'running' }), {
    stations: [progressOf('CP-1', { phase: 'moved' })],
    evidence: [evidenceOf(1)],
  });
  expect(await store.save(step)).toMatchObject({ fault: 'unavailable', detail: 'no room' });
  expect(await load(store)).toMatchObject([{ head: { phase: 'ready' }, stations: [{ phase: 'planned' }] }]);
  inFile(file, (database) => database.exec('DROP TRIGGER no_evidence'));
  expect(await store.save(step)).toBeNull();
  expect(await evidence(store, 'm1')).toEqual([1]);
});

function inFile<Value>(file: string, work: (database: DatabaseSync) => Value): Value {
  const database = new DatabaseSync(file);
  const value = work(database);
  database.close();
  return value;
}

test('however many stations are kept of migrations, all are read back in order', async () => {
  const { open } = await prepareFile();
  const store = open();
  const saved = ['m1', 'm2'].map((id) => ({
    head: headOf(id),
    stations: Array.from({ length: 4_321 }, (_, at) => progressOf(`${id}-${at}`)),
  }));
  for (const { head, stations } of saved) await store.save(saveOf(head, { stations }));
  expect(await load(store)).toEqual(saved);
});
