/**
 * What an operator wants of a migration: which stations, from whom to whom, in which waves, and what must hold before the next one.
 *
 * Pure, types and bounds only. The shape is checked before it comes here; whether it fits the fleet is decided by `planMigration` (freeze.ts). Durations are milliseconds, shares
 * are fractions of 1, points in time are milliseconds since 1970.
 */
import type { StationId } from '../../protocol/station-id.ts';

/** Beyond them a plan has a problem, and does not start. */
export const stationsMax = 100_000;
export const wavesMax = 100;
export const gatesMax = 20;
export const settingsMax = 20;

export interface MigrationPlan {
  /** Unique among the migrations that are not over. */
  readonly name: string;
  /** Backends by their configured names. */
  readonly from: string;
  readonly to: string;
  /** In this order; a station is in the first that takes it. */
  readonly waves: readonly PlannedWave[];
  /** See `OpenTransactions` of a station. */
  readonly openTransactions: 'pin' | 'wait' | 'handover';
  /** With `wait`: how long a station may take to become idle once it is its turn. After that it is excused, and stays where it is. */
  readonly waitUpToMs: number;
  /** How long a station may stay in the way of its wave for any other reason (away, not synced) once it is its turn. After that it is excused. */
  readonly giveUpAfterMs: number;
  /** Measured over the stations of each wave. */
  readonly gates: readonly Gate[];
  /** After each wave; a wave may name its own. */
  readonly soakMs: number;
  /** The next wave waits for a person. */
  readonly approve: boolean;
  /** How long the primary before is kept ready. */
  readonly keepOldWarmMs: number;
  /** What stations are sent because of their move, and nothing else. */
  readonly also: SideEffects;
}

export const planDefaults = {
  openTransactions: 'pin',
  waitUpToMs: 24 * 3_600_000,
  giveUpAfterMs: 3_600_000,
  soakMs: 24 * 3_600_000,
  keepOldWarmMs: 14 * 24 * 3_600_000,
} as const;

export interface PlannedWave {
  /** Unique in the plan, and no number: a wave is named by this or by its place, from 1. */
  readonly name: string;
  readonly take: WaveSelection;
  /** At most so many stations; a site that does not fit whole waits for a later wave. null: all it takes. */
  readonly limit: number | null;
  /** Not before this time. null: as soon as it is its turn. */
  readonly atMs: number | null;
  /** Stations cut over in a minute, above 0. null: as many as can be. */
  readonly perMinute: number | null;
  /** null: the plan's. */
  readonly soakMs: number | null;
}

/** Which stations a wave takes. Identities may be patterns with `*`. */
export type WaveSelection =
  | { readonly by: 'stations'; readonly patterns: readonly string[] }
  | { readonly by: 'group'; readonly group: string }
  | { readonly by: 'tag'; readonly tag: string }
  | { readonly by: 'site'; readonly site: string };

/**
 * What gates can measure of a wave's stations since its first move.
 *
 * `boots.accepted`: share of them whose last boot the new backend accepted. `calls.errorRate`: share of their calls that it answered with an error, or not at all.
 * `authorisations.accepted`: share of the drivers it was asked about whom it let in. `transactions.undelivered`: messages of theirs that it has yet to get. `answers.p95`: 95 % of its
 * answers took at most so long, milliseconds. `links.drops`: links of theirs that ended, for each station and hour; the first hour of each counts whole.
 */
export const measures = [
  'boots.accepted',
  'calls.errorRate',
  'authorisations.accepted',
  'transactions.undelivered',
  'answers.p95',
  'links.drops',
] as const;
export type Measure = (typeof measures)[number];

/** Red when any of its limits does not hold for `forMs`. At least one limit is given. Values in the measure's own unit. */
export interface Gate {
  /** One of `measures`; another is a problem of the plan. */
  readonly measure: string;
  readonly atLeast: number | null;
  readonly atMost: number | null;
  /** How much worse than the same stations at the old backend: a difference, in whichever direction is worse. */
  readonly worseThanBefore: number | null;
  readonly forMs: number;
  /** Red undoes the wave, before the migration pauses. */
  readonly rollback: boolean;
  /** A wave does not pass a gate that has measured nothing, unless it says `pass`. */
  readonly whenNoData: 'hold' | 'pass';
}

/**
 * What is sent to a station once it has moved; nothing by default. It is a closed list: what cannot be taken back whole is not on it.
 */
export interface SideEffects {
  /** The verdicts that the station remembers of its old backend. Nothing is to be undone: it fills again. */
  readonly clearCache: boolean;
  /** Set one by one, each read before and after. A rollback writes back what was read before. */
  readonly configuration: readonly SettingChange[];
  /** What the new backend asked this very station for while it was told of it, and might not write: `settingsMax` of it at most, set and put back as `configuration` is, which goes before it. */
  readonly asked: 'ignore' | 'apply';
  /** The drivers that the station lets in by itself. Once cleared every backend that asks is told that there is none, and sends its own: also the one before, after a rollback. */
  readonly localList: 'keep' | 'clear';
  /**
   * Those that the old backend placed through Busbar and that are known whole, since no station tells all of what it was set; a rollback places the same again. Limits of the connection and profiles of
   * transactions stay, and so does what is not known.
   */
  readonly profiles: 'keep' | 'clear';
  /** Display messages (2.x) and default tariffs (2.1), likewise. */
  readonly displayMessages: 'keep' | 'clear';
  readonly tariffs: 'keep' | 'clear';
}

export const noSideEffects: SideEffects = {
  clearCache: false,
  configuration: [],
  asked: 'ignore',
  localList: 'keep',
  profiles: 'keep',
  displayMessages: 'keep',
  tariffs: 'keep',
};

export interface SettingChange {
  /** 1.6: null. 2.x: the component's name. A station of the other kind is passed over. */
  readonly component: string | null;
  /** 1.6: the key. 2.x: the variable's name. */
  readonly key: string;
  readonly value: string;
}

/** Why a plan cannot start, or what to know before it does. */
export interface PlanProblem {
  /** As a person finds it in the plan: `waves[1].group`, `gates[0].measure`, `to`. */
  readonly where: string;
  readonly why: string;
  /** What to do about it. */
  readonly advice: string;
  /** The stations it is about; the first few. */
  readonly stations: readonly StationId[];
  readonly stationCount: number;
  /** False: it may start all the same. */
  readonly isBlocking: boolean;
}

/** How many stations a problem names. */
export const problemStationsMax = 20;

/** A station worth moving first: there is one for each vendor, model and firmware. */
export interface Canary {
  readonly station: StationId;
  readonly vendor: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
  /** How many stations of the plan are like it, itself included. */
  readonly standsFor: number;
}

/** How many canaries are proposed: those that stand for most. */
export const canariesMax = 100;
