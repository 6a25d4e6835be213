import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addIdempotency, idempotencyKeysMax, idempotencyMs } from './idempotency.ts';

let app: FastifyInstance;
let nowMs = 0;
let made: string[] = [];
let answer = 'done';

beforeEach(() => {
  nowMs = 0;
  made = [];
  answer = 'done';
  app = fastify();
  addIdempotency(app, { nowMs: () => nowMs });
  app.decorateRequest('caller', null);
  app.post('/change', {
    config: { role: 'admin', changes: true },
    handler: (request, reply) => {
      made.push(String(request.headers['idempotency-key']));
      return reply.type('text/plain').send(answer);
    },
  });
});
afterEach(() => app.close());

const change = async (key: string): Promise<string> => {
  const { body } = await app.inject({ method: 'POST', url: '/change', headers: { 'idempotency-key': key } });
  return body;
};

describe('what is remembered of keys', () => {
  test('ends after a day', async () => {
    await change('a');
    nowMs = idempotencyMs - 1;
    await change('a');
    expect(made).toEqual(['a']);
    nowMs = idempotencyMs;
    await change('a');
    expect(made).toEqual(['a', 'a']);
  });

  test('is bounded in keys: the oldest is forgotten', async () => {
    for (let serial = 0; serial <= idempotencyKeysMax; serial += 1) await change(`k-${serial}`);
    expect(made).toHaveLength(idempotencyKeysMax + 1);
    await change('k-1');
    expect(made, 'the second is still there').toHaveLength(idempotencyKeysMax + 1);
    await change('k-0');
    expect(made.at(-1)).toBe('k-0');
  });

  test('is bounded in answers: the oldest is forgotten', async () => {
    answer = 'x'.repeat(1024 * 1024);
    for (let serial = 0; serial < 17; serial += 1) await change(`k-${serial}`);
    expect((await change('k-16')).length).toBe(answer.length);
    expect((await change('k-1')).length).toBe(answer.length);
    expect(made).toHaveLength(17);
    await change('k-0');
    expect(made).toHaveLength(18);
  });
});
