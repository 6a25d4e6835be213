/** Calls that change something: commands, the audit before them, and keys that keep them from being made twice. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CommandOutcome, StationCommand } from '../../src/ports/station-commander.ts';
import { fail } from '../../src/std/result.ts';
import { call as callWith, post } from './api-call.ts';
import { startWorld, tokens, tokenSettings, type World } from './api-world.ts';

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any;
}

let world: World;
let sent: StationCommand[] = [];
let outcome: CommandOutcome;

beforeAll(async () => {
  world = await startWorld({ tokens: tokenSettings });
});
afterAll(() => world.api.close());
beforeEach(() => {
  sent = [];
  outcome = { kind: 'result', payload: '{"status":"Accepted","at":1.50}' };
  world.auditFault = null;
  world.command = (command) => {
    sent.push(command);
    return Promise.resolve(outcome);
  };
});
afterEach(() => {
  world.auditFault = null;
});

async function call(
  path: string,
  body: unknown = null,
  given: { key?: string; role?: keyof typeof tokens; signal?: AbortSignal } = {},
): Promise<Reply> {
  const response = await fetch(`${world.api.url}/api/v1${path}`, {
    method: body === null ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${tokens[given.role ?? 'admin']}`,
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...(given.key === undefined ? {} : { 'idempotency-key': given.key }),
    },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
    ...(given.signal === undefined ? {} : { signal: given.signal }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
}

const problemOf = ({ status, body }: Reply): unknown[] => [status, String(body.type).split(':').at(-1)];
const newest = async () => (await call('/audit?limit=1')).body.items[0];
const reset = { action: 'Reset', payload: { type: 'Soft' }, reason: 'it hangs' };

/** As deep as that. */
const nested = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);

describe('a command', () => {
  test('is answered with what the station answered, to the byte', async () => {
    const reply = await call('/stations/CP-1/commands', reset);
    expect([reply.status, reply.text]).toEqual([200, '{"result":{"status":"Accepted","at":1.50}}']);
    expect(sent).toEqual([{ station: 'CP-1', action: 'Reset', payload: '{"type":"Soft"}' }]);
  });

  test('needs no payload and no reason', async () => {
    await call('/stations/CP-1/commands', { action: 'ClearCache' }, { role: 'operator' });
    expect(sent).toEqual([{ station: 'CP-1', action: 'ClearCache', payload: '{}' }]);
    expect(await newest()).toMatchObject({ who: 'operator-of-the-day', reason: null, outcome: 'done' });
  });

  test.each([
    [{ kind: 'error', code: 'NotSupported', description: 'no' }, 502, 'station-error', 'failed'],
    [{ kind: 'result', payload: 'not json' }, 502, 'station-error', 'failed'],
    [{ kind: 'result', payload: 'null' }, 502, 'station-error', 'failed'],
    [{ kind: 'result', payload: '[]' }, 502, 'station-error', 'failed'],
    [{ kind: 'refused', reason: 'unknown_outcome', detail: 'Lost.' }, 504, 'no-answer', 'failed'],
    [{ kind: 'refused', reason: 'expired', detail: 'Late.' }, 504, 'command-expired', 'refused'],
    [{ kind: 'refused', reason: 'not_connected', detail: 'Away.' }, 409, 'not-connected', 'refused'],
    [{ kind: 'refused', reason: 'forbidden', detail: 'No.' }, 403, 'command-forbidden', 'refused'],
    [{ kind: 'refused', reason: 'queue_full', detail: 'Full.' }, 503, 'station-busy', 'refused'],
  ] as const)('that ends with %j is %i %s, and %s in the audit', async (given, status, name, audited) => {
    outcome = given;
    const reply = await call('/stations/CP-1/commands', reset);
    expect(problemOf(reply)).toEqual([status, name]);
    expect(await newest()).toMatchObject({ outcome: audited, detail: reply.body.detail, after: null });
  });

  test('that the station answers with an error tells its code and description', async () => {
    outcome = { kind: 'error', code: 'NotSupported', description: 'not here' };
    const { body } = await call('/stations/CP-1/commands', reset);
    expect(body.detail).toBe('The station answered NotSupported: not here.');
    expect(body.errors).toEqual([
      { where: 'station.errorCode', reason: 'NotSupported' },
      { where: 'station.errorDescription', reason: 'not here' },
    ]);
  });

  test('of a viewer, to an unknown station, or that is none, is not sent', async () => {
    expect(problemOf(await call('/stations/CP-1/commands', reset, { role: 'viewer' }))).toEqual([
      403,
      'not-allowed',
    ]);
    expect(problemOf(await call('/stations/CP-9/commands', reset))).toEqual([404, 'unknown-station']);
    for (const body of [
      {},
      { action: 'Re set' },
      { action: 'Reset', payload: [] },
      { action: 'Reset', payload: 'x' },
      { action: 'Reset', reason: ' ' },
      { action: 'Reset', force: true },
      { action: 'ChangeConfiguration', payload: nested(20_000) },
      { action: 'DataTransfer', payload: nested(32) },
    ])
      expect(
        problemOf(await call('/stations/CP-1/commands', body)),
        JSON.stringify(body).slice(0, 100),
      ).toEqual([422, 'invalid-request']);
    expect(sent).toEqual([]);
  });

  test.each(['{"action":', '{"action":"X","payload":{"__proto__":{}}}'])(
    'whose body is not read says why that may be: %s',
    async (text) => {
      const reply = await callWith(
        world,
        '/api/v1/stations/CP-1/commands',
        post(text, { authorization: `Bearer ${tokens.admin}` }),
      );
      expect([reply.status, reply.body.detail]).toEqual([
        400,
        'The body is not valid JSON, or has a key that is not taken: "__proto__", or "prototype" under "constructor".',
      ]);
    },
  );

  test('may be longer than other bodies, up to a bound', async () => {
    const list = { action: 'SendLocalList', payload: { list: 'x'.repeat(100_000) } };
    expect((await call('/stations/CP-1/commands', list)).status).toBe(200);
    const tooLong = await call('/stations/CP-1/commands', {
      action: 'X',
      payload: { x: 'x'.repeat(300_000) },
    });
    expect([...problemOf(tooLong), tooLong.body.detail]).toEqual([
      413,
      'too-large',
      'A body may have 262144 bytes.',
    ]);
  });
});

describe('the audit', () => {
  test('says who, when, what, why and what came of it', async () => {
    await call('/stations/CP-1/commands', reset, { role: 'operator' });
    const entry = await newest();
    expect(entry).toEqual({
      id: entry.id,
      at: expect.stringMatching(/^2\d{3}-.*Z$/),
      who: 'operator-of-the-day',
      action: 'station.command',
      target: 'CP-1',
      request: { action: 'Reset', payload: { type: 'Soft' } },
      reason: 'it hangs',
      outcome: 'done',
      detail: null,
      before: null,
      after: { status: 'Accepted', at: 1.5 },
    });
    await call('/config/reload', { reason: 'new group' });
    expect(await newest()).toMatchObject({
      action: 'config.reload',
      target: null,
      reason: 'new group',
      before: { routes: 1 },
      after: { routes: 2 },
    });
  });

  test('keeps no password that a command has written', async () => {
    const payload = { key: 'AuthorizationKey', value: 'hunter2hunter2' };
    await call('/stations/CP-1/commands', { action: 'ChangeConfiguration', payload, reason: 'new key' });
    expect(sent.at(-1)?.payload).toBe(JSON.stringify(payload));
    expect((await newest()).request).toEqual({
      action: 'ChangeConfiguration',
      payload: { key: 'AuthorizationKey', value: '***' },
    });
  });

  test.each([
    [
      { action: 'ChangeConfiguration', payload: { key: 'AuthorizationKey', value: 'hunter2' } },
      'hunter2: short',
    ],
    [{ action: 'GetLog', payload: {} }, 'no login at ftp://u:hunter2@files.example'],
  ])('keeps no password that the station repeats in its error', async (body, description) => {
    outcome = { kind: 'error', code: 'GenericError', description };
    const answered = await call('/stations/CP-1/commands', { ...body, reason: 'new key' });
    const { detail } = await newest();
    expect(detail).toMatch(/^The station answered GenericError: .*\*\*\*/);
    expect(answered.body.detail).toBe(detail);
    expect(JSON.stringify([answered.body, detail, world.log])).not.toContain('hunter2');
  });

  test('has an entry with an unknown outcome while the change is made', async () => {
    const answer = Promise.withResolvers<CommandOutcome>();
    const asked = Promise.withResolvers<void>();
    world.command = () => {
      asked.resolve();
      return answer.promise;
    };
    const running = call('/stations/CP-1/commands', reset);
    await asked.promise;
    expect(await newest()).toMatchObject({ outcome: 'unknown', after: null });
    answer.resolve(outcome);
    await running;
    expect(await newest()).toMatchObject({ outcome: 'done' });
  });

  test('that cannot be written means that nothing is done', async () => {
    world.auditFault = { fault: 'disk_full', detail: 'database or disk is full' };
    const refused = await call('/stations/CP-1/commands', reset, { key: 'full-1' });
    expect(problemOf(refused)).toEqual([503, 'audit-unavailable']);
    expect(refused.body.detail).toContain('Nothing was done');
    let reloads = 0;
    const { reload } = world;
    world.reload = () => {
      reloads += 1;
      return Promise.resolve(fail({ kind: 'invalid', problems: [] }));
    };
    expect(problemOf(await call('/config/reload', { reason: 'x' }))).toEqual([503, 'audit-unavailable']);
    world.reload = reload;
    expect([sent, reloads]).toEqual([[], 0]);
    world.auditFault = null;
    expect((await call('/stations/CP-1/commands', reset, { key: 'full-1' })).status).toBe(200);
  });

  test('says of a fault of ours that it failed', async () => {
    world.command = () => Promise.reject(new Error('a bug'));
    expect((await call('/stations/CP-1/commands', reset)).status).toBe(500);
    expect(await newest()).toMatchObject({ outcome: 'failed', detail: 'a bug' });
  });

  test('is paged, newest first, and keeps no more than a piece of what is long', async () => {
    await call('/stations/CP-1/commands', { action: 'SendLocalList', payload: { list: 'x'.repeat(10_000) } });
    const first = (await call('/audit?limit=2')).body;
    const second = (await call(`/audit?limit=2&cursor=${first.nextCursor}`)).body;
    const ids = [...first.items, ...second.items].map(({ id }: { id: number }) => id);
    const [newestId = 0] = ids;
    expect(ids).toEqual([newestId, newestId - 1, newestId - 2, newestId - 3]);
    expect(first.items[0].request).toMatchObject({ cutAfter: 4_096 });
    expect(JSON.stringify(first.items[0].request).length).toBeLessThan(5_000);
    const whole = (await call('/audit?limit=1000')).body;
    expect([whole.nextCursor, whole.items.at(-1).id]).toEqual([null, 1]);
    expect(problemOf(await call('/audit?cursor=nonsense'))).toEqual([422, 'invalid-request']);
  });
});

describe('an Idempotency-Key', () => {
  test('keeps a call from being made twice, and gives the first answer again', async () => {
    const first = await call('/stations/CP-1/commands', reset, { key: 'a-1' });
    outcome = { kind: 'result', payload: '{"status":"Rejected"}' };
    const again = await call('/stations/CP-1/commands', reset, { key: 'a-1' });
    expect([again.status, again.text]).toEqual([first.status, first.text]);
    expect([first.headers.get('idempotency-replayed'), again.headers.get('idempotency-replayed')]).toEqual([
      null,
      'true',
    ]);
    expect(sent).toHaveLength(1);
  });

  test('stands for one call: another body, path or station is 422', async () => {
    await call('/stations/CP-1/commands', reset, { key: 'b-1' });
    const others: [string, object][] = [
      ['/stations/CP-1/commands', { ...reset, reason: 'another' }],
      ['/stations/CP-3/commands', reset],
      ['/config/reload', { reason: 'it hangs' }],
    ];
    for (const [path, body] of others)
      expect(problemOf(await call(path, body, { key: 'b-1' })), path).toEqual([422, 'key-used-before']);
    expect(sent).toHaveLength(1);
  });

  test('is the token’s own', async () => {
    await call('/stations/CP-1/commands', reset, { key: 'c-1', role: 'operator' });
    await call('/stations/CP-1/commands', { action: 'ClearCache' }, { key: 'c-1', role: 'admin' });
    expect(sent.map(({ action }) => action)).toEqual(['Reset', 'ClearCache']);
  });

  test('of a call that still runs waits for its answer', async () => {
    const answer = Promise.withResolvers<CommandOutcome>();
    const asked = Promise.withResolvers<void>();
    let calls = 0;
    world.command = () => {
      calls += 1;
      asked.resolve();
      return answer.promise;
    };
    const first = call('/stations/CP-1/commands', reset, { key: 'd-1' });
    await asked.promise;
    const second = call('/stations/CP-1/commands', reset, { key: 'd-1' });
    answer.resolve(outcome);
    expect((await second).text).toBe((await first).text);
    expect(calls).toBe(1);
  });

  test('remembers the answer that a caller who hung up did not get', async () => {
    const answer = Promise.withResolvers<CommandOutcome>();
    const asked = Promise.withResolvers<void>();
    let calls = 0;
    world.command = () => {
      calls += 1;
      asked.resolve();
      return answer.promise;
    };
    const controller = new AbortController();
    const lost = call('/stations/CP-1/commands', reset, { key: 'e-1', signal: controller.signal });
    await asked.promise;
    controller.abort();
    await expect(lost).rejects.toThrow();
    answer.resolve(outcome);
    expect((await call('/stations/CP-1/commands', reset, { key: 'e-1' })).status).toBe(200);
    expect(calls).toBe(1);
  });

  test('of what changed nothing is free to be tried again; silence and errors of the station are remembered', async () => {
    outcome = { kind: 'refused', reason: 'not_connected', detail: 'Away.' };
    expect((await call('/stations/CP-1/commands', reset, { key: 'f-1' })).status).toBe(409);
    outcome = { kind: 'refused', reason: 'unknown_outcome', detail: 'Lost.' };
    expect((await call('/stations/CP-1/commands', reset, { key: 'f-1' })).status).toBe(504);
    outcome = { kind: 'result', payload: '{}' };
    const again = await call('/stations/CP-1/commands', reset, { key: 'f-1' });
    expect(problemOf(again)).toEqual([504, 'no-answer']);
    expect(again.headers.get('content-type')).toContain('application/problem+json');
    expect(sent).toHaveLength(2);
  });

  test('counts for a reload too', async () => {
    let reloads = 0;
    const { reload } = world;
    world.reload = () => {
      reloads += 1;
      return reload();
    };
    await call('/config/reload', { reason: 'x' }, { key: 'g-1' });
    const again = await call('/config/reload', { reason: 'x' }, { key: 'g-1' });
    world.reload = reload;
    expect([again.body, reloads]).toEqual([{ changed: true }, 1]);
  });

  test('is printable and has an end', async () => {
    for (const key of ['with blank', 'x'.repeat(201)])
      expect(problemOf(await call('/stations/CP-1/commands', reset, { key }))).toEqual([
        422,
        'invalid-request',
      ]);
    expect(sent).toEqual([]);
  });
});
