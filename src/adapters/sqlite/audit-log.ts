/**
 * The audit in the journal's file: the main thread's end. The thread is started by the first request, since most gateways change seldom.
 */
import type { AuditFault, AuditLog } from '../../ports/audit.ts';
import { assert } from '../../std/assert.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import type { AuditAnswer, AuditRequest, AuditThreadData, FromAudit, ToAudit } from './audit-messages.ts';
import { startThread, type Thread } from './thread.ts';

export interface SqliteAuditOptions {
  /** Of a journal that was opened before. */
  readonly file: string;
  readonly entriesMax: number;
}

/** A disk that takes longer counts as failing. */
const answerMs = 10_000;

export function createSqliteAudit(options: SqliteAuditOptions): AuditLog {
  const waiting = new Map<number, (answer: Result<AuditAnswer, AuditFault>) => void>();
  let thread: Thread<ToAudit, FromAudit> | null = null;
  let lastId = 0;
  let isClosed = false;

  const settle = (id: number, answer: Result<AuditAnswer, AuditFault>): void => {
    waiting.get(id)?.(answer);
    waiting.delete(id);
  };
  const start = (): Thread<ToAudit, FromAudit> => {
    const data: AuditThreadData = options;
    const started = startThread<ToAudit, FromAudit>(new URL('./audit-thread.ts', import.meta.url), data);
    started.onMessage(({ id, answer }) => settle(id, answer));
    started.onEnd((detail) => {
      thread = null;
      for (const id of waiting.keys()) settle(id, unavailable(detail));
    });
    return started;
  };
  const ask = async (request: AuditRequest): Promise<Result<AuditAnswer, AuditFault>> => {
    if (isClosed) return unavailable('the audit is closed');
    thread ??= start();
    lastId += 1;
    const id = lastId;
    const answer = Promise.withResolvers<Result<AuditAnswer, AuditFault>>();
    waiting.set(id, answer.resolve);
    const deadline = setTimeout(
      () => settle(id, unavailable(`no answer from the disk within ${answerMs} ms`)),
      answerMs,
    );
    thread.send({ type: 'ask', id, request });
    const settled = await answer.promise;
    clearTimeout(deadline);
    return settled;
  };

  return {
    async begin(intent) {
      const answer = await ask({ type: 'begin', intent });
      if (!answer.ok) return answer;
      assert(answer.value.type === 'begun', 'an answer is of its request’s type');
      return ok(answer.value.entry);
    },
    async settle(entry, outcome) {
      const answer = await ask({ type: 'settle', entry, outcome });
      return answer.ok ? null : answer.fault;
    },
    async list(before, limit) {
      const answer = await ask({ type: 'list', before, limit });
      if (!answer.ok) return answer;
      assert(answer.value.type === 'listed', 'an answer is of its request’s type');
      return ok(answer.value.entries);
    },
    async close() {
      isClosed = true;
      const closing = thread;
      closing?.send({ type: 'close' });
      await closing?.ended;
    },
  };
}

function unavailable(detail: string): { readonly ok: false; readonly fault: AuditFault } {
  return fail({ fault: 'unavailable', detail });
}
