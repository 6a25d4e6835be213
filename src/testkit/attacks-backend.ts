/**
 * Backends that are hostile or broken, each in one way that the last segment of the path names: `X-<behaviour>-<n>`.
 *
 * Shell. Speaks HTTP by Node and WebSocket by hand.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { BackendBehaviour } from './attacks.ts';
import { flood, newTally, rawFrame, type FrameTraits, type Tally } from './attacks-raw.ts';

export interface HostileBackend {
  readonly port: number;
  readonly tally: Tally;
  close(): Promise<void>;
}

/** A server does not mask. */
function serverFrame(opcode: number, payload: string | Uint8Array, traits: FrameTraits = {}): Buffer {
  return rawFrame(opcode, payload, { isMasked: false, ...traits });
}

export async function startHostileBackend(): Promise<HostileBackend> {
  const tally = newTally();
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('upgrade', (request: IncomingMessage, duplex) => {
    const socket = duplex as Socket;
    socket.on('error', () => {});
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    tally.connects += 1;
    const behaviour = (request.url ?? '').split('-')[1] ?? '';
    welcome(request, socket, behaviour as BackendBehaviour, tally);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    tally,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function welcome(request: IncomingMessage, socket: Socket, behaviour: BackendBehaviour, tally: Tally): void {
  if (behaviour === 'mute') return;
  if (behaviour === 'headers') {
    socket.write('HTTP/1.1 101 Switching Protocols\r\n');
    flood(socket, Buffer.from(`X-big: ${'x'.repeat(1_000)}\r\n`), 1, tally);
    return;
  }
  const key = behaviour === 'badKey' ? 'x' : (request.headers['sec-websocket-key'] ?? '');
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const protocol = behaviour === 'protocol' ? 'ocpp9.9' : (request.headers['sec-websocket-protocol'] ?? '');
  const extensions = behaviour === 'deflate' ? ['Sec-WebSocket-Extensions: permessage-deflate'] : [];
  const head = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    `Sec-WebSocket-Protocol: ${protocol}`,
    ...extensions,
    '',
    '',
  ];
  socket.write(head.join('\r\n'));
  misbehave(socket, behaviour, tally);
}

/** A command with a payload of that many characters. */
function command(characters: number): string {
  return `[2,"c","DataTransfer",{"vendorId":"x","data":"${'x'.repeat(characters)}"}]`;
}

function misbehave(socket: Socket, behaviour: BackendBehaviour, tally: Tally): void {
  const pour = (text: string): void => flood(socket, serverFrame(1, text), 1, tally);
  if (behaviour !== 'deaf') socket.resume();
  switch (behaviour) {
    case 'commands':
      return pour(command(10));
    case 'garbage':
      return pour(`[2,"x${'y'.repeat(1_000)}`);
    case 'oversized':
      return void socket.write(serverFrame(1, 'x'.repeat(1_048_577)));
    case 'bigAnswers':
      return pour(`[3,"nobody-asked",{"x":"${'x'.repeat(1_000_000)}"}]`);
    case 'sends':
    case 'unread':
      return pour(`[6,"s","NotifyPeriodicEventStream",{"data":"${'x'.repeat(10_000)}"}]`);
    case 'twice':
      return answerTwice(socket);
    case 'deaf':
      socket.pause();
      return;
    case 'closing':
      socket.end();
      return;
    case 'binary':
      return void socket.write(serverFrame(2, 'x'));
    case 'notUtf8':
      return void socket.write(serverFrame(1, Buffer.from([0xff, 0xfe])));
    case 'masked':
      return void socket.write(rawFrame(1, '[3,"x",{}]'));
    case 'pings':
      return flood(socket, serverFrame(9, 'x'), 1, tally);
    case 'fragments':
      socket.write(serverFrame(1, '[', { isFinal: false }));
      return flood(socket, serverFrame(0, 'x', { isFinal: false }), 1, tally);
    case 'slow':
      socket.write(serverFrame(1, 'x'.repeat(100_000), { declared: 1_000_000n }));
      return;
    case 'deflate':
    case 'protocol':
    case 'badKey':
    case 'mute':
    case 'headers':
      return;
  }
}

/** Answers each call twice, under a foreign id, and once more when nobody waits. */
function answerTwice(socket: Socket): void {
  socket.on('data', (chunk: Buffer) => {
    // Masked by its peer: the id is not worth reading where every answer shall be wrong but one.
    const id = idOf(chunk);
    if (id === null || !socket.writable) return;
    const answer = serverFrame(1, `[3,"${id}",{"currentTime":"2026-01-01T00:00:00Z"}]`);
    const foreign = serverFrame(1, '[3,"foreign",{}]');
    socket.write(
      Buffer.concat([foreign, answer, answer, serverFrame(1, `[4,"${id}","InternalError","",{}]`)]),
    );
    setTimeout(() => socket.writable && socket.write(answer), 200);
  });
}

/** The message id of the one short masked call in this chunk; null when it is none. */
function idOf(chunk: Buffer): string | null {
  const length = (chunk[1] ?? 0) & 0x7f;
  if (length >= 126 || chunk.length < 6 + length) return null;
  const mask = chunk.subarray(2, 6);
  const text = Buffer.from(chunk.subarray(6, 6 + length).map((octet, at) => octet ^ (mask[at % 4] ?? 0)));
  return /^\[2,"([^"]+)"/.exec(text.toString())?.[1] ?? null;
}
