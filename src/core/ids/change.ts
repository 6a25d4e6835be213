/**
 * What can happen to a ledger of identifiers.
 *
 * Pure, types only. Decisions return these; whoever made them records them and hands them to `applyIdChange`, so that live, after a restart and in
 * the simulator the ledger is the same.
 */
import type { IdFamily, ObjectKind } from './ledger.ts';

/** Plain JSON. `atMs` is the wall clock, milliseconds since 1970. */
export type IdChange =
  /** A start was received; `to` are the backends that get it. Again for a row that is there: those that gave no number are asked once more. */
  | {
      readonly type: 'transaction_opened';
      readonly key: string;
      readonly family: IdFamily;
      readonly ext: string | null;
      readonly owner: string;
      readonly connectorId: number | null;
      readonly idTag: string | null;
      readonly meterStart: number | null;
      readonly startedAt: string | null;
      readonly to: readonly string[];
      /** What each of `to` calls it: unknown yet, or the same as the station (it began before Busbar was there). */
      readonly ids: 'pending' | 'shown' | 'as_station';
      /** Its start has come for the first time: it is neither repeated, nor was it under way before Busbar knew of it. */
      readonly isBeginning: boolean;
      readonly atMs: number;
    }
  /** A backend answered a 1.6 start; `ext` where that settled what the station calls it. */
  | {
      readonly type: 'transaction_answered';
      readonly key: string;
      readonly backend: string;
      readonly id: string;
      readonly ext: string | null;
    }
  /** A backend did not get a start, or gave no answer to it. */
  | { readonly type: 'transaction_unanswered'; readonly key: string; readonly backend: string }
  /** Another backend has it from now on: `to` owns it, and gets its start where it never did; `isAnew`: once more, since it did not take it. */
  | {
      readonly type: 'transaction_handed';
      readonly key: string;
      readonly to: string;
      readonly isAnew?: true;
    }
  /** An operator decided that this backend never gets a message of it; `call`: what all ids of that have in common. */
  | {
      readonly type: 'transaction_dropped';
      readonly key: string;
      readonly backend: string;
      readonly call: string;
    }
  /** Who it is that charges, where the start did not say (2.x). */
  | { readonly type: 'transaction_driver'; readonly key: string; readonly idTag: string }
  /** Where it is, which its start did not say (2.x: authorised before it was plugged in). */
  | { readonly type: 'transaction_located'; readonly key: string; readonly connectorId: number }
  /** The station has used the number it was given. */
  | { readonly type: 'transaction_confirmed'; readonly key: string }
  /** Messages of it are held, or are no more: it keeps its row for so long, since what a backend calls it is written into them when they leave. */
  | {
      readonly type: 'transaction_held';
      readonly key: string;
      readonly isHeld: boolean;
      readonly atMs: number;
    }
  | {
      readonly type: 'transaction_ended';
      readonly key: string;
      /** Whose it was in the end. */
      readonly owner: string;
      readonly stopKey: string | null;
      readonly atMs: number;
    }
  | {
      readonly type: 'request_opened';
      readonly kind: 'request' | 'remote_start';
      readonly minted: number;
      readonly backend: string;
      readonly token: string;
      readonly action: string;
      readonly idTag: string | null;
      readonly connectorId: number | null;
      readonly atMs: number;
    }
  | { readonly type: 'request_closed'; readonly minted: number; readonly atMs: number }
  /** What reports back without a number is reported to this one from now on; null: to nobody in particular. */
  | { readonly type: 'issued'; readonly action: string; readonly backend: string | null }
  | {
      readonly type: 'object_written';
      readonly kind: ObjectKind;
      readonly backend: string;
      readonly id: string;
      readonly ext: string;
      /** It goes with a transaction or a driver. */
      readonly isPassing?: true;
      /** When a reservation expires. */
      readonly endsAt?: number;
      readonly atMs: number;
    }
  | {
      readonly type: 'object_ended';
      readonly kind: ObjectKind;
      readonly backend: string;
      readonly ext: string;
      readonly atMs: number;
    }
  | { readonly type: 'list_installed'; readonly backend: string; readonly version: string };
