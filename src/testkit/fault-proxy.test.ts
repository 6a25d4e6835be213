import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FaultProxy } from './fault-proxy.ts';
import { until } from './until.ts';

let echo: Server;
let echoed: Socket[];
let proxy: FaultProxy;
let clients: Client[];

interface Client {
  readonly socket: Socket;
  received: Buffer;
  chunks: number;
  ended: boolean;
  closed: boolean;
  error: string | null;
}

beforeEach(async () => {
  echoed = [];
  clients = [];
  echo = createServer((socket) => {
    echoed.push(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => socket.write(data));
  });
  await new Promise<void>((resolve) => {
    echo.listen(0, '127.0.0.1', () => resolve());
  });
  proxy = new FaultProxy({ port: (echo.address() as AddressInfo).port });
  await proxy.start();
});

afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  await proxy.stop();
  for (const socket of echoed) socket.destroy();
  await new Promise<void>((resolve) => {
    echo.close(() => resolve());
  });
});

function open(): Client {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true });
  const client: Client = {
    socket,
    received: Buffer.alloc(0),
    chunks: 0,
    ended: false,
    closed: false,
    error: null,
  };
  socket.on('data', (data: Buffer) => {
    client.received = Buffer.concat([client.received, data]);
    client.chunks += 1;
  });
  socket.on('end', () => (client.ended = true));
  socket.on('close', () => (client.closed = true));
  socket.on('error', (error: NodeJS.ErrnoException) => (client.error = error.code ?? error.message));
  clients.push(client);
  return client;
}

async function openAndEcho(): Promise<Client> {
  const client = open();
  client.socket.write('hello');
  await until('the first echo is back', () => client.received.length === 5);
  return client;
}

test('without faults bytes pass unchanged, and an end is passed on', async () => {
  const client = open();
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));
  client.socket.write(bytes);
  await until('all is back', () => client.received.length === bytes.length);
  expect(client.received.equals(bytes)).toBe(true);
  client.socket.end();
  await until('the end came through', () => client.closed && proxy.openCount === 0);
});

test('latency is added each way', async () => {
  proxy.set({ latencyMs: 40 });
  const client = open();
  const startMs = performance.now();
  client.socket.write('hello');
  await until('the echo is back', () => client.received.length === 5);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(80);
});

test('bandwidth is a limit on bytes a second', async () => {
  proxy.set({ bytesPerSecond: 100_000, sliceBytes: 1_000 });
  const client = open();
  const startMs = performance.now();
  client.socket.write(Buffer.alloc(10_000));
  await until('all is back', () => client.received.length === 10_000);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(95);
});

test('slices come one by one and in order', async () => {
  proxy.set({ sliceBytes: 1 });
  const client = await openAndEcho();
  expect(client.received.toString()).toBe('hello');
  expect(client.chunks).toBeGreaterThan(1);
});

test('a cut resets both ends, a fin ends both', async () => {
  const [reset, kept] = [await openAndEcho(), await openAndEcho()];
  expect(proxy.cut('rst', (place) => place === 0)).toBe(1);
  await until('the first one is reset', () => reset.error === 'ECONNRESET');
  expect(kept.closed).toBe(false);
  expect(proxy.cut('fin')).toBe(1);
  await until('the second one ended', () => kept.ended && kept.error === null);
});

test('a frozen pipe swallows bytes and ends both ways while new ones pass', async () => {
  const frozen = await openAndEcho();
  proxy.freeze();
  frozen.socket.write('lost');
  echoed[0]?.write('lost too');
  echoed[0]?.destroy();
  const fresh = await openAndEcho();
  expect(frozen).toMatchObject({ closed: false, ended: false });
  expect(frozen.received.toString()).toBe('hello');
  expect(fresh.received.toString()).toBe('hello');
});

test('new connections are reset, closed, left alone or sent garbage as told', async () => {
  proxy.set({ onConnect: 'reset' });
  const reset = open();
  await until('it is reset', () => reset.closed);
  proxy.set({ onConnect: 'accept_then_close' });
  const closed = open();
  await until('it is closed', () => closed.ended);
  proxy.set({ onConnect: 'garbage' });
  const garbage = open();
  await until('it is sent garbage', () => garbage.ended && garbage.received.length > 0);
  proxy.set({ onConnect: 'hang' });
  const hanging = open();
  hanging.socket.write('hello');
  await until('it is accepted', () => proxy.accepted === 4);
  proxy.heal();
  await openAndEcho();
  expect(hanging).toMatchObject({ closed: false, received: Buffer.alloc(0) });
});

test('bytes can be put into an open pipe', async () => {
  const client = await openAndEcho();
  proxy.inject('client', Buffer.from('?!'));
  await until('they arrived', () => client.received.toString() === 'hello?!');
});
