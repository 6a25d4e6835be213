/**
 * Held messages, learned tokens and billing at risk whose rows are still to be written.
 *
 * Not pure: it keeps them between commits. The records of a batch are the promise; rows are there so that a start need not read all records. So a commit writes none: what its records
 * change gathers here, what is over before it had a row never gets one, and the rest is written between commits, a slice at a time. `kept_upto` says up to which position
 * rows tell all; a start reads the batches behind it too (docs/adr/0027-rows-follow-records.md).
 */
import { KeptChanges, type KeptChange } from '../../core/journal/kept-changes.ts';
import type { StationId } from '../../protocol/station-id.ts';

/** Rows are written once the first of the changes has waited so long, though there are few. */
const dueMs = 4_000;
/** With more than this behind, more is written at a time, and commits wait longer for it: a start would have too much to read. */
const changesMax = 32_768;

export class KeptBehind {
  #coming: KeptChanges;
  /** What a start has found is due at once: the next start, should this process end as soon as the one before, is not to read it again. */
  #comingSinceMs = -Infinity;
  /** Taken to be written: rows tell all up to `#writingUpto` once these are done. */
  #writing: readonly KeptChange[] = [];
  #written = 0;
  #writingUpto = 0;
  #lastPosition: number;
  readonly #dueChanges: number;

  /** `found`: what a start has read behind the rows; some of it may have its row. `dueChanges`: rows are written once there are so many. */
  constructor(found: KeptChanges, lastPosition: number, dueChanges: number) {
    this.#dueChanges = dueChanges;
    this.#coming = found;
    this.#lastPosition = lastPosition;
  }

  /** What a batch that is on disk has changed, and its last position. One that is given again was taken already. */
  add(changes: readonly KeptChange[], lastPosition: number, nowMs: number): void {
    if (lastPosition <= this.#lastPosition) return;
    if (this.#coming.count === 0) this.#comingSinceMs = nowMs;
    for (const change of changes) this.#coming.merge(change);
    this.#lastPosition = lastPosition;
  }

  /** Of what is on disk. */
  get lastPosition(): number {
    return this.#lastPosition;
  }

  /** Rows tell all there is. */
  get isEmpty(): boolean {
    return this.#coming.count === 0 && this.#written === this.#writing.length;
  }

  get isTooFar(): boolean {
    return this.#coming.count + this.#writing.length - this.#written > changesMax;
  }

  /** The changes whose rows may be written now, in order; none while it is too early. `isHurried`: it is not. */
  due(nowMs: number, isHurried = false): readonly KeptChange[] {
    if (this.#written < this.#writing.length) return this.#writing.slice(this.#written);
    const { count } = this.#coming;
    if (count === 0) return [];
    if (!isHurried && count < this.#dueChanges && nowMs - this.#comingSinceMs < dueMs) return [];
    this.#writing = byStation(this.#coming.list());
    this.#written = 0;
    this.#writingUpto = this.#lastPosition;
    this.#coming = new KeptChanges();
    return this.#writing;
  }

  /** How far rows tell all once so many of those that are due are written; null: no further than before. */
  uptoAfter(written: number): number | null {
    return this.#written + written === this.#writing.length ? this.#writingUpto : null;
  }

  /** So many of those that were due are on disk. */
  wrote(written: number): void {
    this.#written += written;
  }
}

/**
 * Rows that lie together in the file are written together; what is said of one row stays in order. Stations are sorted and not the changes of each,
 * most of which come in the order of their numbers: a commit waits for this.
 */
function byStation(changes: readonly KeptChange[]): readonly KeptChange[] {
  const others: KeptChange[] = [];
  const groups = new Map<StationId, KeptChange[]>();
  for (const change of changes) {
    if (!('station' in change)) {
      others.push(change);
      continue;
    }
    const group = groups.get(change.station);
    if (group === undefined) groups.set(change.station, [change]);
    else group.push(change);
  }
  const sorted = [...groups.keys()].toSorted((left, right) => (left < right ? -1 : 1));
  return others.concat(sorted.flatMap((station) => groups.get(station) ?? []));
}
