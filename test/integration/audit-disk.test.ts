/** The audit on a real disk: full, and over a restart. */
import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSqliteAudit } from '../../src/adapters/sqlite/audit-log.ts';
import { batchOf, frameRecord } from '../contract/journal-samples.ts';
import { openFile, temporaryFolder } from '../contract/journal-stores.ts';
import { startFixture } from './busbar-fixture.ts';
import { integrityOf } from './journal-disk.ts';

const intent = {
  at: 1,
  who: 'ops',
  action: 'station.command',
  target: 'CP-1',
  request: { action: 'Reset', note: 'x'.repeat(2_000) },
  reason: null,
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let isMounted = false;
beforeEach(async () => {
  folder = await temporaryFolder();
  isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder.path]).status === 0;
});
afterEach(async () => {
  if (isMounted) execFileSync('umount', [folder.path]);
  await folder.remove();
});

test('on a disk that is full an entry is refused, and taken again once there is room', async ({ skip }) => {
  skip(!isMounted, 'the tests may not mount a file system here');
  const file = join(folder.path, 'journal.db');
  const ballast = join(folder.path, 'ballast');
  const journal = await openFile(file);
  const audit = createSqliteAudit({ file, entriesMax: 1_000 });
  expect(await audit.begin(intent)).toMatchObject({ ok: true });
  fillUp(ballast);
  let refused = await audit.begin(intent);
  // What room is left inside of the file's own pages is used up first.
  for (let tries = 0; refused.ok && tries < 200; tries += 1) refused = await audit.begin(intent);
  expect(refused).toMatchObject({ ok: false, fault: { fault: 'disk_full' } });
  rmSync(ballast);
  const taken = await audit.begin(intent);
  expect(taken.ok).toBe(true);
  const listed = await audit.list(null, 1);
  expect(listed.ok ? listed.value[0]?.id : null).toBe(taken.ok ? taken.value : -1);
  expect(await journal.commit(batchOf(1, [frameRecord()]))).toBeNull();
  await audit.close();
  await journal.close();
  expect(integrityOf(file)).toBe('ok');
});

test('a journal of a Busbar that had no audit gets one', async () => {
  const file = join(folder.path, 'journal.db');
  const older = await openFile(file);
  expect(await older.commit(batchOf(1, [frameRecord()]))).toBeNull();
  await older.close();
  const database = new DatabaseSync(file);
  database.exec(
    'DROP TABLE audit; DROP TABLE migration; DROP TABLE migration_station; DROP TABLE migration_evidence; DROP TABLE held; DROP TABLE token; DROP TABLE billing_risk; DROP TABLE kept_upto; ALTER TABLE station DROP COLUMN checksum; PRAGMA user_version = 1',
  );
  database.close();
  const journal = await openFile(file);
  expect((await journal.reader.records(0, 10)).records).toHaveLength(1);
  const audit = createSqliteAudit({ file, entriesMax: 10 });
  expect(await audit.begin(intent)).toEqual({ ok: true, value: 1 });
  await audit.close();
  await journal.close();
});

describe('a gateway', () => {
  test('shows after a restart what was asked for before it', async () => {
    const text = [
      'stations: { listen: "127.0.0.1:0" }',
      'admin: { listen: "127.0.0.1:0" }',
      `storage: sqlite:${join(folder.path, 'journal.db')}`,
      'backends: { old: { url: "ws://127.0.0.1:9/" } }',
    ].join('\n');
    const first = await startFixture(text);
    const reloaded = await fetch(`${first.busbar.adminUrl}/api/v1/config/reload`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'a try' }),
    });
    expect([reloaded.status, await reloaded.json()]).toEqual([200, { changed: false }]);
    await first.close();
    const second = await startFixture(text);
    const audit = await fetch(`${second.busbar.adminUrl}/api/v1/audit`);
    const summary = { backends: ['old'], routes: 1, groups: [], knownStations: 0 };
    expect(await audit.json()).toMatchObject({
      items: [
        { id: 1, who: 'loopback', action: 'config.reload', outcome: 'done', before: summary, after: summary },
      ],
      nextCursor: null,
    });
    await second.close();
  });
});

function fillUp(file: string): void {
  const block = Buffer.alloc(4_096);
  try {
    for (;;) writeFileSync(file, block, { flag: 'a' });
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  }
}
