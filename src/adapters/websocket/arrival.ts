/**
 * An upgrade request that waits for its answer.
 *
 * Not pure: owns the socket until `accept` makes it a link or `refuse` ends it. Bytes that come before the answer are kept, up to a bound, and belong to the
 * link; a peer that leaves, and the listener's deadline, are told once.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Link, LinkHandler } from '../../ports/link.ts';
import type { Arrival } from '../../ports/listener.ts';
import type { StationId } from '../../protocol/station-id.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { Secret } from '../../std/secret.ts';
import { acceptKeyOf } from './accept-key.ts';
import type { ReaderBounds } from './frame-reader.ts';
import type { LinkYard } from './link-yard.ts';
import { refuseUpgrade, retryAfter } from './refuse.ts';

/** What arrivals share: the bounds of what stations send, where links live, and which arrivals still wait. */
export interface Doorstep {
  readerBounds: ReaderBounds;
  readonly yard: LinkYard;
  /** Oldest first. */
  readonly waiting: Set<UpgradeArrival>;
}

export interface ArrivalFacts {
  readonly station: StationId;
  readonly offered: readonly string[];
  readonly peer: string;
  readonly isAuthenticated: boolean;
  readonly credential: Secret | null;
}

/** Bytes kept before the answer; further ones stay in the system's buffer. An honest station sends none. */
const earlyBytesMax = 65_536;

const arrivalKey = Symbol('arrival');
type Awaiting = Socket & { [arrivalKey]?: UpgradeArrival | undefined };

export class UpgradeArrival implements Arrival {
  readonly station: StationId;
  readonly offered: readonly string[];
  readonly peer: string;
  readonly isAuthenticated: boolean;
  readonly credential: Secret | null;
  onGone: (() => void) | null = null;
  readonly arrivedMs: number;
  readonly #doorstep: Doorstep;
  readonly #request: IncomingMessage;
  readonly #socket: Socket;
  readonly #early: Buffer[];
  #earlyBytes = 0;
  #isAnswered = false;

  constructor(
    doorstep: Doorstep,
    facts: ArrivalFacts,
    request: IncomingMessage,
    head: Buffer,
    nowMs: number,
  ) {
    this.station = facts.station;
    this.offered = facts.offered;
    this.peer = facts.peer;
    this.isAuthenticated = facts.isAuthenticated;
    this.credential = facts.credential;
    this.arrivedMs = nowMs;
    this.#doorstep = doorstep;
    this.#request = request;
    this.#socket = request.socket;
    this.#early = [head];
    doorstep.waiting.add(this);
    (this.#socket as Awaiting)[arrivalKey] = this;
    this.#socket.on('data', onData);
    this.#socket.on('end', onGone);
    this.#socket.on('close', onGone);
  }

  accept<Owner>(version: OcppVersion, handler: LinkHandler<Owner>, owner: Owner): Link | null {
    if (this.#isAnswered) return null;
    this.#leaveDoorstep();
    const socket = this.#socket;
    if (!socket.readable || !socket.writable) {
      socket.destroy();
      return null;
    }
    socket.pause();
    const head = Buffer.concat(this.#early);
    if (head.length > 0) socket.unshift(head);
    socket.write(this.#switchingProtocols(version), 'latin1');
    const { yard, readerBounds } = this.#doorstep;
    const link = yard.add(socket, 'server', readerBounds, handler, owner);
    link.listen();
    socket.resume();
    return link;
  }

  refuse(status: number, reason: string, retryAfterS: number | null): void {
    if (this.#isAnswered) return;
    this.#leaveDoorstep();
    refuseUpgrade(this.#socket, status, reason, retryAfter(retryAfterS));
  }

  /** Nobody decided in time. */
  expire(): void {
    if (this.#isAnswered) return;
    this.refuse(503, 'The gateway could not reach a backend in time.', null);
    this.onGone?.();
  }

  /** The peer left, or the listener closes. */
  giveUp(): void {
    if (this.#isAnswered) return;
    this.#leaveDoorstep();
    this.#socket.destroy();
    this.onGone?.();
  }

  onEarlyData(chunk: Buffer): void {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > earlyBytesMax) this.#socket.pause();
  }

  /** RFC 6455 §4.2.2. No extension is agreed on, whatever was offered. */
  #switchingProtocols(version: OcppVersion): string {
    const accept = acceptKeyOf(this.#request.headers['sec-websocket-key'] ?? '');
    const subprotocol = this.offered.includes(version) ? `Sec-WebSocket-Protocol: ${version}\r\n` : '';
    return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${subprotocol}\r\n`;
  }

  #leaveDoorstep(): void {
    this.#isAnswered = true;
    this.#doorstep.waiting.delete(this);
    this.#socket.removeListener('data', onData);
    this.#socket.removeListener('end', onGone);
    this.#socket.removeListener('close', onGone);
    (this.#socket as Awaiting)[arrivalKey] = undefined;
  }
}

function onData(this: Awaiting, chunk: Buffer): void {
  this[arrivalKey]?.onEarlyData(chunk);
}

function onGone(this: Awaiting): void {
  this[arrivalKey]?.giveUp();
}
