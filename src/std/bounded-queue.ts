/**
 * First in, first out, with a bound.
 *
 * Pure. `push` says whether there was room; what happens otherwise is for the owner to state. Shifting is O(1)
 * amortised: the head moves and the array is cut once half of it is spent.
 */
export class BoundedQueue<Item> {
  readonly itemsMax: number;
  #items: Item[] = [];
  #head = 0;

  constructor(itemsMax: number) {
    this.itemsMax = itemsMax;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  get isFull(): boolean {
    return this.length >= this.itemsMax;
  }

  /** Adds at the tail. False, and nothing added, when the bound is reached. */
  push(item: Item): boolean {
    if (this.isFull) return false;
    this.#items.push(item);
    return true;
  }

  /** Puts an item that was taken back at the head, also where the bound is reached: it was within it before. */
  putBack(item: Item): void {
    if (this.#head === 0) this.#items.unshift(item);
    else {
      this.#head -= 1;
      this.#items[this.#head] = item;
    }
  }

  /** The item that `shift` would take, without taking it. */
  peek(): Item | undefined {
    return this.#items[this.#head];
  }

  /** Takes the oldest item. */
  shift(): Item | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#head += 1;
    if (this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes the oldest item that the predicate claims; the others keep their places. */
  takeFirst(claims: (item: Item) => boolean): Item | undefined {
    for (let index = this.#head; index < this.#items.length; index += 1) {
      const item = this.#items[index] as Item;
      if (!claims(item)) continue;
      this.#items.splice(index, 1);
      return item;
    }
    return undefined;
  }

  /** Takes every item that the predicate claims, in order; the others keep their places. */
  takeWhere(claims: (item: Item) => boolean): Item[] {
    const taken: Item[] = [];
    const kept: Item[] = [];
    for (let index = this.#head; index < this.#items.length; index += 1) {
      const item = this.#items[index] as Item;
      (claims(item) ? taken : kept).push(item);
    }
    this.#items = kept;
    this.#head = 0;
    return taken;
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (let index = this.#head; index < this.#items.length; index += 1) yield this.#items[index] as Item;
  }
}
