/**
 * A password or key that cannot be printed by accident.
 *
 * Pure. Every way of turning it into text gives `***`; `reveal` is the one way in, so that a search finds every use.
 */
export class Secret {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  reveal(): Uint8Array {
    return this.#bytes;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }

  /** What Node's `console.log` and `util.inspect` ask for; the symbol is global, so no Node import is needed. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '***';
  }
}
