/**
 * A link: one socket past its WebSocket handshake, for stations and backends alike.
 *
 * Not pure. Everything that happens to the socket ends in exactly one `onClosed`. The closing handshake is that of RFC 6455 §7: a close frame is answered with its own
 * code, whoever has sent one and got one sends no more, and what is not over by the deadline is cut.
 */
import type { Socket } from 'node:net';
import { assert } from '../../std/assert.ts';
import type { Link, LinkHandler } from '../../ports/link.ts';
import type { LinkLimits } from '../../ports/settings.ts';
import { FrameReader, type FrameSink, type ReaderBounds } from './frame-reader.ts';
import { closeCodeOf, noStatus, opcode, type FrameFault } from './frame-rules.ts';
import { writeClose, writeControl, writeText } from './frame-writer.ts';
import { readLent, type Taker } from './lent-reading.ts';
import { flush, sendLater, type Sender } from './outbox.ts';

/** What a link needs of the limits. */
export type LinkBounds = Pick<
  LinkLimits,
  'messageTimeoutMs' | 'controlFramesPerSecond' | 'congestedBytes' | 'bufferedBytesMax' | 'closeTimeoutMs'
>;

/** What links share. */
export interface LinkHome {
  readonly bounds: LinkBounds;
  remove(link: WebSocketLink): void;
}

/**
 * `closing`: our close frame is sent and the peer's is waited for. `ending`: nothing is sent or looked at any more, the connection is waited for to
 * end. `closed`: the owner was told.
 */
type Phase = 'open' | 'closing' | 'ending' | 'closed';

const linkKey = Symbol('link');
type LinkSocket = Socket & { [linkKey]?: WebSocketLink };

const noPayload = new Uint8Array(0);

export class WebSocketLink implements Link, FrameSink, Taker, Sender {
  readonly #home: LinkHome;
  readonly #socket: Socket;
  readonly #isClient: boolean;
  readonly #handler: LinkHandler<unknown>;
  readonly #owner: unknown;
  readonly #reader: FrameReader;
  #phase: Phase = 'open';
  #closeTimer: NodeJS.Timeout | null = null;
  /** What the owner will hear; whatever ended the link first. */
  #endReason: string | null = null;
  #endCode: number | null = null;
  /** The peer broke a rule: texts that it still sends are not passed on. */
  #isCut = false;
  #isPaused = false;
  #isCongested = false;
  /** What the socket had not taken when that was last looked at. Where it is nothing, it stays nothing until something is written. */
  #queuedBytes: number;
  #messages = 0;
  /** The count of messages when one was first seen unfinished, and since when; 0: none. */
  #messagesThen = 0;
  #unfinishedSinceMs = 0;
  #controlSecond = 0;
  #controlFrames = 0;

  /** The socket has a listener for errors already; its `close`, which follows, is what counts here. */
  constructor(
    home: LinkHome,
    socket: Socket,
    side: 'server' | 'client',
    readerBounds: ReaderBounds,
    handler: LinkHandler<unknown>,
    owner: unknown,
  ) {
    this.#home = home;
    this.#socket = socket;
    this.#isClient = side === 'client';
    this.#handler = handler;
    this.#owner = owner;
    this.#reader = new FrameReader(this, readerBounds, side === 'server');
    this.#queuedBytes = socket.writableLength;
    (socket as LinkSocket)[linkKey] = this;
    socket.on('end', onEnd);
    socket.on('close', onClose);
  }

  /** Takes what the socket reads. What lies in it already comes out by its events, and all that follows behind it. */
  listen(): void {
    if (this.#socket.readableLength > 0 || !readLent(this.#socket, this)) this.#socket.on('data', onData);
  }

  /** Takes what was read; see the reader about `isLent`. */
  receive(chunk: Buffer, isLent: boolean): void {
    this.#reader.push(chunk, isLent);
  }

  get bufferedBytes(): number {
    if (this.#queuedBytes > 0) this.#queuedBytes = this.#socket.writableLength;
    return this.#queuedBytes;
  }

  send(text: string): boolean {
    if (this.#phase !== 'open') return false;
    sendLater(this, text);
    return true;
  }

  sendNow(text: string): void {
    if (this.#phase === 'open') this.#noteQueued(writeText(this.#socket, text, this.#isClient));
  }

  close(code: number, reason: string): void {
    if (this.#phase !== 'open') return;
    this.#end(code, reason);
    this.#writeClose(code, reason);
    if (this.#phase !== 'open') return;
    this.#phase = 'closing';
    this.#awaitEnd();
  }

  terminate(): void {
    if (this.#phase === 'closed') return;
    this.#stopReading();
    this.#socket.destroy();
  }

  ping(): void {
    if (this.#phase === 'open')
      this.#queuedBytes = writeControl(this.#socket, opcode.ping, noPayload, this.#isClient);
  }

  pause(): void {
    if (this.#phase !== 'open' || this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  onText(text: string): void {
    this.#messages += 1;
    if (!this.#isCut) this.#handler.onText(this.#owner, text);
  }

  onBinary(): void {
    this.#messages += 1;
    this.#endWith(1003, 'binary_frame');
  }

  onPing(payload: Buffer): void {
    if (this.#phase === 'open')
      this.#noteQueued(writeControl(this.#socket, opcode.pong, payload, this.#isClient));
    this.#countControlFrame();
  }

  onPong(): void {
    this.#countControlFrame();
    if (!this.#isCut) this.#handler.onPong(this.#owner);
  }

  onCloseFrame(code: number, reason: string): void {
    this.#end(code, reason);
    this.#writeClose(code === noStatus ? null : code, reason);
    this.#finish();
  }

  onFault(fault: FrameFault): void {
    this.#end(closeCodeOf[fault], fault);
    this.#writeClose(closeCodeOf[fault], fault);
    this.#finish();
  }

  onDrain(): void {
    this.#isCongested = false;
    if (this.#phase !== 'closed') this.#handler.onDrained(this.#owner);
  }

  /** The peer sends no more; without a close frame it has vanished. */
  onSocketEnd(): void {
    this.#finish();
  }

  onSocketClose(): void {
    assert(this.#phase !== 'closed', 'a link closes once');
    this.#takeUnread();
    this.#phase = 'closed';
    this.#reader.stop();
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer);
    this.#home.remove(this);
    this.#handler.onClosed(this.#owner, this.#endCode, this.#endReason ?? 'connection_lost');
  }

  onCloseTimeout(): void {
    this.#socket.destroy();
  }

  /** Ends the link when a message is unfinished for longer than it may be. Reading that we paused ourselves does not count. */
  checkAssembly(nowMs: number): void {
    if (!this.#reader.isUnfinished || this.#isPaused || this.#endReason !== null) this.#unfinishedSinceMs = 0;
    else if (this.#unfinishedSinceMs === 0 || this.#messages !== this.#messagesThen) {
      this.#unfinishedSinceMs = nowMs;
      this.#messagesThen = this.#messages;
    } else if (nowMs - this.#unfinishedSinceMs >= this.#home.bounds.messageTimeoutMs) {
      this.#endWith(1008, 'message_too_slow');
    }
  }

  #countControlFrame(): void {
    const second = Math.trunc(performance.now() / 1_000);
    if (second !== this.#controlSecond) {
      this.#controlSecond = second;
      this.#controlFrames = 0;
    }
    this.#controlFrames += 1;
    if (this.#controlFrames <= this.#home.bounds.controlFramesPerSecond || this.#isCut) return;
    this.#endWith(1008, 'ping_flood');
    // Nobody waits for the answer of a flooding peer: every frame of it costs us a pong or a look.
    this.#stopReading();
    this.#socket.destroySoon();
  }

  /** Notes why the link ends, unless something else ended it before. */
  #end(code: number | null, reason: string): void {
    if (this.#endReason !== null) return;
    this.#endCode = code;
    this.#endReason = reason;
  }

  #endWith(code: number, reason: string): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.close(code, reason);
  }

  /** Both close frames have passed, or none can any more. */
  #finish(): void {
    if (this.#phase === 'closed') return;
    this.#stopReading();
    this.#socket.end();
    this.#awaitEnd();
  }

  /** Behind all that was sent; which may show that the peer takes too little, and have the link cut instead. */
  #writeClose(code: number | null, reason: string): void {
    flush();
    if (this.#phase === 'open') writeClose(this.#socket, code, reason, this.#isClient);
  }

  #stopReading(): void {
    flush();
    this.#phase = 'ending';
    this.#reader.stop();
  }

  /** A paused socket would never show the peer's answer, nor that it has gone. */
  #awaitEnd(): void {
    this.#isPaused = false;
    this.#socket.resume();
    this.#closeTimer ??= setTimeout(onCloseTimeout, this.#home.bounds.closeTimeoutMs, this);
  }

  /** What came before the connection broke off, and lies in the socket because it was paused. */
  #takeUnread(): void {
    if (this.#phase !== 'open' && this.#phase !== 'closing') return;
    this.#phase = 'closing';
    const unread = this.#socket.readableLength > 0 ? (this.#socket.read() as Buffer | null) : null;
    if (unread !== null) this.#reader.push(unread, false);
  }

  #noteQueued(bytes: number): void {
    this.#queuedBytes = bytes;
    if (bytes > this.#home.bounds.congestedBytes) this.#noteCongestion();
  }

  #noteCongestion(): void {
    if (this.#queuedBytes > this.#home.bounds.bufferedBytesMax) {
      this.#isCut = true;
      this.#end(null, 'peer_too_slow');
      this.terminate();
    } else if (!this.#isCongested) {
      this.#isCongested = true;
      if (this.#socket.writableNeedDrain) this.#socket.once('drain', onDrain);
      // The bound is below what the socket calls full: it tells by what is written behind all that.
      else this.#socket.write(noPayload, () => this.onDrain());
    }
  }
}

function onData(this: LinkSocket, chunk: Buffer): void {
  linkOf(this).receive(chunk, false);
}

function onEnd(this: LinkSocket): void {
  linkOf(this).onSocketEnd();
}

function onClose(this: LinkSocket): void {
  linkOf(this).onSocketClose();
}

function onDrain(this: LinkSocket): void {
  linkOf(this).onDrain();
}

function onCloseTimeout(link: WebSocketLink): void {
  link.onCloseTimeout();
}

function linkOf(socket: LinkSocket): WebSocketLink {
  const link = socket[linkKey];
  assert(link !== undefined, 'a socket that reports has its link');
  return link;
}
