/**
 * The journal as the data plane writes it and everyone else reads it.
 */
import type { BillingRisk } from '../core/hold/billing-risk.ts';
import type { HeldEntry } from '../core/hold/held-lane.ts';
import type { LearnedToken } from '../core/hold/held-message.ts';
import type { JournalFrame } from '../core/journal/frame-view.ts';
import type { DurableStation, JournalRecord, WrittenRecord } from '../core/journal/record.ts';
import type { StationId } from '../protocol/station-id.ts';

/**
 * Appends records. Order is that of the calls. Never throws and never blocks: a record is taken or, while the journal fails and its bound is reached,
 * counted as missing.
 */
export interface Journal {
  /** Takes the record and returns its (first) position; `Infinity`, which never commits, where it could not be taken. `isOfSameStep`: it goes to the disk together with the record before it. */
  append(record: WrittenRecord, isOfSameStep?: boolean): number;
  /**
   * Runs `done(owner, task)` once everything up to `position` is on disk: at once where it is, never for a record that was not taken. In the order of
   * the calls, which is that of positions. Kept without a promise: this is on a frame's path. `isPatient`: no station waits for it, so that it goes
   * with the next commit, which it hastens only after 5 ms, does not count where commits are spaced for those that do, and gives way to them.
   */
  afterCommit<Owner, Task>(
    position: number,
    done: (owner: Owner, task: Task) => void,
    owner: Owner,
    task: Task,
    isPatient?: boolean,
  ): void;
  /** Saves what outlives the process of a station, in the same commit as the records of the step before it. */
  saveStation(station: StationId, durable: DurableStation): void;
  /** Deletes what was saved of a station, with the next commit. */
  forgetStation(station: StationId): void;
  /** False from a failed write until the next good one. */
  readonly isWritable: boolean;
  /** Why it is not; null while it is. */
  readonly trouble: JournalTrouble | null;
  /** Highest position on disk. */
  readonly committedPosition: number;
  /** Told when `isWritable` changes. */
  onWritableChange(listener: (isWritable: boolean) => void): void;
  readonly pressure: JournalPressure;
  /** Told when `pressure` changes. */
  onPressureChange(listener: () => void): void;
  /** Everything appended so far is on disk, or `timeoutMs` is over (false). */
  flush(timeoutMs: number): Promise<boolean>;
  close(): Promise<void>;
  readonly stats: JournalStats;
}

/** Why a commit failed. `store_stopped`: the store's own thread ended. */
export type JournalFault = 'disk_full' | 'disk_failing' | 'store_stopped';

/** Why nothing is kept: the last commit failed, one hangs, or more waits for the disk than is kept in memory. */
export type JournalTrouble = JournalFault | 'stalled' | 'bound_reached';

/**
 * Records come faster than they reach the disk: `high`, who makes many should wait; `severe`, everyone should. Always `none` while the journal cannot be
 * written, since then nobody is to wait for it.
 */
export type JournalPressure = 'none' | 'high' | 'severe';

/** Counters since start, for metrics. */
export interface JournalStats {
  readonly commits: number;
  readonly records: number;
  /** Records that could not be kept while the journal failed. */
  readonly recordsMissed: number;
  /** What waits for a commit; bytes as they will lie in the journal, before they are packed. */
  readonly pendingBytes: number;
  readonly pendingRecords: number;
  /** Told the duration of every commit, in seconds. */
  onCommit(listener: (seconds: number) => void): void;
}

/** What a reader may ask for. Positions are opaque to users and exclusive: `after` excludes the given one. */
export interface FrameQuery {
  readonly station?: StationId;
  /** From this wall-clock time on. */
  readonly fromMs?: number;
  /** Before this wall-clock time. */
  readonly toMs?: number;
  readonly action?: string;
  /** Continue after (with `order: 'desc'`: before) this position. */
  readonly after?: number;
  readonly order?: 'asc' | 'desc';
  /** 1 to 1,000. */
  readonly limit: number;
}

/** Reads what was committed, on a thread of its own. A read that cannot be done rejects with an error whose `code` is `storage_unavailable`. Batches that cannot be trusted are logged, and given by `records` as a gap. */
export interface JournalReader {
  /** Up to `limit` frames in the query's order; fewer before the end only where their texts are beyond 8 MiB, and then at least one. */
  frames(query: FrameQuery): Promise<readonly JournalFrame[]>;
  /** Raw records from a position on, oldest first: for exports and checkers. `next` is where to go on, null at the end. */
  records(
    after: number,
    limit: number,
  ): Promise<{
    readonly records: readonly { position: number; record: JournalRecord }[];
    readonly next: number | null;
  }>;
  /** What the last seconds before the last record say of how stations are and of their settings, in order: see core/station/relearn.ts. What cannot be trusted is logged and left out. */
  recent(): Promise<readonly JournalRecord[]>;
  /** What outlived the last process, of every station. */
  stations(): Promise<ReadonlyMap<StationId, DurableStation>>;
  /** The messages that are still to be delivered, of every station that has some, by number. One that cannot be trusted is logged and left out. */
  held(): Promise<ReadonlyMap<StationId, readonly HeldEntry[]>>;
  /** The last word on each token, by the token's digest. One that cannot be trusted is logged and left out. */
  tokens(): Promise<ReadonlyMap<string, LearnedToken>>;
  /** The backends whose billing is at risk by the last record of each, by name. One that cannot be trusted is logged and left out. */
  risks(): Promise<ReadonlyMap<string, BillingRisk>>;
  close(): Promise<void>;
}
