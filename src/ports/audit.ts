/**
 * Who changed what, when and why, and what came of it: durable before it is done.
 */
import type { Result } from '../std/result.ts';

/** What is about to be done. */
export interface AuditIntent {
  /** Wall clock, milliseconds since 1970. */
  readonly at: number;
  /** The token's name, or `loopback`. */
  readonly who: string;
  /** `station.command`, `config.reload` and the like. */
  readonly action: string;
  /** The station it is done to; null: the gateway as a whole. */
  readonly target: string | null;
  /** What was asked for, as JSON can hold it. */
  readonly request: unknown;
  /** Why, in the caller's words. */
  readonly reason: string | null;
}

/** What came of it. `refused`: nothing was changed. `failed`: it was tried, and did not succeed or is not known to have. */
export interface AuditOutcome {
  readonly outcome: 'done' | 'refused' | 'failed';
  /** A sentence, where it is not simply done. */
  readonly detail: string | null;
  /** What it was before and after, as JSON can hold it; null where that means nothing. */
  readonly before: unknown;
  readonly after: unknown;
}

export interface AuditEntry extends AuditIntent, Omit<AuditOutcome, 'outcome'> {
  /** Grows, from 1. */
  readonly id: number;
  /** `unknown`: it was begun; it still runs, or Busbar ended before it could be written what came of it. */
  readonly outcome: AuditOutcome['outcome'] | 'unknown';
}

export interface AuditFault {
  readonly fault: 'disk_full' | 'unavailable';
  /** In the store's words. */
  readonly detail: string;
}

/** Keeps the newest entries, as many as it was made for. Nothing here rejects, and everything settles within seconds. */
export interface AuditLog {
  /** Gives the entry's id once it is on disk. On a fault it may not be done. */
  begin(intent: AuditIntent): Promise<Result<number, AuditFault>>;
  /** On a fault the entry stays, with an unknown outcome. */
  settle(id: number, outcome: AuditOutcome): Promise<AuditFault | null>;
  /** Newest first; `before` null starts with the newest, else with the one before that id. */
  list(before: number | null, limit: number): Promise<Result<readonly AuditEntry[], AuditFault>>;
  close(): Promise<void>;
}
