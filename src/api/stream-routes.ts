/**
 * `GET /frames/stream`: who may follow, from where, and how many at once.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { JournalReader } from '../ports/journal.ts';
import type { JournalFeed } from '../ports/registry.ts';
import type { StationId } from '../protocol/station-id.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { errorAnswers, textAnswer } from './answers.ts';
import { readPosition } from './frame-routes.ts';
import { followFrames, isAhead, newestPosition } from './frame-stream.ts';
import { problem, type Problem } from './problem.ts';
import { streamQuery } from './schemas.ts';
import { sendProblem } from './server.ts';
import { readStationId } from './station-routes.ts';

/** Streams at one time; each may hold back `behindBytesMax`. */
export const streamsMax = 64;
const behindBytesMax = 2 * 1024 * 1024;
const heartbeatMs = 15_000;
/** A client that has taken nothing for this long is cut off. Longer than the heartbeat, which a client in good health takes. */
const stalledMs = 60_000;

export interface StreamRoutes {
  /** Ends every stream with a comment; their clients resume by themselves. */
  endStreams(): void;
}

export function addStreamRoutes(
  app: FastifyInstance,
  reader: JournalReader,
  feed: JournalFeed,
): StreamRoutes {
  const open = new Set<AbortController>();
  app.get('/api/v1/frames/stream', {
    config: { role: 'viewer' },
    exposeHeadRoute: false,
    schema: {
      tags: ['frames'],
      operationId: 'streamFrames',
      summary: 'Frames as they happen, as server-sent events',
      description:
        'Each event’s `id` is an opaque stream id and its `data` a Frame. `Last-Event-ID`, or `after`, resumes after an id without loss or repetition, as far back as frames are kept.',
      querystring: streamQuery,
      headers: streamHeaders,
      response: {
        200: textAnswer('Events, until either side ends it.', 'text/event-stream'),
        ...errorAnswers,
      },
    },
    handler: async (request, reply) => {
      const asked = readStreamRequest(request);
      if (!asked.ok) return sendProblem(reply, asked.fault);
      if (open.size >= streamsMax)
        return sendProblem(reply, problem('too-many-streams', `${streamsMax} streams are open already.`));
      // Before anything is waited for: a client that goes meanwhile gives its place back, and a reload ends this stream like the others.
      const { signal } = openUntilClosed(open, reply);
      const newest = await newestPosition(reader);
      const { station, after = newest } = asked.value;
      if (after > newest && (await isAhead(reader, after)))
        return sendProblem(reply, badStreamId('is not of this journal: it lies ahead of its newest record'));
      request.socket.setTimeout(stalledMs, () => request.socket.destroy());
      const text = followFrames({ reader, feed, station, after, heartbeatMs, behindBytesMax, signal });
      return reply.type('text/event-stream').send(Readable.from(text));
    },
  });
  return {
    endStreams: () => {
      for (const controller of open) controller.abort();
    },
  };
}

const streamHeaders = {
  type: 'object',
  properties: { 'last-event-id': { type: 'string', maxLength: 40 } },
} as const;

function openUntilClosed(open: Set<AbortController>, reply: FastifyReply): AbortController {
  const controller = new AbortController();
  open.add(controller);
  reply.raw.once('close', () => {
    open.delete(controller);
    controller.abort();
  });
  return controller;
}

function readStreamRequest(
  request: FastifyRequest,
): Result<{ station: StationId | null; after?: number }, Problem> {
  const query = request.query as { station?: string; after?: string };
  const id = query.station === undefined ? ok(null) : readStationId(query.station, 'query.station');
  if (!id.ok) return id;
  // A browser that reconnects repeats the query it began with and adds the header: the header is newer.
  const lastEventId = request.headers['last-event-id'];
  const given = typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : query.after;
  if (given === undefined) return ok({ station: id.value });
  const after = readPosition(given);
  return after === null
    ? fail(badStreamId('must be the id of an event of this stream'))
    : ok({ station: id.value, after });
}

function badStreamId(reason: string): Problem {
  const where = 'query.after or Last-Event-ID';
  return problem('invalid-request', `${where} ${reason}`, [{ where, reason }]);
}
