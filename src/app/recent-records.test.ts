/** Which records a start reads once more. */
import { expect, test } from 'vitest';
import type { JournalRecord } from '../core/journal/record.ts';
import { positionsOf } from '../core/journal/record.ts';
import { relearntMs } from '../core/station/relearn.ts';
import type { StationId } from '../protocol/station-id.ts';
import { recentRecords } from './recent-records.ts';

const station = 'CP-1' as StationId;

function status(at: number, relayedTo: 'backend:old' | null): JournalRecord {
  const text = '[2,"1","StatusNotification",{}]';
  return {
    type: 'frame',
    at,
    station,
    link: 'station',
    kind: 'call',
    action: 'StatusNotification',
    text,
    idStart: 3,
    idEnd: 6,
    outcome: relayedTo === null ? 'covered' : 'relayed',
    relayedTo,
    relayedIdToken: null,
    latencyMs: null,
  };
}

const heartbeat = (at: number): JournalRecord =>
  ({
    ...status(at, null),
    type: 'frame',
    action: 'Heartbeat',
  }) as JournalRecord;

/** What a journal gives of these records; `reads` counts how often it was asked. */
function readerOf(records: readonly JournalRecord[]) {
  let last = 0;
  const placed = records.map((record) => {
    const position = last + 1;
    last += positionsOf(record);
    return { position, record };
  });
  const reader = {
    reads: 0,
    lastPosition: last,
    records: (after: number, limit: number) => {
      reader.reads += 1;
      const page = placed
        .filter(({ position, record }) => position + positionsOf(record) - 1 > after)
        .slice(0, limit);
      return Promise.resolve({
        records: page,
        next: page.length === limit ? (page.at(-1)?.position ?? null) : null,
      });
    },
  };
  return reader;
}

test('those of the last seconds before the last one, in order, and of them what stations are learnt from', async () => {
  const records = Array.from({ length: 30_000 }, (_, at) =>
    at % 3 === 0 ? heartbeat(at) : status(at, at % 2 === 0 ? 'backend:old' : null),
  );
  const reader = readerOf(records);
  const found = await recentRecords(reader, reader.lastPosition);
  expect(found).toEqual(records.slice(-relearntMs - 1).filter(({ at }) => at % 3 !== 0));
  expect(reader.reads).toBeLessThan(12);
});

test('all where there are only few, and none of an empty journal', async () => {
  const records = [status(1, null), status(2, 'backend:old')];
  const reader = readerOf(records);
  expect(await recentRecords(reader, reader.lastPosition)).toEqual(records);
  expect(await recentRecords(readerOf([]), 0)).toEqual([]);
});

test('a long journal is not read for it', async () => {
  const reader = readerOf(Array.from({ length: 40_000 }, (_, at) => status(at * 60_000, null)));
  expect(await recentRecords(reader, reader.lastPosition)).toHaveLength(1);
  expect(reader.reads).toBeLessThan(5);
});
