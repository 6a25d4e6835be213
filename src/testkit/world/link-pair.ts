/**
 * One simulated WebSocket: two ends, a queue each way, and what networks do to them.
 *
 * Pure. What is sent arrives in order or not at all, as over TCP. A cut loses what is under way; each side learns of it when it learns of it, or never
 * (half-open). Pings are answered by the peer's stack, not by its owner. Both ends are the `Link` of the ports.
 */
import type { Link, LinkHandler } from '../../ports/link.ts';
import type { Range, Random } from '../random.ts';
import type { Scheduler } from './scheduler.ts';

/** What the world knows of a pair. `with` is '' for the station's own link, else the backend's name. */
export interface PairLabel {
  readonly station: string;
  readonly with: string;
  readonly number: number;
}

/** What an end was told to do, and what it told its owner. */
export type Operation = 'send' | 'close' | 'terminate' | 'ping' | 'pause' | 'resume';
export type Happening = 'text' | 'pong' | 'drained' | 'closed';

/** Sees everything that passes an end. `text` is '' where there is none. */
export interface LinkWatch {
  operated(end: LinkEnd, operation: Operation, text: string): void;
  happens(end: LinkEnd, happening: Happening, text: string): void;
  happened(end: LinkEnd): void;
}

export interface PairOptions {
  readonly label: PairLabel;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Of one way, drawn for each message. */
  readonly latencyMs: Range;
  readonly closeTimeoutMs: number;
  readonly congestedBytes: number;
  readonly watch: LinkWatch;
}

export interface LinkPair {
  readonly label: PairLabel;
  /** The gateway's end, and the station's or backend's. */
  readonly gateway: LinkEnd;
  readonly peer: LinkEnd;
  /** Severed: nothing gets through any more, whatever the ends believe. */
  isCut: boolean;
}

/** When each end learns of a cut, in milliseconds; Infinity: not by itself. */
export interface CutNotice {
  readonly gatewayMs: number;
  readonly peerMs: number;
}

/** Makes a link. Nothing is delivered to an end before it is bound. */
export function createLinkPair(options: PairOptions): LinkPair {
  const gateway = new LinkEnd(options, true);
  const peer = new LinkEnd(options, false);
  const pair: LinkPair = { label: options.label, gateway, peer, isCut: false };
  gateway.join(pair, peer);
  peer.join(pair, gateway);
  return pair;
}

/** Severs a link. */
export function cutLink(pair: LinkPair, notice: CutNotice): void {
  if (pair.isCut) return;
  pair.isCut = true;
  pair.gateway.losePeer(notice.gatewayMs);
  pair.peer.losePeer(notice.peerMs);
}

type Item =
  | { readonly what: 'text'; readonly text: string }
  | { readonly what: 'ping' | 'pong' | 'gone' }
  | { readonly what: 'close'; readonly code: number; readonly reason: string };

interface Bound {
  text(text: string): void;
  pong(): void;
  drained(): void;
  closed(code: number | null, reason: string): void;
}

/** Texts that were read before the owner said `pause`, and still reach it. */
export const readAheadMax = 8;

export class LinkEnd implements Link {
  readonly isGateway: boolean;
  readonly #options: PairOptions;
  #pair: LinkPair | null = null;
  #other: LinkEnd | null = null;
  #bound: Bound | null = null;
  #phase: 'open' | 'closing' | 'closed' = 'open';
  #isPaused = false;
  /** How many more are handed over although reading is paused. */
  #readAhead = 0;
  #lastArrivalMs = 0;
  #buffered = 0;
  #wasCongested = false;
  /** Arrived, and waiting for a paused or unbound owner. */
  readonly #arrived: Item[] = [];

  constructor(options: PairOptions, isGateway: boolean) {
    this.#options = options;
    this.isGateway = isGateway;
  }

  join(pair: LinkPair, other: LinkEnd): void {
    this.#pair = pair;
    this.#other = other;
  }

  get pair(): LinkPair {
    return this.#pair as LinkPair;
  }

  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  get isClosed(): boolean {
    return this.#phase === 'closed';
  }

  get bufferedBytes(): number {
    return this.#buffered;
  }

  /** Gives the end its owner. What arrived before is handed over in a moment, not now. */
  bind<Owner>(handler: LinkHandler<Owner>, owner: Owner): void {
    this.#bound = {
      text: (text) => handler.onText(owner, text),
      pong: () => handler.onPong(owner),
      drained: () => handler.onDrained(owner),
      closed: (code, reason) => handler.onClosed(owner, code, reason),
    };
    if (this.#phase === 'closed')
      this.#options.scheduler.after(0, () => this.#tellClosed(null, 'connection_lost'));
    else this.#readSoon();
  }

  /** The owner's process is gone: nothing is handed to it any more. Its machine's stack tells the peer. */
  abandon(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#bound = null;
    this.#transmit({ what: 'gone' });
  }

  send(text: string): boolean {
    if (this.#phase !== 'open') return false;
    this.#options.watch.operated(this, 'send', text);
    this.#buffered += text.length;
    if (this.#buffered > this.#options.congestedBytes) this.#wasCongested = true;
    this.#transmit({ what: 'text', text });
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#phase !== 'open') return;
    this.#options.watch.operated(this, 'close', reason);
    this.#phase = 'closing';
    this.#transmit({ what: 'close', code, reason });
    this.#options.scheduler.after(this.#options.closeTimeoutMs, () => this.#end(null, 'close_timeout'));
  }

  terminate(): void {
    if (this.#phase === 'closed') return;
    this.#options.watch.operated(this, 'terminate', '');
    this.#transmit({ what: 'gone' });
    this.#phase = 'closing';
    this.#options.scheduler.after(0, () => this.#end(null, 'terminated'));
  }

  ping(): void {
    if (this.#phase !== 'open') return;
    this.#options.watch.operated(this, 'ping', '');
    this.#transmit({ what: 'ping' });
  }

  pause(): void {
    this.#options.watch.operated(this, 'pause', '');
    if (!this.#isPaused) this.#readAhead = this.#options.random.below(readAheadMax + 1);
    this.#isPaused = true;
  }

  resume(): void {
    this.#options.watch.operated(this, 'resume', '');
    this.#isPaused = false;
    this.#readSoon();
  }

  losePeer(noticedAfterMs: number): void {
    if (noticedAfterMs !== Infinity)
      this.#options.scheduler.after(noticedAfterMs, () => this.#end(null, 'connection_lost'));
  }

  #transmit(item: Item): void {
    const { scheduler, random, latencyMs } = this.#options;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, scheduler.nowMs + random.within(latencyMs));
    scheduler.at(this.#lastArrivalMs, () => {
      if (!this.pair.isCut) this.#other?.arrive(item);
    });
  }

  arrive(item: Item): void {
    this.#arrived.push(item);
    this.#read();
  }

  #readSoon(): void {
    if (this.#arrived.length > 0) this.#options.scheduler.after(0, () => this.#read());
  }

  #read(): void {
    while (this.#bound !== null && this.#phase !== 'closed') {
      if (this.#isPaused && this.#readAhead === 0) return;
      if (this.#isPaused) this.#readAhead -= 1;
      const item = this.#arrived.shift();
      if (item === undefined) return;
      this.#take(item, this.#bound);
    }
  }

  #take(item: Item, bound: Bound): void {
    switch (item.what) {
      case 'text':
        this.#other?.drain(item.text.length);
        return this.#tell('text', item.text, () => bound.text(item.text));
      case 'ping':
        return this.#transmit({ what: 'pong' });
      case 'pong':
        return this.#tell('pong', '', () => bound.pong());
      case 'close':
        if (this.#phase === 'open') this.#transmit(item);
        return this.#end(item.code, item.reason);
      case 'gone':
        return this.#end(null, 'connection_lost');
    }
  }

  drain(bytes: number): void {
    this.#buffered -= bytes;
    if (this.#buffered > 0 || !this.#wasCongested) return;
    this.#wasCongested = false;
    this.#options.scheduler.after(0, () => {
      const bound = this.#bound;
      if (bound !== null) this.#tell('drained', '', () => bound.drained());
    });
  }

  #end(code: number | null, reason: string): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#tellClosed(code, reason);
  }

  #tellClosed(code: number | null, reason: string): void {
    const bound = this.#bound;
    this.#bound = null;
    if (bound !== null) this.#tell('closed', reason, () => bound.closed(code, reason));
  }

  #tell(happening: Happening, text: string, tell: () => void): void {
    const { watch } = this.#options;
    watch.happens(this, happening, text);
    tell();
    watch.happened(this);
  }
}
