/**
 * Payloads of any kind, valid and odd, arrive through the gateway as they were written: decimals, 64-bit integers, escapes, duplicate keys, 100 KiB.
 */
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ocppVersions } from '../../src/protocol/version.ts';
import { readSchemas, type SchemaVersion } from '../tools/copy-schemas.ts';
import { randomPayload } from '../tools/payload-from-schema.ts';
import { seededRandom } from '../tools/seeded-random.ts';
import { startGatewayUnderTest, type GatewayUnderTest } from './harness.ts';
import { connectRawStation, startRawBackend, type RawBackend, type RawPeer } from './raw-peers.ts';
import { guardedActions, otherThanIds } from './texts.ts';
import { isGuaranteed } from '../../src/protocol/actions.ts';

/** Numbers as no printer of binary doubles would write them. */
const number = fc.oneof(
  fc.constantFrom(
    '1.10',
    '1e3',
    '1E+03',
    '-0',
    '-0.0',
    '0.000',
    '1.0',
    '9007199254740993',
    '18446744073709551615',
    '-9223372036854775808',
    '1e400',
    '123456789.123456789012345678901234567890',
  ),
  fc.bigInt().map(String),
  fc
    .tuple(fc.bigInt(), fc.nat(), fc.integer({ min: -99, max: 99 }))
    .map(([whole, part, power]) => `${whole}.${part}0e${power}`),
);
/** Texts with every way of writing a character. */
const character = fc.oneof(
  fc.constantFrom(
    '\\u00e9',
    '\\/',
    '\\"',
    '\\\\',
    '\\b',
    '\\f',
    '\\n',
    '\\r',
    '\\t',
    '\\ud800',
    '\\ud83d\\ude00',
    '\\u0000',
    '\\u002F',
    'é',
    '充',
    '🔌',
    '\u2028',
    '\u007f',
    "'",
    '</script>',
  ),
  fc.string({ maxLength: 3 }).map((text) => JSON.stringify(text).slice(1, -1)),
);
const text = fc.array(character, { maxLength: 12 }).map((characters) => `"${characters.join('')}"`);
const blank = fc.constantFrom('', '', '', ' ', '\n', '\t', '\r\n  ');
const key = fc.oneof(
  text,
  fc.constantFrom('"a"', '"a"', '"__proto__"', '"constructor"', '"toJSON"', '""', '"1"', '"0"'),
);

/** JSON texts, with their blanks and repeated keys. */
const { value } = fc.letrec<{ value: string }>((tie) => {
  const member = fc.tuple(blank, key, blank, blank, tie('value'), blank);
  return {
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.oneof(number, text, fc.constantFrom('true', 'false', 'null', '{}', '[]', '{ }', '[ ]')),
      fc
        .array(
          fc.tuple(blank, tie('value'), blank).map((parts) => parts.join('')),
          { minLength: 1, maxLength: 4 },
        )
        .map((items) => `[${items.join(',')}]`),
      fc
        .array(
          member.map(([a, name, b, c, inner, d]) => `${a}${name}${b}:${c}${inner}${d}`),
          { minLength: 1, maxLength: 4 },
        )
        .map((members) => `{${members.join(',')}}`),
    ),
  };
});
const odd = fc.oneof(
  value.map((inner) => `{"payload":${inner}}`),
  fc.integer({ min: 1, max: 100 * 1024 }).map((length) => `{"data":"${'é'.repeat(length / 2)}"}`),
  fc.constantFrom('{}', 'null', '{ }'),
);
const idToken = fc
  .oneof(
    fc.uuid().map((id) => `"${id}"`),
    fc.array(character, { minLength: 1, maxLength: 6 }).map((characters) => `"${characters.join('')}"`),
    fc.constantFrom('"1"', '"-1"', `"${'x'.repeat(255)}"`),
  )
  .filter((token) => token.length > 2);

/** A whole exchange as texts, with room for the hop's id in the reply. */
interface Exchange {
  readonly action: string;
  readonly request: string;
  readonly idToken: string;
  readonly call: string;
  readonly replyHead: string;
  readonly replyTail: string;
}

function exchangeOf(payload: fc.Arbitrary<string>, action: fc.Arbitrary<string>): fc.Arbitrary<Exchange> {
  return fc
    .tuple(idToken, action, payload, payload, blank, fc.boolean())
    .map(([id, name, request, response, gap, isError]) => ({
      action: JSON.parse(name) as string,
      request,
      idToken: id,
      call: `${gap}[${gap}2${gap},${id},${gap}${name}${gap},${request}${gap}]${gap}`,
      replyHead: `${gap}[${isError ? 4 : 3},${gap}`,
      replyTail: isError ? `,"Vendor\\u0045rror" ,"",${gap}${response}]${gap}` : `${gap},${response}${gap}]`,
    }));
}

describe.each(ocppVersions)('%s', (version) => {
  let csms: RawBackend;
  let gateway: GatewayUnderTest;
  let station: RawPeer;
  let backend: RawPeer;
  /** Guaranteed messages that the station has sent. */
  const said = new Set<string>();

  beforeAll(async () => {
    csms = await startRawBackend();
    gateway = await startGatewayUnderTest({ backendUrl: csms.url });
    station = await connectRawStation(gateway.url, 'CP-1', version);
    backend = await csms.peerOf('CP-1');
  });
  afterAll(async () => {
    await station.close();
    await gateway.close();
    await csms.close();
    expect(gateway.troubles).toEqual([]);
  });

  async function expectSame(
    side: 'station' | 'backend',
    { action, request, idToken: id, call, replyHead, replyTail }: Exchange,
  ): Promise<void> {
    // A repetition of what is guaranteed gets the first answer, and a vendor's message that may hide a setting is not passed on.
    if (side === 'station' && isGuaranteed(version, action)) {
      if (said.has(action + request)) return;
      said.add(action + request);
    }
    if (side === 'backend' && action === 'DataTransfer' && request.includes('\\u')) return;
    const [caller, callee] = side === 'station' ? [station, backend] : [backend, station];
    caller.send(call);
    const relayed = await callee.next();
    expect(otherThanIds(relayed)).toBe(otherThanIds(call));
    const hopId = JSON.stringify((JSON.parse(relayed) as [number, string])[1]);
    callee.send(`${replyHead}${hopId}${replyTail}`);
    const reply = await caller.next();
    expect(otherThanIds(reply)).toBe(otherThanIds(`${replyHead}${id}${replyTail}`));
    expect(reply).toContain(id);
  }

  describe.each(['station', 'backend'] as const)('from the %s', (side) => {
    test('odd payloads, ids and blanks', async () => {
      const action = fc.constantFrom(
        '"DataTransfer"',
        '"Data\\u0054ransfer"',
        '"NoSuchAction"',
        '"__proto__"',
        '"é 🔌"',
        '"StatusNotification"',
        '"SecurityEventNotification"',
      );
      await fc.assert(
        fc.asyncProperty(exchangeOf(odd, action), async (exchange) => expectSame(side, exchange)),
        { numRuns: 400 },
      );
    });

    test('random valid payloads of every message', async () => {
      const random = seededRandom(11);
      const schemas = await readSchemas(version.replace('ocpp', '') as SchemaVersion);
      let sequence = 0;
      for (const [message, schema] of schemas) {
        if (message.endsWith('Response')) continue;
        const action = message.replace(/Request$/, '');
        if (side === 'backend' && guardedActions.has(action)) continue;
        const response = schemas.get(message.replace(/Request$/, 'Response')) ?? {};
        for (let round = 0; round < 3; round += 1) {
          const id = `"v-${(sequence += 1)}"`;
          const request = JSON.stringify(randomPayload(schema, random));
          await expectSame(side, {
            action,
            request,
            idToken: id,
            call: `[2,${id},"${action}",${request}]`,
            replyHead: '[3,',
            replyTail: `,${JSON.stringify(randomPayload(response, random))}]`,
          });
        }
      }
      expect(sequence).toBeGreaterThan(90);
    });
  });
});
