/**
 * What was decided of a station beside its route: who is its primary now, who listens in, who is kept ready to be the primary, and what there is to go back to.
 *
 * Pure. A route says whose stations are by rule; a cutover moves one station at a time, without a change of the rules and without its link noticing. What was decided
 * outlives the process with the station, and counts as long as the route gives the primary that it gave then, or the one that was put in its place. An observer whose backend
 * a reload removes stays decided and gets nothing: it listens in again once the backend is back.
 */
import { messageClasses, type MessageClass } from '../../protocol/message-class.ts';
import type { Assignment } from './table.ts';

/** Plain JSON, saved with the station. */
export interface Placement {
  /** The primary by the route when this was decided. */
  readonly routed: string;
  /** The primary now. */
  readonly primary: string;
  /** The primary before the last cutover: what a rollback goes back to. null: there is nothing to undo. */
  readonly before: string | null;
  /** Who listens in, whatever the route says; none of them is the primary. null: whom the route says. */
  readonly observers: readonly PlacedObserver[] | null;
  /** Who listened in before the last cutover, as in `observers`: a rollback goes back to that too. null where there is nothing to undo. */
  readonly observersBefore: readonly PlacedObserver[] | null;
  /** When the primary last changed: wall clock, milliseconds since 1970. */
  readonly at: number;
  /** How long a primary is kept ready once another is in its place, milliseconds. */
  readonly keepWarmMs: number;
  /** Backends beside the primary that are told of the station, so that it can be cut over to them. */
  readonly ready: readonly ReadyBackend[];
}

/** A backend that gets copies of what the station says. Each is given in one order, so that two that say the same are the same text. */
export interface PlacedObserver {
  readonly backend: string;
  readonly receives: readonly MessageClass[];
  /** Actions it may send to the station. */
  readonly commands: readonly string[];
}

export interface ReadyBackend {
  readonly backend: string;
  /** Wall clock, milliseconds since 1970; null: until it is told otherwise. */
  readonly until: number | null;
}

/** The route's assignment with what was decided beside it. The same object for the same two. */
export function place(routed: Assignment, placement: Placement | null): Assignment {
  if (placement === null || !isStanding(routed, placement)) return routed;
  const { primary, ready, observers } = placement;
  const standbys = ready.map(({ backend }) => backend).filter((backend) => backend !== primary);
  if (primary === routed.primary && standbys.length === 0 && observers === null) return routed;
  let placed = placements.get(routed);
  if (placed === undefined) placements.set(routed, (placed = new Map()));
  const key = JSON.stringify([primary, standbys, observers]);
  const known = placed.get(key);
  if (known !== undefined) return known;
  const made = { ...routed, primary, standbys, observers: listening(routed, placement) };
  placed.set(key, made);
  return made;
}

/** True while the route still gives the station to where it was taken from, or by now to where it was moved. */
export function isStanding(
  routed: Pick<Assignment, 'primary'>,
  { routed: then, primary }: Placement,
): boolean {
  return routed.primary === then || routed.primary === primary;
}

/** Observers as a placement keeps them: each said in one way, and in the order of their names. */
export function placedObservers(asked: readonly PlacedObserver[]): readonly PlacedObserver[] {
  return asked
    .map(({ backend, receives, commands }) => ({
      backend,
      receives: messageClasses.filter((name) => receives.includes(name)),
      commands: [...new Set(commands)].toSorted(),
    }))
    .toSorted((one, other) => (one.backend < other.backend ? -1 : 1));
}

export function areSameObservers(
  one: readonly PlacedObserver[] | null,
  other: readonly PlacedObserver[] | null,
): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function listening({ observers }: Assignment, placement: Placement): Assignment['observers'] {
  if (placement.observers === null) return observers.filter(({ backend }) => backend !== placement.primary);
  return placement.observers.map(({ backend, receives, commands }) => ({
    backend,
    receives: new Set(receives),
    commands: new Set(commands),
  }));
}

/** A backend more or less, or other observers, make another entry; people decide of them, so there are few, and a reload begins anew. */
const placements = new WeakMap<Assignment, Map<string, Assignment>>();
