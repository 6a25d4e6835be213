/** The dialer against servers that answer by hand: in pieces, with frames close behind, too much, too little, or not in HTTP. */
import { createHash } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createDialer, type WebSocketDialer } from '../../src/adapters/websocket/dialer.ts';
import { newStory, stationId, storyHandler, testLimits, until, type LinkStory } from './edge-harness.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

interface Attempt extends LinkStory {
  outcome: string | null;
  outcomes: number;
}

/** Dials a server that does this with each request; the answer that would open the link is given to it. */
async function dial(answer: (socket: Socket, good: string) => void): Promise<Attempt> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (chunk: Buffer) => {
      const key = /Sec-WebSocket-Key: (\S+)/.exec(chunk.toString())?.[1] ?? '';
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      answer(
        socket,
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n`,
      );
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const dialer: WebSocketDialer = createDialer({ ...testLimits, handshakeTimeoutMs: 1_000 });
  closers.push(async () => {
    await dialer.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const attempt: Attempt = { ...newStory(), outcome: null, outcomes: 0 };
  const settle = (outcome: string): void => {
    attempt.outcome = outcome;
    attempt.outcomes += 1;
  };
  dialer.dial(
    {
      station: stationId('CP-1'),
      known: null,
      version: 'ocpp1.6',
      forwarded: null,
      backend: {
        name: 'old',
        url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/{station}`,
        identity: '{station}',
        versions: ['ocpp1.6'],
        credentials: { kind: 'none' },
        headers: new Map(),
        tls: { ca: null, cert: null, key: null },
        callTimeoutMs: 30_000,
        redialFromMs: 1_000,
        redialToMs: 60_000,
        connectsPerSecond: Infinity,
        deliveriesPerSecond: Infinity,
      },
    },
    storyHandler,
    {
      onOpened: () => settle('opened'),
      onRefused: (_owner, fault, detail) => settle(`${fault}: ${detail}`),
    },
    attempt,
  );
  await until(() => attempt.outcome !== null, 'the dial ended');
  return attempt;
}

const frame = (text: string): Buffer => Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);

test('an answer octet by octet opens the link, and so do frames in the same packet, cut or whole', async () => {
  const dripped = await dial((socket, good) => {
    socket.setNoDelay(true);
    let at = 0;
    const drip = setInterval(() => {
      socket.write(good.slice(at, (at += 1)));
      if (at >= good.length) clearInterval(drip);
    }, 1);
  });
  expect(dripped.outcome).toBe('opened');
  const behind = await dial((socket, good) => {
    const frames = Buffer.concat([frame('one'), frame('two'), frame('three')]);
    socket.write(Buffer.concat([Buffer.from(good), frames.subarray(0, 12)]), () =>
      setTimeout(() => socket.write(frames.subarray(12)), 20),
    );
  });
  await until(() => behind.texts.length === 3, 'all frames');
  expect(behind).toMatchObject({ outcome: 'opened', texts: ['one', 'two', 'three'], outcomes: 1 });
});

test('a close frame, or the end, right behind the answer comes after the opening', async () => {
  const closed = await dial((socket, good) =>
    socket.end(Buffer.concat([Buffer.from(good), Buffer.from([0x88, 2, 0x03, 0xe9])])),
  );
  expect(closed.outcome).toBe('opened');
  await until(() => closed.closed !== null, 'the close');
  expect(closed.closed).toEqual({ code: 1_001, reason: '' });
  const ended = await dial((socket, good) => socket.end(good));
  await until(() => ended.closed !== null, 'the end');
  expect(ended).toMatchObject({ outcome: 'opened', closed: { code: null, reason: 'connection_lost' } });
});

test.each<[string, (socket: Socket, good: string) => void, string]>([
  ['no HTTP', (socket) => socket.write('SSH-2.0-x\r\n'), 'connect_failed: the answer is not HTTP'],
  [
    'headers without end',
    (socket) => socket.write(`HTTP/1.1 101 x\r\n${'X: y\r\n'.repeat(4_000)}`),
    'connect_failed: the answer has too many headers',
  ],
  [
    'too many headers, in one piece',
    (socket, good) => socket.write(good.replace('\r\n\r\n', `\r\n${'X: y\r\n'.repeat(4_000)}\r\n`)),
    'connect_failed: the answer has too many headers',
  ],
  ['nothing, and leaves', (socket) => socket.end(), 'connect_failed: ECONNRESET'],
  ['half an answer, and leaves', (socket) => socket.end('HTTP/1.1 101 '), 'connect_failed: ECONNRESET'],
  [
    'half an answer, and is silent',
    (socket) => socket.write('HTTP/1.1 101 '),
    'timed_out: the handshake was not answered in time',
  ],
  [
    'a key of another request',
    (socket, good) => socket.write(good.replace(/Accept: \S+/, 'Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')),
    'connect_failed: the answer is not WebSocket: Sec-WebSocket-Accept',
  ],
  [
    'a status with a body',
    (socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'),
    'refused_status: HTTP 403',
  ],
])('a server that says %s is refused, once, and left', async (_name, answer, outcome) => {
  let isLeft = false;
  const attempt = await dial((socket, good) => {
    socket.on('close', () => {
      isLeft = true;
    });
    answer(socket, good);
  });
  expect(attempt.outcome).toBe(outcome);
  await until(() => isLeft, 'the connection was left');
  expect(attempt).toMatchObject({ outcomes: 1, closed: null });
});
