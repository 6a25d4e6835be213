/**
 * Plain journal records for tests, to change a field of, and batches of them.
 */
import { encodeRecord } from '../../src/core/journal/codec.ts';
import { positionsOf } from '../../src/core/journal/record.ts';
import type { JournalBatch } from '../../src/ports/journal-store.ts';
import type {
  BillingRecord,
  DeliveryRecord,
  FrameRecord,
  HeldRecord,
  JournalRecord,
  LearnedRecord,
  SentRecord,
} from '../../src/core/journal/record.ts';
import { isKept, KeptChanges } from '../../src/core/journal/kept-changes.ts';
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

/** A message that Busbar answered in its backend's place. */
export function heldRecord(number: number, station = 'CP-1' as StationId): HeldRecord {
  return {
    type: 'held',
    at: 1_764_000_000_000,
    station,
    message: {
      number,
      backend: 'old',
      key: `k${number}`,
      version: 'ocpp1.6',
      action: 'StopTransaction',
      transaction: null,
      hasLeft: false,
      answer: '{}',
      isWorded: true,
      text: `[2,"${number}","StopTransaction",{"transactionId":${number},"meterStop":7,"idTag":"\u00e4\\n"}]`,
      since: 1_764_000_000_000,
    },
  };
}

/** What came of an attempt to deliver it; without a delivery it is over. */
export function deliveryRecord(
  number: number,
  delivery: DeliveryRecord['delivery'] = null,
  station = 'CP-1' as StationId,
): DeliveryRecord {
  return {
    type: 'delivery',
    at: 1_764_000_000_000,
    station,
    backend: 'old',
    number,
    action: 'StopTransaction',
    outcome: delivery === null ? 'delivered' : 'refused',
    delivery,
  };
}

/** A backend's word on a token. */
export function learnedRecord(token: string, status: string): LearnedRecord {
  return {
    type: 'learned',
    at: 1_764_000_000_000,
    station: 'CP-1' as StationId,
    backend: 'old',
    token,
    learned: { status, group: null, expiresAt: null, learnedAt: 1_764_000_000_000 },
  };
}

/** A backend's billing is at risk, or no more. */
export function billingRecord(backend: string, change: BillingRecord['change'] = 'at_risk'): BillingRecord {
  return {
    type: 'billing',
    at: 1_764_000_000_000,
    backend,
    change,
    since: 1_763_999_000_000,
    stations: 2,
    messages: 7,
    oldest: 1_763_990_000_000,
  };
}

const meterValuesText = `[2,"${'a'.repeat(36)}","MeterValues",{"connectorId":1,"transactionId":1073741824,"meterValue":[{"timestamp":"2026-11-24T02:00:00Z","sampledValue":[${Array.from({ length: 4 }, () => '{"value":"1.10","unit":"kWh","measurand":"Power"}').join(',')}]}]}]`;

/** The batch that a journal would make of these records. */
export function batchOf(
  first: number,
  records: readonly JournalRecord[],
  saved: JournalBatch['saved'] = new Map(),
): JournalBatch {
  const taken = records.reduce((sum, record) => sum + positionsOf(record), 0);
  const times = records.map((record) => record.at);
  const kept = new KeptChanges();
  for (const record of records) if (isKept(record)) kept.add(record);
  return {
    first,
    last: first + taken - 1,
    records: records.length,
    atFrom: Math.min(...times),
    atTo: Math.max(...times),
    body: new TextEncoder().encode(records.map(encodeRecord).join('')),
    stations: new Set(records.flatMap((record) => ('station' in record ? [record.station] : []))),
    saved,
    kept: kept.list(),
  };
}
