import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createAuthority } from './certificates.ts';
import { SimulatedBackend } from './simulated-backend.ts';
import { SimulatedStation, type StationConnection } from './simulated-station.ts';
import { until } from './until.ts';

let close: () => unknown = () => undefined;
afterEach(() => close());

async function faultOf(connection: StationConnection): Promise<string | null> {
  const station = new SimulatedStation({ id: 'CP-1', seed: 1, offers: ['ocpp1.6'], speed: 1 }, connection);
  await until('the station was refused', () => station.lastError !== null);
  await station.stop();
  return station.lastError;
}

/** An HTTP server that answers every upgrade so. Returns its port. */
async function answering(status: string, type: string, body: string): Promise<number> {
  const server = createServer();
  server.on('upgrade', (_request, socket) =>
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    ),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => server.close();
  return (server.address() as AddressInfo).port;
}

test('a refusal is told with its status and the sentence that the server gave', async () => {
  const port = await answering(
    '401 Unauthorized',
    'text/plain; charset=utf-8',
    'The credentials are missing.',
  );
  expect(await faultOf({ url: `ws://127.0.0.1:${port}` })).toBe(
    'the server answered 401: The credentials are missing.',
  );
});

test('a refusal with a page or nothing is told with its status', async () => {
  const port = await answering('502 Bad Gateway', 'text/html', '<!doctype html>');
  expect(await faultOf({ url: `ws://127.0.0.1:${port}` })).toBe('the server answered 502');
  close();
  const empty = await answering('503 Service Unavailable', 'text/plain', '');
  expect(await faultOf({ url: `ws://127.0.0.1:${empty}` })).toBe('the server answered 503');
});

test('the wrong scheme and a certificate that is not trusted or of another name say what to do', async () => {
  const authority = await createAuthority('CA');
  const own = await authority.issue({
    use: 'server',
    keyType: 'ecdsa',
    commonName: 'localhost',
    names: ['localhost'],
  });
  const backend = new SimulatedBackend({}, { tls: own });
  await backend.start();
  close = () => backend.stop();
  const { port } = new URL(backend.url);
  expect(await faultOf({ url: `ws://localhost:${port}` })).toMatch(
    /does it speak TLS there\? Then write wss/,
  );
  expect(await faultOf({ url: `wss://localhost:${port}` })).toMatch(/name the file of one with --ca/);
  expect(await faultOf({ url: `wss://127.0.0.1:${port}`, ca: authority.cert })).toMatch(/of another name/);
  const plain = await answering('401 Unauthorized', 'text/plain', '');
  expect(await faultOf({ url: `wss://localhost:${plain}` })).toMatch(/does the server speak TLS there/);
  await backend.stop();
});
