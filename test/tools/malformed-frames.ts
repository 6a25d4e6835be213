/**
 * Malformed frames made from real ones: every message of every version, spoilt in one or two places that know the structure.
 *
 * Pure, from a seed. Most texts are no frames; some survive as frames, as they do on a real wire. What each version prescribes for a text says
 * malformed-frames-oracle.ts.
 */
import type { Schema } from './copy-schemas.ts';
import { minimalPayload, randomPayload } from './payload-from-schema.ts';
import type { Random } from './seeded-random.ts';

/** Real messages to spoil: action and payload as JSON. */
export interface Specimen {
  readonly action: string;
  readonly isRequest: boolean;
  readonly payload: string;
}

/** Two payloads of each message. */
export function specimens(schemas: ReadonlyMap<string, Schema>, random: Random): Specimen[] {
  const made: Specimen[] = [];
  for (const [message, schema] of schemas) {
    const isRequest = !message.endsWith('Response');
    const action = message.replace(/(Request|Response)$/, '');
    for (const payload of [minimalPayload(schema), randomPayload(schema, random)]) {
      const text = JSON.stringify(payload);
      if (text.length < 4_000) made.push({ action, isRequest, payload: text });
    }
  }
  return made;
}

/** The next spoilt text. `id` is a fresh message id for it, so that answers can be told apart where they name one. */
export function malformedFrame(random: Random, pool: readonly Specimen[], id: string): string {
  const elements = realFrame(random, random.pick(pool), id);
  const spoil = random.next() < 0.004 ? random.pick(costly) : random.pick(spoilers);
  const text = spoil(elements, random);
  return random.next() < 0.1 ? spoilText(text, random) : text;
}

/** What no text frame can carry: sent as it is, it costs the sender its link. */
export interface HostileMessage {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/** Binary frames, and text frames that are not UTF-8. */
export function hostileMessage(random: Random, pool: readonly Specimen[], id: string): HostileMessage {
  const frame = Buffer.from(join(realFrame(random, random.pick(pool), id)));
  if (random.next() < 0.5) return { data: frame, isBinary: true };
  const at = random.below(frame.length);
  const bytes = Buffer.from(random.pick(notUtf8));
  return {
    data: Buffer.concat([frame.subarray(0, at), bytes, Buffer.from(','), frame.subarray(at)]),
    isBinary: false,
  };
}

type Elements = string[];
type Spoiler = (elements: Elements, random: Random) => string;

function realFrame(random: Random, specimen: Specimen, id: string): Elements {
  const token = JSON.stringify(id);
  const { action, isRequest, payload } = specimen;
  const choice = random.next();
  if (choice < 0.08) return ['4', token, '"InternalError"', '"Something is wrong."', '{}'];
  if (choice < 0.12) return ['5', token, '"FormatViolation"', '""', '{}'];
  if (choice < 0.18) return ['6', token, JSON.stringify(action), payload];
  return isRequest ? ['2', token, JSON.stringify(action), payload] : ['3', token, payload];
}

function join(elements: readonly string[]): string {
  return `[${elements.join(',')}]`;
}

const wrongTypes = [
  '0',
  '1',
  '5',
  '6',
  '7',
  '99',
  '-2',
  '-0',
  '2.0',
  '2.5',
  '2e0',
  '1e400',
  '"2"',
  'null',
  '[2]',
  '{}',
  'true',
  '02',
  '+2',
  'NaN',
  '12345678901234567890',
];
const wrongIds = [
  '7',
  '0',
  'null',
  'true',
  '""',
  '[]',
  '{}',
  '["1"]',
  '1.5',
  '"-1"',
  '"__proto__"',
  '"constructor"',
  '"\\ud800"',
  '"\\u0000"',
  '"a\\"b\\\\"',
  '"é"',
  '"🔌"',
  '" "',
  `"${'i'.repeat(36)}"`,
  `"${'i'.repeat(37)}"`,
  `"${'i'.repeat(255)}"`,
  `"${'i'.repeat(256)}"`,
  `"${'i'.repeat(5_000)}"`,
  `"${'\\u0041'.repeat(40)}"`,
  `"${'\\u0041'.repeat(60)}"`,
  "'1'",
];
const wrongActions = [
  '""',
  '1',
  'null',
  'true',
  '[]',
  '{}',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"Heart\\u0062eat"',
  '"\\u0000"',
  '"\\ud800"',
  '" "',
  '"heartbeat"',
  '"Heartbeat.req"',
  `"${'A'.repeat(3_000)}"`,
  '"充电"',
  '"a\\nb"',
];
const wrongPayloads = [
  '[]',
  '""',
  '"{}"',
  '0',
  'true',
  'false',
  'null',
  '[{}]',
  '{"a":}',
  '{a:1}',
  "{'a':1}",
  '{"a":1,}',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"n":1e400}',
  '{"n":-1e-400}',
  '{"n":9223372036854775808}',
  '{"n":01}',
  '{"n":.5}',
  '{"n":NaN}',
  '{"n":Infinity}',
  '{"s":"\\ud800"}',
  '{"s":"\\x"}',
  '{"s":"\\u12"}',
  '{"s":"\u0001"}',
  '{"s":"\u0000"}',
  '{"s":"\u2028"}',
  '{"":{"":{"":[]}}}',
  'undefined',
  '{"a":1}{"b":2}',
  '/* */{}',
];
const wrongTexts = [
  '',
  ' ',
  '\n',
  '[]',
  '{}',
  '""',
  '"x"',
  '0',
  'null',
  'true',
  '[[]]',
  '[',
  ']',
  '[,]',
  '[2',
  '[2,',
  '[2,"',
  '[null]',
  '{"2":"id"}',
  'ping',
  '\ufeff[]',
  '[2]',
  '[3]',
  '[4]',
  '[5]',
  '[6]',
  'GET / HTTP/1.1\r\n\r\n',
  '<xml/>',
  '[undefined]',
  '[2,"1","A",{}]\u0000',
  '\u0000',
];
const notUtf8: readonly (readonly number[])[] = [
  [0xff],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0x80],
  [0xe2, 0x28, 0xa1],
];
const structural = [
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '"',
  '\\',
  '0',
  '-',
  'e',
  '.',
  'n',
  ' ',
  '\u0000',
  '\n',
  'é',
  '\u2028',
];

const spoilers: readonly Spoiler[] = [
  (elements, random) => join(elements).slice(0, random.below(join(elements).length)),
  (elements, random) => join(elements.toSpliced(random.below(elements.length), 1)),
  (elements, random) => join(elements.slice(0, random.below(elements.length))),
  (elements, random) =>
    join(elements.toSpliced(random.below(elements.length + 1), 0, random.pick(wrongPayloads))),
  (elements) => join([...elements, ...elements]),
  (elements, random) => join(swapped(elements, random.below(elements.length), random.below(elements.length))),
  (elements, random) => join(elements.with(0, random.pick(wrongTypes))),
  (elements, random) => join(elements.with(1, random.pick(wrongIds))),
  (elements, random) => join(elements.with(2, random.pick(wrongActions))),
  (elements, random) => join(withLast(elements, random.pick(wrongPayloads))),
  (elements, random) => join(elements.with(0, random.pick(wrongTypes)).with(1, random.pick(wrongIds))),
  (elements, random) =>
    join(withLast(elements.with(0, '2').with(1, random.pick(wrongIds)), random.pick(wrongPayloads))),
  (elements) => `{"messageTypeId":${elements[0]},"payload":${elements.at(-1)}}`,
  (elements) => join(elements) + join(elements),
  (elements) => JSON.stringify(join(elements)),
  (elements, random) => spoilText(join(elements), random),
  (_, random) => random.pick(wrongTexts),
];

/** Long ones, made seldom. */
const costly: readonly Spoiler[] = [
  (elements, random) => join(withLast(elements, nested(random, '[', ']'))),
  (elements, random) => join(withLast(elements, nested(random, '{"a":', '}'))),
  (_, random) => '['.repeat(1_000 + random.below(59_000)),
  (_, random) => '{"a":'.repeat(1_000 + random.below(20_000)),
  (elements) => join(elements.with(0, '9'.repeat(65_000))),
  (elements) => join(elements.with(1, '9'.repeat(65_000))),
  (elements) => join(withLast(elements, `[${'9'.repeat(65_000)}]`)),
  (elements) => join(withLast(elements, `[${Array.from({ length: 10_000 }, (_, at) => at).join(',')}]`)),
  (elements) => join([...elements, ...Array.from({ length: 10_000 }, () => 'null')]),
  (elements) => join(elements.with(1, `"${'\\ud800'.repeat(10_000)}"`)),
  (elements) => `${' '.repeat(50_000)}${join(elements)}]`,
];

function nested(random: Random, open: string, close: string): string {
  const levels = random.next() < 0.5 ? 20 + random.below(30) : 1_000 + random.below(15_000);
  return `${open.repeat(levels)}1${close.repeat(levels)}`;
}

/** Another payload, or another detail of an error. */
function withLast(elements: Elements, last: string): Elements {
  return elements.with(elements.length - 1, last);
}

function swapped(elements: Elements, left: number, right: number): Elements {
  return elements.with(left, elements.at(right) ?? '').with(right, elements.at(left) ?? '');
}

/** One character put in, taken out or changed. */
function spoilText(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const put = random.next() < 0.25 ? '' : random.pick(structural);
  return text.slice(0, at) + put + text.slice(at + random.below(2));
}
