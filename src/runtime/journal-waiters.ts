/**
 * What waits for a commit: first in, first out, without a promise or a closure for each.
 *
 * Four values a waiter lie one after another in an array; the head moves, and the array is cut once half of it is spent. It is bounded by the records
 * that wait for the same commits.
 */
export class JournalWaiters {
  #values: unknown[] = [];
  #head = 0;

  add<Owner, Task>(
    position: number,
    done: (owner: Owner, task: Task) => void,
    owner: Owner,
    task: Task,
  ): void {
    this.#values.push(position, done, owner, task);
  }

  /** Runs those that wait for a position up to this one. What one throws is a bug of its owner's, told to `broken`; the others still run. */
  release(committedPosition: number, broken: (error: unknown) => void): void {
    while (this.#head < this.#values.length) {
      const position = this.#values[this.#head] as number;
      if (position > committedPosition) break;
      const done = this.#values[this.#head + 1] as (owner: unknown, task: unknown) => void;
      const owner = this.#values[this.#head + 2];
      const task = this.#values[this.#head + 3];
      this.#head += valuesEach;
      try {
        done(owner, task);
      } catch (error) {
        broken(error);
      }
    }
    if (this.#head * 2 >= this.#values.length) {
      this.#values = this.#values.slice(this.#head);
      this.#head = 0;
    }
  }
}

const valuesEach = 4;
