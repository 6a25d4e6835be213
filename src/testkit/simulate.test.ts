import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CliIo } from '../cli/io.ts';
import type { SimulateStationsOptions } from '../cli/simulate-verbs.ts';
import { createAuthority } from './certificates.ts';
import { simulateBackend } from './simulate-backend.ts';
import { parseListen, parseMisbehave, readConnection } from './simulate-options.ts';
import { simulateStations, type StationsSummary } from './simulate-stations.ts';
import { SimulatedBackend } from './simulated-backend.ts';
import { until } from './until.ts';

let backend: SimulatedBackend | null = null;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'busbar-simulate-'));
});

afterEach(async () => {
  await backend?.stop();
  backend = null;
  await rm(folder, { recursive: true, force: true });
});

interface Captured extends CliIo {
  out: string;
  talk: string;
  readonly stopper: AbortController;
}

function capture(): Captured {
  const stopper = new AbortController();
  const io = {
    out: '',
    talk: '',
    stopper,
    signal: stopper.signal,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    env: {},
    setExitCode: () => undefined,
  };
  io.stdout.on('data', (data: Buffer) => (io.out += data.toString()));
  io.stderr.on('data', (data: Buffer) => (io.talk += data.toString()));
  return io;
}

function run(url: string, more: Partial<SimulateStationsOptions> = {}): SimulateStationsOptions {
  const versions = ['ocpp1.6', 'ocpp2.0.1', 'ocpp2.1'];
  return {
    url,
    count: 6,
    versions,
    prefix: 'SIM-',
    seed: 1,
    speed: 3_600,
    seconds: 1,
    connectsPerSecond: 1_000,
    output: 'json',
    ...more,
  };
}

test('stations charge against a backend, and the summary adds up', async () => {
  backend = new SimulatedBackend();
  await backend.start();
  const io = capture();
  expect(await simulateStations(run(backend.url), io)).toBe(0);
  const rows = JSON.parse(io.out) as StationsSummary[];
  expect(rows.map(({ version, stations }) => [version, stations])).toEqual([
    ['ocpp1.6', 2],
    ['ocpp2.0.1', 2],
    ['ocpp2.1', 2],
    ['all', 6],
  ]);
  const [, , , all] = rows as [StationsSummary, StationsSummary, StationsSummary, StationsSummary];
  expect(all).toMatchObject({ discarded: 0, transactionErrors: 0, undelivered: 0, errors: 0 });
  expect(all.transactions).toBeGreaterThan(0);
  expect(all.answered).toBe(all.calls);
  expect(all.calls).toBe(rows.slice(0, 3).reduce((sum, { calls }) => sum + calls, 0));
  expect(all.p50Ms).toBeGreaterThan(0);
  expect(all.p99Ms).toBeGreaterThanOrEqual(all.p50Ms ?? Infinity);
  expect(io.talk).toMatch(/6\/6 connected/);
});

test('a backend that answers transaction messages with errors gives exit code 3', async () => {
  backend = new SimulatedBackend({ misbehave: { error: 0.3 } });
  await backend.start();
  const io = capture();
  expect(await simulateStations(run(backend.url, { versions: ['ocpp1.6'] }), io)).toBe(3);
  expect(io.talk).toMatch(/errors answered to transaction messages: [1-9]/);
});

test('no connection at all gives exit code 1 and the reason', async () => {
  backend = new SimulatedBackend({}, { isPasswordRight: () => false });
  await backend.start();
  const io = capture();
  expect(await simulateStations(run(backend.url, { seconds: 0.3, count: 2 }), io)).toBe(1);
  expect(io.talk).toMatch(/no station got a connection to .*401/);
});

test('each station may have a password file of its own', async () => {
  for (const station of ['SIM-1', 'SIM-2']) await writeFile(join(folder, station), `secret of ${station}\n`);
  backend = new SimulatedBackend(
    {},
    { isPasswordRight: (station, password) => password.toString() === `secret of ${station}` },
  );
  await backend.start();
  const io = capture();
  expect(
    await simulateStations(run(backend.url, { count: 2, passwordFile: join(folder, '{station}') }), io),
  ).toBe(0);
  expect([...backend.ledgers.keys()].sort()).toEqual(['SIM-1', 'SIM-2']);
  expect(backend.refusals).toBe(0);
  const missing = await simulateStations(
    run(backend.url, { count: 3, passwordFile: join(folder, '{station}') }),
    io,
  );
  expect(missing).toBe(2);
  expect(io.talk).toMatch(/--password-file: cannot read .*SIM-3/);
});

test('wrong options give exit code 2 and say what to write', async () => {
  const io = capture();
  expect(await simulateStations(run('http://127.0.0.1:1'), io)).toBe(2);
  expect(io.talk).toMatch(/--url: "http:\/\/127.0.0.1:1" is no WebSocket address; write ws:/);
  expect(await simulateBackend({ listen: 'nowhere', versions: ['ocpp1.6'], seed: 1 }, io)).toBe(2);
  expect(await simulateStations(run('ws://127.0.0.1:1', { versions: ['ocpp3'] }), io)).toBe(2);
  const half = await readConnection('ws://h', { cert: 'c.pem' }, 'CP-1');
  expect(half).toEqual({ ok: false, fault: '--cert and --key belong together: give both or none' });
});

test('files that are mixed up are told of by their options', async () => {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const issued = await (
    await createAuthority('CA')
  ).issue({
    use: 'server',
    keyType: 'ecdsa',
    commonName: 'localhost',
  });
  await writeFile(cert, issued.cert);
  await writeFile(key, issued.key);
  expect(await readConnection('wss://h', { ca: cert, cert, key }, 'CP-1')).toMatchObject({ ok: true });
  for (const files of [{ ca: key }, { cert: key, key: cert }, { cert, key: cert }]) {
    const read = await readConnection('wss://h', files, 'CP-1');
    expect(read.ok ? null : read.fault.replace(folder, '')).toMatch(
      /^--(ca|cert): \/key\.pem holds no certificate that can be read$|^--key: \/cert\.pem holds no private key that can be read$/,
    );
  }
});

test('a simulated backend serves stations until it is told to stop', async () => {
  const [backendIo, stationsIo] = [capture(), capture()];
  const ended = simulateBackend(
    {
      listen: '127.0.0.1:0',
      versions: ['ocpp1.6', 'ocpp2.1'],
      seed: 1,
      commandEverySeconds: 0.05,
      output: 'json',
    },
    backendIo,
  );
  await until('it tells its address', () => backendIo.talk.includes('listening on'));
  const url = /ws:\S+\/ocpp/.exec(backendIo.talk)?.[0] ?? '';
  expect(await simulateStations(run(url, { versions: ['ocpp1.6', 'ocpp1.6', 'ocpp2.1'] }), stationsIo)).toBe(
    0,
  );
  backendIo.stopper.abort();
  expect(await ended).toBe(0);
  const [summary] = JSON.parse(backendIo.out) as Record<string, number>[];
  const rows = JSON.parse(stationsIo.out) as StationsSummary[];
  expect(rows.map(({ version, stations }) => [version, stations])).toEqual([
    ['ocpp1.6', 4],
    ['ocpp2.1', 2],
    ['all', 6],
  ]);
  const all = rows.at(-1);
  expect(summary).toMatchObject({ stations: 6, calls: all?.calls, strayAnswers: 0, unreadable: 0 });
  expect(summary?.['commandResults']).toBeGreaterThan(0);
});

test('a simulated backend misbehaves as told', async () => {
  const [backendIo, stationsIo] = [capture(), capture()];
  const options = {
    listen: '127.0.0.1:0',
    versions: ['ocpp1.6'],
    seed: 1,
    misbehaviour: 'error=0.5',
    output: 'json',
  } as const;
  const ended = simulateBackend(options, backendIo);
  await until('it tells its address', () => backendIo.talk.includes('listening on'));
  const url = /ws:\S+\/ocpp/.exec(backendIo.talk)?.[0] ?? '';
  expect(await simulateStations(run(url, { versions: ['ocpp1.6'] }), stationsIo)).toBe(3);
  backendIo.stopper.abort();
  expect(await ended).toBe(0);
  expect((JSON.parse(backendIo.out) as { misbehaved: number }[])[0]?.misbehaved).toBeGreaterThan(0);
  expect(await simulateBackend({ ...options, misbehaviour: 'sulk=1' }, backendIo)).toBe(2);
  expect(backendIo.talk).toMatch(/--misbehave: "sulk" is none of/);
});

test('an address that is taken gives exit code 1', async () => {
  backend = new SimulatedBackend();
  await backend.start();
  const io = capture();
  expect(
    await simulateBackend({ listen: `127.0.0.1:${backend.port}`, versions: ['ocpp1.6'], seed: 1 }, io),
  ).toBe(1);
  expect(io.talk).toContain('the port is taken by another process');
});

test('misbehaviours are read by name and probability', () => {
  expect(parseMisbehave('hang=0.01,slow=0.2')).toEqual({ ok: true, value: { hang: 0.01, slow: 0.2 } });
  expect(parseMisbehave('hung=1')).toMatchObject({
    ok: false,
    fault: expect.stringMatching(/"hung" is none of slow, hang/) as string,
  });
  expect(parseMisbehave('hang=2')).toMatchObject({ ok: false });
  expect(parseMisbehave('hang')).toMatchObject({ ok: false });
});

test('an address to listen on is host:port or a port', () => {
  expect(parseListen('0.0.0.0:9301')).toEqual({ ok: true, value: { host: '0.0.0.0', port: 9301 } });
  expect(parseListen('9301')).toEqual({ ok: true, value: { host: '127.0.0.1', port: 9301 } });
  expect(parseListen('[::1]:9301')).toEqual({ ok: true, value: { host: '::1', port: 9301 } });
  expect(parseListen('h:99999')).toMatchObject({ ok: false });
});
