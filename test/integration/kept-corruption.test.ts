import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import {
  batchOf,
  billingRecord,
  deliveryRecord,
  heldRecord,
  learnedRecord,
} from '../contract/journal-samples.ts';
import { keepAll, openFile, quietLog, temporaryFolder } from '../contract/journal-stores.ts';

const station = 'CP-1' as StationId;
const parked = { state: 'parked', attempts: 5, retryAt: 0, lastError: null } as const;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
let store: JournalStore;
let logged: [string, Readonly<Record<string, unknown>> | undefined][];

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, 'journal.db');
  logged = [];
  const log = {
    ...quietLog,
    error: (event: string, fields?: Readonly<Record<string, unknown>>) => void logged.push([event, fields]),
  };
  store = await openFile(file, keepAll, log);
  const records = [1, 2, 3].map((number) => heldRecord(number));
  await store.commit(
    batchOf(1, [
      ...records,
      learnedRecord('a', 'Accepted'),
      learnedRecord('b', 'Accepted'),
      billingRecord('old'),
      billingRecord('new'),
    ]),
  );
  // A store that is closed has written every row.
  await store.close();
  store = await openFile(file, keepAll, log);
});
afterEach(async () => {
  await store.close();
  await folder.remove();
});

function inFile<Value>(work: (database: DatabaseSync) => Value): Value {
  const database = new DatabaseSync(file);
  const value = work(database);
  database.close();
  return value;
}

const numbers = async (): Promise<number[]> =>
  ((await store.reader.held()).get(station) ?? []).map(({ message }) => message.number);

test.each([
  ['held', 'message', 'number = 2'],
  ['held', 'delivery', 'number = 2'],
  ['token', 'learned', "token = 'a'"],
  ['token', 'backend', "token = 'a'"],
  ['billing_risk', 'risk', "backend = 'old'"],
])(
  'a bit flipped or bytes lost in a row of %s, in its %s, take out that row alone',
  async (table, column, row) => {
    const bytes = inFile((database) =>
      database.prepare(`SELECT CAST(${column} AS BLOB) AS bytes FROM ${table} WHERE ${row}`).get(),
    )?.['bytes'] as Uint8Array;
    const flipped = fc
      .nat(bytes.length * 8 - 1)
      .map((bit) => bytes.with(bit >> 3, (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))));
    const cut = fc.nat(bytes.length - 1).map((length) => bytes.subarray(0, length));
    await fc.assert(
      fc.asyncProperty(fc.oneof(flipped, cut), async (spoilt) => {
        inFile((database) =>
          database.prepare(`UPDATE ${table} SET ${column} = CAST(? AS TEXT) WHERE ${row}`).run(spoilt),
        );
        logged = [];
        expect(await numbers()).toEqual(table === 'held' ? [1, 3] : [1, 2, 3]);
        expect([...(await store.reader.tokens()).keys()]).toEqual(table === 'token' ? ['b'] : ['a', 'b']);
        expect([...(await store.reader.risks()).keys()]).toEqual(
          table === 'billing_risk' ? ['new'] : ['new', 'old'],
        );
        expect(logged).toMatchObject([['journal_corrupt', { file, row: table }]]);
      }),
      { numRuns: 60 },
    );
  },
);

test.each([
  'UPDATE held SET number = 7 WHERE number = 2',
  'UPDATE held SET number = 9223372036854775807 WHERE number = 2',
  "UPDATE held SET station = 'CP-2' WHERE number = 2",
  'UPDATE held SET checksum = checksum + 4294967296 WHERE number = 2',
  'UPDATE held SET checksum = -9223372036854775808 WHERE number = 2',
])('a changed key or checksum is found out too: %s', async (sql) => {
  inFile((database) => database.exec(sql));
  expect(await numbers()).toEqual([1, 3]);
  expect((await store.reader.held()).size).toBe(1);
  expect(logged[0]?.[0]).toBe('journal_corrupt');
});

test('a damaged message is neither made good by what is told of its delivery, nor deleted', async () => {
  const content = (): unknown =>
    inFile((database) => database.prepare('SELECT * FROM held WHERE number = 2').get());
  inFile((database) =>
    database.exec("UPDATE held SET message = replace(message, 'Stop', 'Shop') WHERE number = 2"),
  );
  const before = content();
  expect(await store.commit(batchOf(8, [deliveryRecord(1, parked), deliveryRecord(2, parked)]))).toBe(null);
  expect(content()).toEqual(before);
  expect((await store.reader.held()).get(station)?.map(({ delivery }) => delivery.state)).toEqual([
    'parked',
    'waiting',
  ]);
});

test('a journal of a Busbar that held nothing gets its tables', async () => {
  await store.close();
  inFile((database) =>
    database.exec(
      'DROP TABLE migration; DROP TABLE migration_station; DROP TABLE migration_evidence; DROP TABLE held; DROP TABLE token; DROP TABLE billing_risk; DROP TABLE kept_upto; ALTER TABLE station DROP COLUMN checksum; PRAGMA user_version = 2',
    ),
  );
  store = await openFile(file);
  expect((await store.reader.records(0, 9)).records).toHaveLength(7);
  expect(await numbers()).toEqual([]);
  await store.commit(batchOf(8, [heldRecord(4), learnedRecord('c', 'Blocked'), billingRecord('old')]));
  expect(await numbers()).toEqual([4]);
  expect([...(await store.reader.tokens()).keys()]).toEqual(['c']);
  expect([...(await store.reader.risks()).keys()]).toEqual(['old']);
});
