/**
 * The audit in the journal's file: the main thread's end.
 */
import type { AuditLog } from '../../ports/audit.ts';
import { ok } from '../../std/result.ts';
import type { AuditAnswer, AuditRequest, AuditThreadData } from './audit-messages.ts';
import { besidePlaceOf, createBesideAsker } from './beside-asker.ts';

export interface SqliteAuditOptions {
  /** Of a journal that was opened before. */
  readonly file: string;
  readonly entriesMax: number;
}

export function createSqliteAudit({ file, entriesMax }: SqliteAuditOptions): AuditLog {
  const data: AuditThreadData = { ...besidePlaceOf(file), entriesMax };
  const entry = new URL('./audit-thread.ts', import.meta.url);
  const thread = createBesideAsker<AuditRequest, AuditAnswer>(entry, data, 'the audit');
  return {
    async begin(intent) {
      const answer = await thread.ask<'begin'>({ type: 'begin', intent });
      return answer.ok ? ok(answer.value.entry) : answer;
    },
    async settle(entryId, outcome) {
      const answer = await thread.ask<'settle'>({ type: 'settle', entry: entryId, outcome });
      return answer.ok ? null : answer.fault;
    },
    async list(before, limit) {
      const answer = await thread.ask<'list'>({ type: 'list', before, limit });
      return answer.ok ? ok(answer.value.entries) : answer;
    },
    close: () => thread.close(),
  };
}
