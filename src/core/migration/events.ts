/**
 * What can happen to a migration, what it may look at, and what it wants done.
 *
 * Pure, types only. An order may be repeated after a crash: each means a state to reach, not a step to take. There is one for a station at a time, and its outcome comes back as
 * `settled`; one whose outcome was lost with the process is simply ordered again.
 */
import type { StationId } from '../../protocol/station-id.ts';
import type { PlacedKind } from '../commands/placed-object.ts';
import type { FoundObject } from '../commands/placed-objects.ts';
import type { FrozenPlan } from './fleet.ts';
import type { SettingChange } from './plan.ts';
import type {
  Counts,
  DecidedBy,
  Evidence,
  MigrationDecision,
  MigrationOutcome,
  SessionCounts,
  StationProgress,
} from './state.ts';

export type MigrationEvent =
  /** Once a second. */
  | {
      readonly type: 'tick';
      /** Since the last tick in this process, milliseconds on a clock that never jumps; 0 at the first. */
      readonly elapsedMs: number;
      readonly heard: Heard;
    }
  | { readonly type: 'decided'; readonly decision: MigrationDecision; readonly by: DecidedBy }
  /** The fleet was looked at anew. Only before it was started. */
  | { readonly type: 'planned'; readonly frozen: FrozenPlan; readonly by: DecidedBy }
  | { readonly type: 'settled'; readonly order: Order; readonly outcome: OrderOutcome };

/** What the journal has told of a migration's stations since the last tick. */
export interface Heard {
  /** To add to what was counted. */
  readonly counted: readonly Counted[];
  /** Messages that the new backend has yet to get, of all stations of a wave, as it is. */
  readonly undelivered: readonly { readonly wave: number; readonly messages: number }[];
  /** What the new backend said of a boot, the last for each station. */
  readonly boots: readonly { readonly station: StationId; readonly isAccepted: boolean }[];
  /** Stations that the new backend has answered. */
  readonly answered: readonly StationId[];
}

/** What was counted of a wave's stations at the old backend, at the new one, and of their sessions at both. */
export interface Counted {
  readonly wave: number;
  readonly before: Counts;
  readonly after: Counts;
  readonly sessions: SessionCounts;
}

export interface MigrationView {
  /** Wall clock, milliseconds since 1970: for the time of a wave, and for evidence. */
  readonly wallMs: number;
  /** Stations as they are; one that is missing was not looked at, and nothing is decided of it now. */
  readonly stations: ReadonlyMap<StationId, StationView>;
  /** Stations with an order that is not settled. */
  readonly busy: ReadonlySet<StationId>;
}

export interface StationView {
  /** null: no route takes it, or nothing is known of it. */
  readonly primary: string | null;
  /** What undoing its last cutover goes back to; null: there is nothing to undo, or no longer. */
  readonly before: string | null;
  readonly isConnected: boolean;
  /** By decision the new backend is told of it. */
  readonly isAttached: boolean;
  /** The new backend knows it. */
  readonly isSynced: boolean;
  /** How far that has come, in a word or a backend's own words; null: nothing is known. */
  readonly sync: string | null;
  readonly hasTransaction: boolean;
}

export type Order =
  /** The new backend is to be told of it; or not any more. */
  | { readonly do: 'attach' | 'detach'; readonly station: StationId }
  /** The new backend is to be its primary. `isAgain`: it may be by an order before. */
  | { readonly do: 'cut_over'; readonly station: StationId; readonly isAgain: boolean }
  /** Its last cutover is to be undone; or, where that cannot be any more, it is to be cut over to the old backend. */
  | { readonly do: 'roll_back' | 'return'; readonly station: StationId }
  /** It is to be sent something that the plan lists. */
  | {
      readonly do: 'effect';
      readonly station: StationId;
      readonly effect: number;
      readonly step: EffectStep;
      /** It may have been taken before, and nobody heard what came of it. */
      readonly isAgain: boolean;
    };

export type EffectStep =
  | { readonly do: 'clear_cache' }
  /** Looked up in what Busbar keeps, not asked of the station. */
  | { readonly do: 'list_asked' }
  | PlacedStep
  | { readonly do: 'read_list' }
  /** `version`: of the empty list that takes its place. */
  | { readonly do: 'clear_list'; readonly version: number }
  | { readonly do: 'read'; readonly component: string | null; readonly key: string }
  | {
      readonly do: 'write';
      readonly component: string | null;
      readonly key: string;
      readonly value: string;
    };

/** About what the old backend placed at the station: charging profiles, or whatever else `kind` says. `place_again` places the same again. */
export type PlacedStep =
  | { readonly do: 'list_placed'; readonly kind: PlacedKind }
  | { readonly do: 'clear_placed' | 'place_again'; readonly kind: PlacedKind; readonly id: string };

export type OrderOutcome =
  /** `primary`: the station's right after; null: not known. `isChanged` false: it was so already. */
  | { readonly kind: 'done'; readonly isChanged: boolean; readonly primary: string | null }
  | {
      readonly kind: 'refused';
      readonly reason: OrderRefusal;
      readonly detail: string;
      readonly primary: string | null;
    }
  /** Of an effect. `value`: of a setting that was read; null where it has none. */
  | { readonly kind: 'answered'; readonly value: string | null }
  /** Of `list_asked`: oldest first. */
  | { readonly kind: 'asked'; readonly settings: readonly SettingChange[] }
  /** Of `list_placed`: oldest first. `hasMore`: the station has others that are not known. */
  | {
      readonly kind: 'found';
      readonly of: PlacedKind;
      readonly objects: readonly FoundObject[];
      readonly hasMore: boolean;
    }
  /** Of `clear_placed` and `place_again`. */
  | { readonly kind: 'placed'; readonly of: PlacedKind; readonly is: PlacedOutcome }
  /** Of an effect: the station refused, and would again. */
  | { readonly kind: 'denied'; readonly detail: string }
  /** Of an effect: it is not for a station of this version. */
  | { readonly kind: 'inapplicable'; readonly detail: string }
  /** It was not wanted any more by the time of its turn, and nothing of it was begun. */
  | { readonly kind: 'let_go' };

/**
 * `cleared`: the station had it, and has it no more. `placed`: it has it again. `there`: it has it, or another that its backend placed with its id meanwhile, and would refuse a second one. `gone`: it was not there, or was cleared or replaced meanwhile. `ended`:
 * its time is over.
 */
export type PlacedOutcome = 'cleared' | 'placed' | 'there' | 'gone' | 'ended';

/** What `AssignmentRefusal` has, what a decision may come to besides, and `not_sent` for an effect. */
export type OrderRefusal =
  | 'not_routed'
  | 'unknown_backend'
  | 'wrong_version'
  | 'not_connected'
  | 'not_synced'
  | 'transaction_open'
  | 'firmware_update'
  | 'reservation'
  | 'report_in_parts'
  | 'nothing_to_undo'
  | 'is_primary'
  | 'observers_unfit'
  | 'journal_failing'
  | 'unknown_outcome'
  | 'too_many_stations'
  | 'not_sent';

/** What `stepMigration` returns. Orders may be carried out once the rest is on disk. */
export interface MigrationStep {
  readonly orders: readonly Order[];
  readonly evidence: readonly Evidence[];
  /** More than clocks and counts is another: to be saved at once. A crash before costs no more than measuring it again. */
  readonly isChanged: boolean;
  readonly changed: readonly StationProgress[];
  /** Which stations there are is another: those that are not in `changed` are gone. */
  readonly isReplaced: boolean;
  /** Of a decision. */
  readonly outcome: MigrationOutcome | null;
}
