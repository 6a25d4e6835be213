import { expect, test } from 'vitest';
import { idCharactersMax, integerOf, kept, stringOf } from './id-token.ts';

test.each([
  ['0', '0'],
  ['-1', '-1'],
  ['4711', '4711'],
  ['"4711"', '4711'],
  ['4711.0', '4711'],
  ['4.711e3', '4711'],
  ['-0', '0'],
  ['9223372036854775807', '9223372036854775807'],
  ['-9223372036854775808', '-9223372036854775808'],
  ['1.5', null],
  ['1e300', null],
  ['123456789012345678901', null],
  ['"007"', null],
  ['"0x1"', null],
  ['""', null],
  ['"-"', null],
  ['null', null],
  ['true', null],
  ['{}', null],
])('%s says the integer %s', (token, integer) => {
  expect(integerOf(token)).toBe(integer);
});

test('a string says what JSON.parse says, up to the bound', () => {
  expect(stringOf('"a\\u0062\\"c"')).toBe('ab"c');
  expect(stringOf('7')).toBe(null);
  expect(stringOf(`"${'x'.repeat(idCharactersMax)}"`)).toHaveLength(idCharactersMax);
  expect(stringOf(`"${'x'.repeat(idCharactersMax + 1)}"`)).toBe(null);
  expect(kept('x'.repeat(idCharactersMax + 1))).toBe(null);
});
