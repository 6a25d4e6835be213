import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openApiDocument } from '../../src/api/openapi.ts';
import { fail, ok } from '../../src/std/result.ts';
import { heartbeat, heldEntry, startWorld, tokens, tokenSettings, type World } from './api-world.ts';
import { call, post, type Reply } from './api-call.ts';
import { migrationsOf, snapshotOf } from './migration-samples.ts';

const ids = (reply: Reply): string[] => reply.body.items.map(({ id }: { id: string }) => id);

const positions = (reply: Reply): number[] =>
  reply.body.items.map(({ position }: { position: number }) => position);

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.journal.commit(...Array.from({ length: 25 }, (_, serial) => heartbeat('CP-1', serial)));
});
afterAll(() => world.api.close());

describe('stations', () => {
  test('are shown without the passwords in addresses that a backend asked them for', async () => {
    const { body } = await call(world, '/api/v1/stations/CP-2');
    expect(body.backends[0].asked).toEqual([
      { component: null, key: 'LogTarget', value: 'ftp://***@files.example/' },
    ]);
  });

  test('are listed by identity', async () => {
    const reply = await call(world, '/api/v1/stations');
    expect(ids(reply)).toEqual(['CP-1', 'CP-2', 'CP-3']);
    expect(reply.body.nextCursor).toBeNull();
  });

  test.each([
    ['connected=true', ['CP-1', 'CP-3']],
    ['connected=false', ['CP-2']],
    ['backend=new', ['CP-2']],
    ['group=berlin', ['CP-1']],
    ['group=empty', []],
    ['vendor=A*', ['CP-1', 'CP-3']],
    ['vendor=ABB', ['CP-1']],
    ['q=terra', ['CP-1']],
    ['q=PILOT', ['CP-1']],
    ['q=cp-', ['CP-1', 'CP-2', 'CP-3']],
    ['q=cp-&connected=true&vendor=Alfen', ['CP-3']],
    ['q=nothing', []],
  ])('that meet %s', async (query, expected) => {
    expect(ids(await call(world, `/api/v1/stations?${query}`))).toEqual(expected);
  });

  test.each([
    ['backend=newer', 'unknown-backend', 'No backend newer is configured: did you mean new?'],
    ['group=x&connected=true', 'unknown-group', 'No group x is configured: the groups are berlin, empty.'],
  ])('by a name that nothing has are a mistake: %s', async (query, type, detail) => {
    const { status, body } = await call(world, `/api/v1/stations?${query}`);
    expect([status, body.type, body.detail]).toEqual([404, `urn:busbar:problem:${type}`, detail]);
  });

  test('by a parameter that is given more than once are a mistake that is named', async () => {
    const { status, body } = await call(world, '/api/v1/stations?limit=1&limit=2&q=a&q=b');
    expect([status, body.detail]).toEqual([
      422,
      'query.q is given more than once; query.limit is given more than once',
    ]);
  });

  test('are paged: every one once, and the cursor ends', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null && pages < 10; pages += 1) {
      const reply: Reply = await call(
        world,
        `/api/v1/stations?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...ids(reply));
      cursor = reply.body.nextCursor as string | null;
    }
    expect(seen).toEqual(['CP-1', 'CP-2', 'CP-3']);
    expect(cursor).toBeNull();
  });

  test('one is shown whole', async () => {
    const { status, body } = await call(world, '/api/v1/stations/CP-2');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: 'CP-2',
      connected: false,
      version: null,
      primary: 'new',
      backends: [{ laneDepth: 3 }],
      moreProfiles: true,
    });
    // By name, not by content.
    expect(body['profiles']).toEqual([
      {
        id: '7',
        backend: 'old',
        connector: 1,
        purpose: 'TxDefaultProfile',
        stackLevel: 0,
        endsAt: '2027-01-01T00:00:00.000Z',
        whole: true,
        asideAt: null,
      },
    ]);
    const aside = { connector: 0, whole: false, asideAt: '2026-01-01T00:00:00.000Z' };
    expect(body).toMatchObject({ moreDisplayMessages: false, moreTariffs: false });
    expect([body['displayMessages'], body['tariffs']]).toEqual([
      [{ id: '8', backend: 'operator', priority: 'InFront', endsAt: null, ...aside }],
      [{ id: 'T', backend: 'old', currency: 'EUR', validFrom: '2027-01-01T00:00:00.000Z', ...aside }],
    ]);
    expect(body).not.toHaveProperty('placing');
    expect(body).not.toHaveProperty('objects');
  });

  test('an unknown one is 404 and named', async () => {
    const { status, body } = await call(world, '/api/v1/stations/CP-9');
    expect([status, body.type]).toEqual([404, 'urn:busbar:problem:unknown-station']);
    expect(body.detail).toContain('CP-9');
  });
});

describe('frames of a station', () => {
  test('are given as they lay on the wire, oldest first', async () => {
    const { body } = await call(world, '/api/v1/stations/CP-1/frames?limit=2');
    expect(body.items).toEqual([
      {
        position: 1,
        at: '2023-11-14T22:13:20.000Z',
        station: 'CP-1',
        link: 'station',
        direction: 'in',
        kind: 'call',
        messageId: 'id-0',
        action: 'Heartbeat',
        text: '[2,"id-0","Heartbeat",{}]',
        relayed: true,
        outcome: 'relayed',
      },
      {
        position: 2,
        at: '2023-11-14T22:13:20.000Z',
        station: 'CP-1',
        link: 'backend:old',
        direction: 'out',
        kind: 'call',
        messageId: 'x-0',
        action: 'Heartbeat',
        text: '[2,"x-0","Heartbeat",{}]',
      },
    ]);
  });

  test.each(['asc', 'desc'])('are paged %s without a hole or a repetition', async (order) => {
    const seen: number[] = [];
    let cursor: string | null = '';
    while (cursor !== null && seen.length < 100) {
      const reply: Reply = await call(
        world,
        `/api/v1/stations/CP-1/frames?order=${order}&limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...positions(reply));
      cursor = reply.body.nextCursor as string | null;
    }
    const all = Array.from({ length: 50 }, (_, index) => index + 1);
    expect(seen).toEqual(order === 'asc' ? all : all.toReversed());
  });

  test('between two times', async () => {
    const reply = await call(
      world,
      '/api/v1/stations/CP-1/frames?from=2023-11-14T22:13:20.003Z&to=2023-11-14T23:13:20.005%2B01:00',
    );
    expect(positions(reply)).toEqual([7, 8, 9, 10]);
  });

  test('of a known station that never sent any are an empty page; of an unknown one 404', async () => {
    expect((await call(world, '/api/v1/stations/CP-2/frames')).body).toEqual({ items: [], nextCursor: null });
    expect((await call(world, '/api/v1/stations/CP-9/frames')).status).toBe(404);
  });
});

describe('backends', () => {
  test('are listed, and shown one by one', async () => {
    const list = await call(world, '/api/v1/backends');
    expect(list.body.items.map(({ name }: { name: string }) => name)).toEqual(['old', 'new']);
    expect((await call(world, '/api/v1/backends/new')).body).toEqual(list.body.items[1]);
    expect((await call(world, '/api/v1/backends/newer')).body.type).toBe(
      'urn:busbar:problem:unknown-backend',
    );
  });
});

const bodies: Readonly<Record<string, object>> = {
  commands: { action: 'Reset', payload: {} },
  assignment: { primary: 'new', reason: 'try' },
  readiness: { backend: 'old' },
  'migrations?dryRun=true': { name: 'n', from: 'old', to: 'new', waves: [{ name: 'w', stations: ['*'] }] },
};
const bodyFor = (path: string): object => bodies[path.split('/').at(-1) ?? ''] ?? { reason: 'try' };

describe('who may call', () => {
  const routes = [
    ['GET', '/livez', 'open'],
    ['GET', '/readyz', 'open'],
    ['GET', '/metrics', 'viewer'],
    ['GET', '/api/v1/openapi.json', 'viewer'],
    ['GET', '/api/v1/stations', 'viewer'],
    ['GET', '/api/v1/stations/CP-1', 'viewer'],
    ['GET', '/api/v1/stations/CP-1/frames', 'viewer'],
    ['GET', '/api/v1/frames/stream', 'viewer'],
    ['GET', '/api/v1/backends', 'viewer'],
    ['GET', '/api/v1/backends/old', 'viewer'],
    ['GET', '/api/v1/audit', 'viewer'],
    ['GET', '/api/v1/deliveries', 'viewer'],
    ['GET', '/api/v1/deliveries/CP-1:1700000000000', 'viewer'],
    ['POST', '/api/v1/deliveries/CP-1:1700000000000/retry', 'operator'],
    ['POST', '/api/v1/deliveries/CP-1:1700000000000/drop', 'operator'],
    ['POST', '/api/v1/stations/CP-1/commands', 'operator'],
    ['PUT', '/api/v1/stations/CP-1/assignment', 'operator'],
    ['POST', '/api/v1/stations/CP-1/rollback', 'operator'],
    ['POST', '/api/v1/stations/CP-1/readiness', 'operator'],
    ['GET', '/api/v1/migrations', 'viewer'],
    ['POST', '/api/v1/migrations?dryRun=true', 'operator'],
    ['GET', '/api/v1/migrations/m-1', 'viewer'],
    ['GET', '/api/v1/migrations/m-1/stations', 'viewer'],
    ['GET', '/api/v1/migrations/m-1/evidence', 'viewer'],
    ['GET', '/api/v1/migrations/m-1/report', 'viewer'],
    ['POST', '/api/v1/migrations/m-1/start', 'operator'],
    ['POST', '/api/v1/migrations/m-1/pause', 'operator'],
    ['POST', '/api/v1/migrations/m-1/resume', 'operator'],
    ['POST', '/api/v1/migrations/m-1/approve', 'operator'],
    ['POST', '/api/v1/migrations/m-1/replan', 'operator'],
    ['POST', '/api/v1/migrations/m-1/rollback', 'operator'],
    ['POST', '/api/v1/migrations/m-1/complete', 'operator'],
    ['POST', '/api/v1/migrations/m-1/abandon', 'operator'],
    ['POST', '/api/v1/migrations/m-1/waves/pilot/approve', 'operator'],
    ['POST', '/api/v1/migrations/m-1/waves/pilot/start', 'operator'],
    ['POST', '/api/v1/migrations/m-1/waves/pilot/rollback', 'operator'],
    ['POST', '/api/v1/config/reload', 'admin'],
  ] as const;
  const rank = { open: -1, viewer: 0, operator: 1, admin: 2 };
  let guarded: World;
  beforeAll(async () => {
    guarded = await startWorld({
      tokens: tokenSettings,
      held: { 'CP-1': [heldEntry(0)] },
      migrations: migrationsOf([snapshotOf('m-1')], {
        replan: () => Promise.resolve(ok(snapshotOf('m-1'))),
      }),
    });
  });
  afterAll(() => guarded.api.close());

  async function statusOf(method: string, path: string, authorization: string | null): Promise<number> {
    const controller = new AbortController();
    const headers: Record<string, string> = authorization === null ? {} : { authorization };
    const init = method === 'GET' ? { method, headers } : { ...post(bodyFor(path), headers), method };
    const response = await fetch(guarded.api.url + path, { ...init, signal: controller.signal });
    controller.abort();
    return response.status;
  }

  test('the matrix covers every route there is', async () => {
    const document = (await openApiDocument()) as { paths: Record<string, Record<string, unknown>> };
    const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const covered = routes.map(
      ([method, path]) =>
        `${method} ${path
          .replace(/\?.*/, '')
          .replace(/\/(CP-1(:\d+)?|m-1)/, '/{id}')
          .replace('/old', '/{name}')
          .replace('/pilot', '/{wave}')}`,
    );
    expect(listed.sort()).toEqual([...covered].sort());
  });

  for (const [method, path, needs] of routes) {
    test.each(['viewer', 'operator', 'admin'] as const)(`${method} ${path} as %s`, async (role) => {
      expect(await statusOf(method, path, `Bearer ${tokens[role]}`)).toBe(
        rank[role] >= rank[needs] ? 200 : 403,
      );
    });
    test.each([
      ['no token', null],
      ['an unknown token', 'Bearer nobody'],
      ['another scheme', `Basic ${tokens.admin}`],
      ['a hash for a token', `Bearer ${tokenSettings[2]?.hash}`],
      ['nothing after Bearer', 'Bearer '],
    ])(`${method} ${path} with %s`, async (_name, authorization) => {
      expect(await statusOf(method, path, authorization)).toBe(needs === 'open' ? 200 : 401);
    });
  }

  test('an unknown path says nothing without a token', async () => {
    expect(await statusOf('GET', '/api/v1/nothing', null)).toBe(401);
    expect(await statusOf('GET', '/api/v1/nothing', `Bearer ${tokens.viewer}`)).toBe(404);
  });

  test('a 401 says how to authenticate, and is logged without the token', async () => {
    const reply = await call(guarded, '/api/v1/stations', {
      headers: { authorization: 'Bearer wrong-token' },
    });
    expect(reply.headers.get('www-authenticate')).toContain('Bearer');
    expect(reply.body.type).toBe('urn:busbar:problem:not-authenticated');
    expect(guarded.log.some(({ event }) => event === 'api_refused')).toBe(true);
    expect(JSON.stringify(guarded.log)).not.toContain('wrong-token');
  });

  test('who holds connections without a token keeps neither probes nor operators out', async () => {
    const { port } = guarded.api;
    const idle = Array.from({ length: 600 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    expect(await statusOf('GET', '/livez', null)).toBe(200);
    expect(await statusOf('GET', '/api/v1/stations', `Bearer ${tokens.viewer}`)).toBe(200);
    for (const socket of idle) socket.destroy();
  });

  test('a request that does not come to its end is given up after ten seconds, within one', async () => {
    const sinceMs = performance.now();
    const slow = connect(guarded.api.port, '127.0.0.1');
    slow.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n');
    const [answer] = (await once(slow, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 [^]*urn:busbar:problem:too-slow/);
    expect(performance.now() - sinceMs).toBeLessThan(20_000);
    slow.destroy();
  }, 60_000);

  test('a token that a reload takes away counts no more, and its streams end', async () => {
    const fleeting = await startWorld({ tokens: tokenSettings });
    const headers = { authorization: `Bearer ${tokens.viewer}` };
    const stream = await fetch(`${fleeting.api.url}/api/v1/frames/stream`, { headers });
    fleeting.api.update({ host: '127.0.0.1', port: 0, tokens: tokenSettings.slice(2) });
    expect(await stream.text()).toContain(': closing');
    expect((await call(fleeting, '/api/v1/stations', { headers })).status).toBe(401);
    await fleeting.api.close();
  });

  test.each(['evil.example', 'evil.example:9221', 'localhost.evil.example', '127.0.0.1.evil.example', ''])(
    'without tokens the Host %j is refused, whoever claims to forward it',
    async (host) => {
      const status = await statusWithHost(world, host, {
        'x-forwarded-host': 'localhost',
        'x-forwarded-for': '127.0.0.1',
      });
      expect(status).toBe(host === '' ? 400 : 403);
    },
  );

  test.each(['localhost', 'localhost:1234', '127.0.0.1', '[::1]:80', '127.8.8.8'])(
    'without tokens the Host %s is let in',
    async (host) => {
      expect(await statusWithHost(world, host, {})).toBe(200);
    },
  );
});

/** `fetch` does not let a caller choose its Host. */
function statusWithHost(target: World, host: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${target.api.url}/api/v1/stations`,
      { headers: { ...headers, ...(host === '' ? {} : { host }) }, setHost: false },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

describe('the process', () => {
  test('is alive, and ready unless one of three things is amiss', async () => {
    const other = await startWorld();
    expect((await call(other, '/livez')).body).toEqual({ status: 'alive' });
    expect((await call(other, '/readyz')).body).toEqual({ status: 'ready' });
    Object.assign(other.readiness, { journalTrouble: 'disk_full', draining: true });
    const { status, body } = await call(other, '/readyz');
    await other.api.close();
    expect(status).toBe(503);
    expect(body.errors.map((item: { where: string }) => item.where)).toEqual(['storage', 'process']);
    expect(body.detail).toBe('the journal cannot be written: the disk is full; Busbar is draining');
  });

  test('gives its measurements in the exposition format', async () => {
    const { status, type, body } = await call(world, '/metrics');
    expect([status, type, body]).toEqual([200, 'text/plain', 'busbar_up 1\n']);
  });

  test('every answer forbids sniffing, framing, caching and foreign origins', async () => {
    for (const path of ['/livez', '/api/v1/stations', '/api/v1/nothing', '/api/v1/stations/%zz']) {
      const { headers } = await call(world, path, { headers: { origin: 'https://evil.example' } });
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  test('a port that is taken is a fault with a sentence', async () => {
    await expect(startWorld({ port: world.api.port })).rejects.toThrow(
      `127.0.0.1:${world.api.port}: the port is taken by another process`,
    );
  });
});

describe('a reload', () => {
  test('is applied and audited: who, why, what came of it', async () => {
    const guarded = await startWorld({ tokens: tokenSettings });
    guarded.reload = () => Promise.resolve(ok({ changed: false, before: null, after: null }));
    const reply = await call(
      guarded,
      '/api/v1/config/reload',
      post({ reason: 'new group' }, { authorization: `Bearer ${tokens.admin}` }),
    );
    await guarded.api.close();
    expect([reply.status, reply.body]).toEqual([200, { changed: false }]);
    expect(guarded.log).toContainEqual({
      level: 'info',
      event: 'config_reloaded',
      fields: { by: 'admin-of-the-day', reason: 'new group', outcome: 'unchanged' },
    });
  });

  test('that is refused says every reason, and is audited too', async () => {
    const refusing = await startWorld();
    const text = 'no backend "odl" is configured; did you mean "old"?';
    const problems = [{ file: 'busbar.yaml', line: 12, key: 'routes[0].primary', text }];
    refusing.reload = () => Promise.resolve(fail({ kind: 'invalid', problems }));
    const { status, body } = await call(refusing, '/api/v1/config/reload', post({ reason: 'typo' }));
    await refusing.api.close();
    expect([status, body.type]).toEqual([422, 'urn:busbar:problem:invalid-configuration']);
    expect(body.errors).toEqual([{ where: 'busbar.yaml:12: routes[0].primary', reason: text }]);
    expect(body.detail).toContain(`busbar.yaml:12: routes[0].primary: ${text}`);
    expect(refusing.log.map(({ event, fields }) => [event, fields['by'], fields['reason']])).toEqual([
      ['config_reload_refused', 'loopback', 'typo'],
    ]);
  });
});

describe('the OpenAPI document', () => {
  interface Operation {
    readonly operationId?: string;
    readonly summary?: string;
    readonly responses: Record<
      string,
      { description?: string; content?: Record<string, { schema?: object }> }
    >;
  }
  interface Document {
    readonly openapi: string;
    readonly paths: Record<string, Record<string, Operation>>;
    readonly components: { readonly schemas: Record<string, object> };
  }

  test('is what the server serves, and every operation says what it answers', async () => {
    const document = (await openApiDocument()) as unknown as Document;
    expect((await call(world, '/api/v1/openapi.json')).body).toEqual(JSON.parse(JSON.stringify(document)));
    expect(document.openapi).toBe('3.1.0');
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(operations.length).toBeGreaterThanOrEqual(11);
    for (const operation of operations) {
      expect(operation.summary, operation.operationId).toBeTruthy();
      for (const [status, answer] of Object.entries(operation.responses)) {
        const schemas = Object.values(answer.content ?? {}).map(({ schema }) => schema);
        expect(schemas, `${operation.operationId} ${status}`).not.toEqual([]);
        expect(schemas).not.toContain(undefined);
      }
    }
  });

  test('holds schemas that are valid JSON Schema 2020-12, and the answers meet them', async () => {
    const document = JSON.parse(JSON.stringify(await openApiDocument())) as Document;
    const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true } });
    ajv.addSchema(document, 'api');
    const answers = [
      ['/api/v1/stations', 'StationPage'],
      ['/api/v1/stations/CP-2', 'Station'],
      ['/api/v1/stations/CP-1/frames', 'FramePage'],
      ['/api/v1/backends', 'BackendPage'],
      ['/api/v1/audit', 'AuditPage'],
      ['/api/v1/backends/old', 'Backend'],
      ['/api/v1/stations?limit=0', 'Problem'],
      ['/api/v1/stations/CP-9', 'Problem'],
      ['/livez', 'Alive'],
      ['/readyz', 'Ready'],
    ] as const;
    for (const [path, name] of answers) {
      const check = ajv.compile({ $ref: `api#/components/schemas/${name}` });
      check((await call(world, path)).body);
      expect(check.errors, path).toBeNull();
    }
    for (const name of Object.keys(document.components.schemas))
      ajv.compile({ $ref: `api#/components/schemas/${name}` });
  });
});
