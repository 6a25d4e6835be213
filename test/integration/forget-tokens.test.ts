import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../contract/journal-stores.ts';
import { learnedTokensMax } from '../../src/core/cover/learned-tokens.ts';
import { openForWriting } from '../../src/adapters/sqlite/database.ts';
import { createTokenSweeper, type TokenSweeper } from '../../src/adapters/sqlite/forget-tokens.ts';
import { createWriter } from '../../src/adapters/sqlite/writer.ts';

function learn(database: DatabaseSync, learnedAt: number, status = 'Accepted'): void {
  const token = createHash('sha256').update(String(learnedAt)).digest('hex').slice(0, 32);
  const learned = JSON.stringify({ status, group: null, expiresAt: null, learnedAt });
  database.prepare('INSERT INTO token VALUES (?, ?, ?, 0)').run(token, 'old', learned);
}

const agesIn = (database: DatabaseSync): number[] =>
  database
    .prepare("SELECT learned ->> '$.learnedAt' AS at FROM token WHERE json_valid(learned) ORDER BY at")
    .all()
    .map(({ at }) => Number(at));

function settle(database: DatabaseSync, sweeper: TokenSweeper): void {
  database.exec('BEGIN');
  while (sweeper.sweep(performance.now() + 5));
  database.exec('COMMIT');
}

test('of more tokens than are known at once those heard of longest ago go, but not what has a backend’s tokens forgotten nor what is damaged', async () => {
  const folder = await temporaryFolder();
  const opened = openForWriting(join(folder.path, 'journal.db'));
  if (!opened.ok) throw new Error(opened.fault.detail);
  const database = opened.value;
  database.exec('BEGIN');
  learn(database, 1, 'Cleared');
  database.exec("INSERT INTO token VALUES ('0', 'old', '{', 0)");
  for (let at = 2; at <= 3_000; at += 1) learn(database, at);
  database.exec('COMMIT');
  const sweeper = createTokenSweeper(database, 1_000);
  settle(database, sweeper);
  const [cleared, ...ages] = agesIn(database);
  expect(cleared).toBe(1);
  expect(ages.length).toBeLessThan(1_050);
  expect(ages).toEqual(Array.from({ length: ages.length }, (_, at) => 3_001 - ages.length + at));
  expect(database.prepare("SELECT token FROM token WHERE token = '0'").get()).toBeDefined();

  for (let at = 3_001; at <= 3_100; at += 1) {
    learn(database, at);
    sweeper.learned();
  }
  settle(database, sweeper);
  expect(agesIn(database).length).toBeLessThan(1_050);
  database.close();
  await folder.remove();
});

test(
  'a journal that has too many from an earlier release comes down to what is known at once',
  { timeout: 30_000 },
  async () => {
    const folder = await temporaryFolder();
    const file = join(folder.path, 'journal.db');
    const writer = createWriter(file);
    expect(writer.open().ok).toBe(true);
    const beside = new DatabaseSync(file);
    const tooMany = learnedTokensMax + 30_000;
    beside.exec(`
    WITH RECURSIVE n(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < ${tooMany})
    INSERT INTO token SELECT printf('%010d', at), 'old', json_object('status', 'Invalid', 'learnedAt', at), 0 FROM n
  `);
    while (writer.sweep({ framesMs: Infinity, bytesMax: Infinity }, 0)) while (writer.tidy());
    const { rows } = beside.prepare('SELECT count(*) AS rows FROM token').get() ?? {};
    expect(rows).toBeLessThan(learnedTokensMax * 1.01);
    beside.close();
    writer.close();
    await folder.remove();
  },
);
