/**
 * Virtual time: what is due, in order, with no clock but the one it moves itself.
 *
 * Pure. Two things due at the same time run in the order in which they were asked for, so that a seed always gives the same run.
 */
import { assert } from '../../std/assert.ts';

/** Something that was asked for; `cancel` makes it not happen. */
export interface Scheduled {
  cancel(): void;
}

interface Entry extends Scheduled {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | null;
}

export class Scheduler {
  #nowMs = 0;
  #order = 0;
  readonly #heap: Entry[] = [];

  /** Milliseconds of virtual time since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs it `delayMs` from now (0 is allowed: after everything that is due now already). */
  after(delayMs: number, run: () => void): Scheduled {
    return this.at(this.#nowMs + delayMs, run);
  }

  /** Runs it at that time, which must not lie in the past. Infinity: never. */
  at(atMs: number, run: () => void): Scheduled {
    assert(atMs >= this.#nowMs, 'nothing is scheduled in the past');
    this.#order += 1;
    const entry: Entry = { atMs, order: this.#order, run, cancel: () => void (entry.run = null) };
    if (atMs !== Infinity) this.#add(entry);
    return entry;
  }

  /** Runs everything due up to and including that time, and sets the clock to it. `stop` is asked after each. */
  runUntil(endMs: number, stop: () => boolean): void {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#takeFirst();
      const { run } = next;
      if (run === null) continue;
      this.#nowMs = next.atMs;
      run();
      if (stop()) return;
    }
    this.#nowMs = endMs;
  }

  #add(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!isBefore(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #takeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      const below = heap[child] as Entry;
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
