/**
 * The fleet as a plan meets it, and what the plan comes to.
 *
 * Pure, types only.
 */
import type { StationId } from '../../protocol/station-id.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { Canary, PlanProblem } from './plan.ts';

/** A station as a plan meets it. */
export interface FleetStation {
  readonly station: StationId;
  /** null: no route takes it. */
  readonly primary: string | null;
  /** null: it was never connected. */
  readonly version: OcppVersion | null;
  readonly vendor: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
  /** All groups that it is a member of. */
  readonly groups: readonly string[];
  readonly site: string | null;
  readonly tags: readonly string[];
  readonly isConnected: boolean;
  readonly hasTransaction: boolean;
}

export interface Fleet {
  readonly stations: readonly FleetStation[];
  /** What each configured backend speaks. */
  readonly backends: ReadonlyMap<string, readonly OcppVersion[]>;
  readonly groups: ReadonlySet<string>;
}

export interface FrozenPlan {
  /** One for each wave of the plan, by identity; empty where the plan is not worth looking at. */
  readonly waves: readonly (readonly StationId[])[];
  readonly problems: readonly PlanProblem[];
  readonly canaries: readonly Canary[];
}
