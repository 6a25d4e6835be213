/**
 * Who gets in with what, asked by a station nobody here wrote: Basic passwords (security profiles 1 and 2) and client certificates (profile 3), of every
 * version.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ocppVersions, type OcppVersion } from '../../src/protocol/version.ts';
import {
  createAuthority,
  type CertificateAuthority,
  type IssuedCertificate,
} from '../../src/testkit/certificates.ts';
import { startGatewayUnderTest, type GatewayUnderTest } from './harness.ts';
import { connectRpcStation, startRpcCsms, type RpcCsms, type StationAccess } from './rpc-peers.ts';

const hourMs = 3_600_000;
const password = 'correct horse battery';
/** 20 bytes that are no text, as 1.6 has them. */
const bytes = Buffer.from('0001020304050607fffffffefdfcfbfa80818283', 'hex');

let csms: RpcCsms;
let authority: CertificateAuthority;
let server: IssuedCertificate;

beforeAll(async () => {
  csms = await startRpcCsms(ocppVersions);
  authority = await createAuthority('Test root');
  server = await authority.issue({
    use: 'server',
    keyType: 'ecdsa',
    commonName: 'localhost',
    names: ['127.0.0.1'],
  });
});
afterAll(async () => csms.close());

/** Connects and has one exchange; the HTTP status or error code where that is refused. */
async function enter(
  gateway: GatewayUnderTest,
  identity: string,
  version: OcppVersion,
  access: StationAccess,
): Promise<unknown> {
  try {
    const station = await connectRpcStation(gateway.url, identity, version, access);
    const backend = await csms.peerOf(identity);
    backend.answer = () => ({ currentTime: '2026-11-24T02:00:00Z' });
    const answer = await station.call('Heartbeat', {});
    await station.close();
    return answer;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

const welcome = { currentTime: '2026-11-24T02:00:00Z' };

describe.each([
  ['profile 1: Basic over plain WebSocket', false],
  ['profile 2: Basic over TLS', true],
])('%s', (_, isTls) => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGatewayUnderTest({
      backendUrl: csms.url,
      auth: 'basic',
      known: {
        'CP-1': { password },
        'CP-2': { password: 'the other one' },
        'CP-3': { password: bytes },
        'CP-4': {},
      },
      ...(isTls ? { tls: server } : {}),
    });
  });
  afterAll(async () => gateway.close());

  describe.each(ocppVersions)('%s', (version) => {
    test.each<[string, string, string | Buffer | undefined, unknown]>([
      ['the right password', 'CP-1', password, welcome],
      ['a right password of bytes that are no text', 'CP-3', bytes, welcome],
      ['those bytes as hexadecimal digits', 'CP-3', bytes.toString('hex'), welcome],
      ['a wrong password', 'CP-1', 'correct horse batterz', 401],
      ["another station's password", 'CP-1', 'the other one', 401],
      ['the right password and more', 'CP-1', `${password}!`, 401],
      ['an empty password', 'CP-1', '', 401],
      ['no password', 'CP-1', undefined, 401],
      ['a password for a station that has none', 'CP-4', password, 401],
      ['a password for a station nobody knows', 'CP-9', password, 401],
    ])('%s', async (__, identity, given, expected) => {
      const access = {
        ...(given === undefined ? {} : { password: given }),
        ...(isTls ? { ca: authority.cert } : {}),
      };
      expect(await enter(gateway, identity, version, access)).toEqual(expected);
    });
  });
});

test.each([
  ['sees nothing of the password', false, null],
  ['sees the password when it is named as its owner', true, Buffer.from(password)],
])('a backend %s', async (_, forward, expected) => {
  const known = { 'CP-1': { password } };
  const gateway = await startGatewayUnderTest({ backendUrl: csms.url, auth: 'basic', known, forward });
  expect(await enter(gateway, 'CP-1', 'ocpp2.0.1', { password })).toEqual(welcome);
  expect((await csms.peerOf('CP-1')).shownPassword).toEqual(expected);
  await gateway.close();
});

describe('profile 3: client certificates', () => {
  let gateway: GatewayUnderTest;
  let shown: Readonly<Record<string, IssuedCertificate | null>>;
  beforeAll(async () => {
    const stranger = await createAuthority('Somebody else');
    const order = { use: 'station', keyType: 'ecdsa', commonName: 'SN-0001' } as const;
    const nowMs = Date.now();
    shown = {
      right: await authority.issue(order),
      rightRsa: await authority.issue({ ...order, keyType: 'rsa' }),
      other: await authority.issue({ ...order, commonName: 'SN-0002' }),
      misleading: await authority.issue({ ...order, commonName: 'SN-0002', names: ['SN-0001'] }),
      expired: await authority.issue({
        ...order,
        validFrom: new Date(nowMs - 48 * hourMs),
        validTo: new Date(nowMs - hourMs),
      }),
      early: await authority.issue({
        ...order,
        validFrom: new Date(nowMs + hourMs),
        validTo: new Date(nowMs + 48 * hourMs),
      }),
      forged: await stranger.issue(order),
      none: null,
    };
    gateway = await startGatewayUnderTest({
      backendUrl: csms.url,
      auth: 'certificate',
      known: { 'CP-1': { commonName: 'SN-0001' }, 'CP-2': { commonName: 'SN-0002' } },
      tls: { ...server, clientCa: authority.cert },
    });
  });
  afterAll(async () => gateway.close());

  describe.each(ocppVersions)('%s', (version) => {
    test.each<[string, string, unknown]>([
      ['the right certificate', 'right', welcome],
      ['the right certificate with an RSA key', 'rightRsa', welcome],
      ['that of another station', 'other', 403],
      ["that of another station, with this one's name beside", 'misleading', 403],
      ['an expired one', 'expired', 403],
      ['one that is not valid yet', 'early', 403],
      ['one of another authority', 'forged', 403],
      ['none', 'none', 401],
    ])('%s', async (_, name, expected) => {
      expect(await enter(gateway, 'CP-1', version, { ca: authority.cert, ...shown[name] })).toEqual(expected);
    });

    test('a right certificate for a station nobody knows', async () => {
      expect(await enter(gateway, 'CP-9', version, { ca: authority.cert, ...shown['right'] })).toBe(403);
    });
  });
});
