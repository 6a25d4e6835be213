/**
 * The gate before the handshake: how many sockets may be in one at a time, and how fast they start.
 *
 * Not pure. A socket is accepted at once but nothing of it is read until the gate starts it: a few each turn of the event loop, so that a
 * storm of connects does not hold up the stations that are in already. At most `handshakesMax` are in progress. The others wait, and the newest goes
 * first: whoever comes now is more likely to be there still than those who waited.
 *
 * An honest storm frees places by finishing. Where too few finish and somebody waits, those who have been longest at it are cut, so that an eighth of the
 * places is freed every sweep: half-open handshakes cost an attacker a place for two seconds, not a station its entry. Nobody
 * takes longer than `handshakeTimeoutMs` in any case.
 */
import type { Socket } from 'node:net';

export interface GateBounds {
  readonly handshakesMax: number;
  readonly handshakeTimeoutMs: number;
}

export interface GateEvents {
  /** Start reading this socket; the handshake begins. */
  onStart(socket: Socket): void;
  /** The gate gave this socket up and destroys it. */
  onCut(peer: string, why: 'timed_out' | 'too_many_handshakes'): void;
}

/** Sockets that may wait for their turn; beyond it the newest is cut. A descriptor and about 1 KB each. */
const waitingMax = 16_384;
/** Started in one turn of the event loop: a TLS handshake costs about a millisecond. */
const startsPerTurn = 24;
/** How long a handshake keeps its place for certain while others wait: a slow network's four round trips. */
const chanceMs = 2_000;

interface Handshake {
  readonly gate: HandshakeGate;
  readonly key: string;
  readonly socket: Socket;
  readonly peer: string;
  readonly startedMs: number;
}

const handshakeKey = Symbol('handshake');
type AtGate = Socket & { [handshakeKey]?: Handshake | undefined };

export class HandshakeGate {
  #bounds: GateBounds;
  readonly #events: GateEvents;
  /** The newest last. */
  #waiting: Socket[] = [];
  /** By both ends, oldest first. */
  readonly #active = new Map<string, Handshake>();
  /** Places freed by handshakes that ended, since the last sweep. */
  #endedSinceSweep = 0;
  #turn: NodeJS.Immediate | null = null;
  #isClosed = false;

  constructor(bounds: GateBounds, events: GateEvents) {
    this.#bounds = bounds;
    this.#events = events;
  }

  update(bounds: GateBounds): void {
    this.#bounds = bounds;
    this.#schedule();
  }

  /** Takes a socket that was accepted and is not read yet. */
  enter(socket: Socket): void {
    socket.on('error', ignoreError);
    if (this.#waiting.length >= waitingMax) {
      this.#events.onCut(socket.remoteAddress ?? '', 'too_many_handshakes');
      socket.destroy();
      return;
    }
    this.#waiting.push(socket);
    this.#schedule();
  }

  /** The handshake of this connection is over, whichever way; its place is free. */
  leave(connection: Connection): void {
    const handshake = this.#active.get(keyOf(connection));
    if (handshake !== undefined) this.release(handshake);
  }

  release(handshake: Handshake): void {
    this.#endedSinceSweep += 1;
    this.#active.delete(handshake.key);
    handshake.socket.removeListener('close', onClose);
    (handshake.socket as AtGate)[handshakeKey] = undefined;
    this.#schedule();
  }

  /** Cuts what is over its time. To be called a few times a second. */
  sweep(nowMs: number): void {
    const toFree = Math.ceil(this.#bounds.handshakesMax / 8) - this.#endedSinceSweep;
    let toCut = Math.min(toFree, this.#waiting.length);
    for (const handshake of this.#active.values()) {
      const ageMs = nowMs - handshake.startedMs;
      if (ageMs >= this.#bounds.handshakeTimeoutMs) this.#cut(handshake, 'timed_out');
      else if (ageMs >= chanceMs && toCut > 0) this.#cut(handshake, 'too_many_handshakes');
      else break;
      toCut -= 1;
    }
    this.#endedSinceSweep = 0;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#turn !== null) clearImmediate(this.#turn);
    for (const socket of this.#waiting) socket.destroy();
    for (const handshake of this.#active.values()) handshake.socket.destroy();
    this.#waiting = [];
    this.#active.clear();
  }

  #cut(handshake: Handshake, why: 'timed_out' | 'too_many_handshakes'): void {
    this.release(handshake);
    this.#events.onCut(handshake.peer, why);
    handshake.socket.destroy();
  }

  #schedule(): void {
    if (this.#turn !== null || this.#isClosed || this.#waiting.length === 0) return;
    if (this.#active.size < this.#bounds.handshakesMax) this.#turn = setImmediate(startSome, this);
  }

  /** One turn of the event loop. */
  startSome(): void {
    this.#turn = null;
    const nowMs = performance.now();
    for (let started = 0; started < startsPerTurn; started += 1) {
      if (this.#active.size >= this.#bounds.handshakesMax) return;
      const socket = this.#waiting.pop();
      if (socket === undefined) return;
      if (!socket.destroyed) this.#start(socket, nowMs);
    }
    this.#schedule();
  }

  #start(socket: Socket, nowMs: number): void {
    const key = keyOf(socket);
    const handshake: Handshake = {
      gate: this,
      key,
      socket,
      peer: socket.remoteAddress ?? '',
      startedMs: nowMs,
    };
    this.#active.set(key, handshake);
    (socket as AtGate)[handshakeKey] = handshake;
    socket.on('close', onClose);
    this.#events.onStart(socket);
  }
}

/** A socket, or the TLS socket around it: both tell the same two ends. */
type Connection = Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress'>;

/** Our own address is in it: from one port a peer may connect to each that the machine has. */
function keyOf(connection: Connection): string {
  return `${connection.remotePort} ${connection.remoteAddress} ${connection.localAddress}`;
}

function onClose(this: AtGate): void {
  const handshake = this[handshakeKey];
  if (handshake !== undefined) handshake.gate.release(handshake);
}

function startSome(gate: HandshakeGate): void {
  gate.startSome();
}

/** A socket that fails before anyone looks at it: its `close` is enough. */
function ignoreError(): void {}
