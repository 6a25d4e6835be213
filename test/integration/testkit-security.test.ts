/** Simulated stations and backends with TLS, client certificates and passwords: OCPP security profiles 1 to 3. */
import { afterEach, expect, test } from 'vitest';
import { createAuthority } from '../../src/testkit/certificates.ts';
import { SimulatedBackend, type BackendListen } from '../../src/testkit/simulated-backend.ts';
import { SimulatedStation, type StationConnection } from '../../src/testkit/simulated-station.ts';
import { until } from '../../src/testkit/until.ts';

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((part) => part.stop()));
});

async function startBackend(listen: BackendListen): Promise<SimulatedBackend> {
  const backend = new SimulatedBackend({}, listen);
  await backend.start();
  running.push(backend);
  return backend;
}

function startStation(connection: StationConnection): SimulatedStation {
  const station = new SimulatedStation({ id: 'CP-1', seed: 1, offers: ['ocpp2.0.1'] }, connection);
  running.unshift(station);
  return station;
}

async function untilBooted(station: SimulatedStation): Promise<void> {
  await until('the station is accepted', () => station.life.stats.boots === 1);
}

async function untilRefused(station: SimulatedStation, reason: RegExp): Promise<void> {
  await until(`the station is refused: ${String(reason)}`, () => reason.test(station.lastError ?? ''));
  expect(station.life.stats.links).toBe(0);
}

test('profile 1: the password is checked as bytes, and a wrong one gets 401', async () => {
  const password = Buffer.from([0x70, 0x3a, 0xff, 0x00, 0x7f]);
  const backend = await startBackend({
    isPasswordRight: (station, given) => station === 'CP-1' && given.equals(password),
  });
  await untilBooted(startStation({ url: backend.url, password }));
  await untilRefused(startStation({ url: backend.url, password: 'p:' }), /401/);
  await untilRefused(startStation({ url: backend.url }), /401/);
  expect(backend.refusals).toBeGreaterThanOrEqual(2);
});

test('profile 2: a server is trusted by its authority only', async () => {
  const [authority, stranger] = await Promise.all([createAuthority('Test CA'), createAuthority('Other CA')]);
  const tls = await authority.issue({
    use: 'server',
    keyType: 'ecdsa',
    commonName: 'localhost',
    names: ['127.0.0.1'],
  });
  const backend = await startBackend({ tls, isPasswordRight: (_, given) => given.toString() === 'secret' });
  expect(backend.url).toMatch(/^wss:/);
  await untilBooted(startStation({ url: backend.url, password: 'secret', ca: authority.cert }));
  await untilRefused(
    startStation({ url: backend.url, password: 'secret', ca: stranger.cert }),
    /certificate|issuer/,
  );
});

test('profile 3: a station shows its own certificate, and one of another authority is refused', async () => {
  const [authority, stranger] = await Promise.all([createAuthority('Test CA'), createAuthority('Other CA')]);
  const tls = await authority.issue({
    use: 'server',
    keyType: 'rsa',
    commonName: 'localhost',
    names: ['127.0.0.1'],
  });
  const backend = await startBackend({ tls: { ...tls, clientCa: authority.cert } });
  const own = await authority.issue({ use: 'station', keyType: 'ecdsa', commonName: 'CP-1' });
  const foreign = await stranger.issue({ use: 'station', keyType: 'ecdsa', commonName: 'CP-1' });
  const { url } = backend;
  await untilBooted(startStation({ url, ca: authority.cert, ...own }));
  await untilRefused(
    startStation({ url, ca: authority.cert, ...foreign }),
    /alert|ECONNRESET|hang up|disconnected/i,
  );
  await untilRefused(startStation({ url, ca: authority.cert }), /alert|ECONNRESET|hang up|disconnected/i);
});
