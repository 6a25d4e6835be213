/**
 * Plain journal records for tests, to change a field of, and batches of them.
 */
import { encodeRecord } from '../../src/core/journal/codec.ts';
import { positionsOf } from '../../src/core/journal/record.ts';
import type { JournalBatch } from '../../src/ports/journal-store.ts';
import type { FrameRecord, JournalRecord, SentRecord } from '../../src/core/journal/record.ts';
import type { StationId } from '../../src/protocol/station-id.ts';

/** A relayed call of 400 characters or so, which takes two positions. */
export function frameRecord(change: Partial<FrameRecord> = {}): FrameRecord {
  return {
    type: 'frame',
    at: 1_764_000_000_000,
    station: 'CP-1' as StationId,
    link: 'station',
    kind: 'call',
    action: 'MeterValues',
    text: meterValuesText,
    idStart: 3,
    idEnd: 41,
    outcome: 'relayed',
    relayedTo: 'backend:old',
    relayedIdToken: '"k3f9-1"',
    latencyMs: null,
    ...change,
  };
}

/** A frame of Busbar's own, which takes one position. */
export function sentRecord(change: Partial<SentRecord> = {}): SentRecord {
  return {
    type: 'sent',
    purpose: 'relay',
    at: 1_764_000_000_000,
    station: 'CP-1' as StationId,
    link: 'station',
    kind: 'result',
    action: 'Heartbeat',
    text: '[3,"a",{"currentTime":"2026-11-24T02:00:00Z"}]',
    idStart: 3,
    idEnd: 6,
    ...change,
  };
}

const meterValuesText = `[2,"${'a'.repeat(36)}","MeterValues",{"connectorId":1,"transactionId":1073741824,"meterValue":[{"timestamp":"2026-11-24T02:00:00Z","sampledValue":[${Array.from({ length: 4 }, () => '{"value":"1.10","unit":"kWh","measurand":"Power"}').join(',')}]}]}]`;

/** The batch that a journal would make of these records. */
export function batchOf(
  first: number,
  records: readonly JournalRecord[],
  saved: ReadonlyMap<StationId, string> = new Map(),
): JournalBatch {
  const taken = records.reduce((sum, record) => sum + positionsOf(record), 0);
  const times = records.map((record) => record.at);
  return {
    first,
    last: first + taken - 1,
    records: records.length,
    atFrom: Math.min(...times),
    atTo: Math.max(...times),
    body: records.map(encodeRecord).join(''),
    stations: new Set(records.flatMap((record) => (record.type === 'gap' ? [] : [record.station]))),
    saved,
  };
}
