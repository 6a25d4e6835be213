/**
 * What the journal's two threads and the main one say to each other.
 */
import type { JournalFrame } from '../../core/journal/frame-view.ts';
import type { PlacedRecord } from '../../core/journal/codec.ts';
import type { JournalRecord } from '../../core/journal/record.ts';
import type { FrameQuery } from '../../ports/journal.ts';
import type { CommitFault, Retention } from '../../ports/journal-store.ts';
import type { OpenFault } from './database.ts';
import type { HeldRow, RiskRow, TokenRow, UnreadableRow } from './kept-rows.ts';
import type { BatchHead, UnreadableBatch } from './stored-batch.ts';
import type { WrittenBatch } from './writer.ts';

/** What a thread is started with. */
export interface WriterThreadData {
  readonly file: string;
  readonly retention: Retention;
}

export interface ReaderThreadData {
  readonly file: string;
}

export type ToWriter =
  /** Where the bodies of the commits that follow are written. */
  | { readonly type: 'memory'; readonly memory: SharedArrayBuffer }
  /** The body is the memory's first `bytes`. */
  | {
      readonly type: 'commit';
      readonly head: BatchHead;
      readonly saved: WrittenBatch['saved'];
      readonly kept: WrittenBatch['kept'];
      readonly indexed: WrittenBatch['indexed'];
      readonly bytes: number;
    }
  | { readonly type: 'retain'; readonly retention: Retention }
  | { readonly type: 'close' };

/** `opened` or `refused` comes first, then one `committed` for every commit. `troubled`: the disk failed in between, and nothing that was promised is at stake. */
export type FromWriter =
  | { readonly type: 'opened'; readonly lastPosition: number }
  | { readonly type: 'refused'; readonly fault: OpenFault }
  | { readonly type: 'committed'; readonly fault: CommitFault | null }
  | { readonly type: 'troubled'; readonly detail: string };

export type ReadRequest =
  | { readonly type: 'frames'; readonly query: FrameQuery }
  | { readonly type: 'records'; readonly after: number; readonly limit: number }
  | { readonly type: 'recent' }
  | { readonly type: 'stations' }
  | { readonly type: 'held' }
  | { readonly type: 'tokens' }
  | { readonly type: 'risks' };

export type ToReader =
  | { readonly type: 'read'; readonly id: number; readonly request: ReadRequest }
  | { readonly type: 'close' };

export interface RecordsPage {
  readonly records: readonly PlacedRecord[];
  readonly next: number | null;
}

export type FromReader =
  | {
      readonly type: 'answer';
      readonly id: number;
      readonly answer: ReadAnswer;
      readonly unreadable: readonly (UnreadableBatch | UnreadableRow)[];
    }
  | { readonly type: 'failed'; readonly id: number; readonly detail: string };

export type ReadAnswer =
  | { readonly type: 'frames'; readonly frames: readonly JournalFrame[] }
  | { readonly type: 'records'; readonly page: RecordsPage }
  | { readonly type: 'recent'; readonly records: readonly JournalRecord[] }
  | { readonly type: 'stations'; readonly stations: readonly (readonly [id: string, state: string])[] }
  | { readonly type: 'held'; readonly rows: readonly HeldRow[] }
  | { readonly type: 'tokens'; readonly rows: readonly TokenRow[] }
  | { readonly type: 'risks'; readonly rows: readonly RiskRow[] };
