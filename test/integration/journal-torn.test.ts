/**
 * A journal whose database or log was cut or changed behind its back: what is read is what was committed, or it is told of; never anything else.
 *
 * Each time a copy of the files as a crash leaves them is damaged and opened like at a start. A log cut at any byte of its end costs the commits behind the cut at most; a bit
 * that was flipped anywhere costs what it stands in.
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openForReading, openForWriting } from '../../src/adapters/sqlite/database.ts';
import { createReader } from '../../src/adapters/sqlite/reader.ts';
import { createWriter } from '../../src/adapters/sqlite/writer.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { createRandom } from '../../src/testkit/random.ts';
import { batchOf, frameRecord, heldRecord, sentRecord } from '../contract/journal-samples.ts';
import { openFile, temporaryFolder } from '../contract/journal-stores.ts';

const commits = 30;
/** So few that the log is not emptied meanwhile. */
const inLog = 6;
const cutBytes = 4_096;
const flips = 500;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
/** The files as a crash leaves them. */
let left: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  const file = join(folder.path, 'journal.db');
  left = join(folder.path, 'left.db');
  let store = await openFile(file);
  let position = 1;
  for (let commit = 1; commit <= commits; commit += 1) {
    // A store that is closed has written all rows: those of the first stand in the database, those of the last only in the records, or in part.
    if (commit === commits - inLog + 1) {
      await store.close();
      store = await openFile(file);
    }
    const records = [
      frameRecord({ at: commit }),
      sentRecord({ at: commit, text: textOf(commit), idStart: 0, idEnd: 0 }),
      heldRecord(commit),
    ];
    const saved = new Map([['CP-1' as StationId, JSON.stringify({ commit })]]);
    expect(await store.commit(batchOf(position, records, saved))).toBeNull();
    position = batchOf(position, records).last + 1;
  }
  // The store is open still: its log holds the commits.
  for (const end of ['', '-wal']) copyFileSync(file + end, left + end);
  await store.close();
});
afterEach(() => folder.remove());

const textOf = (commit: number): string => `[3,"${commit}",{"text":"${'x'.repeat(40 + commit)}"}]`;

interface Found {
  /** Numbers of the commits whose record is there. */
  readonly commits: readonly number[];
  /** Numbers of the messages that are held. */
  readonly held: readonly number[];
  /** The station as it was saved with that commit; 0: not at all. */
  readonly saved: number;
  /** What could not be trusted. */
  readonly told: number;
}

/** Opens damaged files as a start does, and reads everything; null: it is refused with a reason. */
async function startOn(file: string): Promise<Found | null> {
  const writing = openForWriting(file);
  if (!writing.ok) return null;
  writing.value.close();
  const reading = openForReading(file);
  if (!reading.ok) return null;
  let told = 0;
  const note = (): void => void (told += 1);
  try {
    const reader = createReader(reading.value);
    const page = await reader.records(0, 10_000, note);
    const texts = page.records.flatMap(({ record }) => (record.type === 'sent' ? [record.text] : []));
    const numbers = texts.map((text) => Number((JSON.parse(text) as string[])[1]));
    // What is read is what was written, to the letter.
    expect(texts).toEqual(numbers.map(textOf));
    const held = reader.held(note);
    for (const { number, message } of held) expect(JSON.parse(message)).toEqual(heldRecord(number).message);
    const [state] = reader.stations(note).map((row) => row[1]);
    const saved = state === undefined ? 0 : (JSON.parse(state) as { commit: number }).commit;
    return { commits: numbers, held: held.map(({ number }) => number), saved, told };
  } catch (error) {
    // A page of the file that SQLite itself finds damaged.
    if (error instanceof Error && 'errcode' in error) return null;
    throw error;
  } finally {
    reading.value.close();
  }
}

const damaged = (): string => join(folder.path, 'damaged', 'journal.db');

function put(database: Uint8Array, log: Uint8Array): string {
  const file = damaged();
  rmSync(join(folder.path, 'damaged'), { recursive: true, force: true });
  mkdirSync(join(folder.path, 'damaged'));
  writeFileSync(file, database);
  writeFileSync(`${file}-wal`, log);
  return file;
}

const all = Array.from({ length: commits }, (_, at) => at + 1);

test('whole files are read whole', async () => {
  expect(await startOn(put(readFileSync(left), readFileSync(`${left}-wal`)))).toEqual({
    commits: all,
    held: all,
    saved: commits,
    told: 0,
  });
});

test(`a log cut at any byte of its last ${cutBytes} holds the commits before the cut, and nothing else`, async () => {
  const [database, log] = [readFileSync(left), readFileSync(`${left}-wal`)];
  const seen = new Set<number>();
  for (let cut = 1; cut <= cutBytes; cut += 1) {
    const found = await startOn(put(database, log.subarray(0, log.length - cut)));
    const last = found?.commits.at(-1) ?? 0;
    expect(found).toEqual({ commits: all.slice(0, last), held: all.slice(0, last), saved: last, told: 0 });
    seen.add(last);
  }
  // The last commit, and only that, is in the bytes that were cut.
  expect([...seen]).toEqual([commits - 1]);
}, 300_000);

test(`${flips} flipped bits: each is harmless, or told of, or costs the commits behind it in the log`, async () => {
  const random = createRandom(1, 'flips');
  const files = [readFileSync(left), readFileSync(`${left}-wal`)] as const;
  let detected = 0;
  for (let flip = 0; flip < flips; flip += 1) {
    const which = random.below(2);
    const [database, log] = files.map((bytes, at) => {
      if (at !== which) return bytes;
      const copy = Uint8Array.from(bytes);
      const bit = random.below(bytes.length * 8);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return copy;
    }) as [Uint8Array, Uint8Array];
    const found = await startOn(put(database, log));
    if (found === null) detected += 1;
    else {
      const { commits: read, held, saved, told } = found;
      expect(read.every((number, at) => at === 0 || number > (read[at - 1] ?? 0))).toBe(true);
      const isWhole = read.length === commits && held.length === commits && saved === commits;
      const isCut = told === 0 && read.length < commits && read.every((number, at) => number === at + 1);
      expect(isWhole || isCut || told > 0, JSON.stringify({ flip, ...found })).toBe(true);
      if (!isWhole) detected += 1;
    }
  }
  expect(detected).toBeGreaterThan(flips / 10);
}, 300_000);

test('the writer goes on behind a cut', async () => {
  const log = readFileSync(`${left}-wal`);
  const file = put(readFileSync(left), log.subarray(0, log.length - 1_000));
  const writer = createWriter(file);
  const opened = writer.open();
  expect(opened.ok && opened.value).toBeGreaterThan(0);
  writer.close();
  expect((await startOn(file))?.commits).toEqual(all.slice(0, commits - 1));
});
