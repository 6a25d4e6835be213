import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqliteJournal } from '../../src/adapters/sqlite/journal-store.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import { batchOf, frameRecord, sentRecord } from '../contract/journal-samples.ts';
import { keepAll, openFile, quietLog, temporaryFolder } from '../contract/journal-stores.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, 'journal.db');
});
afterEach(() => folder.remove());

const good = [frameRecord({ at: 7 }), sentRecord({ at: 8 })];

/** A journal of three batches, the second of them long enough to be packed; it is closed. */
async function makeJournal(): Promise<void> {
  const store = await openFile(file);
  await store.commit(batchOf(1, good));
  await store.commit(
    batchOf(
      4,
      Array.from({ length: 20 }, () => sentRecord({ text: 'x'.repeat(300), idStart: 0, idEnd: 0 })),
    ),
  );
  await store.commit(batchOf(24, good));
  await store.close();
}

function alter(sql: string, ...values: (number | Uint8Array)[]): void {
  const database = new DatabaseSync(file);
  database.prepare(sql).run(...values);
  database.close();
}

async function positionsOf(store: JournalStore): Promise<[number, string][]> {
  const { records } = await store.reader.records(0, 1_000);
  return records.map(({ position, record }) => [position, record.type]);
}

test.each([1, 4])(
  'a bit flipped or bytes lost in the body of batch %i show as a gap; the others are read',
  async (first) => {
    await makeJournal();
    const database = new DatabaseSync(file);
    const body = database.prepare('SELECT body FROM batch WHERE first = ?').get(first)?.[
      'body'
    ] as Uint8Array;
    database.close();
    const store = await openFile(file);
    const flipped = fc
      .nat(body.length * 8 - 1)
      .map((bit) => body.with(bit >> 3, (body[bit >> 3] ?? 0) ^ (1 << (bit & 7))));
    const cut = fc.nat(body.length - 1).map((length) => body.subarray(0, length));
    const whole = first === 1 ? [4, 20] : [1, 2];
    await fc.assert(
      fc.asyncProperty(fc.oneof(flipped, cut), async (spoilt) => {
        alter('UPDATE batch SET body = ? WHERE first = ?', spoilt, first);
        const found = await positionsOf(store);
        expect(found.filter(([, type]) => type === 'gap')).toEqual([[first, 'gap']]);
        expect(found).toHaveLength(1 + (whole[1] ?? 0) + 2);
        const frames = await store.reader.frames({ limit: 1_000 });
        expect(frames.some(({ position }) => position >= first && position < (first === 1 ? 4 : 24))).toBe(
          false,
        );
      }),
      { numRuns: 60 },
    );
    await store.close();
  },
);

test('a changed head is found out too', async () => {
  await makeJournal();
  alter('UPDATE batch SET last = last + 1 WHERE first = 1');
  const store = await openFile(file);
  expect((await positionsOf(store))[0]).toEqual([1, 'gap']);
  await store.close();
});

async function refusal(): Promise<string> {
  const opened = await openSqliteJournal({ file, retention: keepAll, log: quietLog });
  if (opened.ok) await opened.value.close();
  return opened.ok ? 'opened' : opened.fault.fault;
}

test('a journal of a newer schema is refused and left as it is', async () => {
  await makeJournal();
  alter('PRAGMA user_version = 999');
  expect(await refusal()).toBe('newer_schema');
  alter('PRAGMA user_version = 7');
  expect(await refusal()).toBe('opened');
});

test('a database that is not a journal is refused', async () => {
  alter('CREATE TABLE other (id INTEGER)');
  expect(await refusal()).toBe('not_a_journal');
});

test('a second writer of the same journal is refused while the first one lives', async () => {
  const store = await openFile(file);
  expect(await refusal()).toBe('in_use');
  await store.close();
  expect(await refusal()).toBe('opened');
});

test('a folder that is not there is a fault, told with the path', async () => {
  file = join(folder.path, 'missing', 'journal.db');
  expect(await refusal()).toBe('cannot_open');
});
