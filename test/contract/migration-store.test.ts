/** What every store of migrations promises. */
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createMemoryMigrationStore } from '../../src/adapters/memory/migration-store.ts';
import { createSqliteMigrationStore } from '../../src/adapters/sqlite/migration-store.ts';
import { noSideEffects, planDefaults } from '../../src/core/migration/plan.ts';
import type { Evidence, MigrationHead, StationProgress } from '../../src/core/migration/state.ts';
import type { MigrationSave, MigrationStore, StoredMigration } from '../../src/ports/migrations.ts';
import { migrationsKept } from '../../src/ports/migrations.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { openFile, quietLog, temporaryFolder } from './journal-stores.ts';

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

function headOf(id: string): MigrationHead {
  return {
    id,
    plan: {
      ...planDefaults,
      name: `leave-${id}`,
      from: 'old',
      to: 'new',
      waves: [],
      gates: [],
      approve: false,
      also: noSideEffects,
    },
    createdAt: 1_700_000_000_000,
    phase: 'ready',
    reason: null,
    since: 1_700_000_000_000,
    isGoingBack: false,
    waves: [],
    problems: [],
    canaries: [],
    watchedMs: 0,
    ranMs: 0,
    evidence: 0,
    evidenceLeftOut: 0,
  };
}

function progressOf(station: string, phase: StationProgress['phase'] = 'planned'): StationProgress {
  return {
    station: station as StationId,
    wave: 0,
    phase,
    reason: phase === 'failed' ? 'ü \u0000 "' : null,
    since: 1_700_000_000_000,
    movedAt: null,
    isCutOrdered: false,
    attached: 'no',
    refusals: 0,
    blocked: null,
    waitedMs: { transaction: 0, other: 0 },
    retryAtMs: 0,
    isBootAccepted: null,
    isAnswered: false,
    isStuck: false,
    effects: [],
  };
}

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

const saveOf = (id: string, more: Partial<MigrationSave> = {}): MigrationSave => ({
  head: headOf(id),
  stations: [],
  isReplaced: false,
  evidence: [],
  ...more,
});

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
    expect(await store.save(saveOf('m2', { stations }))).toBeNull();
    expect(await store.save(saveOf('m1'))).toBeNull();
    const moved = progressOf('CP-2', 'failed');
    const head = { ...headOf('m2'), phase: 'running' as const };
    expect(await store.save(saveOf('m2', { head, stations: [moved] }))).toBeNull();
    expect(await loaded(store)).toEqual([
      { head, stations: [moved, stations[1]] },
      { head: headOf('m1'), stations: [] },
    ]);
    await store.close();
  });

  test('keeps what it was handed as it was then', async () => {
    const store = await make();
    const progress = progressOf('CP-1');
    const saved = store.save(saveOf('m1', { stations: [progress] }));
    progress.phase = 'failed';
    await saved;
    expect((await loaded(store))[0]?.stations).toEqual([progressOf('CP-1')]);
    await store.close();
  });

  test('forgets the stations of a plan that was looked at anew', async () => {
    const store = await make();
    await store.save(saveOf('m1', { stations: [progressOf('CP-1'), progressOf('CP-2')] }));
    await store.save(saveOf('m1', { stations: [progressOf('CP-3')], isReplaced: true }));
    expect((await loaded(store))[0]?.stations).toEqual([progressOf('CP-3')]);
    await store.close();
  });

  test('appends evidence and never changes it', async () => {
    const store = await make();
    await store.save(saveOf('m1', { evidence: [evidenceOf(1), evidenceOf(2)] }));
    await store.save(saveOf('m1', { evidence: [evidenceOf(2, 'another'), evidenceOf(3)] }));
    expect(await evidenceIn(store, 0, 10)).toEqual([1, 2, 3].map((number) => evidenceOf(number)));
    expect(await evidenceIn(store, 1, 1)).toEqual([evidenceOf(2)]);
    expect(await evidenceIn(store, 3, 10)).toEqual([]);
    await store.close();
  });

  test('forgets the oldest that are over once there are too many', async () => {
    const store = await make();
    await store.save(saveOf('live'));
    for (let serial = 0; serial < migrationsKept; serial += 1)
      await store.save(saveOf(`m${serial}`, { head: { ...headOf(`m${serial}`), phase: 'done' } }));
    const ids = (await loaded(store)).map(({ head }) => head.id);
    expect(ids.slice(0, 2)).toEqual(['live', 'm1']);
    expect(ids).toHaveLength(migrationsKept);
    await store.close();
  });
});
