/** Every operation of the OpenAPI document is called, as it asks for and not, and its answers are held against what the document says of them. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openApiDocument } from '../../src/api/openapi.ts';
import { ok } from '../../src/std/result.ts';
import { call, type Reply } from './api-call.ts';
import { heartbeat, heldEntry, startWorld, tokens, tokenSettings, type World } from './api-world.ts';
import { migrationsOf, snapshotOf } from './migration-samples.ts';

interface Operation {
  readonly operationId: string;
  readonly requestBody?: object;
  /** None: it is open to all. */
  readonly security?: readonly object[];
  readonly responses: Record<string, { content?: Record<string, { schema?: object }> }>;
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
}

const ids: Readonly<Record<string, string>> = {
  stations: 'CP-1',
  deliveries: 'CP-1:1700000000000',
  backends: 'old',
  migrations: 'm-1',
};
const bodies: Readonly<Record<string, object>> = {
  commandStation: { action: 'Reset' },
  moveStation: { primary: 'new', reason: 'try' },
  checkReadiness: { backend: 'old' },
  createMigration: { name: 'n', from: 'old', to: 'new', waves: [{ name: 'w', stations: ['*'] }] },
};

let world: World;
let document: Document;
let check: (schema: object, body: unknown) => string | null;
beforeAll(async () => {
  world = await startWorld({
    tokens: tokenSettings,
    held: { 'CP-1': [heldEntry(0)] },
    migrations: migrationsOf([snapshotOf('m-1')], { replan: () => Promise.resolve(ok(snapshotOf('m-1'))) }),
  });
  await world.journal.commit(heartbeat('CP-1', 0));
  document = JSON.parse(JSON.stringify(await openApiDocument())) as Document;
  const ajv = new Ajv2020({ strict: false, formats: { 'date-time': true } });
  ajv.addSchema(document, 'api');
  check = (schema, body) => {
    const validate = ajv.compile(
      JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"api#/components')) as object,
    );
    return validate(body) ? null : ajv.errorsText(validate.errors);
  };
});
afterAll(() => world.api.close());

/** The path with names that are there, or with one that is not. */
function filled(path: string, given: string | null): string {
  const kind = /^\/api\/v1\/(\w+)\/\{/.exec(path)?.[1] ?? '';
  return path.replace(/\{(id|name)\}/, given ?? ids[kind] ?? '').replace('{wave}', 'pilot');
}

/** What the document does not say of this answer; null: it is as it says. */
function contradiction({ responses }: Operation, { status, type, body }: Reply): string | null {
  const answer = responses[status] ?? responses[`${String(status)[0]}XX`];
  const schema = answer?.content?.[type]?.schema;
  if (schema === undefined) return `says nothing of ${status} ${type}`;
  return check(schema, body);
}

/** What differs from a call as the document asks for it. */
interface Way {
  readonly name?: string;
  readonly query?: string;
  readonly token?: string | null;
  readonly key?: string;
  /** Instead of the body, where the operation takes one. */
  readonly body?: (body: object) => unknown;
}

/** Calls every operation that the way concerns. */
async function walk(way: Way): Promise<{ statuses: number[]; wrong: string[] }> {
  const statuses = new Set<number>();
  const wrong: string[] = [];
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(methods)) {
      const { operationId, requestBody, security = [] } = operation;
      const isConcerned =
        (way.name === undefined || path.includes('{')) &&
        (way.body === undefined || requestBody !== undefined) &&
        (way.key === undefined || requestBody !== undefined);
      // It has no end, and probes look at nothing that they are asked with.
      if (!isConcerned || operationId === 'streamFrames' || security.length === 0) continue;
      if (way.query !== undefined && operationId === 'getMetrics') continue;
      const sound = bodies[operationId] ?? { reason: 'try' };
      const body = way.body === undefined ? sound : way.body(sound);
      const reply = await call(world, filled(path, way.name ?? null) + (way.query ?? ''), {
        method: method.toUpperCase(),
        headers: {
          ...(way.token === null ? {} : { authorization: `Bearer ${tokens.admin}` }),
          ...(way.key === undefined ? {} : { 'idempotency-key': way.key }),
          ...(requestBody === undefined || body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(requestBody === undefined || body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      statuses.add(reply.status);
      const why = contradiction(operation, reply);
      if (why !== null) wrong.push(`${operationId}: ${why}`);
    }
  return { statuses: [...statuses].sort((one, other) => one - other), wrong };
}

test.each<[string, Way, number[]]>([
  ['as the document says', {}, [200, 201]],
  ['without a token', { token: null }, [401]],
  ['with a name that nothing has', { name: 'nobody' }, [404]],
  ['with a name that is a way out', { name: '..%2f..%2flivez' }, [404, 422]],
  ['with a name that no header could hold', { name: '%0d%0aX-A:%F0%9F%92%A3' }, [404, 422]],
  ['with a parameter that is not known', { query: '?nothing=1' }, [422]],
  ['with a cursor that is none', { query: '?cursor=eA' }, [422]],
  ['with a key that no header should hold', { key: 'a b' }, [422]],
  ['with nothing as its body', { body: () => undefined }, [422]],
  ['with null as its body', { body: () => null }, [422]],
  ['with a list as its body', { body: () => [] }, [422]],
  ['with a member that is not known', { body: (body) => ({ ...body, nothing: 1 }) }, [422]],
  ['with a reason that is no text', { body: (body) => ({ ...body, reason: 1 }) }, [422]],
])('every operation that is called %s is answered as the document says', async (_name, way, statuses) => {
  expect(await walk(way)).toEqual({ statuses, wrong: [] });
});
