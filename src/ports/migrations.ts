/**
 * Moving a fleet from one backend to another: what operators ask for, and what is kept of it.
 */
import type { Canary, MigrationPlan, PlanProblem } from '../core/migration/plan.ts';
import type {
  DecidedBy,
  Evidence,
  MigrationDecision,
  MigrationHead,
  MigrationOutcome,
  StationPhase,
  StationProgress,
} from '../core/migration/state.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { Result } from '../std/result.ts';

export type { DecidedBy, Evidence, MigrationDecision, MigrationOutcome } from '../core/migration/state.ts';

/** What a plan comes to with the fleet as it is. */
export interface PlanPreview {
  readonly waves: readonly { readonly name: string; readonly stations: readonly StationId[] }[];
  /** Empty: it may start. */
  readonly problems: readonly PlanProblem[];
  readonly canaries: readonly Canary[];
}

/** A migration as it stands. Immutable; times are wall clock, milliseconds since 1970. */
export interface MigrationSnapshot extends Omit<MigrationHead, 'waves'> {
  readonly waves: readonly WaveSnapshot[];
}

export interface WaveSnapshot extends Readonly<MigrationHead['waves'][number]> {
  /** Stations by phase. */
  readonly tally: Readonly<Record<StationPhase, number>>;
}

/** Which stations of a migration to list, in the order of their waves. */
export interface ProgressQuery {
  readonly wave?: number;
  readonly phase?: StationPhase;
  /** Continue after this station. */
  readonly after?: StationId;
  /** 1 to 1,000. */
  readonly limit: number;
}

/**
 * `name_taken`: a migration of this name is not over. `claimed`: its stations are in another migration by now. `too_many`: see `migrationsMax`. `storage`: it is not known to be on disk. Of
 * what was to be created nothing is; a decision counts already, but nothing is ordered before it is on disk, and it is lost if Busbar ends before. `stopped`: a bug
 * stopped its machine.
 */
export interface MigrationFault {
  readonly fault: 'name_taken' | 'claimed' | 'too_many' | 'unknown' | 'storage' | 'stopped';
  /** A sentence for the operator. */
  readonly detail: string;
}

/** Migrations that are not over. One more is refused. */
export const migrationsMax = 20;

/** A migration is named by its id, or by its name, which means the newest of that name. Nothing here rejects. */
export interface Migrations {
  /** Nothing is kept of it. */
  preview(plan: MigrationPlan): Promise<PlanPreview>;
  /** Freezes which station is in which wave. It is `ready`, or a `draft` where the plan has problems. Settles once it is on disk. */
  create(plan: MigrationPlan, by: DecidedBy): Promise<Result<MigrationSnapshot, MigrationFault>>;
  /** Looks at the fleet anew: a draft whose problems are mended is ready. Of one that was started nothing changes. */
  replan(idOrName: string, by: DecidedBy): Promise<Result<MigrationSnapshot, MigrationFault>>;
  /** Settles once the decision is on disk, before it has come to all stations. A decision that is made already changes nothing, and is done. */
  decide(
    idOrName: string,
    decision: MigrationDecision,
    by: DecidedBy,
  ): Promise<Result<MigrationOutcome, MigrationFault>>;
  /** Newest first, also those that are over. */
  list(): readonly MigrationSnapshot[];
  find(idOrName: string): MigrationSnapshot | null;
  /** The place of a wave by its name or its number from 1; null: there is none. */
  waveOf(idOrName: string, nameOrNumber: string): number | null;
  /** At most `limit` of its stations; null: no such migration. */
  stations(idOrName: string, query: ProgressQuery): readonly StationProgress[] | null;
  /** How the station stands in the migration that has claimed it; null: none has. */
  claimOf(station: StationId): { readonly migration: string; readonly progress: StationProgress } | null;
  /** Oldest first, those after the number `after`; at most `limit`. */
  evidence(
    idOrName: string,
    after: number,
    limit: number,
  ): Promise<Result<readonly Evidence[], MigrationFault>>;
}

/** A migration as the store keeps it: plain JSON. */
export interface StoredMigration {
  readonly head: MigrationHead;
  /** In the order in which they were first saved. */
  readonly stations: readonly StationProgress[];
}

/** What one step changed. It is on disk as a whole, or not at all. */
export interface MigrationSave {
  readonly head: MigrationHead;
  /** Those that are new or changed: each replaces what is kept of that station. */
  readonly stations: readonly StationProgress[];
  /** All others of this migration are forgotten: the plan was looked at anew. */
  readonly isReplaced: boolean;
  /** To append. A number that is there already is the same entry, and stays. */
  readonly evidence: readonly Evidence[];
}

export interface MigrationStoreFault {
  readonly fault: 'disk_full' | 'unavailable';
  /** In the store's words. */
  readonly detail: string;
}

/** Keeps every migration for ever, but forgets what is beyond `migrationsKept`: the oldest that are over. Nothing rejects, everything settles within seconds. */
export interface MigrationStore {
  /** In the order in which they were first saved. */
  load(): Promise<Result<readonly StoredMigration[], MigrationStoreFault>>;
  /**
   * Null once it is on disk. What it is handed is read before it returns, so that it may change afterwards. On a fault it may be there or not: the same is saved again, with
   * what came meanwhile.
   */
  save(save: MigrationSave): Promise<MigrationStoreFault | null>;
  /** Oldest first, those after the number `after`; at most `limit`, 1 to 10,000. */
  evidence(
    id: string,
    after: number,
    limit: number,
  ): Promise<Result<readonly Evidence[], MigrationStoreFault>>;
  close(): Promise<void>;
}

export const migrationsKept = 50;
