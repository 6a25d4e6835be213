/**
 * The journal stores that the contract is held against, each on storage that can be opened again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryDisk, openMemoryJournal } from '../../src/adapters/memory/journal-store.ts';
import { openSqliteJournal } from '../../src/adapters/sqlite/journal-store.ts';
import type { JournalStore, Retention } from '../../src/ports/journal-store.ts';
import type { Log } from '../../src/ports/log.ts';

export interface StoreUnderTest {
  readonly name: string;
  /** Fresh storage. `open` opens it, again after each close; `dispose` leaves nothing behind. */
  prepare(): Promise<{ open(retention?: Retention): Promise<JournalStore>; dispose(): Promise<void> }>;
}

export const keepAll: Retention = { framesMs: Infinity, bytesMax: Infinity };

const quiet = (): void => undefined;
export const quietLog: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** A folder of its own for a test, and how to remove it. */
export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'busbar-journal-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Opens a journal file that is expected to be good. */
export async function openFile(
  file: string,
  retention: Retention = keepAll,
  log: Log = quietLog,
): Promise<JournalStore> {
  const opened = await openSqliteJournal({ file, retention, log });
  if (!opened.ok) throw new Error(opened.fault.detail);
  return opened.value;
}

export const storesUnderTest: readonly StoreUnderTest[] = [
  {
    name: 'in memory',
    prepare() {
      const disk = createMemoryDisk();
      return Promise.resolve({
        open: (retention = keepAll) => Promise.resolve(openMemoryJournal(disk, retention, Date.now)),
        dispose: () => Promise.resolve(),
      });
    },
  },
  {
    name: 'in SQLite',
    async prepare() {
      const folder = await temporaryFolder();
      return {
        open: (retention) => openFile(join(folder.path, 'journal.db'), retention),
        dispose: () => folder.remove(),
      };
    },
  },
];
