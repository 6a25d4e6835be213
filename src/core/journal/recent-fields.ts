/**
 * Fields that were written lately: a few backends and actions come again and again, and finding one here costs less than looking whether it may stand as it is.
 *
 * Pure: what it gives is what `write` gives. A handful of texts is kept, copied, so that none holds a frame; a long one, which only a peer can have made up, is not.
 */
import { ownText } from '../../std/own-text.ts';

export class RecentFields {
  readonly #write: (text: string) => string;
  readonly #texts: string[] = [];
  readonly #fields: string[] = [];
  #next = 0;

  constructor(write: (text: string) => string) {
    this.#write = write;
  }

  /** The text as a field. */
  of(text: string): string {
    for (let at = 0; at < this.#texts.length; at += 1)
      if (this.#texts[at] === text) return this.#fields[at] as string;
    const field = this.#write(text);
    if (text.length > charactersMax) return field;
    this.#texts[this.#next] = ownText(text);
    this.#fields[this.#next] = ownText(field);
    this.#next = (this.#next + 1) % keptMax;
    return field;
  }
}

const keptMax = 8;
const charactersMax = 64;
