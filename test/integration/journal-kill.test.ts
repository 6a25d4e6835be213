import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../contract/journal-stores.ts';
import { integrityOf, positionsIn, startWriting, type WritingProcess } from './journal-disk.ts';

let running: WritingProcess | null = null;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  running?.child.kill('SIGKILL');
  await running?.ended;
  await folder.remove();
});

test('every position that was confirmed is there after kill -9, over 20 kills', async () => {
  const file = join(folder.path, 'journal.db');
  const confirmed = new Set<number>();
  for (let kill = 1; kill <= 20; kill += 1) {
    const writing = startWriting(file, Infinity);
    running = writing;
    // Killed a little later each time, so that the kills fall on different moments of a commit.
    await expect
      .poll(() => writing.confirmed().length, { timeout: 20_000, interval: 3 })
      .toBeGreaterThan(7 * kill);
    writing.child.kill('SIGKILL');
    await writing.ended;
    for (const position of writing.confirmed()) {
      expect(confirmed.has(position)).toBe(false);
      confirmed.add(position);
    }
  }
  const stored = new Set(await positionsIn(file));
  expect([...confirmed].filter((position) => !stored.has(position))).toEqual([]);
  expect(integrityOf(file)).toBe('ok');
});
