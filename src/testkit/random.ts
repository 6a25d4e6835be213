/**
 * Seeded randomness: the same seed gives the same life.
 *
 * Pure. `sfc32` over 128 bits of state, filled from the seed by `splitmix32`. Not for secrets.
 */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A whole number from 0 up to, not including, `below`. */
  below(below: number): number;
  /** Uniform in [range[0], range[1]]. */
  within(range: Range): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One item of a list that is not empty. */
  pick<Item>(items: readonly Item[]): Item;
  /** A version 4 UUID. */
  uuid(): string;
}

/** From and to, both included. */
export type Range = readonly [from: number, to: number];

/** A generator of its own for one seed; `stream` makes unrelated ones of the same seed (a station's name, a purpose). */
export function createRandom(seed: number, stream = ''): Random {
  return new Sfc32(seed, stream);
}

class Sfc32 implements Random {
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  constructor(seed: number, stream: string) {
    let mixed = hash(stream, seed | 0);
    const split = (): number => {
      mixed = (mixed + 0x9e3779b9) | 0;
      let word = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      return word ^ (word >>> 15);
    };
    this.#a = split();
    this.#b = split();
    this.#c = split();
    for (let round = 0; round < 12; round += 1) this.#word();
  }

  #word(): number {
    const sum = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  next(): number {
    return this.#word() / 0x1_0000_0000;
  }

  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  within(range: Range): number {
    return range[0] + this.next() * (range[1] - range[0]);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  uuid(): string {
    const hex = (): string => this.#word().toString(16).padStart(8, '0');
    const digits = hex() + hex() + hex() + hex();
    const variant = ((Number.parseInt(digits[16] as string, 16) & 3) | 8).toString(16);
    return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`;
  }
}

function hash(text: string, seed: number): number {
  let value = seed ^ 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value | 0;
}
