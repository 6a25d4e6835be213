import { expect, test } from 'vitest';
import { strikeAddresses, strikeWords } from './strike-words.ts';

test.each([
  ['Authorization: Basic Q1AtMTpw', 'Authorization: ***'],
  ['got "password":"a b", why', 'got "password":***, why'],
  ['api_key = abc; next', 'api_key = ***; next'],
  ['Bearer eyJ0.eyJ1 has ended', 'Bearer *** has ended'],
  ['Basic authentication failed', 'Basic authentication failed'],
  ['no token was sent', 'no token was sent'],
])('%s is shown as %s', (said, shown) => {
  expect(strikeWords(said)).toBe(shown);
});

test.each([
  ['https://a.example/x?sig=1 and https://b.example/?t=2', 'https://a.example/x?***'],
  ['https://a.example/x https://u:p@b.example/#t', 'https://a.example/x https://***@b.example/#***'],
  ['why? see https://a.example/', 'why? see https://a.example/'],
  ['https://a.example/?', 'https://a.example/?'],
])('%s is shown as %s', (said, shown) => {
  expect(strikeAddresses(said)).toBe(shown);
});

/** As long as the longest frame of a station. */
test.each(['://', '://?', 'token ', 'token="', 'basic ', 'api_', ':// ', '@'])(
  'a text of nothing but %j is read in no time',
  (part) => {
    const text = part.repeat(131_072 / part.length);
    const sinceMs = performance.now();
    strikeWords(text);
    expect(performance.now() - sinceMs).toBeLessThan(1_000);
  },
);
