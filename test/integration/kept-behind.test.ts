/**
 * Rows of held messages and learned tokens follow the records: a start, at whatever moment the process before was killed, finds what was committed and nothing else.
 *
 * The writer itself, in this process, so that the files can be copied between any two of its steps: as they lie there they are what kill -9 leaves. What is read on the copy is compared with a model that knows
 * only what was committed.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openForReading, openForWriting } from '../../src/adapters/sqlite/database.ts';
import { createReader } from '../../src/adapters/sqlite/reader.ts';
import { createWriter, type Writer } from '../../src/adapters/sqlite/writer.ts';
import { freshDelivery } from '../../src/core/hold/fresh-delivery.ts';
import type { Delivery } from '../../src/core/hold/held-message.ts';
import type { JournalRecord } from '../../src/core/journal/record.ts';
import type { JournalBatch } from '../../src/ports/journal-store.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { createRandom } from '../../src/testkit/random.ts';
import {
  batchOf,
  deliveryRecord,
  heldRecord,
  learnedRecord,
  sentRecord,
} from '../contract/journal-samples.ts';
import { temporaryFolder } from '../contract/journal-stores.ts';

const stations = Array.from({ length: 12 }, (_, at) => `CP-${at}` as StationId);
const commits = 400;
const kills = 40;
/** So short that most slices end before their rows do, and so few that there are many. */
const pace = { sliceMs: 0.1, dueChanges: 256 };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
let writer: Writer;
let position: number;
/** Which messages are held, by station and number, and how far each has come; and the newest word on each token. */
let held: Map<string, Delivery>;
let tokens: Map<string, string>;
const newest = new Map<StationId, number>();

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, 'journal.db');
  writer = createWriter(file, pace);
  expect(writer.open().ok).toBe(true);
  position = 1;
  held = new Map();
  tokens = new Map();
  newest.clear();
});
afterEach(async () => {
  writer.close();
  await folder.remove();
});

function commit(records: readonly JournalRecord[]): void {
  const batch = batchOf(position, records);
  position = batch.last + 1;
  expect(writer.commit(written(batch))).toBeNull();
}

function written(batch: JournalBatch): Parameters<Writer['commit']>[0] {
  const { first, last, atFrom, atTo, records, body, kept } = batch;
  const names = [...batch.stations];
  return {
    first,
    last,
    atFrom,
    atTo,
    records,
    stations: `\n${names.join('\n')}\n`,
    body,
    saved: [],
    kept,
    indexed: names,
  };
}

/** Some records, of which each is also told to the model. */
function someRecords(random: ReturnType<typeof createRandom>): JournalRecord[] {
  return Array.from({ length: 1 + random.below(60) }, (): JournalRecord => {
    const station = random.pick(stations);
    const last = newest.get(station) ?? 0;
    const roll = random.next();
    if (roll < 0.05) return sentRecord({ station });
    if (roll < 0.1) {
      const token = `t${random.below(20)}`;
      const status = random.pick(['Accepted', 'Blocked', 'Expired']);
      tokens.set(token, status);
      return learnedRecord(token, status);
    }
    if (roll < 0.5) {
      newest.set(station, last + 1);
      held.set(`${station} ${last + 1}`, freshDelivery);
      return heldRecord(last + 1, station);
    }
    const number = Math.max(1, last - random.below(30));
    const name = `${station} ${number}`;
    if (roll < 0.7) {
      const delivery: Delivery = { state: 'waiting', attempts: random.below(9), retryAt: 9, lastError: 'x' };
      if (held.has(name)) held.set(name, delivery);
      return deliveryRecord(number, delivery, station);
    }
    held.delete(name);
    return deliveryRecord(number, null, station);
  });
}

/** What kill -9 would leave at this moment. */
function copied(name: string): string {
  const copy = join(folder.path, name);
  for (const end of ['', '-wal']) copyFileSync(file + end, copy + end);
  return copy;
}

function expectStart(on: string): void {
  const opened = openForWriting(on);
  if (opened.ok) opened.value.close();
  const reading = openForReading(on);
  expect([opened.ok, reading.ok]).toEqual([true, true]);
  if (!reading.ok) return;
  const reader = createReader(reading.value);
  const told: unknown[] = [];
  const found = new Map(
    reader
      .held((place) => told.push(place))
      .map(({ station, number, delivery }) => [`${station} ${number}`, JSON.parse(delivery) as Delivery]),
  );
  const words = new Map(
    reader
      .tokens((place) => told.push(place))
      .map(({ token, learned }) => [token, (JSON.parse(learned) as { status: string }).status]),
  );
  reading.value.close();
  expect(told).toEqual([]);
  expect(found).toEqual(held);
  expect(words).toEqual(tokens);
}

/** What the rows alone tell, without the records behind them. */
function rowsIn(on: string): number {
  const database = new DatabaseSync(on, { readOnly: true });
  const count = Number(database.prepare('SELECT count(*) AS count FROM held').get()?.['count']);
  database.close();
  return count;
}

test('whenever it is killed, the next start finds what was committed', () => {
  const random = createRandom(1, 'kept');
  let behind = 0;
  for (let done = 0; done < commits; done += 1) {
    commit(someRecords(random));
    for (let times = random.below(4); times > 0; times -= 1) writer.tidy();
    if (done % (commits / kills) !== 0) continue;
    const copy = copied(`killed-${done}`);
    if (rowsIn(copy) !== held.size) behind += 1;
    expectStart(copy);
    if (random.next() < 0.5) continue;
    // The next process goes on from there.
    writer.close();
    file = copy;
    writer = createWriter(file, pace);
    expect(writer.open()).toEqual({ ok: true, value: position - 1 });
  }
  // Else nothing was proved.
  expect(behind).toBeGreaterThan(kills / 4);
  expect(held.size).toBeGreaterThan(100);
});

test('a store that is closed has written every row, and noted it', () => {
  const random = createRandom(2, 'kept');
  for (let done = 0; done < 20; done += 1) commit(someRecords(random));
  writer.close();
  expect(rowsIn(file)).toBe(held.size);
  const database = new DatabaseSync(file);
  expect(database.prepare('SELECT position, complement FROM kept_upto').get()).toEqual({
    position: position - 1,
    complement: -position,
  });
  // A note that cannot be trusted has everything read again, and comes to the same.
  database.exec('UPDATE kept_upto SET position = position + 1');
  database.close();
  expectStart(file);
});

test('what is held and over before its row was due never has one', () => {
  commit([heldRecord(1)]);
  commit([deliveryRecord(1)]);
  commit(Array.from({ length: 300 }, (_, at) => heldRecord(at + 2)));
  while (writer.tidy());
  expect(rowsIn(file)).toBe(300);
});

test('retention leaves the batches that rows do not tell of yet', () => {
  const all = { framesMs: 0, bytesMax: 0 };
  commit([heldRecord(1)]);
  commit([sentRecord()]);
  expect(writer.sweep(all, Date.now())).toBe(false);
  held.set('CP-1 1', freshDelivery);
  expectStart(copied('swept'));
  commit(Array.from({ length: 300 }, (_, at) => heldRecord(at + 2)));
  while (writer.tidy());
  while (writer.sweep(all, Date.now()));
  for (let number = 2; number < 302; number += 1) held.set(`CP-1 ${number}`, freshDelivery);
  expectStart(copied('swept-again'));
});
