/** Times as texts, held against the host's own calendar. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isoTime, parseIsoTime } from './iso-time.ts';

test('a time is written as the host writes it, and read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(0, 0, 1), max: Date.UTC(9_999, 11, 31) }), (ms) => {
      expect(isoTime(ms)).toBe(new Date(ms).toISOString());
      expect(parseIsoTime(isoTime(ms))).toBe(ms);
    }),
    { numRuns: 2_000 },
  );
});

test('zones, missing zones, missing seconds and long fractions are read; what is no time is null', () => {
  expect(parseIsoTime('2026-11-27T20:24:57+01:00')).toBe(Date.UTC(2026, 10, 27, 19, 24, 57));
  expect(parseIsoTime('2026-11-27T18:24:57-0100')).toBe(Date.UTC(2026, 10, 27, 19, 24, 57));
  expect(parseIsoTime('2026-11-27 19:24')).toBe(Date.UTC(2026, 10, 27, 19, 24));
  expect(parseIsoTime('2026-11-27T19:24:57.1239999Z')).toBe(Date.UTC(2026, 10, 27, 19, 24, 57, 123));
  for (const text of ['', 'now', '2026-13-01T00:00:00Z', '1700000000', '2026-11-27'])
    expect(parseIsoTime(text)).toBeNull();
});
