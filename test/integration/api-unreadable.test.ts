import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, post } from './api-call.ts';
import { heartbeat, startWorld, type World } from './api-world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.journal.commit(...Array.from({ length: 2 }, (_, serial) => heartbeat('CP-1', serial)));
});
afterAll(() => world.api.close());

describe('what cannot be understood', () => {
  test.each([
    ['/api/v1/stations?limit=0', 'query.limit'],
    ['/api/v1/stations?limit=1001', 'query.limit'],
    ['/api/v1/stations?limit=ten', 'query.limit'],
    ['/api/v1/stations?limit=1&limit=2', 'query.limit'],
    ['/api/v1/stations?connected=maybe', 'query.connected'],
    ['/api/v1/stations?vendro=ABB', 'query.vendro'],
    ['/api/v1/stations?q=', 'query.q'],
    ['/api/v1/stations?__proto__=x', 'query.__proto__'],
    ['/api/v1/stations?cursor=zzz', 'query.cursor'],
    ['/api/v1/stations/CP-1?verbose=1', 'query.verbose'],
    ['/api/v1/stations/CP%3A1', 'path.id'],
    ['/api/v1/stations/CP%201', 'path.id'],
    [`/api/v1/stations/${'C'.repeat(49)}`, 'path.id'],
    ['/api/v1/stations/CP-1/frames?from=yesterday', 'query.from'],
    ['/api/v1/stations/CP-1/frames?from=2026-12-01', 'query.from'],
    ['/api/v1/stations/CP-1/frames?to=2026-13-01T00:00:00Z', 'query.to'],
    ['/api/v1/stations/CP-1/frames?from=2026-12-02T00:00:00Z&to=2026-12-01T00:00:00Z', 'query.to'],
    ['/api/v1/stations/CP-1/frames?order=newest', 'query.order'],
    ['/api/v1/stations/CP-1/frames?cursor=zzz', 'query.cursor'],
    ['/api/v1/stations/CP-1/frames?action=', 'query.action'],
    ['/api/v1/frames/stream?station=CP%3A1', 'query.station'],
    ['/api/v1/frames/stream?after=now', 'query.after or Last-Event-ID'],
    ['/api/v1/frames/stream?after=99999999', 'query.after or Last-Event-ID'],
    ['/api/v1/frames/stream?after=99999999999999999999', 'query.after or Last-Event-ID'],
    ['/api/v1/backends?limit=1', 'query.limit'],
  ])('%s is 422 and says where: %s', async (path, where) => {
    const { status, type, body } = await call(world, path);
    expect([status, type, body.type]).toEqual([
      422,
      'application/problem+json',
      'urn:busbar:problem:invalid-request',
    ]);
    expect(body.errors.map((item: { where: string }) => item.where)).toContain(where);
    expect(body.detail).toContain(where);
  });

  const words: readonly [string, string, object, string][] = [
    ['GET', '/stations?limit=0', {}, 'query.limit must be 1 or more'],
    ['GET', '/stations?limit=1001', {}, 'query.limit may be 1000 at most'],
    ['GET', '/stations?limit=1.5', {}, 'query.limit must be a whole number'],
    ['GET', '/stations?connected=maybe', {}, 'query.connected must be true or false'],
    ['GET', '/stations?q=', {}, 'query.q must not be blank'],
    ['GET', `/stations?q=${'x'.repeat(201)}`, {}, 'query.q may have 200 characters at most'],
    ['POST', '/config/reload', post({ reason: '' }), 'body.reason must not be blank'],
    ['POST', '/config/reload', post('[]'), 'body must be a JSON object'],
    [
      'POST',
      '/stations/CP-1/commands',
      post({ action: 'Re set', payload: [] }),
      'body.action is not written as it should be: The OCPP action, such as Reset, in the version that the station speaks; body.payload must be a JSON object',
    ],
  ];
  test.each(words)('%s %s with %j is told in words: %s', async (method, path, init, detail) => {
    const { status, body } = await call(world, `/api/v1${path}`, { ...(init as RequestInit), method });
    expect([status, body.detail]).toEqual([422, detail]);
  });

  test('headers that are too large are told apart from what is no HTTP', async () => {
    const large = await call(world, '/livez', { headers: { 'x-a': 'a'.repeat(20_000) } });
    expect([large.status, large.type, large.body.type]).toEqual([
      431,
      'application/problem+json',
      'urn:busbar:problem:headers-too-large',
    ]);
  });

  test('a cursor of the other order, and one of another list, are refused', async () => {
    const page = await call(world, '/api/v1/stations/CP-1/frames?limit=1&order=desc');
    const descending = page.body.nextCursor as string;
    expect(descending).toBeTruthy();
    expect((await call(world, `/api/v1/stations/CP-1/frames?cursor=${descending}`)).status).toBe(422);
    expect((await call(world, `/api/v1/stations?cursor=${descending}`)).status).toBe(422);
  });

  test.each([
    ['GET', '/nothing', {}, 404, 'not-found'],
    ['GET', '/api/v1/', {}, 404, 'not-found'],
    ['GET', '/api/v1/stations/%zz', {}, 400, 'bad-request'],
    ['DELETE', '/api/v1/stations', {}, 405, 'method-not-allowed'],
    ['GET', '/api/v1/config/reload', {}, 405, 'method-not-allowed'],
    ['OPTIONS', '/api/v1/stations', {}, 405, 'method-not-allowed'],
    [
      'POST',
      '/api/v1/config/reload',
      { body: 'reason=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'not-json',
    ],
    [
      'POST',
      '/api/v1/config/reload',
      { body: '{"reason":"x"}', headers: { 'content-type': 'text/plain' } },
      415,
      'not-json',
    ],
    ['POST', '/api/v1/config/reload', post('{"reason":'), 400, 'bad-request'],
    ['POST', '/api/v1/config/reload', post('{"__proto__":{"reason":"x"}}'), 400, 'bad-request'],
    ['POST', '/api/v1/config/reload', post({ reason: 'x'.repeat(20_000) }), 413, 'too-large'],
    ['POST', '/api/v1/config/reload', post({}), 422, 'invalid-request'],
    ['POST', '/api/v1/config/reload', post({ reason: ' ' }), 422, 'invalid-request'],
    ['POST', '/api/v1/config/reload', post({ reason: 7 }), 422, 'invalid-request'],
    ['POST', '/api/v1/config/reload', post({ reason: 'x', force: true }), 422, 'invalid-request'],
    ['POST', '/api/v1/config/reload', {}, 422, 'invalid-request'],
  ])('%s %s with %j is %i %s', async (method, path, init, status, name) => {
    const reply = await call(world, path, { ...(init as RequestInit), method });
    expect([reply.status, reply.type, reply.body.type]).toEqual([
      status,
      'application/problem+json',
      `urn:busbar:problem:${name}`,
    ]);
    expect(reply.body.status).toBe(status);
    expect(reply.body.detail).not.toBe('');
  });

  test('a 405 names the methods that work', async () => {
    expect((await call(world, '/api/v1/config/reload')).headers.get('allow')).toBe('POST');
  });

  test('a fault of ours is 500 without its details, which the log has', async () => {
    const broken = await startWorld();
    broken.reload = () => Promise.reject(new Error('secret path /etc/x'));
    const reply = await call(broken, '/api/v1/config/reload', post({ reason: 'x' }));
    await broken.api.close();
    expect([reply.status, reply.body.type]).toEqual([500, 'urn:busbar:problem:internal']);
    expect(JSON.stringify(reply.body)).not.toContain('secret path');
    expect(broken.log.find(({ event }) => event === 'api_failed')?.fields['detail']).toContain('secret path');
  });
});
