/**
 * `Idempotency-Key`: a state-changing call that is sent again under the same key is not done again, but answered as the first was.
 *
 * The memory is this process's and bounded: 10,000 keys, 24 hours, 16 MiB of answers; beyond, the oldest are forgotten. A call that comes while the first
 * still runs waits for its answer. Answers that say that nothing was changed are not kept, so that a call may be tried again with its key. Each
 * token has keys of its own.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problem, problemMediaType } from './problem.ts';

export interface IdempotencyOptions {
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number;
}

/** Keys remembered at one time. */
export const idempotencyKeysMax = 10_000;
/** How long a key is remembered. */
export const idempotencyMs = 24 * 3_600_000;
const answerCharactersMax = 16 * 1024 * 1024;

/** The header, as routes declare it. */
export const idempotencyHeaders = {
  type: 'object',
  properties: {
    'idempotency-key': {
      type: 'string',
      minLength: 1,
      maxLength: 200,
      pattern: '^[\\x21-\\x7e]+$',
      description:
        'Chosen by the caller. The same call again under the same key is answered as the first was, and not done again, for 24 hours, for the newest 10,000 keys, and as long as Busbar runs. Another call under the same key is 422.',
    },
  },
} as const;

declare module 'fastify' {
  interface FastifyRequest {
    /** The memory of this call under its key; null without one. */
    remembered: RememberedCall | null;
  }
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

interface RememberedCall {
  readonly key: string;
  readonly digest: string;
  readonly atMs: number;
  /** null: it changed nothing and is forgotten. */
  readonly answer: Promise<Answer | null>;
  readonly settle: (answer: Answer | null) => void;
  characters: number;
}

/** Adds it to every route that says that it changes something. */
export function addIdempotency(app: FastifyInstance, { nowMs }: IdempotencyOptions): void {
  const calls = new Map<string, RememberedCall>();
  let characters = 0;

  const forget = (call: RememberedCall): void => {
    if (calls.get(call.key) !== call) return;
    calls.delete(call.key);
    characters -= call.characters;
  };
  const makeRoom = (): void => {
    for (const call of calls.values()) {
      const isOver = calls.size > idempotencyKeysMax || characters > answerCharactersMax;
      if (!isOver && nowMs() - call.atMs < idempotencyMs) return;
      forget(call);
    }
  };
  const remember = (key: string, digest: string): RememberedCall => {
    const answer = Promise.withResolvers<Answer | null>();
    const call: RememberedCall = {
      key,
      digest,
      atMs: nowMs(),
      answer: answer.promise,
      settle: answer.resolve,
      characters: 0,
    };
    calls.set(key, call);
    makeRoom();
    return call;
  };

  app.decorateRequest('remembered', null);
  app.addHook('preHandler', async (request, reply) => {
    const given = request.headers['idempotency-key'];
    if (request.routeOptions.config.changes !== true || typeof given !== 'string') return undefined;
    const key = JSON.stringify([request.caller?.name, given]);
    const digest = digestOf(request);
    makeRoom();
    for (let known = calls.get(key); known !== undefined; known = calls.get(key)) {
      if (known.digest !== digest)
        return reply.code(usedBefore.status).type(problemMediaType).send(JSON.stringify(usedBefore));
      const answer = await known.answer;
      if (answer !== null) return replay(reply, answer);
    }
    request.remembered = remember(key, digest);
    return undefined;
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const call = request.remembered;
    if (call === null) return payload;
    request.remembered = null;
    const body = typeof payload === 'string' ? payload : '';
    if (isUnchanging(reply.statusCode)) {
      forget(call);
      call.settle(null);
      return payload;
    }
    if (calls.get(call.key) === call) {
      call.characters = body.length;
      characters += body.length;
    }
    call.settle({
      status: reply.statusCode,
      type: String(reply.getHeader('content-type') ?? 'application/json'),
      body,
    });
    makeRoom();
    return payload;
  });
}

const usedBefore = problem(
  'key-used-before',
  'Another call was made under this Idempotency-Key; a key stands for one call, so choose a new one.',
);

/** Refusals, and that something is out of service: nothing was done, and trying again makes sense. */
function isUnchanging(status: number): boolean {
  return status === 503 || (status >= 400 && status < 500);
}

function digestOf(request: FastifyRequest): string {
  const call = JSON.stringify([request.method, request.url, request.body ?? null]);
  return createHash('sha256').update(call).digest('base64');
}

function replay(reply: FastifyReply, { status, type, body }: Answer): FastifyReply {
  return reply.code(status).type(type).header('idempotency-replayed', 'true').send(body);
}
