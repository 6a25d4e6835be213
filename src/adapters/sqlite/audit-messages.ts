/**
 * What the audit's thread and the main one say to each other.
 */
import type { AuditEntry, AuditIntent, AuditOutcome } from '../../ports/audit.ts';
import type { BesidePlace } from './beside-asker.ts';

export interface AuditThreadData extends BesidePlace {
  readonly entriesMax: number;
}

export type AuditRequest =
  | { readonly type: 'begin'; readonly intent: AuditIntent }
  | { readonly type: 'settle'; readonly entry: number; readonly outcome: AuditOutcome }
  | { readonly type: 'list'; readonly before: number | null; readonly limit: number };

export type AuditAnswer =
  | { readonly type: 'begin'; readonly entry: number }
  | { readonly type: 'settle' }
  | { readonly type: 'list'; readonly entries: readonly AuditEntry[] };
