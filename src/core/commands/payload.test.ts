import fc from 'fast-check';
import { expect, test } from 'vitest';
import { integerOf, listOf, payloadReader, readPayload, textOf } from './payload.ts';

test('two members of one name make a payload ambiguous, however they are spelled and however deep', () => {
  for (const text of [
    '{"key":"a","key":"b"}',
    '{"key":"a","k\\u0065y":"b"}',
    '{"key":"a","KEY":"b"}',
    '{"key":"a"," key ":"b"}',
    '{"key":"a","\u212aey":"b"}',
    '{"status":"a","\u017ftatus":"b"}',
    '{"key":"a","key\\u0000x":"b"}',
    '{"x":[{"y":1},{"y":1,"z":{"w":"}","W":2}}]}',
    'no json',
  ])
    expect(readPayload(text).isAmbiguous, text).toBe(true);
});

test('what a serializer writes is not ambiguous', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ key: fc.string(), value: fc.jsonValue() })), (list) => {
      const plain = list.map(({ key, value }) => ({ key, value: JSON.stringify(value) }));
      expect(readPayload(JSON.stringify({ list: plain })).isAmbiguous).toBe(false);
    }),
  );
});

test('members are taken by their type or not at all, and nothing is inherited', () => {
  const { members } = payloadReader('{"a":"x","b":2,"c":[1],"d":2.5,"__proto__":{"e":"y"}}')();
  expect([textOf(members, 'a'), textOf(members, 'b'), textOf(members, 'e')]).toEqual(['x', null, null]);
  expect([integerOf(members, 'b'), integerOf(members, 'd')]).toEqual([2, null]);
  expect([listOf(members, 'c'), listOf(members, 'a')]).toEqual([[1], []]);
  expect(textOf(members, 'toString')).toBe(null);
  expect(payloadReader('null')().members).toEqual({});
});

test('a hostile payload of megabytes is read in a moment', () => {
  const startedAtMs = performance.now();
  for (const text of [
    JSON.stringify({ data: 'x'.repeat(4_000_000) }),
    JSON.stringify({ data: '\\'.repeat(2_000_000) }),
    JSON.stringify({ data: '"'.repeat(2_000_000) }),
    `{"data":${'['.repeat(500_000)}${']'.repeat(500_000)}}`,
  ])
    expect(readPayload(text).isAmbiguous).toBe(false);
  expect(performance.now() - startedAtMs).toBeLessThan(20_000);
});
