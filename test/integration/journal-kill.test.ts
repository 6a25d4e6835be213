import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../contract/journal-stores.ts';
import { heldIn, integrityOf, positionsIn, startWriting, type WritingProcess } from './journal-disk.ts';

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

test('every position and held message that was confirmed is there after kill -9, over 20 kills', async () => {
  const file = join(folder.path, 'journal.db');
  const confirmed = new Set<number>();
  const held = new Set<number>();
  const over = new Set<number>();
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
    for (const number of writing.told('held')) held.add(number);
    for (const number of writing.told('over')) over.add(number);
  }
  const stored = new Set(await positionsIn(file));
  expect([...confirmed].filter((position) => !stored.has(position))).toEqual([]);
  const kept = new Set(await heldIn(file));
  // Every third may be over without having been told so.
  expect([...held].filter((number) => number % 3 !== 0 && !kept.has(number))).toEqual([]);
  expect([...over].filter((number) => kept.has(number))).toEqual([]);
  expect([held.size > 100, over.size > 20]).toEqual([true, true]);
  expect(integrityOf(file)).toBe('ok');
});
