/**
 * Frames as they come in (RFC 6455 §5): bytes, cut anywhere, in; messages, control frames and at most one fault out.
 *
 * Pure but for Node's buffers. The usual chunk is one whole text frame: it is unmasked where it lies and becomes one string. Of what is not whole, only what has come is
 * kept, however much a header announces. After a close frame or a fault nothing is looked at any more.
 */
import { isUtf8 } from 'node:buffer';
import { controlBytesMax, isCloseCode, noStatus, opcode, type FrameFault } from './frame-rules.ts';
import { GrowingBytes } from './growing-bytes.ts';
import { Masker } from './masking.ts';

export interface ReaderBounds {
  /** Octets of one message, all fragments together. */
  readonly messageBytesMax: number;
  readonly fragmentsMax: number;
  /** Chunks that one frame may come in. */
  readonly chunksMax: number;
}

/** Who hears of the frames, synchronously and in order. */
export interface FrameSink {
  onText(text: string): void;
  onBinary(): void;
  /** The payload is good during the call. */
  onPing(payload: Buffer): void;
  onPong(): void;
  /** `code` 1005: the frame had none. */
  onCloseFrame(code: number, reason: string): void;
  onFault(fault: FrameFault): void;
}

/** A message of which a fragment has come and the last has not. */
interface Message {
  readonly isText: boolean;
  readonly payload: GrowingBytes;
  fragments: number;
}

const headStartBytes = 2;
const maskBytes = 4;
/** The first four of eight octets of length: beyond this the length is no safe integer. */
const highLengthMax = 2 ** 21 - 1;
const finalBit = 0x80;
const reservedBits = 0x70;
/** Of the opcode: close, ping, pong and what is reserved beside them. */
const controlBit = 0x08;
const maskBit = 0x80;
const masker = new Masker();

export class FrameReader {
  readonly #sink: FrameSink;
  readonly #bounds: ReaderBounds;
  readonly #isServer: boolean;
  #isStopped = false;
  #message: Message | null = null;
  /** What has come of a frame that is not whole, in how many chunks, and how much must be there before it is worth a look. */
  #held: GrowingBytes | null = null;
  #chunks = 0;
  #needed = 0;
  /** Of the frame that was measured last. */
  #headBytes = 0;

  /** `isServer`: what comes must be masked; else it must not be. */
  constructor(sink: FrameSink, bounds: ReaderBounds, isServer: boolean) {
    this.#sink = sink;
    this.#bounds = bounds;
    this.#isServer = isServer;
  }

  /** A frame or a message has begun and is not whole. */
  get isUnfinished(): boolean {
    return this.#held !== null || this.#message !== null;
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#isStopped = true;
    this.#message = null;
    this.#held = null;
  }

  /** Takes the next bytes, and changes them. With `isLent` their buffer may be written to again before this returns, by what the sink does. */
  push(chunk: Buffer, isLent: boolean): void {
    if (this.#isStopped) return;
    let data = chunk;
    let at = 0;
    const held = this.#held;
    if (held !== null) {
      at = this.#complete(held, chunk);
      if (this.#held !== null || this.#isStopped) return;
      if (isLent && at < chunk.length) {
        data = Buffer.from(chunk.subarray(at));
        at = 0;
      }
      this.#take(held.bytes, 0, held.length);
    }
    while (at < data.length && !this.#isStopped) {
      const size = this.#measure(data, at, data.length - at);
      if (size === 0) {
        if (!this.#isStopped) this.#hold(data, at);
        return;
      }
      if (isLent && data === chunk && at + size < data.length) {
        data = Buffer.from(chunk.subarray(at));
        at = 0;
      }
      const from = at;
      at += size;
      this.#take(data, from, at);
    }
  }

  /** Adds to the frame that is held what it lacks, no more; one that is whole is not held any longer. Returns where the next frame starts. */
  #complete(held: GrowingBytes, chunk: Buffer): number {
    if (this.#chunks >= this.#bounds.chunksMax) return this.#fail('too_many_fragments');
    this.#chunks += 1;
    let at = 0;
    for (;;) {
      const end = Math.min(chunk.length, at + this.#needed - held.length);
      held.append(chunk, at, end);
      at = end;
      if (held.length < this.#needed) return at;
      if (this.#measure(held.bytes, 0, held.length) > 0) {
        this.#held = null;
        return at;
      }
      if (this.#isStopped) return at;
    }
  }

  #hold(data: Buffer, at: number): void {
    this.#held = new GrowingBytes();
    this.#held.append(data, at, data.length);
    this.#chunks = 1;
  }

  /** The size of the frame that starts there, when it is whole and may be. Else 0: it is at fault, or `#needed` says how much of it must be there. */
  #measure(data: Buffer, at: number, available: number): number {
    if (available < headStartBytes) return this.#lacks(headStartBytes);
    const first = data[at] ?? 0;
    const second = data[at + 1] ?? 0;
    if (!this.#mayCome(first, second)) return this.#fail('protocol_fault');
    let length = second & 0x7f;
    let headBytes = headStartBytes;
    if (length === 126) {
      headBytes = 4;
      if (available < headBytes) return this.#lacks(headBytes);
      length = data.readUInt16BE(at + 2);
    } else if (length === 127) {
      headBytes = 10;
      if (available < headBytes) return this.#lacks(headBytes);
      const high = data.readUInt32BE(at + 2);
      if (high > highLengthMax) return this.#fail('frame_too_big');
      length = high * 2 ** 32 + data.readUInt32BE(at + 6);
    }
    const before = this.#message === null ? 0 : this.#message.payload.length;
    if ((first & controlBit) === 0 && before + length > this.#bounds.messageBytesMax)
      return this.#fail('frame_too_big');
    if (this.#isServer) headBytes += maskBytes;
    this.#headBytes = headBytes;
    const size = headBytes + length;
    return available < size ? this.#lacks(size) : size;
  }

  #lacks(needed: number): 0 {
    this.#needed = needed;
    return 0;
  }

  #fail(fault: FrameFault): 0 {
    this.stop();
    this.#sink.onFault(fault);
    return 0;
  }

  /** Whether a frame that begins with these two octets may come now (§5.2, §5.4, §5.5). */
  #mayCome(first: number, second: number): boolean {
    if ((first & reservedBits) !== 0 || ((second & maskBit) !== 0) !== this.#isServer) return false;
    switch (first & 0x0f) {
      case opcode.continuation:
        return this.#message !== null;
      case opcode.text:
      case opcode.binary:
        return this.#message === null;
      case opcode.close:
        return (first & finalBit) !== 0 && (second & 0x7f) <= controlBytesMax && (second & 0x7f) !== 1;
      case opcode.ping:
      case opcode.pong:
        return (first & finalBit) !== 0 && (second & 0x7f) <= controlBytesMax;
      default:
        return false;
    }
  }

  /** Takes a whole frame that was measured. */
  #take(data: Buffer, from: number, end: number): void {
    const start = from + this.#headBytes;
    const first = data[from] ?? 0;
    const isAscii = masker.apply(data, start, end, this.#isServer ? data.readInt32LE(start - maskBytes) : 0);
    switch (first & 0x0f) {
      case opcode.text:
        if ((first & finalBit) === 0) this.#takeFragment(data, start, end, first);
        else if (isAscii) this.#sink.onText(data.toString('latin1', start, end));
        else this.#takeText(data.subarray(start, end));
        return;
      case opcode.binary:
        if ((first & finalBit) === 0) this.#takeFragment(data, start, end, first);
        else this.#sink.onBinary();
        return;
      case opcode.continuation:
        return this.#takeFragment(data, start, end, first);
      case opcode.close:
        return this.#takeClose(data.subarray(start, end));
      case opcode.ping:
        return this.#sink.onPing(data.subarray(start, end));
      default:
        return this.#sink.onPong();
    }
  }

  #takeText(payload: Buffer): void {
    if (isUtf8(payload)) this.#sink.onText(payload.toString());
    else this.#fail('invalid_utf8');
  }

  #takeFragment(data: Buffer, start: number, end: number, first: number): void {
    this.#message ??= { isText: (first & 0x0f) === opcode.text, payload: new GrowingBytes(), fragments: 0 };
    const message = this.#message;
    message.fragments += 1;
    if (message.fragments > this.#bounds.fragmentsMax) {
      this.#fail('too_many_fragments');
      return;
    }
    message.payload.append(data, start, end);
    if ((first & finalBit) === 0) return;
    this.#message = null;
    if (message.isText) this.#takeText(message.payload.bytes);
    else this.#sink.onBinary();
  }

  #takeClose(payload: Buffer): void {
    const code = payload.length === 0 ? noStatus : payload.readUInt16BE(0);
    const reason = payload.subarray(2);
    if (code !== noStatus && !isCloseCode(code)) this.#fail('protocol_fault');
    else if (payload.length > 0 && code === noStatus) this.#fail('protocol_fault');
    else if (!isUtf8(reason)) this.#fail('invalid_utf8');
    else {
      this.stop();
      this.#sink.onCloseFrame(code, reason.toString());
    }
  }
}
