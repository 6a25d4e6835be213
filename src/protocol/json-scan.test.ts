import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { scanJson } from './json-scan.ts';

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test('what JSON.parse accepts is accepted', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      expect(scanJson(text, 64).fault).toBe(null);
    }),
  );
});

test('a text with one character changed is accepted exactly when JSON.parse accepts it', () => {
  const spoilt = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom(...'{}[],:"\\0-+.eE \n\tu/tfn\u0001é'))
    .map(([text, at, character]) => {
      const position = at % (text.length + 1);
      return text.slice(0, position) + character + text.slice(position + 1);
    });
  fc.assert(
    fc.property(spoilt, (text) => {
      expect(scanJson(text, 64).fault === null).toBe(parses(text));
    }),
    { numRuns: 20_000 },
  );
});

test.each([
  '',
  ' ',
  '01',
  '-',
  '1.',
  '.5',
  '1e',
  '1e+',
  '"\\x"',
  '"\\u12g4"',
  '"a',
  '[1,]',
  '{"a":}',
  '{,}',
  '[',
  '{"a"1}',
  'nul',
  '\u00a0[]',
  '"\n"',
  '1 2',
])('refuses %j as JSON.parse does', (text) => {
  expect(parses(text)).toBe(false);
  expect(scanJson(text, 64).fault).toBe('not_json');
});

test('the elements of the outer array are found wherever blanks stand', () => {
  const text = ' [ 2 , "id" ,"Action", { "a" : [ 1, 2 ] } ] ';
  const scan = scanJson(text, 64);
  const elements = [0, 1, 2, 3].map((at) => text.slice(scan.starts[at], scan.ends[at]));
  expect(scan.isArray).toBe(true);
  expect(scan.count).toBe(4);
  expect(elements).toEqual(['2', '"id"', '"Action"', '{ "a" : [ 1, 2 ] }']);
});

test('nesting beyond the bound is a fault of its own, at any depth', () => {
  expect(scanJson('['.repeat(32) + ']'.repeat(32), 32).fault).toBe(null);
  expect(scanJson('['.repeat(33) + ']'.repeat(33), 32).fault).toBe('too_deep');
  expect(scanJson('{"a":'.repeat(60_000), 32).fault).toBe('too_deep');
});
