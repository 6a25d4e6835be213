import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { boundUnsent, unsentCharactersMax } from './unsent.ts';

const pageCharacters = 8 * 1024 * 1024;
const pages = unsentCharactersMax / pageCharacters;

let app: FastifyInstance;
afterEach(() => app.close());

async function started(stalledMs: number): Promise<(path: string) => Promise<IncomingMessage>> {
  app = fastify({ forceCloseConnections: true });
  boundUnsent(app, { stalledMs });
  app.get('/page', (_request, reply) => reply.type('text/plain').send('x'.repeat(pageCharacters)));
  app.get('/small', (_request, reply) => reply.type('text/plain').send('x'));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return async (path) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => undefined).pause();
    return response;
  };
}

test('large answers that nobody reads are refused beyond the bound, small ones are not, and read ones make room', async () => {
  const ask = await started(60_000);
  const unread = await Promise.all(Array.from({ length: pages }, () => ask('/page')));
  expect(unread.map(({ statusCode }) => statusCode)).toEqual(unread.map(() => 200));
  expect((await ask('/page')).statusCode).toBe(503);
  expect((await ask('/small')).statusCode).toBe(200);
  for (const response of unread.slice(0, 1)) {
    response.resume();
    await once(response, 'end');
  }
  await expect.poll(async () => (await ask('/page')).statusCode).toBe(200);
});

test('a client that takes nothing of a large answer is cut off in time, and its place is free', async () => {
  const ask = await started(1_000);
  const unread = await Promise.all(Array.from({ length: pages }, () => ask('/page')));
  expect((await ask('/page')).statusCode).toBe(503);
  await expect.poll(async () => (await ask('/page')).statusCode, { timeout: 10_000 }).toBe(200);
  expect(unread).toHaveLength(pages);
});
