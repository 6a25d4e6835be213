/**
 * The body of a batch while it is gathered: bytes, in memory that is used again.
 *
 * Not pure only in that it owns that memory. A record is written here as soon as it is there. Kept as text until its commit, a batch would be thousands of pieces that have
 * to be found and put together when they have long left the processor's caches, and everything that a frame said would outlive the frame.
 */

/** Room for a batch that is sealed in time; the system gives no page of it before something is written there. */
const memoryBytes = 320 * 1024;
/** UTF-16 becomes at most three bytes a unit. */
const bytesPerUnit = 3;
/** One is gathered while another is committed; more are there only while the disk cannot follow. */
const spareMax = 2;

/** Memory that bodies are done with. */
export class SpareMemory {
  readonly #spare: Buffer[] = [];

  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(memoryBytes);
  }

  /** What a large record has made larger is let go. */
  giveBack(memory: Buffer): void {
    if (this.#spare.length < spareMax && memory.length === memoryBytes) this.#spare.push(memory);
  }
}

export class BatchBody {
  #memory: Buffer;
  #bytes = 0;

  constructor(memory: Buffer) {
    this.#memory = memory;
  }

  /** In bytes. */
  get length(): number {
    return this.#bytes;
  }

  /** What was added, in UTF-8. Good until the memory is given back. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#bytes);
  }

  get memory(): Buffer {
    return this.#memory;
  }

  /** Moves to memory of its own size, since it has to wait. Returns the memory that it had. */
  shrink(): Buffer {
    const memory = this.#memory;
    this.#memory = Buffer.from(this.bytes);
    return memory;
  }

  add(text: string): void {
    if (this.#memory.length - this.#bytes < text.length * bytesPerUnit)
      this.#makeRoom(Buffer.byteLength(text));
    this.#bytes += this.#memory.write(text, this.#bytes);
  }

  #makeRoom(bytes: number): void {
    const needed = this.#bytes + bytes;
    if (needed <= this.#memory.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#memory.length * 2));
    this.#memory.copy(larger, 0, 0, this.#bytes);
    this.#memory = larger;
  }
}
