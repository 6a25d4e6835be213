import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachValue, findValue, mayName, splice, tokenAt, valueEnd, withMember } from './splice.ts';

const key = fc.constantFrom('a', 'b', 'id', 'transactionId', 'aid', 'é');
const leaf = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom('', '"id":1', '{"a":{"b":2}}', 'back\\slash\\', '\u2028', null, true),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  ),
}));
const object = fc.dictionary(key, value, { maxKeys: 5 });
const path = fc.array(key, { minLength: 1, maxLength: 3 });
const blank = fc.constantFrom('', ' ', '\n\t');

/** The value as JSON, with blanks and with escapes in its keys. */
function written(source: unknown, gap: string, escapes: boolean): string {
  if (Array.isArray(source))
    return `[${gap}${source.map((item) => written(item, gap, escapes)).join(`${gap},${gap}`)}${gap}]`;
  if (typeof source !== 'object' || source === null) return JSON.stringify(source);
  const members = Object.entries(source).map(
    ([name, item]) => `${quoted(name, escapes)}${gap}:${gap}${written(item, gap, escapes)}`,
  );
  return `{${gap}${members.join(`${gap},${gap}`)}${gap}}`;
}

function quoted(name: string, escapes: boolean): string {
  if (!escapes) return JSON.stringify(name);
  return `"${[...name].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
}

function at(source: unknown, keys: readonly string[]): unknown {
  let found: unknown = source;
  for (const name of keys) {
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return undefined;
    found = Object.hasOwn(found, name) ? (found as Record<string, unknown>)[name] : undefined;
  }
  return found;
}

test('a value is found where JSON.parse has it, whatever the blanks, escapes and decoys', () => {
  fc.assert(
    fc.property(object, path, blank, fc.boolean(), (source, keys, gap, escapes) => {
      const body = written(source, gap, escapes);
      const text = `[2,"7","A",${body}]`;
      const token = tokenAt(text, 11, keys);
      const expected = at(JSON.parse(body), keys);
      expect(token === null ? undefined : JSON.parse(token)).toEqual(expected);
      if (expected !== undefined) {
        expect(mayName(text, 11, text.length - 1, keys.at(-1) as string)).toBe(true);
      }
    }),
  );
});

test('of a repeated key the last is found, and every one is visited', () => {
  const text = '{"id":1,"in":{"id":2},"\\u0069d":3}';
  expect(tokenAt(text, 0, ['id'])).toBe('3');
  const seen: string[] = [];
  eachValue(text, 0, ['id'], (_member, start, end) => seen.push(text.slice(start, end)));
  expect(seen).toEqual(['1', '3']);
});

test('a replaced value is the only difference, to the byte', () => {
  fc.assert(
    fc.property(object, path, blank, (source, keys, gap) => {
      const text = written(source, gap, false);
      const start = findValue(text, 0, keys);
      if (start === -1) return;
      const end = valueEnd(text, start);
      const spliced = splice(text, [{ start, end, text: '"new"' }]);
      expect(spliced).toBe(`${text.slice(0, start)}"new"${text.slice(end)}`);
      expect(at(JSON.parse(spliced), keys)).toBe('new');
    }),
  );
});

test('removed members leave valid JSON with all the others', () => {
  fc.assert(
    fc.property(object, key, blank, fc.integer({ min: 0, max: 3 }), (source, name, gap, repeats) => {
      const plain = written(source, gap, false);
      let text = plain;
      for (let count = 0; count < repeats; count += 1) text = withMember(text, 0, name, '1');
      const edits: { start: number; end: number; text: null }[] = [];
      eachValue(text, 0, [name], (start, _value, end) => edits.push({ start, end, text: null }));
      const { [name]: _gone, ...rest } = source;
      expect(JSON.parse(splice(text, edits))).toEqual(JSON.parse(JSON.stringify(rest)));
    }),
  );
});

test('each element of an array is visited in order', () => {
  const text = '{"list":[{"id":1.50},{"x":{"id":9}},{"id":"2"} , 7, {"id":[3]}],"id":4}';
  const seen: string[] = [];
  eachValue(text, 0, ['list', '*', 'id'], (_member, start, end) => seen.push(text.slice(start, end)));
  expect(seen).toEqual(['1.50', '"2"', '[3]']);
  const items: string[] = [];
  eachValue('[ 1 ,"]", {} ]', 0, ['*'], (_m, start, end) => items.push('[ 1 ,"]", {} ]'.slice(start, end)));
  expect(items).toEqual(['1', '"]"', '{}']);
});

test('what is visited is what JSON.parse has there, element by element', () => {
  const list = fc.array(fc.oneof(fc.integer(), fc.dictionary(key, value, { maxKeys: 3 })), { maxLength: 4 });
  fc.assert(
    fc.property(fc.record({ id: list, b: value }), key, blank, (source, name, gap) => {
      const text = written(source, gap, false);
      const parsed = JSON.parse(text) as { id: unknown[] };
      const items: unknown[] = [];
      eachValue(text, 0, ['id', '*'], (_m, start, end) => items.push(JSON.parse(text.slice(start, end))));
      expect(items).toEqual(parsed.id);
      const members: unknown[] = [];
      eachValue(text, 0, ['id', '*', name], (_m, start, end) =>
        members.push(JSON.parse(text.slice(start, end))),
      );
      expect(members).toEqual(parsed.id.map((item) => at(item, [name])).filter((item) => item !== undefined));
    }),
  );
});

test('signed and odd decimals stay as they were sent', () => {
  const text = '[2,"1","MeterValues",{"v":1.10e+2,"transactionId":7,"sig":"a\\"transactionId\\":8\\\\"}]';
  const start = findValue(text, 21, ['transactionId']);
  expect(splice(text, [{ start, end: valueEnd(text, start), text: '9' }])).toBe(
    '[2,"1","MeterValues",{"v":1.10e+2,"transactionId":9,"sig":"a\\"transactionId\\":8\\\\"}]',
  );
});

test('several edits, replacing and removing, are made at once', () => {
  const text = '{"a":1, "b":2, "c":3}';
  const spans: [number, number, number][] = [];
  for (const name of ['a', 'b', 'c']) eachValue(text, 0, [name], (...span) => spans.push(span));
  const [a, b, c] = spans as [[number, number, number], [number, number, number], [number, number, number]];
  const edits = [
    { start: a[1], end: a[2], text: '10' },
    { start: b[0], end: b[2], text: null },
    { start: c[0], end: c[2], text: null },
  ];
  expect(splice(text, edits)).toBe('{"a":10}');
  expect(splice(text, [])).toBe(text);
});

test('a part of the text that does not name the key says so', () => {
  const text = '[2,"transactionId","A",{"a":1},"transactionId"]';
  const start = text.indexOf('{');
  expect(mayName(text, start, text.indexOf('}') + 1, 'transactionId')).toBe(false);
});
