/**
 * Journal records for tests: any record at all, and plain ones to change a field of.
 */
import fc from 'fast-check';
import { encodeRecord } from '../../src/core/journal/codec.ts';
import { positionsOf } from '../../src/core/journal/record.ts';
import type { JournalBatch } from '../../src/ports/journal-store.ts';
import type {
  BootedRecord,
  FrameRecord,
  JournalRecord,
  LinkName,
  SentRecord,
} from '../../src/core/journal/record.ts';
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

const wellFormed = fc.string({ unit: 'binary', maxLength: 40 });
const at = fc.nat(60);
const station = fc.constantFrom(
  'CP-1' as StationId,
  'CP-2' as StationId,
  'CP' as StationId,
  'a*=|@.' as StationId,
);
const link: fc.Arbitrary<LinkName> = fc.oneof(
  fc.constant('station' as const),
  fc
    .oneof(fc.constantFrom('old', 'new'), fc.string({ minLength: 1 }))
    .map((name) => `backend:${name}` as const),
);
const action = fc.oneof(fc.constantFrom(null, '', 'Heartbeat', 'MeterValues'), fc.string());
const idToken = wellFormed.map((id) => JSON.stringify(id));
/** Any text around a message id, or without one. */
const textAndId = fc.oneof(
  wellFormed.map((text) => ({ text, idStart: 0, idEnd: 0 })),
  fc.tuple(wellFormed, idToken, wellFormed).map(([before, id, after]) => ({
    text: before + id + after,
    idStart: before.length,
    idEnd: before.length + id.length,
  })),
);
const sentKind = fc.constantFrom(
  'call' as const,
  'result' as const,
  'error' as const,
  'result_error' as const,
  'send' as const,
);
const kind = fc.oneof(sentKind, fc.constant('invalid' as const));
const maybeText = fc.option(wellFormed);

interface Place {
  readonly text: string;
  readonly idStart: number;
  readonly idEnd: number;
}

function placed<Rest extends object>({
  place,
  ...rest
}: Rest & { readonly place: Place }): Omit<Rest & { place: Place }, 'place'> & Place {
  return Object.assign(rest, place);
}

const anyFrame: fc.Arbitrary<FrameRecord> = fc
  .record({
    type: fc.constant('frame' as const),
    at,
    station,
    link,
    kind,
    action,
    place: textAndId,
    outcome: fc.constantFrom(
      'relayed',
      'queued',
      'joined',
      'answered',
      'late',
      'repeated',
      'foreign',
      'ignored',
      'refused',
    ),
    relayedTo: fc.option(link),
    relayedIdToken: fc.option(idToken),
    latencyMs: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value + 0)),
  })
  .filter((frame) => frame.relayedTo !== null || frame.relayedIdToken === null)
  .map(placed);

/** A `booted` record. */
export const anyBooted: fc.Arbitrary<BootedRecord> = fc.record({
  type: fc.constant('booted' as const),
  at,
  station,
  boot: fc.record({ vendor: maybeText, model: maybeText, firmware: maybeText, serial: maybeText }),
});

/** Any record, with times from 0 to 60 and few stations, so that filters meet something. */
export const anyRecord: fc.Arbitrary<JournalRecord> = fc.oneof(
  anyFrame,
  fc
    .record({
      type: fc.constant('sent' as const),
      at,
      station,
      link,
      kind: sentKind,
      action,
      place: textAndId,
    })
    .map(placed),
  fc.record({
    type: fc.constant('dropped' as const),
    at,
    station,
    link,
    action: fc.string(),
    reason: fc.constantFrom('caller_gone', 'peer_gone', 'expired'),
  }),
  fc.record({
    type: fc.constant('link' as const),
    at,
    station,
    link,
    change: fc.constantFrom('opened', 'closed'),
    version: fc.constantFrom(null, 'ocpp1.6', 'ocpp2.0.1', 'ocpp2.1'),
    code: fc.option(fc.integer({ min: 1000, max: 4999 })),
    reason: maybeText,
  }),
  anyBooted,
  fc.record({
    type: fc.constant('gap' as const),
    at,
    records: fc.nat(),
    cause: fc.constantFrom('not_kept', 'unreadable'),
  }),
);

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
