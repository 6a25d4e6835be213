/**
 * What arrives from a station, and what it is to the ledger.
 *
 * Pure.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import type { IdChange } from './change.ts';

/** A call or SEND of the station as it arrives. */
export interface ArrivedCall {
  readonly version: OcppVersion;
  readonly action: string;
  /** The content key of a transaction message: the same for a repeat of it, and for nothing else. '' for others. */
  readonly key: string;
}

/** Who is there, when a call arrives. */
export interface Attendance {
  readonly primary: string;
  /** Who answers this action, where that is not the primary. */
  readonly authority?: string;
  /** Whose the station was before it was cut over; none: there is nobody to go back to. */
  readonly before?: Predecessor | null;
  /** Backends besides the primary that may own a transaction which they started. */
  readonly owners: readonly string[];
  /** Backends besides its owner that get a transaction which begins now. */
  readonly listeners: readonly string[];
}

/** The primary before the last cutover. */
export interface Predecessor {
  readonly backend: string;
  /** A start from the days before this time is its: the cutover; wall clock, milliseconds since 1970. 0: none is. */
  readonly startsUntil: number;
}

/** The wall clock, milliseconds since 1970: the only thing besides the ledger that a decision depends on. */
export interface IdContext {
  readonly wallMs: number;
}

/** What a call is to the ledger. */
export interface Arrival {
  /** The backend it belongs to; null: the route decides. */
  readonly owner: string | null;
  /** The key of its transaction, to be kept with the call until it is sent; null when it has none that is known. */
  readonly transaction: string | null;
  /** The backend whose remote start began this transaction. */
  readonly issuer: string | null;
  readonly changes: readonly IdChange[];
}

/** A call that the ledger has nothing to say of. */
export const nobodys: Arrival = { owner: null, transaction: null, issuer: null, changes: [] };
