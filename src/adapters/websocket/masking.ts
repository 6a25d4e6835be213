/**
 * The masking of what clients send (RFC 6455 §5.3), and masking keys.
 *
 * Not pure: keys are random, since what a peer can foretell protects no proxy (§10.3). They are drawn for many frames at a time: one call costs more than a frame.
 */
import { randomFillSync } from 'node:crypto';

const keys = new Int32Array(2_048);
let nextKey = keys.length;

/** 32 random bits. */
export function randomMask(): number {
  if (nextKey === keys.length) {
    randomFillSync(keys);
    nextKey = 0;
  }
  const key = keys[nextKey] ?? 0;
  keys[nextKey] = 0;
  nextKey += 1;
  return key;
}

/** Below this many bytes whole words are not worth it. */
const wordsFrom = 16;
const highBits = 0x80_80_80_80;

/**
 * Masks and unmasks in place. Nearly all that is read lies in one piece of memory, and nearly all that is written in another: whoever reads or writes has a masker of its
 * own, which makes the view to see that memory as words only when it is another one.
 */
export class Masker {
  #memory: ArrayBufferLike = new ArrayBuffer(0);
  #words = new DataView(this.#memory);

  /** From `start` to before `end`; `mask` is the key as a little-endian number, 0 where there is none. Says whether every byte is ASCII afterwards, which costs nothing on the way. */
  apply(data: Buffer, start: number, end: number, mask: number): boolean {
    let at = start;
    let seen = 0;
    if (end - start >= wordsFrom) {
      const words = this.#wordsOf(data.buffer);
      const offset = data.byteOffset;
      for (const last = end - 4; at <= last; at += 4) {
        const word = words.getInt32(offset + at, true) ^ mask;
        words.setInt32(offset + at, word, true);
        seen |= word;
      }
    }
    for (let shift = 0; at < end; at += 1) {
      const byte = (data[at] ?? 0) ^ ((mask >>> shift) & 0xff);
      data[at] = byte;
      seen |= byte;
      shift = (shift + 8) & 31;
    }
    return (seen & highBits) === 0;
  }

  #wordsOf(memory: ArrayBufferLike): DataView {
    if (memory !== this.#memory) {
      this.#memory = memory;
      this.#words = new DataView(memory);
    }
    return this.#words;
  }
}
