/**
 * The backend of a bench: takes every link, answers every call at once, unless it was told to be a bad observer.
 *
 * Not pure. It reads of a call what an answer needs: the id, and the first letter of the action.
 */
import { createHash } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { answerTo } from './messages.ts';
import { byteAt, copyPlain, opcode, readFrames, serverFrame, textOf, type FrameInPlace } from './wire.ts';

/**
 * `slow` answers what it is told first, so that it is sent copies, and then nothing more. `hostile` answers every call but the start of a transaction with a text that is no frame, an answer to nothing, the
 * answer twice, and a burst of commands that it was not granted.
 */
export const loadManners = ['healthy', 'slow', 'hostile'] as const;
export type LoadManner = (typeof loadManners)[number];

export interface LoadBackend {
  readonly port: number;
  /** Links that are open. */
  readonly links: number;
  /** Calls with meter values that it has got, since it was born. */
  readonly readings: number;
  /** Cuts every link, and listens no more. */
  goDown(): Promise<void>;
  /** Listens again, at the same port. */
  comeUp(): Promise<void>;
}

interface Peer {
  readonly socket: Socket;
  readonly manner: LoadManner;
  readonly counts: { readings: number };
  kept: Buffer | null;
  isUpgraded: boolean;
}

export async function startLoadBackend(manner: LoadManner = 'healthy'): Promise<LoadBackend> {
  let links = 0;
  const counts = { readings: 0 };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    const peer: Peer = { socket, manner, counts, kept: null, isUpgraded: false };
    sockets.add(socket);
    socket.on('data', (chunk) => {
      if (peer.isUpgraded) peer.kept = readFrames(peer.kept, chunk as Buffer, onFrame, peer);
      else if (upgrade(peer, chunk as Buffer)) links += 1;
    });
    socket.on('close', () => {
      sockets.delete(socket);
      if (peer.isUpgraded) links -= 1;
    });
    // The close that follows is enough.
    socket.on('error', () => {});
  });
  const listenAt = (at: number): Promise<void> =>
    new Promise((resolve) => {
      server.listen({ port: at, host: '127.0.0.1', backlog: 4_096 }, resolve);
    });
  await listenAt(0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    get links() {
      return links;
    },
    get readings() {
      return counts.readings;
    },
    async goDown() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    comeUp: () => listenAt(port),
  };
}

function upgrade(peer: Peer, chunk: Buffer): boolean {
  const data = peer.kept === null ? chunk : Buffer.concat([peer.kept, chunk]);
  const text = data.toString('latin1');
  if (!text.endsWith('\r\n\r\n')) {
    peer.kept = data;
    return false;
  }
  const key = /^sec-websocket-key: *(\S+)/im.exec(text)?.[1] ?? '';
  const protocol = /^sec-websocket-protocol: *([^\s,]+)/im.exec(text)?.[1] ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  peer.kept = null;
  peer.isUpgraded = true;
  peer.socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  );
  return true;
}

function onFrame(peer: Peer, frame: FrameInPlace): void {
  if (frame.code === opcode.text) answer(peer, frame);
  else if (frame.code === opcode.ping) peer.socket.write(serverFrame('', opcode.pong));
  else if (frame.code === opcode.close) peer.socket.end(serverFrame('', opcode.close));
}

const call = 0x32;
const quote = 0x22;
const initialOf = { boot: 0x42, heartbeat: 0x48, meterValues: 0x4d, start: 0x53 } as const;
/** StartTransaction and StatusNotification part here, seen from where the id ends. */
const fourthLetter = 6;
const startsFourth = 0x72;
/** Where the id of a call starts: after `[2,"`. */
const idStart = 4;

let transactions = 0;

/** Every start has a number of its own. */
function startAnswer(id: string): string {
  transactions += 1;
  return `[3,"${id}",{"transactionId":${transactions},"idTagInfo":{"status":"Accepted"}}]`;
}

/** Answers by action and length of the id: where the id goes is all that is left to do. */
const templates = new Map<number, { readonly frame: Buffer; readonly idAt: number }>();

function answer(peer: Peer, frame: FrameInPlace): void {
  // An answer to a command of a hostile one.
  if (byteAt(frame, 1) !== call) return;
  let idEnd = idStart;
  while (byteAt(frame, idEnd) !== quote) {
    idEnd += 1;
    if (idEnd > 300) throw new Error('a call without an id');
  }
  const initial = byteAt(frame, idEnd + 3);
  if (initial === initialOf.meterValues) peer.counts.readings += 1;
  if (peer.manner === 'slow' && initial !== initialOf.boot && initial !== initialOf.heartbeat) return;
  const idBytes = idEnd - idStart;
  if (initial === initialOf.start && byteAt(frame, idEnd + fourthLetter) === startsFourth) {
    peer.socket.write(serverFrame(startAnswer(textOf(frame).slice(idStart, idEnd))));
    return;
  }
  let template = templates.get(initial * 1_000 + idBytes);
  if (template === undefined) {
    const text = `[3,"${'i'.repeat(idBytes)}",${answerTo(initial)}]`;
    const whole = serverFrame(text);
    template = { frame: whole, idAt: whole.length - text.length + idStart };
    templates.set(initial * 1_000 + idBytes, template);
  }
  const reply = Buffer.from(template.frame);
  copyPlain(frame, idStart, idEnd, reply, template.idAt);
  if (peer.manner === 'hostile') peer.socket.write(nuisance);
  peer.socket.write(reply);
  if (peer.manner === 'hostile') peer.socket.write(reply);
}

const floodCommands = 20;
const nuisance = Buffer.concat([
  serverFrame('[3,"nobody asked"'),
  serverFrame('[3,"nobody-asked",{"transactionId":1}]'),
  ...Array.from({ length: floodCommands }, (_, at) =>
    serverFrame(`[2,"flood-${at}","Reset",{"type":"Hard"}]`),
  ),
]);
