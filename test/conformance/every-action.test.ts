/**
 * Every action of OCPP 1.6, 2.0.1 and 2.1, in both directions, through the gateway: the texts that arrive are those that were sent, but for the
 * message id. docs/spec-coverage.md lists what is covered here.
 */
import { createRPCError } from 'ocpp-rpc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ocppVersions, type OcppVersion } from '../../src/protocol/version.ts';
import { readSchemas, type Schema, type SchemaVersion } from '../tools/copy-schemas.ts';
import { fullPayload, minimalPayload, randomPayload } from '../tools/payload-from-schema.ts';
import { seededRandom } from '../tools/seeded-random.ts';
import { coveredActions } from '../tools/spec-coverage.ts';
import { startGatewayUnderTest, type GatewayUnderTest } from './harness.ts';
import { createAuthority } from '../../src/testkit/certificates.ts';
import { connectRawStation, startRawBackend, type RawBackend, type RawPeer } from './raw-peers.ts';
import { connectRpcStation, startRpcCsms, type RpcCsms, type RpcPeer } from './rpc-peers.ts';
import { guardedActions, otherThanId, otherThanIds, withoutIds } from './texts.ts';

const versions = ocppVersions.map(
  (version) => [version, version.replace('ocpp', '') as SchemaVersion] as const,
);
const actionsOf = new Map(
  await Promise.all(
    versions.map(async ([version, schemaVersion]) => [version, await coveredActions(schemaVersion)] as const),
  ),
);
const schemasOf = new Map(
  await Promise.all(
    versions.map(async ([version, schemaVersion]) => [version, await readSchemas(schemaVersion)] as const),
  ),
);

describe.each(['plain WebSocket', 'TLS'])('over %s', (transport) => {
  describe.each(ocppVersions)('%s', (version) => {
    let csms: RpcCsms;
    let gateway: GatewayUnderTest;
    let station: RpcPeer;
    let backend: RpcPeer;

    beforeAll(async () => {
      const tls = transport === 'TLS' ? await serverCertificate() : null;
      csms = await startRpcCsms([version], tls);
      gateway = await startGatewayUnderTest({
        backendUrl: csms.url,
        ...(tls === null ? {} : { tls, backendCa: tls.ca }),
      });
      station = await connectRpcStation(gateway.url, 'CP-1', version, tls === null ? {} : { ca: tls.ca });
      backend = await csms.peerOf('CP-1');
    });
    afterAll(async () => {
      await station.close();
      await gateway.close();
      await csms.close();
      expect(gateway.troubles.filter((trouble) => !trouble.startsWith('command_'))).toEqual([]);
    });

    test('both sides agreed on the version', () => {
      expect([station.protocol, backend.protocol]).toEqual([version, version]);
    });

    const actions = (actionsOf.get(version) ?? []).filter(({ isAnswered }) => isAnswered);
    describe.each(['station', 'backend'] as const)('from the %s', (side) => {
      test.each(actions.map(({ action }) => action))('%s', async (action) => {
        const [caller, callee] = side === 'station' ? [station, backend] : [backend, station];
        const request = schemaOf(version, `${action}Request`);
        const response = schemaOf(version, `${action}Response`);
        for (const [make, seed] of payloadMakers) {
          const random = seededRandom(seed);
          await exchange(caller, callee, action, make(request, random), make(response, random));
        }
      });

      test.each(errorCodes(version))('CALLERROR %s', async (code) => {
        const [caller, callee] = side === 'station' ? [station, backend] : [backend, station];
        callee.answer = () => {
          throw createRPCError(code, 'Größe "falsch"', { detail: 1.5 });
        };
        const action = 'DataTransfer';
        const seen = marks(caller, callee);
        await expect(caller.call(action, { vendorId: 'x' })).rejects.toThrow('Größe');
        expectSameTexts(caller, callee, seen, 4);
      });
    });

    test('ocpp-rpc found nothing to refuse', () => {
      expect([...station.refused, ...backend.refused]).toEqual([]);
    });
  });
});

describe('what only 2.1 has', () => {
  let csms: RawBackend;
  let gateway: GatewayUnderTest;
  let station: RawPeer;
  let backend: RawPeer;

  beforeAll(async () => {
    csms = await startRawBackend();
    gateway = await startGatewayUnderTest({ backendUrl: csms.url });
    station = await connectRawStation(gateway.url, 'CP-1', 'ocpp2.1');
    backend = await csms.peerOf('CP-1');
  });
  afterAll(async () => {
    await station.close();
    await gateway.close();
    await csms.close();
    expect(gateway.troubles).toEqual([]);
  });

  const sent = (actionsOf.get('ocpp2.1') ?? [])
    .filter(({ isAnswered }) => !isAnswered)
    .map(({ action }) => action);
  test('the one action without a response is known', () => {
    expect(sent).toEqual(['NotifyPeriodicEventStream']);
  });

  describe.each(['station', 'backend'] as const)('from the %s', (side) => {
    test.each(sent)('%s as SEND, also while a call is open', async (action) => {
      const [sender, receiver] = side === 'station' ? [station, backend] : [backend, station];
      const call = '[2,"open-1","DataTransfer",{"vendorId":"x"}]';
      sender.send(call);
      const relayedCall = await receiver.next();
      for (const [make, seed] of payloadMakers) {
        const text = JSON.stringify([
          6,
          `s-${seed}`,
          action,
          make(schemaOf('ocpp2.1', action), seededRandom(seed)),
        ]);
        sender.send(text);
        expect(otherThanId(await receiver.next())).toBe(otherThanId(text));
      }
      receiver.send(JSON.stringify([3, idOf(relayedCall), { status: 'Accepted' }]));
      expect(await sender.next()).toBe('[3,"open-1",{"status":"Accepted"}]');
      // A SEND has no answer: nothing else came back.
      expect([sender.inbox, receiver.inbox]).toEqual([[], []]);
    });

    test('CALLRESULTERROR reaches the side whose answer could not be used', async () => {
      const [caller, callee] = side === 'station' ? [station, backend] : [backend, station];
      caller.send('[2,"call-7","DataTransfer",{"vendorId":"x"}]');
      const id = idOf(await callee.next());
      callee.send(JSON.stringify([3, id, { status: 'Wrong' }]));
      expect(await caller.next()).toBe('[3,"call-7",{"status":"Wrong"}]');
      caller.send('[5,"call-7","PropertyConstraintViolation","status: \\u0022Wrong\\u0022",{"n":1.0}]');
      expect(await callee.next()).toBe(
        `[5,"${id}","PropertyConstraintViolation","status: \\u0022Wrong\\u0022",{"n":1.0}]`,
      );
    });
  });
});

test('the comparison of texts sees a single changed character', () => {
  expect(otherThanId('[2,"a","X",{"v":1.10}]')).toBe(otherThanId('[2,"b\\"","X",{"v":1.10}]'));
  for (const other of [
    '[2,"a","X",{"v":1.1}]',
    '[2,"a","X", {"v":1.10}]',
    '[3,"a","X",{"v":1.10}]',
    '[2,"a","X",{"v":1.10}] ',
  ]) {
    expect(otherThanId(other)).not.toBe(otherThanId('[2,"a","X",{"v":1.10}]'));
  }
});

type PayloadMaker = (schema: Schema, random: ReturnType<typeof seededRandom>) => unknown;

const payloadMakers: readonly (readonly [PayloadMaker, number])[] = [
  [minimalPayload, 1],
  [fullPayload, 2],
  [randomPayload, 3],
];

/** One call and its answer; checks the texts on all four ends. */
async function exchange(
  caller: RpcPeer,
  callee: RpcPeer,
  action: string,
  request: unknown,
  response: unknown,
): Promise<void> {
  callee.answer = (_, payload) => {
    expect(withoutIds(payload)).toEqual(withoutIds(request));
    return response;
  };
  const seen = marks(caller, callee);
  const answer = await caller.call(action, request).catch((error: unknown) => error);
  // `ocpp-rpc` has held Busbar's own answer against the schema.
  if (callee.tapped.length === seen[1] && guardedActions.has(action)) return;
  expect(withoutIds(answer)).toEqual(withoutIds(response));
  expectSameTexts(caller, callee, seen, 3);
}

function marks(caller: RpcPeer, callee: RpcPeer): readonly [number, number] {
  return [caller.tapped.length, callee.tapped.length];
}

function expectSameTexts(
  caller: RpcPeer,
  callee: RpcPeer,
  [callerMark, calleeMark]: readonly [number, number],
  reply: 3 | 4,
): void {
  const [sentCall, gotReply, ...more] = caller.tapped.slice(callerMark);
  const [gotCall, sentReply, ...others] = callee.tapped.slice(calleeMark);
  expect([more, others]).toEqual([[], []]);
  expect(otherThanIds(gotCall?.text)).toBe(otherThanIds(sentCall?.text));
  expect(otherThanIds(gotReply?.text)).toBe(otherThanIds(sentReply?.text));
  expect([sentCall?.isSent, gotReply?.isSent, gotCall?.isSent, sentReply?.isSent]).toEqual([
    true,
    false,
    false,
    true,
  ]);
  // Each hop has an id of its own, and the reply carries the caller's.
  const [hopId, ownId] = [idOf(gotCall?.text), idOf(sentCall?.text)];
  expect(hopId).not.toBe(ownId);
  expect(hopId.length).toBeLessThanOrEqual(36);
  expect(gotReply?.text.startsWith(`[${reply},"${ownId}",`)).toBe(true);
}

/** What both the gateway and the CSMS show, and what it is checked against. */
async function serverCertificate(): Promise<{ cert: string; key: string; ca: string }> {
  const authority = await createAuthority('Test root');
  const order = { use: 'server', keyType: 'ecdsa', commonName: 'localhost', names: ['127.0.0.1'] } as const;
  return { ...(await authority.issue(order)), ca: authority.cert };
}

function idOf(text: string | undefined): string {
  return (JSON.parse(text ?? '[]') as [number, string])[1];
}

function schemaOf(version: OcppVersion, message: string): Schema {
  const schema = schemasOf.get(version)?.get(message);
  if (schema === undefined) throw new Error(`no schema ${version} ${message}`);
  return schema;
}

/** The codes of each version that ocpp-rpc can send; it spells the two odd ones of 1.6 as it likes. */
function errorCodes(version: OcppVersion): string[] {
  const common = [
    'NotImplemented',
    'NotSupported',
    'InternalError',
    'ProtocolError',
    'SecurityError',
    'PropertyConstraintViolation',
    'OccurenceConstraintViolation',
    'OccurrenceConstraintViolation',
    'TypeConstraintViolation',
    'GenericError',
    'FormationViolation',
    'FormatViolation',
  ];
  return version === 'ocpp1.6' ? common : [...common, 'RpcFrameworkError', 'MessageTypeNotSupported'];
}
