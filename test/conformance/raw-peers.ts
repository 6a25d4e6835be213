/**
 * Stations and backends that send whatever they are told to, and keep every text they get: plain `ws`, no OCPP.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { OcppVersion } from '../../src/protocol/version.ts';

const waitMs = 20_000;

/** One end of a WebSocket. */
export interface RawPeer {
  readonly socket: WebSocket;
  /** Texts that came and were not taken by `next` yet. */
  readonly inbox: string[];
  send(data: string | Buffer, isBinary?: boolean): void;
  /** The next text, in order; rejects after 20 s or when the link closes. */
  next(): Promise<string>;
  /** The close code, once the link is closed. */
  closed: Promise<number>;
  close(): Promise<void>;
}

export interface RawBackend {
  readonly url: string;
  peerOf(station: string): Promise<RawPeer>;
  close(): Promise<void>;
}

export async function connectRawStation(
  endpoint: string,
  identity: string,
  version: OcppVersion,
): Promise<RawPeer> {
  const socket = new WebSocket(`${endpoint}/${identity}`, [version], {
    perMessageDeflate: false,
    maxPayload: 0,
  });
  const peer = rawPeer(socket);
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return peer;
}

/** A backend that speaks whatever single version it is offered. */
export async function startRawBackend(): Promise<RawBackend> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 0 });
  await once(server, 'listening');
  const peers = new Map<string, RawPeer>();
  const waiting = new Map<string, (peer: RawPeer) => void>();
  server.on('connection', (socket, request) => {
    const station = decodeURIComponent(request.url?.split('/').at(-1) ?? '');
    const peer = rawPeer(socket);
    peers.set(station, peer);
    waiting.get(station)?.(peer);
    waiting.delete(station);
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/{station}`,
    peerOf: async (station) => peers.get(station) ?? new Promise((resolve) => waiting.set(station, resolve)),
    close: async () => {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function rawPeer(socket: WebSocket): RawPeer {
  const inbox: string[] = [];
  let taker: ((text: string) => void) | null = null;
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  // A refused or cut link is told by `closed`; ws wants a listener all the same.
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    const text = data.toString();
    if (taker === null) inbox.push(text);
    else {
      const take = taker;
      taker = null;
      take(text);
    }
  });
  function next(): Promise<string> {
    const waiting = inbox.shift();
    if (waiting !== undefined) return Promise.resolve(waiting);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no text came in time')), waitMs);
      const cut = (code: number): void => reject(new Error(`the link closed with ${code}`));
      socket.once('close', cut);
      taker = (text) => {
        clearTimeout(timer);
        socket.off('close', cut);
        resolve(text);
      };
    });
  }
  return {
    socket,
    inbox,
    send: (data, isBinary = false) => socket.send(data, { binary: isBinary }),
    next,
    closed,
    close: async () => {
      socket.close();
      const timer = setTimeout(() => socket.terminate(), 1_000);
      await closed;
      clearTimeout(timer);
    },
  };
}
