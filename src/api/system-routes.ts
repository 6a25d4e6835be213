/**
 * `/livez`, `/readyz`, `/metrics` and the OpenAPI document.
 *
 * Ready means: storage can be written, the listener is open and the gateway is not draining. Backends do not matter: taking a gateway out of
 * service because a backend is down would cut stations off from the others.
 */
import type { FastifyInstance } from 'fastify';
import type { JournalTrouble } from '../ports/journal.ts';
import type { MetricsPage } from '../ports/metrics.ts';
import { errorAnswers, jsonAnswer, problemAnswer, textAnswer } from './answers.ts';
import { problem } from './problem.ts';
import { noQuery } from './schemas.ts';
import { sendProblem } from './server.ts';

export interface Readiness {
  /** Why the journal cannot be written; null: it can. */
  readonly journalTrouble: JournalTrouble | null;
  readonly listenerOpen: boolean;
  readonly draining: boolean;
}

export function addSystemRoutes(
  app: FastifyInstance,
  readiness: () => Readiness,
  metrics: MetricsPage,
): void {
  app.get('/livez', {
    config: { role: 'open' },
    schema: {
      tags: ['system'],
      operationId: 'getLiveness',
      summary: 'Whether the process answers',
      response: { 200: jsonAnswer('It does.', 'Alive') },
    },
    handler: (_request, reply) => reply.send({ status: 'alive' }),
  });
  app.get('/readyz', {
    config: { role: 'open' },
    schema: {
      tags: ['system'],
      operationId: 'getReadiness',
      summary: 'Whether stations can be taken',
      response: {
        200: jsonAnswer('They can.', 'Ready'),
        503: problemAnswer('They cannot; `errors` says why.'),
      },
    },
    handler: (_request, reply) => {
      const reasons = reasonsAgainst(readiness());
      if (reasons.length === 0) return reply.send({ status: 'ready' });
      return sendProblem(
        reply,
        problem('not-ready', reasons.map(({ reason }) => reason).join('; '), reasons),
      );
    },
  });
  app.get('/metrics', {
    config: { role: 'viewer' },
    schema: {
      tags: ['system'],
      operationId: 'getMetrics',
      summary: 'Measurements in the Prometheus text format',
      response: { 200: textAnswer('Every series.', 'text/plain'), ...errorAnswers },
    },
    handler: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  });
  app.get('/api/v1/openapi.json', {
    config: { role: 'viewer' },
    schema: {
      tags: ['system'],
      operationId: 'getOpenApi',
      summary: 'This description, as OpenAPI 3.1',
      querystring: noQuery,
      response: {
        200: {
          description: 'The document.',
          content: { 'application/json': { schema: { type: 'object' } } },
        },
        ...errorAnswers,
      },
    },
    handler: (_request, reply) => reply.send(app.swagger()),
  });
}

function reasonsAgainst({
  journalTrouble,
  listenerOpen,
  draining,
}: Readiness): { where: string; reason: string }[] {
  return [
    ...(journalTrouble === null
      ? []
      : [{ where: 'storage', reason: `the journal cannot be written: ${troubles[journalTrouble]}` }]),
    ...(listenerOpen ? [] : [{ where: 'listener', reason: 'the listener for stations is not open' }]),
    ...(draining ? [{ where: 'process', reason: 'Busbar is draining' }] : []),
  ];
}

/** Probes are open to all, so that places and the system's own words are left to the log. */
const troubles: Readonly<Record<JournalTrouble, string>> = {
  disk_full: 'the disk is full',
  disk_failing: 'the disk fails, or the file is not where it was; the log says which (journal_commit_failed)',
  store_stopped: 'its thread ended; the log says why (journal_commit_failed)',
  stalled: 'the disk hangs',
  bound_reached: 'more waits for the disk than may be kept in memory',
};
