import { mkdtemp, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockJournal } from '../../src/adapters/sqlite/database.ts';
import { openSqliteJournal } from '../../src/adapters/sqlite/journal-store.ts';
import type { JournalBatch } from '../../src/ports/journal-store.ts';
import { silentLog } from './busbar-fixture.ts';

function batchAt(first: number): JournalBatch {
  return {
    first,
    last: first,
    records: 1,
    atFrom: 0,
    atTo: 0,
    stations: new Set(),
    saved: new Map(),
    body: new Uint8Array(10),
    kept: [],
  } as unknown as JournalBatch;
}

test('a thread that is started anew while the journal closes is closed too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-journal-'));
  const file = join(folder, 'j.db');
  const opened = await openSqliteJournal({
    file,
    retention: { framesMs: Infinity, bytesMax: Infinity },
    log: silentLog,
  });
  if (!opened.ok) throw new Error(opened.fault.detail);
  const store = opened.value;
  expect(await store.commit(batchAt(1))).toBeNull();
  const other = new DatabaseSync(file);
  other.exec('DROP TABLE batch');
  const faults = [await store.commit(batchAt(2)), await store.commit(batchAt(2))];
  expect(faults.at(-1)?.fault).toBe('store_stopped');
  other.exec(
    'CREATE TABLE batch (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, at_from INTEGER NOT NULL, at_to INTEGER NOT NULL, records INTEGER NOT NULL, checksum INTEGER NOT NULL, encoding INTEGER NOT NULL, stations TEXT NOT NULL, body BLOB NOT NULL) STRICT',
  );
  other.close();
  const committing = store.commit(batchAt(2));
  await store.close();
  await committing;
  const lock = lockJournal(file);
  expect(lock.ok).toBe(true);
  if (lock.ok) lock.value.close();
  await rm(folder, { recursive: true });
});
