import { connect, createServer, type AddressInfo, Socket } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { createAuthority } from '../../testkit/certificates.ts';
import { readLent } from './lent-reading.ts';

const open: { destroy(): unknown }[] = [];

afterEach(() => {
  for (const one of open.splice(0)) one.destroy();
});

/** An accepted socket and the one that was connected to it. */
async function socketPair(): Promise<readonly [accepted: Socket, peer: Socket]> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const accepted = new Promise<Socket>((resolve) => {
    server.once('connection', resolve);
  });
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const pair = [await accepted, peer] as const;
  server.close();
  open.push(...pair);
  return pair;
}

test('accepted sockets of this Node read into the shared buffer, one after the other, pausing and all', async () => {
  const pairs = await Promise.all(Array.from({ length: 20 }, socketPair));
  const buffers = new Set<ArrayBufferLike>();
  const received = pairs.map(() => '');
  const whole = Promise.withResolvers<null>();
  for (const [at, [accepted]] of pairs.entries()) {
    const isLent = readLent(accepted, {
      receive(chunk, lentNow) {
        expect(lentNow).toBe(true);
        buffers.add(chunk.buffer);
        received[at] += chunk.toString();
        if (received.every((text) => text.length === 3_000)) whole.resolve(null);
      },
    });
    expect(isLent).toBe(true);
    accepted.resume();
  }
  for (let round = 0; round < 500; round += 1)
    for (const [at, [, peer]] of pairs.entries())
      peer.write(`${String(at).padStart(2, '0')} ${round % 10};\n`);
  await whole.promise;
  for (const [at, text] of received.entries())
    expect(text).toBe(
      Array.from({ length: 500 }, (_, round) => `${String(at).padStart(2, '0')} ${round % 10};\n`).join(''),
    );
  expect(buffers.size).toBe(1);

  const [[accepted, peer] = expect.fail('no pair')] = pairs;
  received.fill('');
  accepted.pause();
  peer.end('more');
  const laterMs = performance.now() + 30;
  while (performance.now() < laterMs) await new Promise((resolve) => setImmediate(resolve));
  expect(received[0]).toBe('');
  const ended = new Promise((resolve) => accepted.once('end', resolve));
  accepted.resume();
  await ended;
  expect(received[0]).toBe('more');
});

test('so do those that TLS was spoken on', async () => {
  const authority = await createAuthority('CA');
  const server = createTlsServer(
    await authority.issue({ use: 'server', keyType: 'ecdsa', commonName: 'localhost', names: ['localhost'] }),
  );
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const accepted = new Promise<Socket>((resolve) => {
    server.once('secureConnection', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const peer = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.cert });
  const socket = await accepted;
  server.close();
  open.push(socket, peer);
  let received = '';
  const whole = Promise.withResolvers<null>();
  const isLent = readLent(socket, {
    receive(chunk) {
      received += chunk.toString();
      if (received.length === 300_000) whole.resolve(null);
    },
  });
  expect(isLent).toBe(true);
  socket.resume();
  peer.write('0123456789'.repeat(30_000));
  await whole.promise;
  expect(received).toBe('0123456789'.repeat(30_000));
});

test('a socket that is not what we know is left as it is', async () => {
  const [accepted, peer] = await socketPair();
  const taker = { receive: () => expect.fail('nothing was lent') };
  Reflect.set(
    accepted,
    '_handle',
    Object.assign(Object.create(null), { real: Reflect.get(accepted, '_handle') }),
  );
  expect(readLent(accepted, taker)).toBe(false);
  Reflect.set(accepted, '_handle', (Reflect.get(accepted, '_handle') as { real: unknown }).real);
  expect(readLent(new Socket(), taker)).toBe(false);
  const text = new Promise((resolve) => accepted.once('data', (chunk: Buffer) => resolve(chunk.toString())));
  peer.write('as always');
  expect(await text).toBe('as always');
  expect(readLent(accepted, taker)).toBe(true);
  expect(readLent(accepted, taker)).toBe(false);
});
