/**
 * Bytes that come piece by piece.
 *
 * Pure but for Node's buffers. It never has room for more than twice what has come, so that a peer who announces much and sends little costs little.
 */
const roomMin = 64;

export class GrowingBytes {
  #room = Buffer.alloc(0);
  length = 0;

  append(source: Buffer, from: number, to: number): void {
    const length = this.length + to - from;
    if (length > this.#room.length) {
      const room = Buffer.allocUnsafeSlow(this.length === 0 ? Math.max(length, roomMin) : length * 2);
      this.#room.copy(room, 0, 0, this.length);
      this.#room = room;
    }
    source.copy(this.#room, this.length, from, to);
    this.length = length;
  }

  /** A view, good until the next `append`. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.length);
  }
}
