import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSqliteAudit } from '../../src/adapters/sqlite/audit-log.ts';
import { openSqliteJournal } from '../../src/adapters/sqlite/journal-store.ts';
import { createSqliteMigrationStore } from '../../src/adapters/sqlite/migration-store.ts';
import { faultOfPlace } from '../../src/adapters/sqlite/place.ts';
import { createWriter, type Writer } from '../../src/adapters/sqlite/writer.ts';
import { keepAll, openFile, quietLog, temporaryFolder } from '../contract/journal-stores.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { batchOf, frameRecord } from '../contract/journal-samples.ts';
import { headOf, saveOf } from '../contract/migration-saves.ts';

const intent = {
  at: 1,
  who: 'ops',
  action: 'station.command',
  target: 'CP-1',
  request: {},
  reason: null,
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

function commit(writer: Writer, position: number, body = Buffer.from('x')): ReturnType<Writer['commit']> {
  const head = { first: position, last: position, atFrom: 0, atTo: 0, records: 1, stations: '\nA\n' };
  return writer.commit({ ...head, body, saved: [], kept: [], indexed: ['A'] });
}

describe('a journal that is taken away while it is written', () => {
  test.each(['journal.db', 'journal.db-wal', 'journal.db-lock'])(
    'is told to nobody as written: %s',
    (name) => {
      const file = join(folder.path, 'journal.db');
      writeFileSync(`${file}-lock`, '');
      for (const first of [1, 3]) {
        const writer = createWriter(file);
        writer.open();
        expect(commit(writer, first)).toBeNull();
        renameSync(join(folder.path, name), join(folder.path, 'away'));
        expect(commit(writer, first + 1)).toMatchObject({
          fault: 'disk_failing',
          detail: expect.stringMatching(
            /journal\.db or its -wal or -lock was removed .* move the same file back, or restart/,
          ),
        });
        renameSync(join(folder.path, 'away'), join(folder.path, name));
        expect(commit(writer, first + 1)).toBeNull();
        writer.close();
      }
    },
  );

  test('is not begun anew in its place, and another one is not taken for it', () => {
    const file = join(folder.path, 'journal.db');
    const writer = createWriter(file);
    writer.open();
    expect(commit(writer, 1)).toBeNull();
    rmSync(file);
    expect(commit(writer, 2)).toMatchObject({ fault: 'disk_failing' });
    writeFileSync(file, '');
    expect(commit(writer, 2)).toMatchObject({ fault: 'disk_failing' });
    writer.close();
  });
});

describe('the audit and the migrations beside a journal that is taken away', () => {
  test.each(['journal.db', 'journal.db-wal', 'journal.db-lock'])(
    'are refused until it is back: %s',
    async (name) => {
      const file = join(folder.path, 'journal.db');
      const journal = await openFile(file);
      const [audit, late] = [1, 2].map(() => createSqliteAudit({ file, entriesMax: 10 }));
      const migrations = createSqliteMigrationStore({ file, log: quietLog });
      expect(await audit?.list(null, 1)).toEqual({ ok: true, value: [] });
      expect(await migrations.load()).toEqual({ ok: true, value: [] });
      renameSync(join(folder.path, name), join(folder.path, 'away'));
      const refused = {
        fault: 'unavailable',
        detail: expect.stringMatching(/journal\.db or its -wal or -lock was removed/) as string,
      };
      expect(await audit?.begin(intent)).toEqual({ ok: false, fault: refused });
      // One that has no connection yet.
      expect(await late?.begin(intent)).toEqual({ ok: false, fault: refused });
      expect(await migrations.save(saveOf(headOf('m-1')))).toEqual(refused);
      expect(existsSync(join(folder.path, name))).toBe(false);
      renameSync(join(folder.path, 'away'), join(folder.path, name));
      expect(await audit?.begin(intent)).toEqual({ ok: true, value: 1 });
      expect(await late?.begin(intent)).toEqual({ ok: true, value: 2 });
      expect(await migrations.load()).toEqual({ ok: true, value: [] });
      await Promise.all([audit?.close(), late?.close(), migrations.close()]);
      await journal.close();
    },
  );
});

describe('a journal whose lock is removed while it is written', () => {
  test('has one writer: the next process, which found it free, and no more the one before', async () => {
    const file = join(folder.path, 'journal.db');
    const before = await openFile(file);
    expect(await before.commit(batchOf(1, [frameRecord()]))).toBeNull();
    await expect(openFile(file)).rejects.toThrow(/in use by another process/);
    rmSync(`${file}-lock`);
    const next = await openFile(file);
    const second = batchOf(next.lastPosition + 1, [frameRecord({ station: 'CP-2' as StationId })]);
    expect(await next.commit(second)).toBeNull();
    expect(await before.commit(batchOf(second.first, [frameRecord()]))).toMatchObject({
      fault: 'disk_failing',
    });
    const { records } = await next.reader.records(second.first - 1, 10);
    expect(records.map(({ record }) => 'station' in record && record.station)).toEqual(['CP-2']);
    await next.close();
    // Nor once that one has ended.
    expect(await before.commit(batchOf(second.first, [frameRecord()]))).toMatchObject({
      fault: 'disk_failing',
    });
    await before.close();
  });
});

/** A file system of that size in the folder, or false where the tests may not mount one. */
function mount(path: string, options: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]).status === 0;
}

/** Writes until there is no room left. */
function fillUp(file: string): void {
  const block = Buffer.alloc(4_096);
  expect(() => {
    for (;;) appendFileSync(file, block);
  }).toThrow('ENOSPC');
}

/** A thread that was refused its file lets go of it a moment later, and a file system in use stays as it is. */
async function done(command: string, ...args: readonly string[]): Promise<void> {
  await expect.poll(() => spawnSync(command, args).status, { timeout: 5_000 }).toBe(0);
}

describe('a place that cannot be written', () => {
  test('is told by what is wrong with it', async () => {
    writeFileSync(join(folder.path, 'file'), '');
    expect(faultOfPlace(join(folder.path, 'file', 'journal.db'))).toMatch(/a part of the path is a file/);
    expect(faultOfPlace(join(folder.path, 'a', 'b', 'journal.db'))).toBeNull();
    mkdirSync(join(folder.path, 'taken'));
    await expect(openFile(join(folder.path, 'taken'))).rejects.toThrow(/it is a folder; name a file/);
    await expect(openFile(join(folder.path, 'file', 'journal.db'))).rejects.toThrow(
      /a part of the path is a file/,
    );
  });

  test('is full for as long as it is, also for the commits that open the file anew', async (context) => {
    if (!mount(folder.path, 'size=1m')) context.skip();
    try {
      const writer = createWriter(join(folder.path, 'journal.db'));
      writer.open();
      expect(commit(writer, 1)).toBeNull();
      fillUp(join(folder.path, 'ballast'));
      const faults = [2, 3, 4].map(() => commit(writer, 2, randomBytes(64 * 1024))?.fault);
      expect(faults).toEqual(['disk_full', 'disk_full', 'disk_full']);
      rmSync(join(folder.path, 'ballast'));
      expect(commit(writer, 2)).toBeNull();
      writer.close();
    } finally {
      await done('umount', folder.path);
    }
  });

  test('on a full disk and on one that is read-only, also where its folder is not there', async (context) => {
    if (!mount(folder.path, 'size=16k')) context.skip();
    try {
      const file = join(folder.path, 'journal.db');
      await expect(openFile(file)).rejects.toThrow(/journal\.db.* the disk is full; free space/);
      await done('mount', '-o', 'remount,ro', folder.path);
      await expect(openFile(file)).rejects.toThrow(/journal\.db.* the file system is read-only/);
      expect(faultOfPlace(join(folder.path, 'data', 'more'), 'ENOENT')).toMatch(/read-only/);
    } finally {
      await done('umount', folder.path);
    }
  });
});

test('a journal is in use under every name that leads to it', async () => {
  const file = join(folder.path, 'journal.db');
  const link = join(folder.path, 'current.db');
  const store = await openFile(file);
  symlinkSync(file, link);
  const second = await openSqliteJournal({ file: link, retention: keepAll, log: quietLog });
  expect(second).toMatchObject({ ok: false, fault: { fault: 'in_use' } });
  await store.close();
  const alone = await openSqliteJournal({ file: link, retention: keepAll, log: quietLog });
  expect(alone.ok).toBe(true);
  if (alone.ok) await alone.value.close();
});
