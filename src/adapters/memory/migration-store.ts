/**
 * Migrations that last as long as the process: for a gateway whose storage does, and for tests.
 */
import { isOver } from '../../core/migration/phase.ts';
import type { Evidence, StationProgress } from '../../core/migration/state.ts';
import {
  migrationsKept,
  type MigrationStore,
  type MigrationStoreFault,
  type StoredMigration,
} from '../../ports/migrations.ts';
import { fail, ok } from '../../std/result.ts';

/** What is kept, as text, so that nobody holds a live copy of it. */
export interface MemoryMigrations {
  readonly migrations: Map<
    string,
    { head: string; readonly stations: Map<string, string>; readonly evidence: Map<number, string> }
  >;
}

export interface MemoryMigrationsOptions {
  /** Handed to the next store, it is a restart. */
  readonly disk?: MemoryMigrations;
  /** Asked before every read and write: what the disk would say. */
  readonly faultOfDisk?: () => MigrationStoreFault | null;
}

export function memoryMigrations(): MemoryMigrations {
  return { migrations: new Map() };
}

export function createMemoryMigrationStore({
  disk = memoryMigrations(),
  faultOfDisk = sound,
}: MemoryMigrationsOptions = {}): MigrationStore {
  const { migrations } = disk;
  return {
    load: () => {
      const fault = faultOfDisk();
      if (fault !== null) return Promise.resolve(fail(fault));
      return Promise.resolve(ok([...migrations.values()].map(stored)));
    },
    save: ({ head, stations, isReplaced, evidence }) => {
      const fault = faultOfDisk();
      if (fault !== null) return Promise.resolve(fault);
      const kept = migrations.get(head.id) ?? { head: '', stations: new Map(), evidence: new Map() };
      migrations.set(head.id, kept);
      kept.head = JSON.stringify(head);
      if (isReplaced) kept.stations.clear();
      for (const progress of stations) kept.stations.set(progress.station, JSON.stringify(progress));
      for (const entry of evidence)
        if (!kept.evidence.has(entry.number)) kept.evidence.set(entry.number, JSON.stringify(entry));
      forgetOldest(disk);
      return Promise.resolve(null);
    },
    evidence: (id, after, limit) => {
      const fault = faultOfDisk();
      if (fault !== null) return Promise.resolve(fail(fault));
      const entries: Evidence[] = [];
      for (const [number, text] of migrations.get(id)?.evidence ?? []) {
        if (number > after) entries.push(JSON.parse(text) as Evidence);
        if (entries.length === limit) break;
      }
      return Promise.resolve(ok(entries));
    },
    close: () => Promise.resolve(),
  };
}

function stored({
  head,
  stations,
}: {
  head: string;
  stations: ReadonlyMap<string, string>;
}): StoredMigration {
  return {
    head: JSON.parse(head) as StoredMigration['head'],
    stations: [...stations.values()].map((text) => JSON.parse(text) as StationProgress),
  };
}

function forgetOldest({ migrations }: MemoryMigrations): void {
  for (const [id, { head }] of migrations) {
    if (migrations.size <= migrationsKept) return;
    const { phase } = JSON.parse(head) as StoredMigration['head'];
    if (isOver(phase)) migrations.delete(id);
  }
}

function sound(): null {
  return null;
}
