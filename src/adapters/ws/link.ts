/**
 * A link over a WebSocket of `ws`, for stations and backends alike.
 *
 * Not pure. A fleet has two links a station, so a link is one object and one symbol on its socket: the functions that listen are
 * shared, and so is the one timer that looks for messages which never get whole. Everything that `ws` reports ends in exactly one `onClosed`.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { assert } from '../../std/assert.ts';
import type { Link, LinkHandler } from '../../ports/link.ts';
import type { LinkLimits } from '../../ports/settings.ts';

/** What one side needs of the limits. */
export type LinkBounds = Pick<
  LinkLimits,
  'messageTimeoutMs' | 'controlFramesPerSecond' | 'congestedBytes' | 'bufferedBytesMax'
>;

/**
 * Pieces that a message may arrive in before it is whole: packets of 256 bytes for the largest one. Below that it is no slow network but somebody
 * who sends single bytes.
 */
export function bufferedChunksMax(frameBytes: number): number {
  return Math.max(1_024, Math.ceil(frameBytes / 256));
}

const linkKey = Symbol('link');
type Bound<Emitter> = Emitter & { [linkKey]: WsLink | null };

/* oxlint-disable no-underscore-dangle -- the names are those of `ws` */
/**
 * Where the receiver of `ws` keeps what it has of a message that is not whole. Not its public face; `ws` is pinned exactly and the
 * tests of slow messages fail when these names change.
 */
interface Receiver {
  readonly _state: number;
  readonly _fragmented: number;
  readonly _bufferedBytes: number;
}

/** The links of a listener or a dialer: what they share. */
export class LinkYard {
  bounds: LinkBounds;
  readonly #links = new Set<WsLink>();
  #timer: NodeJS.Timeout | null = null;
  #sweepEveryMs = 0;
  #onEmpty: (() => void) | null = null;

  constructor(bounds: LinkBounds) {
    this.bounds = bounds;
    this.#schedule();
  }

  /** Makes the open WebSocket a link of that owner. Nothing reaches the handler before this returns. */
  add<Owner>(webSocket: WebSocket, socket: Socket, handler: LinkHandler<Owner>, owner: Owner): Link {
    const link = new WsLink(this, webSocket, socket, handler, owner);
    this.#links.add(link);
    return link;
  }

  remove(link: WsLink): void {
    this.#links.delete(link);
    if (this.#links.size === 0) this.#onEmpty?.();
  }

  /** Open links use these from now on. Sizes of frames and fragments stay what they were when the link was opened. */
  update(bounds: LinkBounds): void {
    this.bounds = bounds;
    this.#schedule();
  }

  get size(): number {
    return this.#links.size;
  }

  /** Cuts every link and stops the timer; done when every owner was told. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const link of this.#links) link.terminate();
    if (this.#links.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** A quarter of the deadline, so that it is met within a quarter. */
  #schedule(): void {
    const everyMs = Math.min(Math.max(this.bounds.messageTimeoutMs / 4, 10), 5_000);
    if (this.#timer !== null && this.#sweepEveryMs === everyMs) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#sweepEveryMs = everyMs;
    this.#timer = setInterval(sweep, everyMs, this.#links).unref();
  }
}

function sweep(links: Set<WsLink>): void {
  const nowMs = Math.trunc(performance.now());
  for (const link of links) link.checkAssembly(nowMs);
}

class WsLink implements Link {
  readonly #yard: LinkYard;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #handler: LinkHandler<unknown>;
  readonly #owner: unknown;
  /** Why this side ends the link; null while it does not. */
  #fault: string | null = null;
  #faultCode: number | null = null;
  /** The peer broke a rule: what it still sends is not looked at. */
  #isCut = false;
  #isCongested = false;
  #isClosed = false;
  #messages = 0;
  /** The count of messages when one was first seen unfinished, and since when; 0: none. */
  #messagesThen = 0;
  #unfinishedSinceMs = 0;
  #controlSecond = 0;
  #controlFrames = 0;

  constructor(
    yard: LinkYard,
    webSocket: WebSocket,
    socket: Socket,
    handler: LinkHandler<unknown>,
    owner: unknown,
  ) {
    this.#yard = yard;
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#handler = handler;
    this.#owner = owner;
    (webSocket as Bound<WebSocket>)[linkKey] = this;
    webSocket.on('message', onMessage);
    webSocket.on('ping', onPing);
    webSocket.on('pong', onPong);
    webSocket.on('error', onError);
    webSocket.on('close', onClose);
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(text: string): boolean {
    const webSocket = this.#webSocket;
    if (webSocket.readyState !== webSocket.OPEN) return false;
    // As octets: `ws` writes a text and its header as two chunks of two kinds, which costs a tenth of the whole relay.
    webSocket.send(Buffer.from(text), asText);
    if (webSocket.bufferedAmount > this.#yard.bounds.congestedBytes) this.#noteCongestion();
    return true;
  }

  close(code: number, reason: string): void {
    if (this.#isClosed) return;
    if (this.#fault === null) {
      this.#fault = reason;
      this.#faultCode = code;
    }
    this.#webSocket.close(code, reason);
    // A paused socket would never show the peer's answer.
    this.#webSocket.resume();
  }

  terminate(): void {
    this.#webSocket.terminate();
  }

  ping(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  onMessage(data: Buffer, isBinary: boolean): void {
    this.#messages += 1;
    if (this.#isCut) return;
    if (isBinary) this.#endWith(1003, 'binary_frame');
    else this.#handler.onText(this.#owner, data.toString());
  }

  onControlFrame(): void {
    const second = Math.trunc(performance.now() / 1_000);
    if (second !== this.#controlSecond) {
      this.#controlSecond = second;
      this.#controlFrames = 0;
    }
    this.#controlFrames += 1;
    if (this.#controlFrames <= this.#yard.bounds.controlFramesPerSecond || this.#isCut) return;
    this.#endWith(1008, 'ping_flood');
    // Nobody waits for the answer of a flooding peer: every frame of it costs us a pong or a look.
    this.#socket.destroySoon();
  }

  onPong(): void {
    if (!this.#isCut) this.#handler.onPong(this.#owner);
  }

  /** A fault that `ws` found in what it received; it has sent the close frame itself. */
  onReceiverFault(code: string): void {
    if (this.#fault !== null) return;
    const [closeCode, reason] = receiverFaults[code] ?? [1002, 'protocol_fault'];
    this.#fault = reason;
    this.#faultCode = closeCode;
  }

  onDrain(): void {
    this.#isCongested = false;
    if (!this.#isClosed) this.#handler.onDrained(this.#owner);
  }

  onClose(code: number, reason: string): void {
    assert(!this.#isClosed, 'a link closes once');
    this.#isClosed = true;
    this.#yard.remove(this);
    if (this.#fault !== null) this.#handler.onClosed(this.#owner, this.#faultCode, this.#fault);
    else if (code === vanished) this.#handler.onClosed(this.#owner, null, 'connection_lost');
    else this.#handler.onClosed(this.#owner, code, reason);
  }

  /** Ends the link when a message is unfinished for longer than it may be. Reading that we paused ourselves does not count. */
  checkAssembly(nowMs: number): void {
    const receiver = (this.#webSocket as unknown as { readonly _receiver: Receiver })._receiver;
    const isUnfinished = receiver._fragmented !== 0 || receiver._bufferedBytes !== 0 || receiver._state !== 0;
    if (!isUnfinished || this.#webSocket.isPaused || this.#fault !== null) this.#unfinishedSinceMs = 0;
    else if (this.#unfinishedSinceMs === 0 || this.#messages !== this.#messagesThen) {
      this.#unfinishedSinceMs = nowMs;
      this.#messagesThen = this.#messages;
    } else if (nowMs - this.#unfinishedSinceMs >= this.#yard.bounds.messageTimeoutMs) {
      this.#endWith(1008, 'message_too_slow');
    }
  }

  #endWith(code: number, reason: string): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.close(code, reason);
  }

  #noteCongestion(): void {
    if (this.#webSocket.bufferedAmount > this.#yard.bounds.bufferedBytesMax) {
      this.#isCut = true;
      this.#fault ??= 'peer_too_slow';
      this.terminate();
    } else if (!this.#isCongested && this.#socket.writableNeedDrain) {
      this.#isCongested = true;
      (this.#socket as Bound<Socket>)[linkKey] = this;
      this.#socket.once('drain', onDrain);
    }
  }
}

const asText = { binary: false };
/** What `ws` reports when no close frame came. */
const vanished = 1006;

const receiverFaults: Readonly<Record<string, readonly [number, string]>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: [1009, 'frame_too_big'],
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: [1009, 'frame_too_big'],
  WS_ERR_TOO_MANY_BUFFERED_PARTS: [1008, 'too_many_fragments'],
  WS_ERR_INVALID_UTF8: [1007, 'invalid_utf8'],
};

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  linkOf(this).onMessage(data as Buffer, isBinary);
}

function onPing(this: WebSocket): void {
  linkOf(this).onControlFrame();
}

function onPong(this: WebSocket): void {
  const link = linkOf(this);
  link.onControlFrame();
  link.onPong();
}

function onError(this: WebSocket, error: Error): void {
  linkOf(this).onReceiverFault((error as NodeJS.ErrnoException).code ?? '');
}

function onClose(this: WebSocket, code: number, reason: Buffer): void {
  linkOf(this).onClose(code, reason.toString());
}

function onDrain(this: Socket): void {
  linkOf(this).onDrain();
}

function linkOf(emitter: WebSocket | Socket): WsLink {
  const link = (emitter as Bound<WebSocket | Socket>)[linkKey];
  assert(link !== null && link !== undefined, 'a socket that reports has its link');
  return link;
}
