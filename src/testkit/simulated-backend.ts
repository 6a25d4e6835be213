/**
 * A simulated backend (CSMS) on a real socket, for all versions: drives backend-life.ts over real time with `ws`.
 *
 * Shell. It keeps a ledger per station and may be stopped and started again on the same port with its memory intact. The newest link of a
 * station wins.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { performance } from 'node:perf_hooks';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { randomUUID } from 'node:crypto';
import { WebSocket, WebSocketServer } from 'ws';
import { isOcppVersion, negotiateVersion, type OcppVersion } from '../protocol/version.ts';
import { parseStationId } from '../protocol/station-id.ts';
import {
  backendDefaults,
  createBackendStation,
  stepBackend,
  type BackendEvent,
  type BackendOptions,
  type BackendStation,
  type Misconduct,
} from './backend-life.ts';
import { createLedger, noteText, stepBackendWithLedger, type Ledger } from './ledger.ts';
import { readMessage, type Message } from './wire.ts';

export interface BackendListen {
  readonly host?: string;
  /** 0, the default: any free one. A restart takes the same again. */
  readonly port?: number;
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** Checks HTTP Basic; a station it refuses gets 401. Absent: everyone is let in. */
  readonly isPasswordRight?: (station: string, password: Buffer) => boolean;
  readonly keepsLedgers?: boolean;
}

interface Peer {
  readonly state: BackendStation;
  readonly ledger: Ledger | null;
  socket: WebSocket | null;
  timer: NodeJS.Timeout | null;
  timerAtMs: number;
  readonly waiting: Map<string, (message: Message | null) => void>;
}

/** Numbers of 1.6 transactions for each station: enough that no two stations share one. */
const numbersPerStation = 100_000;

/** One running backend. `start` opens its port. */
export class SimulatedBackend {
  readonly options: BackendOptions;
  /** Headers of the last upgrade request of each station: what a gateway let through. */
  readonly upgradeHeaders = new Map<string, IncomingMessage['headers']>();
  /** Upgrades refused with 401, since birth. */
  refusals = 0;
  readonly #listen: BackendListen;
  readonly #peers = new Map<string, Peer>();
  #server: Server | null = null;
  #sockets: WebSocketServer | null = null;
  #port: number;

  constructor(options: Partial<BackendOptions> = {}, listen: BackendListen = {}) {
    this.options = { ...backendDefaults, ...options };
    this.#listen = listen;
    this.#port = listen.port ?? 0;
  }

  /** The port that was bound; stays the same over restarts. */
  get port(): number {
    return this.#port;
  }

  /** Without the station's identity, which callers append. */
  get url(): string {
    return `${this.#listen.tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${this.#port}/ocpp`;
  }

  get ledgers(): ReadonlyMap<string, Ledger> {
    const ledgers = new Map<string, Ledger>();
    for (const [station, { ledger }] of this.#peers) if (ledger !== null) ledgers.set(station, ledger);
    return ledgers;
  }

  /** What it knows of each station. */
  *stations(): IterableIterator<BackendStation> {
    for (const { state } of this.#peers.values()) yield state;
  }

  isConnected(station: string): boolean {
    return this.#peers.get(station)?.socket?.readyState === WebSocket.OPEN;
  }

  get linksOpen(): number {
    let count = 0;
    for (const { socket } of this.#peers.values()) if (socket?.readyState === WebSocket.OPEN) count += 1;
    return count;
  }

  async start(): Promise<void> {
    const { tls, host } = this.#listen;
    const server =
      tls === undefined
        ? createServer()
        : createTlsServer({
            cert: tls.cert,
            key: tls.key,
            ...(tls.clientCa === undefined
              ? {}
              : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
          });
    this.#server = server;
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      handleProtocols: (offered) => negotiateVersion([...offered], this.options.versions) ?? false,
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#onUpgrade(request, socket, head),
    );
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, host ?? '127.0.0.1', () => resolve());
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Goes down: `cut` vanishes without a closing handshake. Its memory stays. */
  async stop(how: 'close' | 'cut' = 'close'): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const gone = new Promise<void>((resolve) => server.close(() => resolve()));
    const closing: WebSocket[] = [];
    for (const { socket } of this.#peers.values()) {
      if (socket === null) continue;
      if (how === 'cut') socket.terminate();
      else {
        socket.close(1001);
        closing.push(socket);
      }
    }
    const deadline = setTimeout(() => closing.forEach((socket) => socket.terminate()), 1_000);
    this.#sockets?.close();
    server.closeAllConnections();
    await gone;
    clearTimeout(deadline);
    for (const peer of this.#peers.values()) if (peer.timer !== null) clearTimeout(peer.timer);
  }

  /** Closes, or cuts, one station's link. */
  drop(station: string, how: 'close' | 'cut'): void {
    const socket = this.#peers.get(station)?.socket;
    if (how === 'cut') socket?.terminate();
    else socket?.close(1000);
  }

  /** From now on towards this station; `null`: as the options say, as at first. Unknown stations are passed over. */
  misbehave(station: string, misconduct: Misconduct | null): void {
    const peer = this.#peers.get(station);
    if (peer === undefined) return;
    peer.state.misconduct = misconduct ?? { shares: this.options.misbehave, actions: null };
  }

  /** Sends a text as it is: for whatever a well-behaved backend would not say. False when the station has no link. */
  sendRaw(station: string, text: string): boolean {
    const peer = this.#peers.get(station);
    if (peer?.socket?.readyState !== WebSocket.OPEN) return false;
    if (peer.ledger !== null) noteText(peer.ledger, 'sent', performance.now(), text);
    peer.socket.send(text);
    return true;
  }

  /** Sends a command and gives the answer, or null when there is none within `timeoutMs`. */
  async command(
    station: string,
    action: string,
    payload: Readonly<Record<string, unknown>>,
    timeoutMs = 10_000,
  ): Promise<Message | null> {
    const peer = this.#peers.get(station);
    if (peer?.socket?.readyState !== WebSocket.OPEN) return null;
    const id = randomUUID();
    const answer = new Promise<Message | null>((resolve) => {
      const deadline = setTimeout(() => {
        peer.waiting.delete(id);
        resolve(null);
      }, timeoutMs);
      peer.waiting.set(id, (message) => {
        clearTimeout(deadline);
        resolve(message);
      });
    });
    this.#step(peer, { type: 'command', id, action, payload });
    return answer;
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const identity = parseStationId(request.url ?? '');
    if (!identity.ok) {
      refuse(socket, '404 Not Found');
      return;
    }
    const { isPasswordRight } = this.#listen;
    if (isPasswordRight !== undefined && !isBasicRight(request, identity.value, isPasswordRight)) {
      this.refusals += 1;
      refuse(socket, '401 Unauthorized\r\nWWW-Authenticate: Basic realm="simulated backend"');
      return;
    }
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',');
    if (negotiateVersion(offered, this.options.versions) === null) {
      refuse(socket, '400 Bad Request');
      return;
    }
    this.upgradeHeaders.set(identity.value, request.headers);
    this.#sockets?.handleUpgrade(request, socket, head, (link) => this.#onLink(identity.value, link));
  }

  #onLink(station: string, socket: WebSocket): void {
    if (!isOcppVersion(socket.protocol)) {
      socket.terminate();
      return;
    }
    const peer = this.#peer(station, socket.protocol);
    const old = peer.socket;
    peer.socket = socket;
    old?.terminate();
    // A late word of an old link is not of the new one.
    const ifPresent = (event: BackendEvent): void => {
      if (peer.socket === socket) this.#step(peer, event);
    };
    socket.on('message', (data: Buffer) => ifPresent({ type: 'text', text: data.toString('utf8') }));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      ifPresent({ type: 'closed' });
      if (peer.socket === socket) peer.socket = null;
    });
    this.#step(peer, { type: 'opened', version: socket.protocol });
  }

  #peer(station: string, version: OcppVersion): Peer {
    const known = this.#peers.get(station);
    if (known !== undefined) return known;
    const state = createBackendStation(this.options, station, 1 + this.#peers.size * numbersPerStation);
    const ledger = this.#listen.keepsLedgers === false ? null : createLedger(station, version);
    const peer: Peer = { state, ledger, socket: null, timer: null, timerAtMs: Infinity, waiting: new Map() };
    this.#peers.set(station, peer);
    return peer;
  }

  #step(peer: Peer, event: BackendEvent): void {
    const clock = { nowMs: performance.now(), wallMs: Date.now() };
    if (event.type === 'text' && peer.waiting.size > 0) settleWaiting(peer, event.text);
    const effects =
      peer.ledger === null
        ? stepBackend(peer.state, event, clock)
        : stepBackendWithLedger(peer.state, peer.ledger, event, clock);
    for (const effect of effects) {
      if (effect.type === 'send') peer.socket?.send(effect.text);
      else peer.socket?.close(effect.code);
    }
    this.#arm(peer);
  }

  #arm(peer: Peer): void {
    const { wakeAtMs } = peer.state;
    if (wakeAtMs === peer.timerAtMs) return;
    if (peer.timer !== null) clearTimeout(peer.timer);
    peer.timer = null;
    peer.timerAtMs = wakeAtMs;
    if (wakeAtMs === Infinity || this.#server === null) return;
    const waitMs = Math.min(Math.max(0, Math.ceil(wakeAtMs - performance.now())), 2 ** 31 - 1);
    peer.timer = setTimeout(() => {
      peer.timer = null;
      peer.timerAtMs = Infinity;
      this.#step(peer, { type: 'tick' });
    }, waitMs);
  }
}

function settleWaiting(peer: Peer, text: string): void {
  const message = readMessage(text);
  if (message === null || (message.type !== 3 && message.type !== 4)) return;
  peer.waiting.get(message.id)?.(message);
  peer.waiting.delete(message.id);
}

function isBasicRight(
  request: IncomingMessage,
  station: string,
  isRight: (station: string, password: Buffer) => boolean,
): boolean {
  const match = /^basic\s+(\S+)$/i.exec(request.headers.authorization ?? '');
  if (match?.[1] === undefined) return false;
  const bytes = Buffer.from(match[1], 'base64');
  const colon = bytes.indexOf(0x3a);
  return (
    colon !== -1 &&
    bytes.subarray(0, colon).toString('utf8') === station &&
    isRight(station, bytes.subarray(colon + 1))
  );
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
