/**
 * Where the journal is kept: one thing to write, a group commit, and readers beside it.
 */
import type { KeptChange } from '../core/journal/kept-changes.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { JournalFault, JournalReader } from './journal.ts';

/** What is written at once. Immutable: a commit that failed is tried again with the same batch. */
export interface JournalBatch {
  /** First and last position; without records `last` is `first - 1`. */
  readonly first: number;
  readonly last: number;
  readonly records: number;
  /** Earliest and latest wall clock of the records, whole milliseconds. */
  readonly atFrom: number;
  readonly atTo: number;
  /** The records as `core/journal/codec.ts` encodes them, in UTF-8; empty without records. Good until the commit has succeeded: its memory is used again. */
  readonly body: Uint8Array;
  /** The stations that the records are about. */
  readonly stations: ReadonlySet<StationId>;
  /** What outlives the process of these stations, as JSON; null: nothing any more. */
  readonly saved: ReadonlyMap<StationId, string | null>;
  /** What the records change of held messages, learned tokens and billing at risk, in order. It is there when the records are, and outlives their deletion. */
  readonly kept: readonly KeptChange[];
}

export interface CommitFault {
  readonly fault: JournalFault;
  /** In the store's words, for the log. */
  readonly detail: string;
}

/** What may be deleted, oldest first. `Infinity` keeps all. */
export interface Retention {
  /** Batches older than this. */
  readonly framesMs: number;
  /** Beyond this size of the store. */
  readonly bytesMax: number;
}

export interface JournalStore {
  /** Highest position on disk when the store was opened; 0 when it was empty. */
  readonly lastPosition: number;
  /**
   * Writes one batch; one at a time. null: everything in it is on disk and outlives a power cut. Otherwise nothing is promised of it, and the
   * next commit first opens the storage anew: what the failed one left behind is never trusted. The same batch may be given again, and replaces
   * whatever is there. Never rejects.
   */
  commit(batch: JournalBatch): Promise<CommitFault | null>;
  /** Changes what is deleted in the background. */
  retain(retention: Retention): void;
  /** Sees everything that was committed. */
  readonly reader: JournalReader;
  /** Ends the store and its reader, after a commit that is running. Settles within seconds, also where the disk hangs; never rejects. */
  close(): Promise<void>;
}
