/** What every store of migrations promises. */
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createMemoryMigrationStore } from '../../src/adapters/memory/migration-store.ts';
import { createSqliteMigrationStore } from '../../src/adapters/sqlite/migration-store.ts';
import type { Evidence } from '../../src/core/migration/state.ts';
import type { MigrationStore, StoredMigration } from '../../src/ports/migrations.ts';
import { migrationsKept } from '../../src/ports/migrations.ts';
import { openFile, quietLog, temporaryFolder } from './journal-stores.ts';
import { headOf, progressOf, saveOf } from './migration-saves.ts';

const disposals: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0).toReversed()) await dispose();
});

const kinds: readonly { name: string; make: () => Promise<MigrationStore> }[] = [
  { name: 'in memory', make: () => Promise.resolve(createMemoryMigrationStore()) },
  {
    name: 'in SQLite',
    make: async () => {
      const folder = await temporaryFolder();
      disposals.push(() => folder.remove());
      const file = join(folder.path, 'journal.db');
      const journal = await openFile(file);
      disposals.push(() => journal.close());
      return createSqliteMigrationStore({ file, log: quietLog });
    },
  },
];

function evidenceOf(number: number, reason: string | null = null): Evidence {
  return {
    number,
    at: 1_700_000_000_000 + number,
    who: 'ops',
    what: 'decision',
    station: null,
    wave: null,
    before: null,
    after: 'start',
    reason,
    values: { share: 0.5 },
  };
}

async function loaded(store: MigrationStore): Promise<readonly StoredMigration[]> {
  const all = await store.load();
  if (!all.ok) throw new Error(all.fault.detail);
  return all.value;
}

async function evidenceIn(store: MigrationStore, after: number, limit: number): Promise<readonly Evidence[]> {
  const page = await store.evidence('m1', after, limit);
  if (!page.ok) throw new Error(page.fault.detail);
  return page.value;
}

describe.each(kinds)('a store of migrations $name', ({ make }) => {
  test('gives back what was saved, in the order in which it was first saved', async () => {
    const store = await make();
    expect(await loaded(store)).toEqual([]);
    const stations = [progressOf('CP-2'), progressOf('CP-1')];
    expect(await store.save(saveOf(headOf('m2'), { stations }))).toBeNull();
    expect(await store.save(saveOf(headOf('m1')))).toBeNull();
    const moved = progressOf('CP-2', { phase: 'failed', reason: 'ü \u0000 "' });
    const head = headOf('m2', { phase: 'running' });
    expect(await store.save(saveOf(head, { stations: [moved] }))).toBeNull();
    expect(await loaded(store)).toEqual([
      { head, stations: [moved, stations[1]] },
      { head: headOf('m1'), stations: [] },
    ]);
    await store.close();
  });

  test('keeps what it was handed as it was then', async () => {
    const store = await make();
    const progress = progressOf('CP-1');
    const saved = store.save(saveOf(headOf('m1'), { stations: [progress] }));
    progress.phase = 'failed';
    await saved;
    expect((await loaded(store))[0]?.stations).toEqual([progressOf('CP-1')]);
    await store.close();
  });

  test('forgets the stations of a plan that was looked at anew', async () => {
    const store = await make();
    await store.save(saveOf(headOf('m1'), { stations: [progressOf('CP-1'), progressOf('CP-2')] }));
    await store.save(saveOf(headOf('m1'), { stations: [progressOf('CP-3')], isReplaced: true }));
    expect((await loaded(store))[0]?.stations).toEqual([progressOf('CP-3')]);
    await store.close();
  });

  test('appends evidence and never changes it', async () => {
    const store = await make();
    await store.save(saveOf(headOf('m1'), { evidence: [evidenceOf(1), evidenceOf(2)] }));
    await store.save(saveOf(headOf('m1'), { evidence: [evidenceOf(2, 'another'), evidenceOf(3)] }));
    expect(await evidenceIn(store, 0, 10)).toEqual([1, 2, 3].map((number) => evidenceOf(number)));
    expect(await evidenceIn(store, 1, 1)).toEqual([evidenceOf(2)]);
    expect(await evidenceIn(store, 3, 10)).toEqual([]);
    await store.close();
  });

  test('forgets the oldest that are over once there are too many', async () => {
    const store = await make();
    await store.save(saveOf(headOf('live')));
    for (let serial = 0; serial < migrationsKept; serial += 1)
      await store.save(saveOf(headOf(`m${serial}`, { phase: 'done' })));
    const ids = (await loaded(store)).map(({ head }) => head.id);
    expect(ids.slice(0, 2)).toEqual(['live', 'm1']);
    expect(ids).toHaveLength(migrationsKept);
    await store.close();
  });
});
