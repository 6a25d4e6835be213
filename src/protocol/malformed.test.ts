import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judge } from '../../test/tools/malformed-frames-oracle.ts';
import { decode, type FrameFault } from './frame.ts';
import { answerMalformed } from './malformed.ts';
import { ocppVersions, type OcppVersion } from './version.ts';

const deep = `[2,"7","A",${'['.repeat(40)}${']'.repeat(40)}]`;
const longId = 'i'.repeat(256);
const notJson = '"RpcFrameworkError","The message is not valid JSON.",{}]';
const badType = '"RpcFrameworkError","The message type is missing or is not an integer.",{}]';
const unknownType = '"MessageTypeNotSupported","The message type is not known to this version.",{}]';
const badId = 'The message id is missing, is not a string or has an unusable length.';
const badAction = 'The action is missing or is not a string.';

/** Text, fault, and the whole answer in 1.6, 2.0.1 and 2.1; null is silence. */
const table: readonly (readonly [string, FrameFault, string | null, string | null, string | null])[] = [
  ['', 'not_json', null, `[4,"-1",${notJson}`, `[4,"-1",${notJson}`],
  ['[2,"7","Heartbeat",{}', 'not_json', null, `[4,"-1",${notJson}`, `[4,"-1",${notJson}`],
  [
    deep,
    'too_deep',
    null,
    ...both('[4,"-1","RpcFrameworkError","The message nests deeper than is accepted.",{}]'),
  ],
  [
    '{"a":1}',
    'not_an_array',
    null,
    ...both('[4,"-1","RpcFrameworkError","The message is not a JSON array.",{}]'),
  ],
  ['[]', 'bad_type', null, ...both(`[4,"-1",${badType}`)],
  ['["2","7","Heartbeat",{}]', 'bad_type', null, ...both(`[4,"7",${badType}`)],
  ['[2.0,"7","Heartbeat",{}]', 'bad_type', null, ...both(`[4,"7",${badType}`)],
  ['[null,7,"Heartbeat",{}]', 'bad_type', null, ...both(`[4,"-1",${badType}`)],
  ['[7,"7","Heartbeat",{}]', 'unknown_type', null, `[4,"7",${unknownType}`, null],
  ['[-2,"7"]', 'unknown_type', null, `[4,"7",${unknownType}`, null],
  ['[99999999999999999999]', 'unknown_type', null, `[4,"-1",${unknownType}`, null],
  ['[2]', 'bad_id', null, ...both(`[4,"-1","RpcFrameworkError","${badId}",{}]`)],
  ['[2,7,"Heartbeat",{}]', 'bad_id', null, ...both(`[4,"-1","RpcFrameworkError","${badId}",{}]`)],
  ['[2,"","Heartbeat",{}]', 'bad_id', null, ...both(`[4,"-1","RpcFrameworkError","${badId}",{}]`)],
  [`[2,"${longId}","Heartbeat",{}]`, 'bad_id', null, ...both(`[4,"-1","RpcFrameworkError","${badId}",{}]`)],
  [
    '[2,"7"]',
    'bad_action',
    `[4,"7","FormationViolation","${badAction}",{}]`,
    ...both(`[4,"7","RpcFrameworkError","${badAction}",{}]`),
  ],
  [
    '[2,"7",{}]',
    'bad_action',
    `[4,"7","FormationViolation","${badAction}",{}]`,
    ...both(`[4,"7","RpcFrameworkError","${badAction}",{}]`),
  ],
  [
    '[2,"7","",{}]',
    'bad_action',
    `[4,"7","FormationViolation","${badAction}",{}]`,
    ...both(`[4,"7","RpcFrameworkError","${badAction}",{}]`),
  ],
  [
    '[2,"7","Heartbeat",[0]]',
    'bad_payload',
    '[4,"7","FormationViolation","The payload is not a JSON object.",{}]',
    ...both('[4,"7","FormatViolation","The payload is not a JSON object.",{}]'),
  ],
  [
    '[2,"7","Heartbeat",{},{}]',
    'bad_length',
    '[4,"7","FormationViolation","The message has too many elements.",{}]',
    ...both('[4,"7","RpcFrameworkError","The message has too many elements.",{}]'),
  ],
  // An answer is never answered.
  ['[3]', 'bad_id', null, null, null],
  ['[3,"7",[0]]', 'bad_payload', null, null, null],
  ['[3,"7",{},{}]', 'bad_length', null, null, null],
  ['[4,7]', 'bad_id', null, null, null],
  ['[4,"7","InternalError","",{},{}]', 'bad_length', null, null, null],
];

function both(answer: string): readonly [string, string] {
  return [answer, answer];
}

function answerTo(version: OcppVersion, text: string): string | null {
  const decoded = decode(text, version);
  if (decoded.kind !== 'invalid') throw new Error(`well-formed: ${text}`);
  return answerMalformed(version, decoded);
}

describe.each(table)('%s', (text, fault, ...answers) => {
  test(`is ${fault}`, () => {
    expect(decode(text, 'ocpp2.1')).toMatchObject({ kind: 'invalid', fault });
  });
  test.each(ocppVersions.map((version, at) => [version, answers[at]] as const))(
    '%s answers %s',
    (version, answer) => {
      expect(answerTo(version, text)).toBe(answer);
    },
  );
});

test('a malformed SEND of 2.1 gets no answer; to the older versions its type is unknown', () => {
  expect(answerTo('ocpp2.1', '[6,"7"]')).toBe(null);
  expect(answerTo('ocpp2.0.1', '[6,"7"]')).toBe(`[4,"7",${unknownType}`);
  expect(answerTo('ocpp1.6', '[6,"7"]')).toBe(null);
});

test('every kind of fault has a line in the table', () => {
  const faults: Record<FrameFault, true> = {
    not_json: true,
    too_deep: true,
    not_an_array: true,
    bad_type: true,
    unknown_type: true,
    bad_id: true,
    bad_action: true,
    bad_payload: true,
    bad_length: true,
  };
  expect(new Set(table.map(([, fault]) => fault))).toEqual(new Set(Object.keys(faults)));
});

test('the id comes back as it was written, escapes and all', () => {
  expect(answerTo('ocpp2.0.1', '[2,"\\u0000\\"\\ud800",1]')).toMatch(
    /^\[4,"\\u0000\\"\\ud800","RpcFrameworkError"/,
  );
});

test.each(ocppVersions)(
  '%s: an answer is itself a frame that is never answered, whatever was received',
  (version) => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.array(fc.jsonValue(), { maxLength: 6 }).map((value) => JSON.stringify(value)),
        ),
        (text) => {
          const decoded = decode(text, version);
          if (decoded.kind !== 'invalid') return;
          const answer = answerMalformed(version, decoded);
          const verdict = judge(version, text);
          expect(verdict.isFrame).toBe(false);
          if (answer === null) expect(verdict).toEqual({ isFrame: false, answer: null });
          else {
            expect(decode(answer, version).kind).toBe('error');
            expect((JSON.parse(answer) as unknown[])[4]).toEqual({});
          }
        },
      ),
      { numRuns: 5_000 },
    );
  },
);
