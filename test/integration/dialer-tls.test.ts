/** Dials to backends over TLS: whose certificate is trusted, which client certificate is shown, and what a fault is called. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { createDialer } from '../../src/adapters/websocket/dialer.ts';
import type { DialOutcome } from '../../src/ports/dialer.ts';
import type { BackendSettings } from '../../src/ports/settings.ts';
import { Secret } from '../../src/std/secret.ts';
import {
  createAuthority,
  type CertificateAuthority,
  type IssuedCertificate,
} from '../../src/testkit/certificates.ts';
import { newStory, stationId, storyHandler, testLimits, until, type LinkStory } from './edge-harness.ts';

const dialer = createDialer(testLimits);
const names: string[] = [];
let ca: CertificateAuthority;
let otherCa: CertificateAuthority;
let gatewayCertificate: IssuedCertificate;
let open: { readonly server: Server; readonly port: number };
let strict: { readonly server: Server; readonly port: number };
let misnamed: { readonly server: Server; readonly port: number };

beforeAll(async () => {
  [ca, otherCa] = await Promise.all([createAuthority('CA'), createAuthority('Other CA')]);
  gatewayCertificate = await ca.issue({ use: 'station', keyType: 'ecdsa', commonName: 'gateway' });
  const order = { use: 'server', keyType: 'ecdsa', commonName: 'localhost' } as const;
  const right = await ca.issue({ ...order, names: ['127.0.0.1'] });
  open = await backend({ ...right });
  strict = await backend({ ...right, requestCert: true, rejectUnauthorized: true, ca: ca.cert });
  misnamed = await backend({ ...(await ca.issue({ ...order, names: ['csms.example'] })) });
});

afterAll(async () => {
  await dialer.close();
  for (const { server } of [open, strict, misnamed]) server.close();
});

async function backend(
  options: Parameters<typeof createServer>[0],
): Promise<{ server: Server; port: number }> {
  const server = createServer(options);
  const webSockets = new WebSocketServer({ server });
  webSockets.on('connection', (socket, request) => {
    const certificate = (request.socket as TLSSocket).getPeerCertificate();
    names.push(String(certificate.subject?.CN ?? 'nobody'));
    socket.send('hello');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { server, port: (server.address() as AddressInfo).port };
}

interface Attempt extends LinkStory {
  outcome: string | null;
}

const outcome: DialOutcome<Attempt> = {
  onOpened(attempt) {
    attempt.outcome = 'opened';
  },
  onRefused(attempt, fault, detail) {
    attempt.outcome = `${fault}: ${detail}`;
  },
};

async function dial(port: number, tls: BackendSettings['tls']): Promise<Attempt> {
  const attempt: Attempt = { ...newStory(), outcome: null };
  const settings: BackendSettings = {
    name: 'new',
    url: `wss://127.0.0.1:${port}/{station}`,
    identity: '{station}',
    versions: ['ocpp2.0.1'],
    credentials: { kind: 'none' },
    headers: new Map(),
    tls,
    callTimeoutMs: 30_000,
    redialFromMs: 1_000,
    redialToMs: 60_000,
    connectsPerSecond: Infinity,
    deliveriesPerSecond: Infinity,
  };
  const request = {
    station: stationId('CP-1'),
    known: null,
    backend: settings,
    version: 'ocpp2.0.1',
    forwarded: null,
  } as const;
  dialer.dial(request, storyHandler, outcome, attempt);
  await until(() => attempt.outcome !== null, 'the dial ended');
  return attempt;
}

test('a backend whose authority is configured is trusted, and told nothing it did not ask for', async () => {
  const attempt = await dial(open.port, { ca: [otherCa.cert, ca.cert], cert: null, key: null });
  expect(attempt.outcome).toBe('opened');
  await until(() => attempt.texts.length === 1, 'its first text');
  expect(names.at(-1)).toBe('nobody');
});

test('a backend that asks for a client certificate gets the configured one', async () => {
  const { cert, key } = gatewayCertificate;
  const attempt = await dial(strict.port, { ca: [ca.cert], cert, key: new Secret(Buffer.from(key)) });
  expect(attempt.outcome).toBe('opened');
  await until(() => attempt.texts.length === 1, 'its first text');
  expect(names.at(-1)).toBe('gateway');
});

test('an authority nobody configured, and another host name, are faults of TLS', async () => {
  const noCa = await dial(open.port, { ca: null, cert: null, key: null });
  expect(noCa.outcome).toBe('tls_failed: UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  const wrongCa = await dial(open.port, { ca: [otherCa.cert], cert: null, key: null });
  expect(wrongCa.outcome).toBe('tls_failed: UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  const wrongName = await dial(misnamed.port, { ca: [ca.cert], cert: null, key: null });
  expect(wrongName.outcome).toBe('tls_failed: ERR_TLS_CERT_ALTNAME_INVALID');
});

test('a client certificate that is missing, or cannot be read, is told apart', async () => {
  const missing = await dial(strict.port, { ca: [ca.cert], cert: null, key: null });
  expect(missing.outcome).toMatch(/^tls_failed: ERR_SSL_.*CERTIFICATE_REQUIRED$/);
  const unreadable = await dial(open.port, { ca: [ca.cert], cert: 'no PEM', key: null });
  expect(unreadable.outcome).toMatch(
    /^misconfigured: the address, headers or certificates cannot be used: ERR_OSSL/,
  );
});
