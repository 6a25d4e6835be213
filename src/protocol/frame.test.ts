import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judge } from '../../test/tools/malformed-frames-oracle.ts';
import {
  decode,
  hasMessageId,
  idTokenOf,
  messageIdCharactersMax,
  nestingMax,
  payloadOf,
  withIdToken,
  withMessageId,
  type Frame,
} from './frame.ts';
import { ocppVersions } from './version.ts';

/** Payloads that a parse-and-print relay would change. */
const oddPayloads: readonly string[] = [
  '{"value":1.10}',
  '{"value":1e3,"other":1E+3,"third":-0.0}',
  '{"serial":9007199254740993,"big":18446744073709551615}',
  `{"long":${'9'.repeat(400)}}`,
  '{"text":"\\u00e9\\/\\"\\\\\\b\\f\\n\\r\\t"}',
  '{"lone":"\\ud800","pair":"\\ud83d\\ude00","raw":"😀"}',
  '{"a":1,"a":2,"b":{"a":3,"a":4}}',
  '{"__proto__":{"polluted":true},"constructor":null}',
  '{"z":1,"a":2,"10":3,"9":4}',
  '{ "spaced" :\t[ 1 ,\r\n2 ] }',
  '{"nul":"\\u0000","text":"[2,\\"id\\",\\"Fake\\",{}]"}',
  `{"data":"${'x'.repeat(100 * 1024)}"}`,
  '{}',
  'null',
];

const json = fc.oneof(
  fc.constantFrom(...oddPayloads),
  fc.json({ maxDepth: 4 }).map((text) => `{"payload":${text}}`),
);
const idToken = fc.oneof(
  fc.uuid().map((id) => `"${id}"`),
  fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }).map((id) => JSON.stringify(id)),
  fc.constantFrom('"\\u0041"', '"\\""', '"-1"', '"é"', `"${'i'.repeat(messageIdCharactersMax)}"`),
);
const blank = fc.constantFrom('', '', ' ', '\n', ' \t\r\n');

/** A well-formed frame as text, with the parts it was made of. */
const built = fc
  .tuple(fc.constantFrom('2', '3', '4', '5', '6'), idToken, json, blank)
  .map(([type, id, payload, gap]) => {
    const action = type === '2' || type === '6' ? `${gap},"DataTransfer"` : '';
    const code = type === '4' || type === '5' ? `${gap},"InternalError","Why",` : ',';
    return {
      type,
      id,
      payload,
      text: `${gap}[${gap}${type},${gap}${id}${action}${code}${gap}${payload}${gap}]${gap}`,
    };
  });

function frameOf(text: string): Frame {
  const decoded = decode(text, 'ocpp2.1');
  if (decoded.kind === 'invalid') throw new Error(`${decoded.fault}: ${text.slice(0, 200)}`);
  return decoded;
}

test('the parts of a frame are found as they were written', () => {
  fc.assert(
    fc.property(built, ({ type, id, payload, text }) => {
      const frame = frameOf(text);
      expect(idTokenOf(text, frame)).toBe(id);
      if (type === '2' || type === '6') expect(frame.action).toBe('DataTransfer');
      if (type === '4' || type === '5') expect(payloadOf(text, frame)).toBe('"InternalError"');
      else expect(payloadOf(text, frame)).toBe(payload);
    }),
    { numRuns: 2_000 },
  );
});

test('another id changes the id and not one other character', () => {
  fc.assert(
    fc.property(built, fc.uuid(), ({ id, text }, other) => {
      const frame = frameOf(text);
      const relayed = withMessageId(text, frame, other);
      const again = frameOf(relayed);
      expect(hasMessageId(relayed, again, other)).toBe(true);
      expect(relayed.slice(0, again.idStart)).toBe(text.slice(0, frame.idStart));
      expect(relayed.slice(again.idEnd)).toBe(text.slice(frame.idEnd));
      expect(withIdToken(relayed, again, id)).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

test('an id is recognised only when it is the whole id', () => {
  const text = '[3,"abc",{}]';
  const frame = frameOf(text);
  expect(hasMessageId(text, frame, 'abc')).toBe(true);
  for (const other of ['ab', 'abcd', 'abd', 'ABC', '']) expect(hasMessageId(text, frame, other)).toBe(false);
  const escaped = '[3,"\\u0061bc",{}]';
  expect(hasMessageId(escaped, frameOf(escaped), 'abc')).toBe(false);
});

test('an action written with escapes is read', () => {
  expect(frameOf('[2,"1","Heart\\u0062eat",{}]').action).toBe('Heartbeat');
});

test('a call without payload, or with null, passes (OCPP-J 1.6 §4.2.1)', () => {
  expect(payloadOf('[2,"1","Heartbeat"]', frameOf('[2,"1","Heartbeat"]'))).toBe('{}');
  expect(payloadOf('[2,"1","Heartbeat",null]', frameOf('[2,"1","Heartbeat",null]'))).toBe('null');
  expect(payloadOf('[3,"1"]', frameOf('[3,"1"]'))).toBe('{}');
});

test('an empty array, as PHP writes an empty object, passes as it is and counts as no payload', () => {
  for (const text of ['[2,"1","Heartbeat",[]]', '[3,"1",[]]', '[3, "1", [ ]]', '[6,"1","A",[\n]]']) {
    const frame = frameOf(text);
    expect(payloadOf(text, frame)).toBe('{}');
    expect(withMessageId(text, frame, 'x')).toBe(text.replace('"1"', '"x"'));
  }
  expect(decode('[3,"1",[0]]', 'ocpp1.6')).toMatchObject({ kind: 'invalid', fault: 'bad_payload' });
});

function nested(levels: number): string {
  return `[2,"1","A",${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}]`;
}

test('nesting is accepted to the bound and refused beyond it', () => {
  expect(decode(nested(nestingMax - 1), 'ocpp2.1').kind).toBe('call');
  expect(decode(nested(nestingMax), 'ocpp2.1')).toMatchObject({ kind: 'invalid', fault: 'too_deep' });
});

test('CALLRESULTERROR and SEND exist in 2.1 only', () => {
  for (const [text, kind] of [
    ['[5,"1","InternalError","",{}]', 'result_error'],
    ['[6,"1","NotifyPeriodicEventStream",{}]', 'send'],
  ] as const) {
    expect(decode(text, 'ocpp2.1').kind).toBe(kind);
    for (const version of ['ocpp1.6', 'ocpp2.0.1'] as const) {
      expect(decode(text, version)).toMatchObject({ kind: 'invalid', fault: 'unknown_type', idToken: '"1"' });
    }
  }
});

describe('against a naive reading by JSON.parse', () => {
  const arbitraryText = fc.oneof(
    fc.json({ maxDepth: 3 }),
    built.map(({ text }) => text),
    fc
      .array(
        fc.oneof(
          fc.constantFrom(
            '2',
            '3',
            '4',
            '5',
            '6',
            '7',
            '2.0',
            '-2',
            '2e0',
            '"2"',
            '12345678901',
            'null',
            '""',
            '{}',
            '[]',
            '"Reset"',
          ),
          idToken,
        ),
        { maxLength: 7 },
      )
      .map((elements) => `[${elements.join(',')}]`),
  );
  const spoilt = fc
    .tuple(arbitraryText, fc.nat(), fc.constantFrom('', '{', ']', '"', ',', '0', '\\', 'é'))
    .map(([text, at, put]) => {
      const position = at % (text.length + 1);
      return text.slice(0, position) + put + text.slice(position + 1);
    });

  test.each(ocppVersions)('%s: a text is a frame for both or for neither, with the same parts', (version) => {
    fc.assert(
      fc.property(fc.oneof(arbitraryText, spoilt), (text) => {
        const decoded = decode(text, version);
        const verdict = judge(version, text);
        expect(decoded.kind !== 'invalid').toBe(verdict.isFrame);
        if (decoded.kind === 'invalid' || !verdict.isFrame) return;
        const [, id, third = '""'] = verdict.elements;
        expect(idTokenOf(text, decoded)).toBe(id);
        if (decoded.kind === 'call' || decoded.kind === 'send')
          expect(decoded.action).toBe(JSON.parse(third));
      }),
      { numRuns: 5_000 },
    );
  });
});
