/** Finding and changing values in JSON texts, held against JSON.parse. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memberAround, spanOf, spansOf, splice } from './splice.ts';

const names = ['id', 'transactionId', 'a"b', 'x', '\u00e9'];
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('1.10', '1e3', '-0', '9223372036854775807', 'null', 'true', '""', '"a\\"b}]"', '"\\\\"'),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => `[ ${items.join(' ,')}]`),
    fc
      .array(fc.tuple(fc.constantFrom(...names), tie('value')), { maxLength: 4 })
      .map(
        (members) =>
          `{${members.map(([name, value]) => `${escapeSome(name)} : ${String(value)}`).join(',\n')} }`,
      ),
  ),
})).value;

function escapeSome(name: string): string {
  return name === 'x' ? '"\\u0078"' : JSON.stringify(name);
}

function at(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || Array.isArray(found) || !Object.hasOwn(found, name))
      return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

test('a value is found where JSON.parse finds it, whatever stands around it', () => {
  fc.assert(
    fc.property(json, fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }), (text, path) => {
      const span = spanOf(text, 0, text.length, path);
      const expected = at(JSON.parse(text), path);
      if (expected === undefined) expect(span).toBeNull();
      else expect(JSON.parse(text.slice(span?.start, span?.end))).toEqual(expected);
    }),
    { numRuns: 3_000 },
  );
});

test('a replaced value is replaced, and everything else is the same to the byte', () => {
  fc.assert(
    fc.property(json, fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 2 }), (text, path) => {
      const span = spanOf(text, 0, text.length, path);
      if (span === null) return;
      const changed = splice(text, [{ ...span, text: '4711' }]);
      expect(at(JSON.parse(changed), path)).toBe(4711);
      expect(changed).toBe(`${text.slice(0, span.start)}4711${text.slice(span.end)}`);
    }),
    { numRuns: 2_000 },
  );
});

test('every element of an array is found', () => {
  const text = '{"m":[{"id":1},{"x":[{"id":9}]}, {"id" : 3 }]}';
  const found = spansOf(text, 0, text.length, ['m', '*', 'id']);
  expect(found.map(({ start, end }) => text.slice(start, end))).toEqual(['1', '3']);
  expect(
    splice(
      text,
      found.map(({ start, end }) => ({ start, end, text: '7' })),
    ),
  ).toBe('{"m":[{"id":7},{"x":[{"id":9}]}, {"id" : 7 }]}');
});

test.each([
  ['{"id":1,"b":2}', '{"b":2}'],
  ['{"b":2, "id" : 1}', '{"b":2}'],
  ['{"b":2 , "id":1 , "c":3}', '{"b":2 , "c":3}'],
  ['{ "id":1 }', '{  }'],
  ['{"b\\"":2,"id":1}', '{"b\\"":2}'],
])('a member is taken out of %s and the rest is whole', (text, expected) => {
  const span = spanOf(text, 0, text.length, ['id']);
  expect(span).not.toBeNull();
  if (span === null) return;
  const rest = splice(text, [{ ...memberAround(text, span), text: '' }]);
  expect(rest).toBe(expected);
  expect(JSON.parse(rest)).not.toHaveProperty('id');
});
