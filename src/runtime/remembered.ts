/**
 * What is known of stations that have no machine, up to a bound: with `admit: any` anyone can make identities up, and each that a backend lets in leaves a row in the journal.
 *
 * Not pure only in that it is told who is held for. Who was seen longest ago is let go of first, and last of all who an operator has decided about, is owed something, charges or is configured: that does not come back with
 * the next boot. Letting go costs the same however many there are.
 */
import type { DurableStation } from '../core/journal/record.ts';
import { durableStation } from '../core/station/state.ts';
import type { Clock } from '../ports/clock.ts';
import type { Journal } from '../ports/journal.ts';
import type { StationId } from '../protocol/station-id.ts';
import { forgetOldest } from '../std/forget-oldest.ts';
import type { Sleeper, TimerWheel } from './timer-wheel.ts';

type Ids = Pick<ReadonlySet<StationId>, 'has'>;

export class Remembered {
  /** Who makes room first; the one that was seen longest ago comes first. */
  readonly #strangers = new Map<StationId, DurableStation>();
  readonly #wanted = new Map<StationId, DurableStation>();
  readonly #held: Ids;
  #known: Ids;

  /** `held`: those without a machine that something is held for. `known`: those that are configured. */
  constructor(restored: ReadonlyMap<StationId, DurableStation>, held: Ids, known: Ids) {
    this.#held = held;
    this.#known = known;
    const byAge = [...restored].toSorted(
      ([, one], [, other]) => (one.lastSeenAt ?? 0) - (other.lastSeenAt ?? 0),
    );
    // An older program may have saved them without all of it.
    for (const [id, saved] of byAge) this.add(id, durableStation(saved, id));
  }

  get size(): number {
    return this.#strangers.size + this.#wanted.size;
  }

  has(station: StationId): boolean {
    return this.#strangers.has(station) || this.#wanted.has(station);
  }

  get(station: StationId): DurableStation | undefined {
    return this.#strangers.get(station) ?? this.#wanted.get(station);
  }

  *[Symbol.iterator](): Generator<[StationId, DurableStation]> {
    yield* this.#strangers;
    yield* this.#wanted;
  }

  /** As the one that was seen last. */
  add(station: StationId, durable: DurableStation): void {
    this.delete(station);
    const isWanted =
      durable.placement !== null ||
      this.#held.has(station) ||
      this.#known.has(station) ||
      durable.ids.transactions.some(({ state }) => state === 'open');
    (isWanted ? this.#wanted : this.#strangers).set(station, durable);
  }

  delete(station: StationId): void {
    if (!this.#strangers.delete(station)) this.#wanted.delete(station);
  }

  /** Others are configured from now on. */
  update(known: Ids): void {
    this.#known = known;
    // Taken first: each is put behind the others.
    const all = [...this];
    for (const [id, durable] of all) this.add(id, durable);
  }

  /** Lets go of the one that is missed least; undefined: there is none. */
  letGo(): StationId | undefined {
    return forgetOldest(this.#strangers) ?? forgetOldest(this.#wanted);
  }
}

/** Stations that are known at once, with and without a machine; each has a row in the journal at the most. */
export const stationsKnownMax = 200_000;

interface KnowingPlane {
  readonly drivers: ReadonlyMap<StationId, unknown>;
  readonly remembered: Remembered;
  readonly journal: Pick<Journal, 'forgetStation' | 'isWritable'>;
}

/** Makes room for one more where there are too many, in memory and in the journal. False: there is room. */
export function makeRoom({ drivers, remembered, journal }: KnowingPlane): boolean {
  if (drivers.size + remembered.size < stationsKnownMax) return false;
  const station = remembered.letGo();
  if (station !== undefined) journal.forgetStation(station);
  return station !== undefined;
}

/** Stations that are back by then have a machine, also where they had been connected for weeks when the last process ended. */
const waitMs = 600_000;
const pauseMs = 1_000;
/** Rows deleted at a time: a commit of frames goes with them. */
const atOnce = 100;

/** Lets go of those that a start has found beyond the bound, few at a time. */
export function trimRemembered(
  plane: KnowingPlane & { readonly wheel: TimerWheel; readonly clock: Clock },
): void {
  const { wheel, clock, journal } = plane;
  const sleeper: Sleeper & { wakeAtMs: number } = {
    scheduledAtMs: Infinity,
    wakeAtMs: clock.nowMs() + waitMs,
    wake: () => {
      let count = 0;
      while (journal.isWritable && count < atOnce && makeRoom(plane)) count += 1;
      sleeper.wakeAtMs = count < atOnce && journal.isWritable ? Infinity : clock.nowMs() + pauseMs;
      wheel.schedule(sleeper);
    },
  };
  wheel.schedule(sleeper);
}
