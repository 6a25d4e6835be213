/** The backup that docs/guide/storage.md tells of: a copy that another process makes while Busbar writes is a whole journal. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openSqliteJournal } from '../../src/adapters/sqlite/journal-store.ts';
import type { JournalBatch } from '../../src/ports/journal-store.ts';
import { silentLog } from './busbar-fixture.ts';

const retention = { framesMs: Infinity, bytesMax: Infinity };

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

test('a copy made as the guide says has every commit before it, and is a journal; nothing is stopped for it', async () => {
  const guide = await readFile(join(import.meta.dirname, '../../docs/guide/storage.md'), 'utf8');
  const [, statement = ''] = /sqlite3 -readonly \S+ "(VACUUM INTO '[^']+')"/.exec(guide) ?? [];
  expect(statement).not.toBe('');
  const folder = await mkdtemp(join(tmpdir(), 'busbar-copy-'));
  const file = join(folder, 'busbar.db');
  const opened = await openSqliteJournal({ file, retention, log: silentLog });
  if (!opened.ok) throw new Error(opened.fault.detail);
  for (const first of [1, 2]) expect(await opened.value.commit(batchAt(first))).toBeNull();
  const other = new DatabaseSync(file, { readOnly: true });
  const copy = join(folder, 'copy.db');
  other.exec(statement.replace(/'.+'/, `'${copy}'`));
  other.close();
  expect(await opened.value.commit(batchAt(3))).toBeNull();
  await opened.value.close();

  const read = new DatabaseSync(copy, { readOnly: true });
  expect(read.prepare('SELECT first FROM batch ORDER BY first').all()).toEqual([{ first: 1 }, { first: 2 }]);
  read.close();
  const again = await openSqliteJournal({ file: copy, retention, log: silentLog });
  expect(again.ok).toBe(true);
  if (again.ok) await again.value.close();
  await rm(folder, { recursive: true });
});
