import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  deliveryRecord,
  frameRecord,
  heldRecord,
  learnedRecord,
  sentRecord,
} from '../../test/contract/journal-samples.ts';
import { createMemoryDisk, openMemoryJournal, type MemoryDisk } from '../adapters/memory/journal-store.ts';
import type { JournalRecord } from '../core/journal/record.ts';
import { durableStation } from '../core/station/state.ts';
import type { Journal } from '../ports/journal.ts';
import type { CommitFault } from '../ports/journal-store.ts';
import type { StationId } from '../protocol/station-id.ts';
import { createJournalFeed, type PublishingFeed } from './journal-feed.ts';
import { createJournal } from './journal-writer.ts';

const diskFull: CommitFault = { fault: 'disk_full', detail: 'database or disk is full' };
const retention = { framesMs: Infinity, bytesMax: Infinity };
const station = 'CP-1' as StationId;

let disk: MemoryDisk;
let feed: PublishingFeed;
let journal: Journal;
let events: string[];
/** How often the disk was asked to commit. */
let commits: number;

/** Opens the journal of a disk whose commits take `commitMs` and then end as `faultOf` says. */
function open(
  options: { commitMs?: number; faultOf?: () => CommitFault | null; pendingMax?: number } = {},
): void {
  const { commitMs = 1, faultOf = () => null, pendingMax } = options;
  disk.finish = (end) => {
    commits += 1;
    setTimeout(end, commitMs);
  };
  disk.faultOf = faultOf;
  const log = { debug: note, info: note, warn: note, error: note };
  const clock = { wallMs: () => Date.now(), nowMs: () => performance.now() + stoodStillMs };
  feed = createJournalFeed(log);
  const store = openMemoryJournal(disk, retention, clock.wallMs);
  journal = createJournal({ store, feed, clock, log, ...(pendingMax === undefined ? {} : { pendingMax }) });
}

/** Time that has passed while the process stood still, as where its machine is copied. */
let stoodStillMs = 0;

const note = (event: string): void => void events.push(event);

const breaks = (): never => {
  throw new Error('broken');
};

const pass = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds);

async function storedRecords(): Promise<readonly JournalRecord[]> {
  const store = openMemoryJournal(disk, retention, Date.now);
  return (await store.reader.records(0, 1_000_000)).records.map(({ record }) => record);
}

beforeEach(() => {
  vi.useFakeTimers();
  disk = createMemoryDisk();
  events = [];
  commits = 0;
  stoodStillMs = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

test('a record relayed at once takes two positions, any other one', () => {
  open();
  expect([frameRecord(), sentRecord(), frameRecord()].map((record) => journal.append(record))).toEqual([
    1, 3, 4,
  ]);
});

test('positions go on where the last process left off', async () => {
  open();
  journal.append(frameRecord());
  await pass(100);
  open();
  expect(journal.committedPosition).toBe(2);
  expect(journal.append(sentRecord())).toBe(3);
});

test('who waits is told after the commit that holds its record, in order, with its own task', async () => {
  open({ commitMs: 5 });
  const done = (owner: string, task: number): void =>
    void events.push(`${owner}${task} at ${journal.committedPosition}`);
  journal.afterCommit(journal.append(sentRecord()), done, 'a', 1);
  journal.afterCommit(journal.append(sentRecord()), done, 'b', 2);
  await pass(4);
  expect(events).toEqual([]);
  journal.afterCommit(journal.append(sentRecord()), done, 'c', 3);
  await pass(20);
  expect(events).toEqual(['a1 at 2', 'b2 at 2', 'c3 at 3']);
});

test('who asks about what is on disk already is told at once', async () => {
  open();
  const position = journal.append(sentRecord());
  await pass(100);
  journal.afterCommit(position, (owner) => void events.push(owner), 'told', null);
  expect(events).toEqual(['told']);
});

test('a record that nobody waits for is on disk after 50 ms', async () => {
  open();
  journal.append(sentRecord());
  await pass(48);
  expect(disk.batches).toHaveLength(0);
  await pass(4);
  expect(disk.batches).toHaveLength(1);
});

test('what is held, over or learned is there for a start once its record is on disk, also after commits that failed', async () => {
  let failures = 2;
  open({ faultOf: () => (failures-- > 0 ? diskFull : null) });
  const records = [heldRecord(1), heldRecord(2), learnedRecord('t', 'Accepted'), deliveryRecord(1)];
  for (const record of records) journal.append(record);
  await pass(100);
  expect([disk.held.size, disk.tokens.size]).toEqual([0, 0]);
  journal.append(heldRecord(3));
  await pass(3_000);
  const { reader } = openMemoryJournal(disk, retention, Date.now);
  expect((await reader.held()).get(station)?.map(({ message }) => message.number)).toEqual([2, 3]);
  expect([...(await reader.tokens()).keys()]).toEqual(['t']);
});

test('records of one turn share a commit; at a high rate commits are 15 ms apart', async () => {
  open();
  for (let turn = 0; turn < 1_000; turn += 1) {
    for (let count = 0; count < 30; count += 1) {
      const position = journal.append(sentRecord());
      journal.afterCommit(position, () => undefined, null, null);
    }
    await pass(1);
  }
  expect(journal.stats.records + journal.stats.pendingRecords).toBe(30_000);
  expect(commits).toBeLessThan(80);
  expect(commits).toBeGreaterThan(55);
});

/** A record that an answer waits for. */
function awaitRecord(told: () => void = () => undefined): void {
  journal.afterCommit(journal.append(sentRecord()), told, null, null);
}

test('at 3,000 records a second, half of them waited for, commits are 6 ms apart; at 400 nobody waits for company', async () => {
  open();
  for (let turn = 0; turn < 1_000; turn += 1) {
    for (let count = turn % 2; count < 2; count += 1) awaitRecord();
    journal.append(sentRecord());
    await pass(1);
  }
  expect(commits).toBeLessThan(190);
  expect(commits).toBeGreaterThan(125);
  const before = commits;
  for (let turn = 0; turn < 400; turn += 1) {
    awaitRecord();
    await pass(2.5);
  }
  expect(commits - before).toBeGreaterThan(380);
});

test('records that nobody waits for make nobody wait longer', async () => {
  open();
  let told = 0;
  for (let turn = 0; turn < 200; turn += 1) {
    for (let count = 0; count < 50; count += 1) journal.append(sentRecord());
    awaitRecord(() => (told += 1));
    await pass(2);
    expect(told).toBe(turn + 1);
    await pass(3);
  }
});

test('a batch is committed once it is long, before its time', async () => {
  open();
  const text = 'x'.repeat(100_000);
  for (let count = 0; count < 3; count += 1) journal.append(sentRecord({ text, idStart: 0, idEnd: 0 }));
  await pass(5);
  expect(disk.batches).toHaveLength(1);
});

test('a station is saved with the records before it, or alone', async () => {
  open();
  const durable = durableStation({ version: 'ocpp1.6', lastSeenAt: 1 });
  journal.saveStation(station, durable);
  await pass(100);
  expect(disk.stations.get(station)).toBe(JSON.stringify(durable));
  expect(disk.batches).toHaveLength(0);
});

test('a station is forgotten with the next commit, unless it is saved again before', async () => {
  open();
  const [other, durable] = ['CP-2' as StationId, durableStation({ lastSeenAt: 1 })];
  for (const id of [station, other]) journal.saveStation(id, durable);
  await pass(100);
  for (const id of [station, other]) journal.forgetStation(id);
  journal.saveStation(other, durable);
  expect([...disk.stations.keys()]).toEqual([station, other]);
  await pass(100);
  expect([...disk.stations.keys()]).toEqual([other]);
});

test('while commits fail nobody who waits is told; the same batch is tried every second until it is taken', async () => {
  let isFull = true;
  open({ faultOf: () => (isFull ? diskFull : null) });
  const changes: boolean[] = [];
  journal.onWritableChange((isWritable) => changes.push(isWritable));
  journal.afterCommit(journal.append(frameRecord()), () => void events.push('told'), null, null);
  await pass(3_500);
  expect(commits).toBe(4);
  expect(journal.isWritable).toBe(false);
  expect(journal.trouble).toBe('disk_full');
  expect(events).not.toContain('told');
  isFull = false;
  await pass(1_000);
  expect(events).toContain('told');
  expect(changes).toEqual([false, true]);
  expect(await storedRecords()).toEqual([frameRecord()]);
});

test.each([1, 2, 3, 7])('commit %i failing loses nothing and keeps the order', async (failing) => {
  open({ faultOf: () => (commits === failing ? diskFull : null) });
  const told: number[] = [];
  for (let count = 0; count < 200; count += 1) {
    const position = journal.append(sentRecord({ at: count }));
    journal.afterCommit(position, (owner: number[], at: number) => void owner.push(at), told, count);
    await pass(1);
  }
  await pass(2_000);
  const all = Array.from({ length: 200 }, (_, count) => count);
  expect(told).toEqual(all);
  expect((await storedRecords()).map((record) => record.at)).toEqual(all);
});

test('records beyond the bound are counted, never confirmed, and noted as a gap once the disk is back', async () => {
  let isFull = true;
  open({ faultOf: () => (isFull ? diskFull : null), pendingMax: 1_000 });
  const record = sentRecord({ text: 'x'.repeat(300), idStart: 0, idEnd: 0 });
  const positions = Array.from({ length: 5 }, () => journal.append(record));
  positions.forEach((position) => journal.afterCommit(position, () => void events.push('told'), null, null));
  await pass(2_000);
  expect(positions).toEqual([1, 2, Infinity, Infinity, Infinity]);
  expect(journal.trouble).toBe('disk_full');
  expect(journal.stats.recordsMissed).toBe(3);
  expect(journal.stats.pendingBytes).toBeLessThanOrEqual(1_000);
  isFull = false;
  await pass(2_000);
  journal.append(record);
  await pass(2_000);
  expect(events.filter((event) => event === 'told')).toHaveLength(2);
  const gap = { type: 'gap', at: expect.any(Number), records: 3, cause: 'not_kept' };
  expect(await storedRecords()).toEqual([record, record, gap, record]);
});

test('a disk that hangs is as good as one that fails, until it moves again', async () => {
  open({ commitMs: 8_000 });
  journal.append(sentRecord());
  await pass(1_000);
  expect(journal.isWritable).toBe(true);
  for (let count = 0; count < 60; count += 1) {
    journal.append(sentRecord());
    await pass(100);
  }
  expect(journal.trouble).toBe('stalled');
  await pass(2_000);
  expect(journal.trouble).toBeNull();
});

test('flush tells whether everything appended before it is on disk in time', async () => {
  open({ commitMs: 30 });
  expect(await journal.flush(1)).toBe(true);
  journal.append(sentRecord());
  const late = journal.flush(10);
  const inTime = journal.flush(100);
  await pass(100);
  expect(await late).toBe(false);
  expect(await inTime).toBe(true);
  expect(journal.stats.pendingRecords).toBe(0);
});

test('closing commits what is left', async () => {
  open();
  journal.append(sentRecord());
  const closed = journal.close();
  await pass(100);
  await closed;
  expect(disk.batches).toHaveLength(1);
});

test('the feed gives every record committed after a subscription, in order, and stops when told', async () => {
  open({ commitMs: 5 });
  journal.append(frameRecord());
  await pass(51);
  const heard: [number, string][] = [];
  const stop = feed.subscribe((record, position) => heard.push([position, record.type]));
  journal.append(sentRecord());
  await pass(100);
  stop();
  journal.append(sentRecord());
  await pass(100);
  expect(heard).toEqual([
    [1, 'frame'],
    [3, 'sent'],
  ]);
});

test('a listener or waiter that throws stops neither the journal nor the others', async () => {
  open();
  feed.subscribe(breaks);
  journal.afterCommit(journal.append(sentRecord()), breaks, null, null);
  journal.afterCommit(journal.append(sentRecord()), () => void events.push('told'), null, null);
  await pass(100);
  expect(events).toEqual(['journal_waiter_broken', 'told', 'journal_listener_broken']);
});

test('records that come faster than the disk takes them press on their makers, before the bound is reached', async () => {
  open({ commitMs: 100, pendingMax: 4_000_000 });
  const changes: string[] = [];
  journal.onPressureChange(() => changes.push(journal.pressure));
  const text = 'x'.repeat(100_000);
  const append = (records: number): void => {
    for (let count = 0; count < records; count += 1)
      journal.append(sentRecord({ text, idStart: 0, idEnd: 0 }));
  };
  append(2);
  expect(changes).toEqual([]);
  append(7);
  expect(changes).toEqual(['high']);
  append(3);
  expect(changes).toEqual(['high', 'severe']);
  await pass(310);
  expect(changes).toEqual(['high', 'severe', 'high']);
  await pass(200);
  expect(changes).toEqual(['high', 'severe', 'high', 'none']);
  expect(journal.stats.recordsMissed).toBe(0);
});

test('a disk that fails presses on nobody: frames are relayed without it', async () => {
  open({ faultOf: () => diskFull, pendingMax: 4_000_000 });
  const text = 'x'.repeat(100_000);
  for (let count = 0; count < 12; count += 1) journal.append(sentRecord({ text, idStart: 0, idEnd: 0 }));
  expect(journal.pressure).toBe('severe');
  await pass(50);
  expect(journal.isWritable).toBe(false);
  expect(journal.pressure).toBe('none');
  journal.append(sentRecord({ text, idStart: 0, idEnd: 0 }));
  expect(journal.pressure).toBe('none');
});

/** Commits in a second in which three a millisecond wait for one: enough to space commits by fifteen milliseconds, if they count. */
async function commitsInASecond(isPatient: boolean): Promise<number> {
  commits = 0;
  disk = createMemoryDisk();
  open();
  for (let at = 0; at < 1_000; at += 1) {
    for (let count = 0; count < 3; count += 1)
      journal.afterCommit(journal.append(sentRecord()), () => undefined, null, null, isPatient);
    await pass(1);
  }
  return commits;
}

test('who is patient has a commit every few milliseconds, and does not space those that follow', async () => {
  const spaced = await commitsInASecond(false);
  const patient = await commitsInASecond(true);
  expect([patient > 2 * spaced, patient <= 200]).toEqual([true, true]);
});

test('who is patient goes with a commit that others wait for, and has one alone after 5 ms', async () => {
  open();
  const told: string[] = [];
  const done = (who: string): void => void told.push(who);
  journal.afterCommit(journal.append(sentRecord()), done, 'copy', null, true);
  await pass(4);
  expect(told).toEqual([]);
  journal.afterCommit(journal.append(sentRecord()), done, 'answer', null);
  await pass(2);
  expect([told, commits]).toEqual([['answer', 'copy'], 1]);
  await pass(20);
  journal.afterCommit(journal.append(sentRecord()), done, 'later copy', null, true);
  await pass(10);
  expect([told.at(-1), commits]).toEqual(['later copy', 2]);
});

test('who is patient gives way to those that wait for the same commit', async () => {
  open();
  const told: string[] = [];
  const done = (who: string): void => void told.push(who);
  journal.afterCommit(journal.append(sentRecord()), done, 'copy', null, true);
  journal.afterCommit(journal.append(sentRecord()), done, 'answer', null);
  await pass(10);
  expect(told).toEqual(['answer', 'copy']);
});

test('what is saved with a record is on disk before who waits for that record is told, also where the record fills its batch', async () => {
  open();
  const text = 'x'.repeat(200 * 1024);
  journal.append(frameRecord({ text }));
  const position = journal.append(frameRecord({ text }));
  journal.saveStation(station, durableStation({ lastSeenAt: 7 }));
  let savedThen: unknown = null;
  journal.afterCommit(
    position,
    () => {
      savedThen = disk.stations.get(station) ?? null;
    },
    null,
    null,
  );
  await pass(20);
  expect(savedThen).not.toBeNull();
});

test('the records of one step are on disk together, with what it saved, also where the first of them fills the batch', async () => {
  open();
  journal.append(frameRecord({ text: 'x'.repeat(300 * 1024) }));
  const last = journal.append(sentRecord(), true);
  journal.saveStation(station, durableStation({ lastSeenAt: 7 }));
  journal.append(sentRecord());
  await pass(100);
  expect(disk.batches.map((batch) => batch.last)).toEqual([last, last + 1]);
});

test('a disk that hangs is noticed also where nothing more is to be written', async () => {
  open({ commitMs: 60_000 });
  journal.afterCommit(journal.append(sentRecord()), () => void events.push('told'), null, null);
  await pass(5_200);
  expect(events).toEqual(['journal_commit_stalled', 'journal_unwritable']);
  expect(journal.isWritable).toBe(false);
  await pass(60_000);
  expect(journal.isWritable).toBe(true);
  expect(events).toContain('told');
});

test('a process that stood still during a commit does not take the disk for one that hangs', async () => {
  open({ commitMs: 300 });
  journal.afterCommit(journal.append(sentRecord()), () => void events.push('told'), null, null);
  await pass(200);
  stoodStillMs = 60_000;
  await pass(300);
  expect(events).toEqual(['told']);
});

test('a record counts as on disk once it is there', async () => {
  let fault: CommitFault | null = diskFull;
  open({ faultOf: () => fault });
  journal.append(sentRecord());
  await pass(200);
  expect(journal.stats.records).toBe(0);
  fault = null;
  await pass(1_200);
  expect(journal.stats.records).toBe(1);
});

test('what stations save while the disk fails is bounded like the records', async () => {
  let fault: CommitFault | null = diskFull;
  open({ faultOf: () => fault, pendingMax: 4 * 1024 * 1024 });
  journal.append(sentRecord());
  await pass(100);
  const durable = durableStation({ lastSeenAt: 7, refusals: ['y'.repeat(20_000)] as never });
  let saves = 0;
  for (; journal.append(frameRecord()) !== Infinity; saves += 1)
    journal.saveStation(`CP-${saves % 2_000}` as StationId, durable);
  expect(saves * 20_000).toBeLessThan(8 * 1024 * 1024);
  fault = null;
  await pass(1_200);
  expect(journal.isWritable).toBe(true);
  expect(journal.append(frameRecord())).toBeLessThan(Infinity);
});
