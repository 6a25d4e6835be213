import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkStationId, parseStationId, stationIdCharactersMax, type StationIdFault } from './station-id.ts';

describe('an identity is the last path segment, decoded once', () => {
  test.each([
    ['/CP-1', 'CP-1'],
    ['/ocpp/CP-1', 'CP-1'],
    ['/a/b/c/1.6/CP-1', 'CP-1'],
    ['/ocpp//CP-1', 'CP-1'],
    ['//ocpp/CP-1//', 'CP-1'],
    ['/ocpp/CP-1/', 'CP-1'],
    ['/ocpp/CP-1?token=abc/def', 'CP-1'],
    ['/ocpp/CP-1/?x', 'CP-1'],
    ['/ocpp/CP-1#part', 'CP-1'],
    ['/ocpp/%43P%2D1', 'CP-1'],
    ['/ocpp/DE*BER*E0001', 'DE*BER*E0001'],
    ['/ocpp/DE%2aBER%2AE1', 'DE*BER*E1'],
    ['/ocpp/a_b=c+d%7Ce@f.g', 'a_b=c+d|e@f.g'],
    ['/%3A/CP-1', 'CP-1'],
    [`/ocpp/${'x'.repeat(48)}`, 'x'.repeat(48)],
  ])('%s is %s', (url, id) => {
    expect(parseStationId(url)).toEqual({ ok: true, value: id });
  });
});

describe('an identity that could mean something else further on is refused', () => {
  test.each<[string, StationIdFault]>([
    ['', 'missing'],
    ['/', 'missing'],
    ['///', 'missing'],
    ['/?station=CP-1', 'missing'],
    ['/ocpp/CP:1', 'has_colon'],
    ['/ocpp/CP%3A1', 'has_colon'],
    ['/ocpp/%', 'bad_encoding'],
    ['/ocpp/%zz', 'bad_encoding'],
    ['/ocpp/%ff', 'bad_encoding'],
    ['/ocpp/%c0%ae%c0%ae', 'bad_encoding'],
    ['/ocpp/%ed%a0%80', 'bad_encoding'],
    ['/ocpp/../../', 'bad_character'],
    ['/ocpp/..', 'bad_character'],
    ['/ocpp/.', 'bad_character'],
    ['/ocpp/%2e%2e', 'bad_character'],
    ['/ocpp/%2e%2e%2f%2e%2e%2f', 'bad_character'],
    ['/ocpp/%252e%252e', 'bad_character'],
    ['/ocpp/CP%2F1', 'bad_character'],
    ['/ocpp/CP%5C1', 'bad_character'],
    ['/ocpp/CP%001', 'bad_character'],
    ['/ocpp/CP%0d%0aX', 'bad_character'],
    ['/ocpp/%E2%80%AECP-1', 'bad_character'],
    ['/ocpp/CP-1%E2%80%8B', 'bad_character'],
    ['/ocpp/%EF%BC%A3P-1', 'bad_character'],
    ['/ocpp/%3E', 'bad_character'],
    ['/ocpp/CP%201', 'bad_character'],
    ['/ocpp/%20CP-1', 'bad_character'],
    ["/ocpp/';%20DROP%20TABLE", 'bad_character'],
    ['/ocpp/%24%7Bjndi%7D', 'bad_character'],
    ['/ocpp/caf%C3%A9', 'bad_character'],
    [`/ocpp/${'x'.repeat(49)}`, 'too_long'],
    [`/ocpp/${'x'.repeat(100_000)}`, 'too_long'],
  ])('%s: %s', (url, fault) => {
    expect(parseStationId(url)).toEqual({ ok: false, fault });
  });
});

test('two different accepted identities never become one by normalisation', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }), (text) => {
      const result = parseStationId(`/ocpp/${encodeURIComponent(text.toWellFormed())}`);
      if (result.ok) expect(result.value.normalize('NFKC')).toBe(text);
    }),
    { numRuns: 5_000 },
  );
});

test('whatever is accepted is short, from the alphabet of OCPP and survives a URL, a path and a second reading', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.webPath(),
        fc.string(),
        fc.string().map((text) => `/ocpp/${text}`),
      ),
      (url) => {
        const result = parseStationId(url);
        if (!result.ok) return;
        expect(result.value).toMatch(/^[A-Za-z0-9*\-_=+|@.]{1,48}$/);
        expect(result.value.length).toBeLessThanOrEqual(stationIdCharactersMax);
        expect(parseStationId(`/${encodeURIComponent(result.value)}`)).toEqual(result);
        expect(checkStationId(result.value)).toEqual(result);
      },
    ),
    { numRuns: 5_000 },
  );
});
