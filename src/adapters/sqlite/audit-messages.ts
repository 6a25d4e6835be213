/**
 * What the audit's thread and the main one say to each other.
 */
import type { AuditEntry, AuditFault, AuditIntent, AuditOutcome } from '../../ports/audit.ts';
import type { Result } from '../../std/result.ts';

export interface AuditThreadData {
  readonly file: string;
  readonly entriesMax: number;
}

export type AuditRequest =
  | { readonly type: 'begin'; readonly intent: AuditIntent }
  | { readonly type: 'settle'; readonly entry: number; readonly outcome: AuditOutcome }
  | { readonly type: 'list'; readonly before: number | null; readonly limit: number };

export type ToAudit =
  | { readonly type: 'ask'; readonly id: number; readonly request: AuditRequest }
  | { readonly type: 'close' };

export type AuditAnswer =
  | { readonly type: 'begun'; readonly entry: number }
  | { readonly type: 'settled' }
  | { readonly type: 'listed'; readonly entries: readonly AuditEntry[] };

export interface FromAudit {
  readonly id: number;
  readonly answer: Result<AuditAnswer, AuditFault>;
}
