/**
 * How a call that changes something is made: its audit entry is on disk before anything is done, and says afterwards what came of it.
 *
 * Without the entry it is not done.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AuditIntent, AuditLog, AuditOutcome } from '../ports/audit.ts';
import type { Log } from '../ports/log.ts';
import { problem } from './problem.ts';
import { sendProblem } from './server.ts';

/** What is asked for. */
export type Change = Pick<AuditIntent, 'action' | 'target' | 'request' | 'reason'>;

export interface ChangeMade {
  readonly outcome: AuditOutcome;
  /** Answers the call, once the outcome is written. */
  readonly send: (reply: FastifyReply) => FastifyReply;
}

export interface Changer {
  readonly audit: AuditLog;
  readonly log: Log;
  readonly wallMs: () => number;
}

/** Writes the entry, does it, writes the outcome and answers. */
export async function makeChange(
  { audit, log, wallMs }: Changer,
  request: FastifyRequest,
  reply: FastifyReply,
  change: Change,
  act: () => Promise<ChangeMade>,
): Promise<FastifyReply> {
  const who = request.caller?.name ?? '';
  const intent: AuditIntent = { ...change, at: wallMs(), who, request: bounded(change.request) };
  const begun = await audit.begin(intent);
  if (!begun.ok) {
    log.error('audit_unavailable', { action: change.action, by: who, ...begun.fault });
    const detail = `Nothing was done, because the audit cannot be written (${begun.fault.detail}); try again once the storage works.`;
    return sendProblem(reply, problem('audit-unavailable', detail));
  }
  const settle = async (outcome: AuditOutcome): Promise<void> => {
    const { before, after } = outcome;
    const fault = await audit.settle(begun.value, {
      ...outcome,
      before: bounded(before),
      after: bounded(after),
    });
    const { action, target } = change;
    if (fault !== null)
      log.error('audit_outcome_missing', { entry: begun.value, action, target, by: who, ...fault });
  };
  try {
    const made = await act();
    await settle(made.outcome);
    return made.send(reply);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    await settle({ outcome: 'failed', detail, before: null, after: null });
    throw error;
  }
}

/** Characters of JSON that an entry keeps of one value: it says what was done, and is no copy of it. */
const valueCharactersMax = 4_096;

function bounded(value: unknown): unknown {
  const text = JSON.stringify(value) ?? 'null';
  return text.length <= valueCharactersMax
    ? value
    : { cutAfter: valueCharactersMax, text: text.slice(0, valueCharactersMax) };
}
