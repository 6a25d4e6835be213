/**
 * 100,000 structure-aware malformed frames through the codec, against an answer worked out independently.
 */
import { describe, expect, test } from 'vitest';
import { callErrorText } from '../../src/protocol/error-code.ts';
import { decode, type Malformed } from '../../src/protocol/frame.ts';
import { answerMalformed } from '../../src/protocol/malformed.ts';
import type { OcppVersion } from '../../src/protocol/version.ts';
import { readSchemas, type SchemaVersion } from '../tools/copy-schemas.ts';
import { judge } from '../tools/malformed-frames-oracle.ts';
import { malformedFrame, specimens } from '../tools/malformed-frames.ts';
import { seededRandom } from '../tools/seeded-random.ts';

const framesEach = 34_000;

const versions = [
  ['ocpp1.6', '1.6', ['FormationViolation']],
  ['ocpp2.0.1', '2.0.1', ['FormatViolation', 'MessageTypeNotSupported', 'RpcFrameworkError']],
  ['ocpp2.1', '2.1', ['FormatViolation', 'RpcFrameworkError']],
] as const;

describe('every text gets the prescribed answer, or silence where that is prescribed', () => {
  test.each(versions)('%s', async (version, schemaVersion, codes) => {
    const { mismatch, outcomes } = await fuzz(version, schemaVersion, answerMalformed);
    expect(mismatch).toBe(null);
    // The generator reaches every answer of the version, and mostly spoils.
    expect([...outcomes.keys()].sort()).toEqual([...codes, 'frame', 'silence'].sort());
    for (const times of outcomes.values()) expect(times).toBeGreaterThan(100);
    expect(outcomes.get('frame')).toBeLessThan(framesEach / 3);
  });
});

describe('a wrong answer is noticed', () => {
  test.each<[string, (version: OcppVersion, malformed: Malformed) => string | null]>([
    [
      'silence to a call',
      (version, malformed) =>
        malformed.fault === 'bad_payload' ? null : answerMalformed(version, malformed),
    ],
    [
      'an answer to an answer',
      (version, malformed) =>
        answerMalformed(version, malformed.typeNumber === 3 ? { ...malformed, typeNumber: 2 } : malformed),
    ],
    [
      '"-1" for an id that can be read',
      (version, malformed) => answerMalformed(version, { ...malformed, idToken: null }),
    ],
    [
      'another code',
      (version, malformed) =>
        answerMalformed(version, malformed) &&
        callErrorText(version, malformed.idToken ?? '"-1"', 'generic', 'x'),
    ],
  ])('%s', async (_, answer) => {
    expect((await fuzz('ocpp2.0.1', '2.0.1', answer)).mismatch).toEqual(expect.any(String));
  });
});

interface Fuzzed {
  /** The first text that was judged or answered otherwise than prescribed, with seed and place. */
  readonly mismatch: string | null;
  /** How often each code, silence or a surviving frame came up. */
  readonly outcomes: ReadonlyMap<string, number>;
}

async function fuzz(
  version: OcppVersion,
  schemaVersion: SchemaVersion,
  answer: (version: OcppVersion, malformed: Malformed) => string | null,
): Promise<Fuzzed> {
  const seed = 20_261_124;
  const random = seededRandom(seed);
  const pool = specimens(await readSchemas(schemaVersion), random);
  const outcomes = new Map<string, number>();
  for (let count = 0; count < framesEach; count += 1) {
    const text = malformedFrame(random, pool, `m-${count}`);
    const verdict = judge(version, text);
    const decoded = decode(text, version);
    const where = `seed ${seed}, frame ${count}: ${text.slice(0, 300)}`;
    let outcome = 'frame';
    if (decoded.kind === 'invalid' && !verdict.isFrame) {
      const given = answer(version, decoded);
      const { answer: prescribed } = verdict;
      const start = prescribed === null ? null : `[4,${prescribed.id},"${prescribed.code}",`;
      const isRight = given === null || start === null ? given === start : given.startsWith(start);
      if (!isRight) return { mismatch: `answered ${given}, prescribed ${start}; ${where}`, outcomes };
      if (given !== null) JSON.parse(given);
      outcome = prescribed?.code ?? 'silence';
    } else if (decoded.kind === 'invalid' || !verdict.isFrame) {
      return { mismatch: `decoded as ${decoded.kind}, judged otherwise; ${where}`, outcomes };
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  return { mismatch: null, outcomes };
}
