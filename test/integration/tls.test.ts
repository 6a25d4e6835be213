/** TLS at the station port: versions, the four mandated suites, client certificates bound to identities, reload under an open link. */
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { OwnCertificates } from '../../src/adapters/websocket/own-certificates.ts';
import type { ListenerSettings, ServerTls } from '../../src/ports/settings.ts';
import { Secret } from '../../src/std/secret.ts';
import {
  createAuthority,
  type CertificateAuthority,
  type IssuedCertificate,
} from '../../src/testkit/certificates.ts';
import {
  basic,
  knock,
  known,
  rawClient,
  settingsWith,
  silentLog,
  startListener,
  until,
  type Knock,
  type TestListener,
} from './edge-harness.ts';

interface Pki {
  readonly ca: CertificateAuthority;
  readonly otherCa: CertificateAuthority;
  readonly rsa: IssuedCertificate;
  readonly ecdsa: IssuedCertificate;
  readonly renewed: IssuedCertificate;
  readonly station: IssuedCertificate;
  readonly otherStation: IssuedCertificate;
  readonly expired: IssuedCertificate;
  readonly notYet: IssuedCertificate;
  readonly foreign: IssuedCertificate;
  readonly misleading: IssuedCertificate;
}

let pki: Pki;
const open: TestListener[] = [];
const sockets: TLSSocket[] = [];

beforeAll(async () => {
  const [ca, otherCa] = await Promise.all([createAuthority('Busbar Test CA'), createAuthority('Other CA')]);
  const names = ['localhost', '127.0.0.1'];
  const server = { use: 'server', commonName: 'localhost', names } as const;
  const station = { use: 'station', keyType: 'ecdsa' } as const;
  const past = new Date(Date.now() - 86_400_000);
  const future = new Date(Date.now() + 86_400_000);
  pki = {
    ca,
    otherCa,
    rsa: await ca.issue({ ...server, keyType: 'rsa' }),
    ecdsa: await ca.issue({ ...server, keyType: 'ecdsa' }),
    renewed: await ca.issue({ ...server, keyType: 'ecdsa' }),
    station: await ca.issue({ ...station, commonName: 'SN-0001' }),
    otherStation: await ca.issue({ ...station, commonName: 'SN-0002' }),
    expired: await ca.issue({ ...station, commonName: 'SN-0001', validFrom: new Date(0), validTo: past }),
    notYet: await ca.issue({ ...station, commonName: 'SN-0001', validFrom: future }),
    foreign: await otherCa.issue({ ...station, commonName: 'SN-0001' }),
    misleading: await ca.issue({ ...station, commonName: 'SN-0002', names: ['SN-0001', 'CP-1'] }),
  };
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(open.splice(0).map(({ listener }) => listener.close()));
});

afterAll(() => expect(open).toEqual([]));

function serverTls(
  pairs: readonly IssuedCertificate[],
  clientCa: readonly string[] | null = null,
): ServerTls {
  return { pairs: pairs.map(({ cert, key }) => ({ cert, key: new Secret(Buffer.from(key)) })), clientCa };
}

async function start(
  changes: Parameters<typeof settingsWith>[0] = {},
): Promise<TestListener & { settings: ListenerSettings }> {
  const settings = settingsWith({ tls: serverTls([pki.rsa, pki.ecdsa]), ...changes });
  const started = await startListener(settings);
  open.push(started);
  return { ...started, settings };
}

/** A TLS handshake with these options: the socket, or the error's code. */
function shake(port: number, options: ConnectionOptions): Promise<TLSSocket | string> {
  return new Promise((resolve) => {
    const socket = connect(
      { port, host: '127.0.0.1', ca: pki.ca.cert, servername: 'localhost', ...options },
      () => resolve(socket),
    );
    sockets.push(socket);
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

function knockTls(port: number, options: Parameters<typeof knock>[2] = {}, station = 'CP-1'): Promise<Knock> {
  return knock(`wss://127.0.0.1:${port}/ocpp/${station}`, ['ocpp2.0.1'], { ca: pki.ca.cert, ...options });
}

test.each([
  ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['AES128-GCM-SHA256', 'TLS_RSA_WITH_AES_128_GCM_SHA256'],
  ['AES256-GCM-SHA384', 'TLS_RSA_WITH_AES_256_GCM_SHA384'],
  ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
])('a station that can do nothing but %s connects', async (suite) => {
  const { port } = await start();
  const socket = await shake(port, { ciphers: suite, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
  if (typeof socket === 'string') throw new Error(socket);
  expect(socket.getCipher().name).toBe(suite);
  expect(socket.authorized).toBe(true);
});

test.each([
  ['AES128-SHA'],
  ['AES256-SHA256'],
  ['ECDHE-RSA-AES128-SHA'],
  ['ECDHE-ECDSA-AES256-SHA384'],
  ['ECDHE-RSA-CHACHA20-POLY1305'],
])('a station that can do nothing but %s does not', async (suite) => {
  const { port, door } = await start();
  const failure = await shake(port, {
    ciphers: `${suite}:@SECLEVEL=0`,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
  });
  expect(failure).toMatch(/HANDSHAKE_FAILURE/);
  await until(() => door.refusals.length === 1, 'the door was told');
});

test.each([['TLSv1'], ['TLSv1.1']] as const)('%s is refused', async (version) => {
  const { port } = await start();
  const failure = await shake(port, { ciphers: 'ALL:@SECLEVEL=0', minVersion: version, maxVersion: version });
  expect(failure).toMatch(/PROTOCOL_VERSION/);
});

test('the door is told why a handshake failed', async () => {
  const { port, door } = await start();
  await shake(port, { ciphers: 'ALL:@SECLEVEL=0', maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1' });
  await until(() => door.refusals.length === 1, 'the door was told');
  expect(door.details).toEqual(['TLS: ERR_SSL_UNSUPPORTED_PROTOCOL']);
});

test('TLS 1.3 is what a modern station gets', async () => {
  const { port } = await start();
  const socket = await shake(port, {});
  if (typeof socket === 'string') throw new Error(socket);
  expect(socket.getProtocol()).toBe('TLSv1.3');
});

test('security profile 2: the right password over TLS enters, a wrong one does not', async () => {
  const { port, door } = await start({
    auth: 'basic',
    known: known({ 'CP-1': { password: 'correct horse battery' } }),
  });
  const right = await knockTls(port, { headers: { Authorization: basic('CP-1', 'correct horse battery') } });
  expect(right.kind).toBe('open');
  expect(door.accepted[0]?.arrival.isAuthenticated).toBe(true);
  const wrong = await knockTls(port, { headers: { Authorization: basic('CP-1', 'wrong horse battery!!') } });
  expect(wrong).toMatchObject({ kind: 'refused', status: 401 });
});

test('a plain request on the TLS port ends without a link', async () => {
  const { port, door } = await start();
  const client = await rawClient(port);
  client.socket.write('GET /CP-1 HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => client.isEnded, 'the connection ended');
  expect(client.received).not.toContain('101');
  expect(door.arrivals).toEqual([]);
});

test('security profile 3: each wrong certificate is refused before 101, with its reason', async () => {
  const { port, door } = await start({
    auth: 'certificate',
    admit: 'listed',
    tls: serverTls([pki.rsa, pki.ecdsa], [pki.ca.cert]),
    known: known({ 'CP-1': { commonName: 'SN-0001' }, 'CP-2': { commonName: 'SN-0002' }, 'SN-0002': {} }),
  });
  expect((await knockTls(port, { ...pki.station })).kind).toBe('open');
  expect(door.accepted[0]?.arrival.isAuthenticated).toBe(true);
  expect((await knockTls(port, { ...pki.otherStation }, 'CP-2')).kind).toBe('open');
  // Nothing configured: the common name must be the identity itself.
  expect((await knockTls(port, { ...pki.otherStation }, 'SN-0002')).kind).toBe('open');

  const refusals: [string, Knock][] = [
    ['none', await knockTls(port)],
    ['other station', await knockTls(port, { ...pki.otherStation })],
    ['expired', await knockTls(port, { ...pki.expired })],
    ['not yet valid', await knockTls(port, { ...pki.notYet })],
    ['other authority', await knockTls(port, { ...pki.foreign })],
    ['right name only in the SAN', await knockTls(port, { ...pki.misleading })],
    ['unknown station', await knockTls(port, { ...pki.station }, 'CP-9')],
  ];
  const notTheirs = 'The client certificate is not that of this station.\n';
  expect(
    refusals.map(([name, answer]) => [
      name,
      answer.kind === 'refused' ? [answer.status, answer.body] : answer,
    ]),
  ).toEqual([
    ['none', [401, 'A client certificate is required.\n']],
    ['other station', [403, notTheirs]],
    ['expired', [403, notTrusted('CERT_HAS_EXPIRED')]],
    ['not yet valid', [403, notTrusted('CERT_NOT_YET_VALID')]],
    ['other authority', [403, notTrusted('UNABLE_TO_VERIFY_LEAF_SIGNATURE')]],
    ['right name only in the SAN', [403, notTheirs]],
    ['unknown station', [404, 'No station of this identity is known here.\n']],
  ]);
  expect(door.arrivals).toHaveLength(3);
  expect(door.details).toEqual(refusals.map(([, answer]) => answer.kind === 'refused' && answer.body.trim()));
  expect(door.refusals.map(({ refusal, station }) => [refusal, station])).toEqual([
    ...Array.from({ length: 6 }, () => ['bad_certificate', 'CP-1']),
    ['unknown_station', 'CP-9'],
  ]);
});

test('a certificate that proves a name does not admit a station that nobody listed', async () => {
  const { port } = await start({ auth: 'certificate', tls: serverTls([pki.ecdsa], [pki.ca.cert]) });
  expect(await knockTls(port, { ...pki.station }, 'SN-0001')).toMatchObject({ kind: 'refused', status: 403 });
});

test('new certificates and new rules serve new handshakes while an open link stays', async () => {
  const { port, door, listener, gatekeeper, settings } = await start({ tls: serverTls([pki.ecdsa]) });
  const first = await knockTls(port);
  if (first.kind !== 'open') throw new Error('the first station did not enter');
  const serialBefore = await serialOf(port);
  // Halfway through its handshake while the certificate changes.
  const halfway = await rawClient(port);
  const renewed: ListenerSettings = {
    ...settings,
    tls: serverTls([pki.renewed], [pki.ca.cert]),
    auth: 'certificate',
    known: known({ 'CP-1': { commonName: 'SN-0001' } }),
  };
  expect(listener.update(renewed)).toEqual({ ok: true, value: null });
  gatekeeper.update(renewed);
  expect(await serialOf(port)).not.toBe(serialBefore);
  const texts: string[] = [];
  first.socket.on('message', (data: Buffer) => texts.push(data.toString()));
  door.accepted[0]?.link.send('still here');
  await until(() => texts.length === 1, 'the open link still works');
  expect(door.accepted[0]?.story.closed).toBeNull();
  expect(await knockTls(port)).toMatchObject({ kind: 'refused', status: 401 });
  expect((await knockTls(port, { ...pki.station })).kind).toBe('open');
  halfway.socket.destroy();
});

test('a key that does not fit is refused, at start and on reload, and the old certificate goes on serving', async () => {
  const mixed: ServerTls = {
    pairs: [{ cert: pki.ecdsa.cert, key: new Secret(Buffer.from(pki.renewed.key)) }],
    clientCa: null,
  };
  await expect(startListener(settingsWith({ tls: mixed }))).rejects.toThrow(/stations\.tls: /);
  const { port, listener, settings } = await start({ tls: serverTls([pki.ecdsa]) });
  const serialBefore = await serialOf(port);
  const outcome = listener.update({ ...settings, tls: mixed });
  expect(outcome).toMatchObject({
    ok: false,
    fault: { message: expect.stringContaining('stations.tls: ') as string },
  });
  expect(await serialOf(port)).toBe(serialBefore);
});

test('a certificate of ours that is not valid, or will not be soon, is told of at start, on reload and once a day', async () => {
  const dayMs = 86_400_000;
  const said: string[] = [];
  const say = (event: string): void => void said.push(event);
  const log = { ...silentLog, warn: say, error: say };
  const soon = await pki.ca.issue({
    use: 'server',
    keyType: 'ecdsa',
    commonName: 'localhost',
    validTo: new Date(Date.now() + 13 * dayMs),
  });
  const settings = settingsWith({ tls: serverTls([pki.rsa, soon]) });
  const started = await startListener(settings, log);
  open.push(started);
  expect(said.splice(0)).toEqual(['certificate_expires']);
  const leftMs = (started.listener.certificatesEndMs ?? 0) - Date.now();
  expect(Math.round(leftMs / dayMs)).toBe(13);
  started.listener.update({ ...settings, tls: serverTls([pki.expired]) });
  started.listener.update({ ...settings, tls: serverTls([pki.notYet]) });
  expect(said.splice(0)).toEqual(['certificate_not_valid', 'certificate_not_valid']);
  started.listener.update({ ...settings, tls: null });
  expect(started.listener.certificatesEndMs).toBeNull();

  const own = new OwnCertificates(log);
  const nowMs = Date.now();
  own.use(serverTls([soon]), nowMs);
  own.look(nowMs + dayMs - 1);
  expect(said).toEqual(['certificate_expires']);
  own.look(nowMs + dayMs);
  own.look(nowMs + 14 * dayMs);
  expect(said.splice(0)).toEqual(['certificate_expires', 'certificate_expires', 'certificate_not_valid']);
  // The clock was ahead, and is right again.
  own.look(nowMs);
  expect(said).toEqual(['certificate_expires']);
});

test('a session begun before a reload is not resumed after it', async () => {
  const { port, listener, settings } = await start({ tls: serverTls([pki.ecdsa]) });
  const session = await sessionOf(port);
  const resumed = await shake(port, { session });
  expect(typeof resumed !== 'string' && resumed.isSessionReused()).toBe(true);
  listener.update({ ...settings, tls: serverTls([pki.ecdsa], [pki.ca.cert]) });
  const anew = await shake(port, { session });
  expect(typeof anew !== 'string' && anew.isSessionReused()).toBe(false);
});

async function sessionOf(port: number): Promise<Buffer> {
  const socket = await shake(port, {});
  if (typeof socket === 'string') throw new Error(socket);
  return new Promise((resolve) => {
    socket.once('session', resolve);
  });
}

async function serialOf(port: number): Promise<string> {
  const socket = await shake(port, {});
  if (typeof socket === 'string') throw new Error(socket);
  return socket.getPeerCertificate().serialNumber;
}

function notTrusted(why: string): string {
  return `The client certificate is not trusted: ${why}.\n`;
}
