import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openFile, quietLog, temporaryFolder } from '../contract/journal-stores.ts';
import { batchOf, frameRecord } from '../contract/journal-samples.ts';
import { createJournalFeed } from '../../src/runtime/journal-feed.ts';
import { createJournal } from '../../src/runtime/journal-writer.ts';
import { integrityOf, positionsIn, startWriting } from './journal-disk.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

/** A file system of that size in the folder, or false where the tests may not mount one. */
function mount(path: string, size: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]).status === 0;
}

const canMount = ((): boolean => {
  const probe = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
  const isMounted = mount(probe, '64k');
  if (isMounted) execFileSync('umount', [probe]);
  rmSync(probe, { recursive: true });
  return isMounted;
})();

test('a commit waits for what is written beside it, such as a migration of a whole fleet, and does not fail', async () => {
  const file = join(folder.path, 'journal.db');
  const store = await openFile(file);
  const beside = new DatabaseSync(file);
  beside.exec('BEGIN IMMEDIATE');
  const commit = store.commit(batchOf(1, [frameRecord()]));
  // The other one takes this long.
  await setTimeout(3_500);
  beside.exec('COMMIT');
  expect(await commit).toBeNull();
  beside.close();
  await store.close();
});

describe.skipIf(!canMount)('on a disk that is full', () => {
  beforeEach(() => {
    expect(mount(folder.path, '4m')).toBe(true);
  });
  afterEach(() => {
    execFileSync('umount', [folder.path]);
  });

  test('nothing is confirmed that is not there; room made, it goes on by itself and notes what is missing', async () => {
    const file = join(folder.path, 'journal.db');
    const ballast = join(folder.path, 'ballast');
    const store = await openFile(file);
    const clock = { wallMs: () => Date.now(), nowMs: () => performance.now() };
    const feed = createJournalFeed(quietLog);
    const journal = createJournal({ store, feed, clock, log: quietLog, pendingMax: 200_000 });
    const confirmed: number[] = [];
    const append = (): void => {
      const position = journal.append(frameRecord({ text: noise(), idStart: 0, idEnd: 0 }));
      journal.afterCommit(
        position,
        (owner: number[], at: number) => void owner.push(at),
        confirmed,
        position,
      );
    };
    append();
    expect(await journal.flush(5_000)).toBe(true);
    fillUp(ballast);
    await expect
      .poll(() => (append(), journal.stats.recordsMissed), { timeout: 20_000, interval: 5 })
      .toBeGreaterThan(10);
    expect(journal.isWritable).toBe(false);
    const confirmedWhenFull = confirmed.length;
    rmSync(ballast);
    await expect.poll(() => journal.isWritable, { timeout: 10_000 }).toBe(true);
    expect(await journal.flush(5_000)).toBe(true);
    append();
    expect(await journal.flush(5_000)).toBe(true);
    expect(confirmed.length).toBeGreaterThan(confirmedWhenFull);

    const { records } = await store.reader.records(0, 10_000);
    const stored = new Set(records.map(({ position }) => position));
    expect(confirmed.filter((position) => !stored.has(position))).toEqual([]);
    const gaps = records.flatMap(({ record }) => (record.type === 'gap' ? [record.records] : []));
    expect(gaps).toEqual([journal.stats.recordsMissed]);
    await journal.close();
    expect(integrityOf(file)).toBe('ok');
  });
});

const hasStrace = spawnSync('strace', ['-V']).status === 0;

/** Enough for some sixty syncs. */
const written = 1_500;

describe.skipIf(!hasStrace)('on a disk whose calls fail', () => {
  // Side by side: most of what each takes is the second after which a commit is tried again.
  test.concurrent.each([
    ...Array.from({ length: 50 }, (_, at) => `fsync:error=EIO:when=${at + 1}`),
    'fsync:error=EIO:when=3..4',
    'pwrite64:error=EIO:when=1',
    'pwrite64:error=EIO:when=6',
    'pwrite64:error=ENOSPC:when=3',
  ])(
    '%s: what is confirmed is there, once and in order, nothing is lost, the file is whole',
    async (fault) => {
      const own = await temporaryFolder();
      const file = join(own.path, 'journal.db');
      // The file is made beforehand, so that the failing call is one of a commit or of what follows a failed one.
      const store = await openFile(file);
      expect(await store.commit(batchOf(1, [frameRecord()]))).toBe(null);
      await store.close();
      const call = fault.slice(0, fault.indexOf(':'));
      const strace = ['strace', '-f', '-qq', '-o', '/dev/null', '-P', `${file}-wal`, '-P', file];
      const writing = startWriting(file, written, [
        ...strace,
        '-e',
        `trace=${call}`,
        '-e',
        `inject=${fault}`,
      ]);
      expect(await writing.ended).toBe(0);
      // It is told of, whether a commit failed or what comes between commits.
      expect(writing.events().join()).toMatch(/journal_commit_failed|journal_disk_trouble/);
      const expected = Array.from({ length: written }, (_, at) => 3 + 2 * at);
      expect(writing.confirmed()).toEqual(expected);
      expect(await positionsIn(file)).toEqual([1, ...expected]);
      expect(integrityOf(file)).toBe('ok');
      await own.remove();
    },
  );
});

/** Text that does not pack, so that a small disk fills soon. */
function noise(): string {
  return Array.from({ length: 2_000 }, () =>
    String.fromCharCode(0x4e00 + Math.floor(Math.random() * 20_000)),
  ).join('');
}

/** Writes until the disk has no room left. */
function fillUp(file: string): void {
  const block = Buffer.alloc(64 * 1024);
  try {
    for (;;) writeFileSync(file, block, { flag: 'a' });
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  }
  expect(existsSync(file)).toBe(true);
}
