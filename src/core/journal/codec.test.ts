import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StationId } from '../../protocol/station-id.ts';
import { decodeRecords, encodeRecord } from './codec.ts';
import { positionsOf, type JournalRecord } from './record.ts';
import { anyRecord } from '../../../test/contract/journal-arbitraries.ts';
import { frameRecord } from '../../../test/contract/journal-samples.ts';

function placed(
  records: readonly JournalRecord[],
  first: number,
): { position: number; record: JournalRecord }[] {
  let position = first;
  return records.map((record) => {
    const at = position;
    position += positionsOf(record);
    return { position: at, record };
  });
}

const bodyOf = (records: readonly JournalRecord[]): string => records.map(encodeRecord).join('');

test('any records come back as they were, each with its position', () => {
  fc.assert(
    fc.property(fc.array(anyRecord), fc.nat(), (records, first) => {
      expect(decodeRecords(bodyOf(records), first)).toEqual({ ok: true, value: placed(records, first) });
    }),
    { numRuns: 2_000 },
  );
});

test.each(['', '\n\t:"\\', '\u2028\u2029', '12:F', '\u0000', '\u{1f50c}é', '[2,"1","A",{"v":1.10}]'])(
  'the frame text %j needs no escaping',
  (text) => {
    const record = frameRecord({ text });
    expect(decodeRecords(encodeRecord(record), 1)).toEqual({ ok: true, value: [{ position: 1, record }] });
  },
);

test('a filter gives what filtering the whole would give', () => {
  const filters = fc.record(
    {
      station: fc.constantFrom('CP-1' as StationId, 'CP-2' as StationId, 'CP' as StationId),
      action: fc.constantFrom('Heartbeat', 'MeterValues', ''),
      fromMs: fc.integer({ min: 0, max: 50 }),
      toMs: fc.integer({ min: 0, max: 50 }),
      fromPosition: fc.nat(30),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.array(anyRecord), filters, (records, filter) => {
      const wanted = placed(records, 5).filter(
        ({ position, record }) =>
          position + positionsOf(record) > (filter.fromPosition ?? 0) &&
          (filter.station === undefined || ('station' in record && record.station === filter.station)) &&
          (filter.action === undefined || ('action' in record && record.action === filter.action)) &&
          record.at >= (filter.fromMs ?? 0) &&
          record.at < (filter.toMs ?? Infinity),
      );
      expect(decodeRecords(bodyOf(records), 5, filter)).toEqual({ ok: true, value: wanted });
    }),
    { numRuns: 2_000 },
  );
});

test('a body cut anywhere inside its last record is a fault, never a shorter record', () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { minLength: 1 }), fc.nat(), (records, place) => {
      const body = bodyOf(records);
      const lastStart = body.length - encodeRecord(records.at(-1) as JournalRecord).length;
      const cut = lastStart + 1 + (place % (body.length - lastStart - 1));
      expect(decodeRecords(body.slice(0, cut), 1).ok).toBe(false);
    }),
  );
});

test('any text is records or a fault, never a throw', () => {
  const spoilt = fc
    .tuple(fc.array(anyRecord), fc.nat(), fc.string({ maxLength: 3 }))
    .map(([records, place, put]) => {
      const body = bodyOf(records);
      const at = place % (body.length + 1);
      return body.slice(0, at) + put + body.slice(at + 1);
    });
  fc.assert(
    fc.property(fc.oneof(fc.string(), spoilt), (body) => {
      expect(typeof decodeRecords(body, 1).ok).toBe('boolean');
    }),
    { numRuns: 5_000 },
  );
});
