/**
 * Which backend a station belongs to, for operators and migrations to decide: one station at a time, without its link noticing.
 */
import type { AssignmentDecision, AssignmentOutcome } from '../core/station/events.ts';
import type { PlacedObserver } from '../core/routing/placement.ts';
import type { StationId } from '../protocol/station-id.ts';

export type { AssignmentDecision, AssignmentOutcome } from '../core/station/events.ts';

/** What was decided of a station beside its route, as it stands. */
export interface PlacementSnapshot {
  /** The backend that its route gives it. */
  readonly routed: string;
  readonly primary: string;
  /** What a rollback goes back to; null: there is nothing to undo. */
  readonly before: string | null;
  /** Who listens in by decision; null: whom the route says. */
  readonly observers: readonly PlacedObserver[] | null;
  /** When the primary last changed, RFC 3339; null: it never did. */
  readonly since: string | null;
  /** Backends kept ready beside the primary, RFC 3339 until when; null: until told otherwise. */
  readonly ready: readonly { readonly backend: string; readonly until: string | null }[];
}

/** `unknown_outcome`: it was decided, and nobody knows whether that is on disk. `too_many_stations`: there is no room for the station now. */
export type AssignmentMade = (
  | AssignmentOutcome
  | {
      readonly kind: 'refused';
      readonly reason: 'unknown_outcome' | 'too_many_stations';
      readonly detail: string;
    }
) & {
  /** Right before and right after the decision; null: its route alone decides. */
  readonly before: PlacementSnapshot | null;
  readonly after: PlacementSnapshot | null;
};

export interface Assignments {
  /** Settles within seconds, once the decision is on disk, and never rejects. A decision that is made already changes nothing, and is done. */
  decide(station: StationId, decision: AssignmentDecision): Promise<AssignmentMade>;
}
