/**
 * What was decided of a station beside its route: who is its primary now, who is kept ready to be, and what there is to go back to.
 *
 * Pure. A route says whose stations are by rule; a cutover moves one station at a time, without a change of the rules and without its link noticing. What was decided
 * outlives the process with the station, and counts as long as the route gives the primary that it gave then, or the one that was put in its place.
 */
import type { Assignment } from './table.ts';

/** Plain JSON, saved with the station. */
export interface Placement {
  /** The primary by the route when this was decided. */
  readonly routed: string;
  /** The primary now. */
  readonly primary: string;
  /** The primary before the last cutover: what a rollback goes back to. null: there is nothing to undo. */
  readonly before: string | null;
  /** When the primary last changed: wall clock, milliseconds since 1970. */
  readonly at: number;
  /** How long a primary is kept ready once another is in its place, milliseconds. */
  readonly keepWarmMs: number;
  /** Backends beside the primary that are told of the station, so that it can be cut over to them. */
  readonly ready: readonly ReadyBackend[];
}

export interface ReadyBackend {
  readonly backend: string;
  /** Wall clock, milliseconds since 1970; null: until it is told otherwise. */
  readonly until: number | null;
}

/** The route's assignment with what was decided beside it. The same object for the same two. */
export function place(routed: Assignment, placement: Placement | null): Assignment {
  if (placement === null || !isStanding(routed, placement)) return routed;
  const { primary, ready } = placement;
  const standbys = ready.map(({ backend }) => backend).filter((backend) => backend !== primary);
  if (primary === routed.primary && standbys.length === 0) return routed;
  let placed = placements.get(routed);
  if (placed === undefined) placements.set(routed, (placed = new Map()));
  const key = JSON.stringify([primary, ...standbys]);
  const known = placed.get(key);
  if (known !== undefined) return known;
  const made = { ...routed, primary, standbys, observers: withoutBackend(routed, primary) };
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

function withoutBackend({ observers }: Assignment, primary: string): Assignment['observers'] {
  return observers.filter(({ backend }) => backend !== primary);
}

/** A backend more or less makes another entry; there are few, and a reload begins anew. */
const placements = new WeakMap<Assignment, Map<string, Assignment>>();
