/**
 * What there is to know of a migration between two steps: its head, and how far each station is.
 *
 * Pure, types only. All of it is plain JSON and outlives the process: the head is saved as a whole, of the stations those that changed. Points in time are wall clock,
 * milliseconds since 1970; durations are time that was watched, so that neither a jump of the clock nor an hour without Busbar counts as soaked.
 */
import type { StationId } from '../../protocol/station-id.ts';
import type { PlacedKind, PlacedPlural } from '../commands/placed-object.ts';
import type { MigrationPhase } from './phase.ts';
import type { Canary, MigrationPlan, PlanProblem, SettingChange } from './plan.ts';

/**
 * `planned`; `attaching`: the new backend is told of its stations ahead of their move; `moving`; `soaking`: every station is moved or excused; `passed`: its
 * gates were green when its soak was over. `rolling-back` and `rolled-back` end in `moving` again by a decision only.
 */
export type WavePhase =
  | 'planned'
  | 'attaching'
  | 'moving'
  | 'soaking'
  | 'passed'
  | 'rolling-back'
  | 'rolled-back';

/**
 * `attaching`: the new backend is being told of it. `synced`: that one knows it. `waiting`: it is its turn, and something must end first, which the reason says. `verified`: it
 * moved, what was to be sent to it was, and the new backend has answered it since. `failed`: excused, it stays with its old backend.
 */
export type StationPhase =
  | 'planned'
  | 'attaching'
  | 'synced'
  | 'waiting'
  | 'moved'
  | 'verified'
  | 'failed'
  | 'rolled-back';

export interface MigrationState {
  readonly head: MigrationHead;
  /** In the order of their waves. */
  stations: ReadonlyMap<StationId, StationProgress>;
  /** The same by wave. */
  byWave: readonly (readonly StationProgress[])[];
}

export interface MigrationHead {
  /** Unique for ever, url-safe. */
  readonly id: string;
  readonly plan: MigrationPlan;
  readonly createdAt: number;
  phase: MigrationPhase;
  /** Why it is in this phase, for a person; null: it goes without saying. */
  reason: string | null;
  /** Since when it is in this phase. */
  since: number;
  /** Everything is undone, for good. */
  isGoingBack: boolean;
  /** Who ends it as it stands, and why; null: nobody. Waves that have passed stay, the others do not move any more. */
  completedBy: string | null;
  /** One for each wave of the plan, in its order. */
  waves: WaveProgress[];
  problems: readonly PlanProblem[];
  canaries: readonly Canary[];
  /** Time watched since it was started, and that part of it in which it was not paused, milliseconds. */
  watchedMs: number;
  ranMs: number;
  /** Number of its newest piece of evidence, from 1; 0: there is none. */
  evidence: number;
  /** Evidence that was not kept since there was too much of it: refusals and gates only. */
  evidenceLeftOut: number;
}

export interface WaveProgress {
  readonly name: string;
  phase: WavePhase;
  reason: string | null;
  since: number;
  /** How many stations it has. */
  readonly stations: number;
  /** A person said that it may start. */
  isApproved: boolean;
  /** A person started it, or one after it, before its time or though gates were not green: its own gates hold nobody up any more. */
  isWaived: boolean;
  /** `ranMs` from which on the next station may be cut over. */
  paceAtMs: number;
  /** Time watched since every station is moved or excused, and some that moved was there, milliseconds. */
  soakedMs: number;
  /** How many that have moved were looked at, and found away, since one was found connected. */
  awayInARow: number;
  /** When its first station moved; null: none has. */
  firstMoveAt: number | null;
  /** One for each gate of the plan, in its order. */
  readonly gates: GateProgress[];
  /** What its stations did at the old backend, and at the new one. */
  readonly before: Counts;
  readonly after: Counts;
  readonly sessions: SessionCounts;
  /** Messages that the new backend has yet to get. */
  undelivered: number;
}

export interface GateProgress {
  /** `red` once a limit has not held for as long as the gate allows. */
  state: 'no-data' | 'green' | 'red';
  /** As measured last, in the measure's own unit; null: nothing to measure. */
  value: number | null;
  /** The same at the old backend. */
  before: number | null;
  /** Why it is in this state; null where it is green. */
  reason: string | null;
  /** How long a limit has not held, milliseconds watched; null: all hold. */
  brokenMs: number | null;
}

/** What was counted of some stations. Only ever added to. */
export interface Counts {
  /** Calls of theirs that a backend answered, with a result or an error. */
  answered: number;
  /** Those of them answered with an error, and calls that got no answer. */
  errors: number;
  unanswered: number;
  /** Drivers it was asked about, and those it let in. */
  asked: number;
  accepted: number;
  /** Links that ended. */
  drops: number;
  /** How long it was counted, summed over the stations, milliseconds. */
  watchedMs: number;
  /** Answers by how long they took: see `answerBoundsMs`. */
  readonly answers: number[];
}

/** Transactions of some stations since the first of them moved, by the backend that had them. Only ever added to, also when their wave is moved again. */
export interface SessionCounts {
  /** When the first of them moved, wall clock; null: none has. */
  since: number | null;
  /** They began since. */
  begunAtOld: number;
  begunAtNew: number;
  /** They ended since. */
  endedAtOld: number;
  endedAtNew: number;
  /** Of those that ended at the old backend: their station was at the new one by then. */
  crossed: number;
  /** Open ones that the new backend got of the old one. */
  handedOver: number;
}

/** Upper bounds of `Counts.answers`, milliseconds; its last one counts what is beyond. */
export const answerBoundsMs = [
  5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000,
  15_000, 20_000, 30_000, 60_000,
] as const;

export interface StationProgress {
  readonly station: StationId;
  /** Its wave's place, from 0. */
  readonly wave: number;
  phase: StationPhase;
  /** Why it is in this phase, or what it waits for; null: it goes without saying. */
  reason: string | null;
  since: number;
  /** When it last moved to the new backend; null: it never did. */
  movedAt: number | null;
  /** A cutover was ordered and not refused: it may have happened, whatever is known of it. */
  isCutOrdered: boolean;
  /** Whether the new backend is told of it because of this migration; `ordered`: perhaps. */
  attached: 'no' | 'ordered' | 'yes';
  /** How often something was refused since it is its turn. */
  refusals: number;
  /** What is in its way now, and since which `ranMs`; null: nothing is, or it is not its turn. */
  blocked: { readonly by: 'transaction' | 'other'; readonly fromMs: number } | null;
  /** How long either was in its way before that, milliseconds. */
  readonly waitedMs: { transaction: number; other: number };
  /** `watchedMs` before which nothing is asked of it again. */
  retryAtMs: number;
  /** What the new backend last said of its boot; null: nothing was heard. */
  isBootAccepted: boolean | null;
  /** The new backend has answered it since it moved. */
  isAnswered: boolean;
  /** It was to go back and cannot; the reason says why. */
  isStuck: boolean;
  /** What is sent to it because of its move, in the order in which that is done; empty before it moved. */
  effects: EffectProgress[];
}

/**
 * `reading`: what it is now is asked for. `writing`, `checking`: it is set, and read back. `done`. `undoing`, `rechecking`: the same with what it was. `undone`. `skipped`: it is not for a
 * station of this version. `failed`: the reason says what could not be done.
 */
export type EffectPhase =
  | 'reading'
  | 'writing'
  | 'checking'
  | 'done'
  | 'undoing'
  | 'rechecking'
  | 'undone'
  | 'skipped'
  | 'failed';

export interface EffectProgress {
  readonly what: EffectName;
  phase: EffectPhase;
  reason: string | null;
  /** Of a setting: what it was before. null: not known. */
  before: string | null;
  /** It was sent a new value, so that there is something to undo. */
  isWritten: boolean;
}

/**
 * A number: the place of a setting in the plan's list, from 0. `asked`: finding out what the new backend asked this station for; each such setting follows by itself.
 * `profiles`, `displayMessages`, `tariffs`: the same with what the old one placed there.
 */
export type EffectName =
  | 'clearCache'
  | 'localList'
  | 'asked'
  | PlacedPlural
  | number
  | { readonly setting: SettingChange }
  | { readonly placed: NamedObject };

/** A profile, message or tariff in the station's own terms. `label`: what it is, for people; `connector` 0: of the whole station. */
export interface NamedObject {
  readonly kind: PlacedKind;
  readonly id: string;
  readonly label: string;
  readonly connector: number;
}

/** One line of the proof of what was done: appended, never changed. */
export interface Evidence {
  /** From 1, without gaps in a migration. */
  readonly number: number;
  /** Wall clock, milliseconds since 1970. */
  readonly at: number;
  /** Who decided: a person's or token's name, or `busbar`. */
  readonly who: string;
  /**
   * `decision`: a person's. `migration`, `wave`, `station`: a phase changed. `order`: something was asked of a station; `outcome`: what came of it. `gate`: its state changed. `effect`: a
   * side effect went a step.
   */
  readonly what: 'decision' | 'migration' | 'wave' | 'station' | 'order' | 'outcome' | 'gate' | 'effect';
  readonly station: StationId | null;
  /** The wave's name. */
  readonly wave: string | null;
  /** A phase, a value, or null where that means nothing. */
  readonly before: string | null;
  readonly after: string | null;
  readonly reason: string | null;
  /** What was measured. */
  readonly values: Readonly<Record<string, number | string | boolean | null>> | null;
}

/**
 * Evidence kept of one migration. From then on refusals and changes of gates are counted only; decisions and changes of phase are kept always, since there are only so many.
 */
export const evidenceMax = 1_000_000;

/** What a person may want of a migration. A wave by its place, from 0. */
export type MigrationDecision =
  | { readonly do: 'start' | 'pause' | 'resume' | 'abandon' }
  /** The next wave may start, once all else is as it must be. */
  | { readonly do: 'approve' }
  /** The same of this one, whichever is next: said twice, it lets no other start. */
  | { readonly do: 'approve_wave'; readonly wave: number }
  /** Every station goes back, for good. */
  | { readonly do: 'rollback' }
  /** It ends as it stands: waves that have passed stay, those that were rolled back or never started are left with the old backend. */
  | { readonly do: 'complete' }
  /** Now, whatever gates, soak, time and approval say; or again, with those that failed or were rolled back. */
  | { readonly do: 'start_wave'; readonly wave: number }
  /** Its stations go back, and the migration pauses. */
  | { readonly do: 'rollback_wave'; readonly wave: number };

/** Who decided, and why. */
export interface DecidedBy {
  readonly who: string;
  readonly reason: string | null;
}

/** Why a decision changed nothing. `not_now`: the migration's phase does not allow it. `has_problems`: the plan has. `gate_red`: resumed, it would pause at once. */
export type MigrationRefusal = 'not_now' | 'has_problems' | 'gate_red' | 'no_such_wave' | 'is_over';

export type MigrationOutcome =
  /** `isChanged` false: it was so already. */
  | { readonly kind: 'done'; readonly isChanged: boolean }
  /** `detail` is a sentence for the operator, with what to do. */
  | { readonly kind: 'refused'; readonly reason: MigrationRefusal; readonly detail: string };
