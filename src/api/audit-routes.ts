/**
 * `GET /audit`: who changed what, when and why, and what came of it.
 */
import type { FastifyInstance } from 'fastify';
import type { AuditEntry, AuditLog } from '../ports/audit.ts';
import { isoTime } from '../std/iso-time.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { readPosition } from './frame-routes.ts';
import { problem } from './problem.ts';
import { auditQuery, listLimitDefault, type Audit, type AuditQuery } from './schemas.ts';
import { sendProblem } from './server.ts';
import { badCursor } from './station-routes.ts';

const listName = 'audit';

export function addAuditRoutes(app: FastifyInstance, audit: AuditLog): void {
  app.get('/api/v1/audit', {
    config: { role: 'viewer' },
    schema: {
      tags: ['audit'],
      operationId: 'listAudit',
      summary: 'Every change by way of this API, newest first',
      description:
        'An entry is on disk before its change is made; without it the change is refused. The newest 100,000 are kept.',
      querystring: auditQuery,
      response: { 200: jsonAnswer('A page of entries.', 'AuditPage'), ...errorAnswers },
    },
    handler: async (request, reply) => {
      const { cursor, limit = listLimitDefault } = request.query as AuditQuery;
      const key = cursor === undefined ? null : decodeCursor(listName, cursor);
      const before = key === null ? null : key.ok ? readPosition(key.value) : null;
      if (key !== null && before === null) return sendProblem(reply, badCursor());
      const page = await audit.list(before, limit + 1);
      if (!page.ok)
        return sendProblem(
          reply,
          problem('storage-unavailable', 'The audit cannot be read now; try again later.'),
        );
      const items = page.value.slice(0, limit);
      const last = items.at(-1);
      const hasMore = page.value.length > limit && last !== undefined;
      const nextCursor = hasMore ? encodeCursor(listName, String(last.id)) : null;
      return reply.send({ items: items.map(presentEntry), nextCursor });
    },
  });
}

function presentEntry(entry: AuditEntry): Audit {
  return { ...entry, at: isoTime(entry.at) };
}
