import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createWriter } from '../../src/adapters/sqlite/writer.ts';

test('the WAL stays short while much is deleted and nothing is committed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-journal-'));
  const file = join(folder, 'j.db');
  const writer = createWriter(file);
  writer.open();
  const settle = (): void => {
    while (writer.tidy());
  };
  for (let at = 0; at < 200; at += 1) {
    const time = at < 140 ? 0 : 1e12;
    const first = 1 + at * 100;
    const head = { first, last: first + 99, atFrom: time, atTo: time, records: 100, stations: '\nA\n' };
    writer.commit({ ...head, body: randomBytes(200_000), saved: [], kept: [], indexed: ['A'] });
    settle();
  }
  let longest = 0;
  while (writer.sweep({ framesMs: 1_000, bytesMax: Infinity }, 1e12)) {
    settle();
    longest = Math.max(longest, statSync(`${file}-wal`).size);
  }
  writer.close();
  await rm(folder, { recursive: true });
  expect(longest).toBeLessThan(4 * 1024 * 1024);
});
