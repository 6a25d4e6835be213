/**
 * `/livez`, `/readyz`, `/metrics` and the OpenAPI document.
 *
 * Ready means: storage can be written, the listener is open and the gateway is not draining. Backends do not matter: taking a gateway out of
 * service because a backend is down would cut stations off from the others.
 */
import type { FastifyInstance } from 'fastify';
import type { MetricsPage } from '../ports/metrics.ts';
import { errorAnswers, jsonAnswer, problemAnswer, textAnswer } from './answers.ts';
import { problem } from './problem.ts';
import { noQuery } from './schemas.ts';
import { sendProblem } from './server.ts';

export interface Readiness {
  readonly storageWritable: boolean;
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
  storageWritable,
  listenerOpen,
  draining,
}: Readiness): { where: string; reason: string }[] {
  return [
    ...(storageWritable ? [] : [{ where: 'storage', reason: 'the journal cannot be written' }]),
    ...(listenerOpen ? [] : [{ where: 'listener', reason: 'the listener for stations is not open' }]),
    ...(draining ? [{ where: 'process', reason: 'Busbar is draining' }] : []),
  ];
}
