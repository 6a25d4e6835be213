/**
 * `GET /stations/{id}/frames`: a station's frames from the journal, page by page.
 */
import type { FastifyInstance } from 'fastify';
import { redactFrame } from '../core/commands/redact.ts';
import type { JournalFrame } from '../core/journal/frame-view.ts';
import type { FrameQuery, JournalReader } from '../ports/journal.ts';
import type { Registry } from '../ports/registry.ts';
import type { StationId } from '../protocol/station-id.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { isoTime } from '../std/iso-time.ts';
import { errorAnswers, jsonAnswer } from './answers.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { isLastPage } from './journal-page.ts';
import { problem, type Problem } from './problem.ts';
import { frameQuery, listLimitDefault, stationParams, type Frame, type FrameListQuery } from './schemas.ts';
import { sendProblem } from './server.ts';
import { badCursor, readStationId, unknownStation } from './station-routes.ts';
import { readTime } from './validation.ts';

export function addFrameRoutes(app: FastifyInstance, registry: Registry, reader: JournalReader): void {
  app.get('/api/v1/stations/:id/frames', {
    config: { role: 'viewer' },
    schema: {
      tags: ['frames'],
      operationId: 'listStationFrames',
      summary: 'Raw frames of a station, both ways and on every link',
      params: stationParams,
      querystring: frameQuery,
      response: { 200: jsonAnswer('A page of frames.', 'FramePage'), ...errorAnswers },
    },
    handler: async (request, reply) => {
      const id = readStationId((request.params as { id: string }).id, 'path.id');
      if (!id.ok) return sendProblem(reply, id.fault);
      const query = readFrameQuery(id.value, request.query as FrameListQuery);
      if (!query.ok) return sendProblem(reply, query.fault);
      const frames = await reader.frames(query.value);
      if (frames.length === 0 && registry.station(id.value) === null)
        return sendProblem(reply, unknownStation(id.value));
      const last = frames.at(-1);
      const hasMore = last !== undefined && !isLastPage(frames, query.value.limit);
      const nextCursor = hasMore ? encodeCursor(listNameOf(query.value), String(last.position)) : null;
      return reply.send({ items: frames.map(presentFrame), nextCursor });
    },
  });
}

/** A frame as the API gives it: what was received or sent, but for secrets in it. */
export function presentFrame(frame: JournalFrame): Frame {
  const { position, at, station, link, direction, kind, messageId, action, text, outcome, latencyMs } = frame;
  return {
    position,
    at: isoTime(at),
    station,
    link,
    direction,
    kind,
    messageId,
    action,
    text: redactFrame(action, text),
    ...(outcome === null ? {} : { relayed: outcome === 'relayed', outcome }),
    ...(latencyMs === null ? {} : { latencyMs }),
  };
}

function readFrameQuery(station: StationId, given: FrameListQuery): Result<FrameQuery, Problem> {
  const { from, to, action, cursor, order = 'asc', limit = listLimitDefault } = given;
  const fromMs = from === undefined ? null : readTime(from);
  const toMs = to === undefined ? null : readTime(to);
  if (fromMs !== null && toMs !== null && fromMs > toMs) {
    const reason = `must not be before query.from (${from})`;
    return fail(problem('invalid-request', `query.to ${reason}`, [{ where: 'query.to', reason }]));
  }
  const query: FrameQuery = {
    station,
    order,
    limit,
    ...(fromMs === null ? {} : { fromMs }),
    ...(toMs === null ? {} : { toMs }),
    ...(action === undefined ? {} : { action }),
  };
  if (cursor === undefined) return ok(query);
  const key = decodeCursor(listNameOf(query), cursor);
  const position = key.ok ? readPosition(key.value) : null;
  return position === null ? fail(badCursor()) : ok({ ...query, after: position });
}

/** Reads a journal position that was handed out as an opaque text. */
export function readPosition(text: string): number | null {
  const position = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(position) ? position : null;
}

function listNameOf(query: FrameQuery): string {
  return `frames-${query.order ?? 'asc'}`;
}
