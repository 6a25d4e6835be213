/**
 * `GET /backends`, `GET /backends/{name}`: the configured backends and how their links stand.
 */
import type { FastifyInstance } from 'fastify';
import type { Registry } from '../ports/registry.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { backendParams, noQuery } from './schemas.ts';
import { sendProblem } from './server.ts';
import { unknownBackend } from './unknown-name.ts';

export function addBackendRoutes(app: FastifyInstance, registry: Registry): void {
  app.get('/api/v1/backends', {
    config: { role: 'viewer' },
    schema: {
      tags: ['backends'],
      operationId: 'listBackends',
      summary: 'Every configured backend',
      querystring: noQuery,
      response: { 200: jsonAnswer('All of them, in one page.', 'BackendPage'), ...errorAnswers },
    },
    handler: (_request, reply) => reply.send({ items: registry.backends(), nextCursor: null }),
  });
  app.get('/api/v1/backends/:name', {
    config: { role: 'viewer' },
    schema: {
      tags: ['backends'],
      operationId: 'getBackend',
      summary: 'One backend',
      params: backendParams,
      querystring: noQuery,
      response: { 200: jsonAnswer('The backend.', 'Backend'), ...errorAnswers },
    },
    handler: (request, reply) => {
      const { name } = request.params as { name: string };
      const wrong = unknownBackend(registry, name);
      return wrong === null
        ? reply.send(registry.backends().find((backend) => backend.name === name))
        : sendProblem(reply, wrong);
    },
  });
}
