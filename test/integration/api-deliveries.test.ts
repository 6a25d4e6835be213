/** What is held for backends, by way of the API and the command line. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { HeldEntry } from '../../src/core/hold/held-lane.ts';
import { addDeliveryVerbs } from '../../src/cli/delivery-verbs.ts';
import type { DecisionMade, DeliveryDecision, DeliveryKey } from '../../src/ports/deliveries.ts';
import { heldEntry, startWorld, tokens, tokenSettings, type World } from './api-world.ts';
import { runVerbs, type VerbsRun } from './cli-verbs-run.ts';

interface Reply {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any;
}

const held: Readonly<Record<string, readonly HeldEntry[]>> = {
  'CP-1': [
    heldEntry(1, { transaction: 't1', action: 'StartTransaction' }),
    heldEntry(3, { transaction: 't2', state: 'parked', attempts: 4, lastError: 'InternalError' }),
    heldEntry(5, { transaction: 't2', possiblyDuplicate: true }),
    heldEntry(7, { backend: 'new' }),
  ],
  'CP|2': [heldEntry(2), heldEntry(3, { state: 'parked', transaction: 't2' }), heldEntry(9)],
};

const at = (offset: number): number => 1_700_000_000_000 + offset;

let world: World;
let guarded: World;
let decided: [DeliveryKey, DeliveryDecision][] = [];
beforeAll(async () => {
  world = await startWorld({ held });
  guarded = await startWorld({ held, tokens: tokenSettings });
});
afterAll(() => Promise.all([world.api.close(), guarded.api.close()]));

beforeEach(() => {
  decided = [];
  for (const one of [world, guarded])
    one.decide = (key, decision) => {
      decided.push([key, decision]);
      const before = snapshot(key);
      return Promise.resolve({
        kind: 'done',
        before,
        after: decision === 'drop' ? null : { ...before, state: 'held', attempts: 0, lastError: null },
      });
    };
});

function snapshot(key: DeliveryKey): NonNullable<DecisionMade['before']> {
  return {
    ...key,
    backend: 'old',
    state: 'parked',
    action: 'StopTransaction',
    transaction: 't2',
    since: key.number,
    attempts: 4,
    lastError: 'InternalError',
    possiblyDuplicate: false,
    behind: null,
    text: '[2,"s","StopTransaction",{"idTag":"T-1"}]',
  };
}

async function call(
  path: string,
  body: unknown = null,
  given: { key?: string; role?: keyof typeof tokens } = {},
): Promise<Reply> {
  const response = await fetch(`${guarded.api.url}/api/v1${path}`, {
    method: body === null ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${tokens[given.role ?? 'admin']}`,
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...(given.key === undefined ? {} : { 'idempotency-key': given.key }),
    },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

const ids = ({ body }: Reply): string[] =>
  (body.items as { id: string }[]).map(({ id }) => id.replace('17000000000', ''));
const problemOf = ({ status, body }: Reply): unknown[] => [status, String(body.type).split(':').at(-1)];
const newest = async () => (await call('/audit?limit=1')).body.items[0];

describe('deliveries', () => {
  test.each([
    ['', ['CP-1:01', 'CP|2:02', 'CP-1:03', 'CP|2:03', 'CP-1:05', 'CP-1:07', 'CP|2:09']],
    ['?state=parked', ['CP-1:03', 'CP|2:03', 'CP-1:05']],
    ['?state=held&backend=old', ['CP-1:01', 'CP|2:02', 'CP|2:09']],
    ['?station=CP-1&backend=new', ['CP-1:07']],
    ['?station=CP-1&state=parked&backend=new', []],
  ])('are listed oldest first, with %j', async (query, expected) => {
    const reply = await call(`/deliveries${query}`, null, { role: 'viewer' });
    expect([ids(reply), reply.body.nextCursor]).toEqual([expected, null]);
  });

  test.each([
    ['backend=odl', 'unknown-backend', 'No backend odl is configured: did you mean old?'],
    [
      'backend=third&state=held',
      'unknown-backend',
      'No backend third is configured: the backends are old, new.',
    ],
    ['station=CP-9', 'unknown-station', 'No station CP-9 has ever connected and none is configured.'],
  ])('by a name that nothing has are a mistake: %s', async (query, type, detail) => {
    const reply = await call(`/deliveries?${query}`);
    expect([...problemOf(reply), reply.body.detail]).toEqual([404, type, detail]);
  });

  test.each([1, 2, 3, 6])('are paged by %i without loss or repetition', async (limit) => {
    const seen: string[] = [];
    for (let after = ''; ;) {
      const reply = await call(`/deliveries?limit=${limit}${after}`);
      expect(reply.body.items.length).toBeLessThanOrEqual(limit);
      seen.push(...ids(reply));
      if (reply.body.nextCursor === null) break;
      after = `&after=${reply.body.nextCursor}`;
    }
    expect(seen).toEqual(ids(await call('/deliveries')));
  });

  test('say all of a message, and what it waits behind', async () => {
    const { body } = await call(`/deliveries/CP-1:${at(5)}`);
    expect(body).toEqual({
      id: `CP-1:${at(5)}`,
      station: 'CP-1',
      backend: 'old',
      state: 'parked',
      action: 'StopTransaction',
      transaction: 't2',
      since: '2023-11-14T22:13:20.005Z',
      attempts: 0,
      lastError: null,
      possiblyDuplicate: true,
      behind: `CP-1:${at(3)}`,
      text: '[2,"s5","StopTransaction",{"idTag":"T-1","meterStop":5}]',
    });
    const other = await call(`/deliveries/${encodeURIComponent(`CP|2:${at(3)}`)}`);
    expect(other.body).toMatchObject({ behind: null, possiblyDuplicate: false });
  });

  test.each(['CP-1:1', 'CP-1:', `:${at(1)}`, 'CP-1', `CP-9:${at(1)}`, `CP-1:${at(1)}.5`, 'CP-1:1:1'])(
    'that are not there are 404: %s',
    async (id) => {
      expect(problemOf(await call(`/deliveries/${id}`))).toEqual([404, 'unknown-delivery']);
      expect(problemOf(await call(`/deliveries/${id}/drop`, { reason: 'x' }))).toEqual([
        404,
        'unknown-delivery',
      ]);
      expect(decided).toEqual([]);
    },
  );

  test.each(['state=gone', 'after=x', 'station=a:b', 'limit=0', 'cursor=x'])(
    'are not listed with %s',
    async (query) => {
      expect(problemOf(await call(`/deliveries?${query}`))).toEqual([422, 'invalid-request']);
    },
  );
});

describe('a decision', () => {
  const drop = `/deliveries/CP-1:${at(3)}/drop`;
  const retry = `/deliveries/CP-1:${at(3)}/retry`;

  test('to retry needs no reason, and is audited with what it was before and after', async () => {
    const reply = await call(retry, {}, { role: 'operator' });
    expect(reply.body).toMatchObject({ outcome: 'retried', delivery: { state: 'held', attempts: 0 } });
    expect(decided).toEqual([[{ station: 'CP-1', number: at(3) }, 'retry']]);
    expect(await newest()).toMatchObject({
      who: 'operator-of-the-day',
      action: 'delivery.retry',
      target: 'CP-1',
      request: { id: `CP-1:${at(3)}` },
      reason: null,
      outcome: 'done',
      before: { state: 'parked', attempts: 4, lastError: 'InternalError' },
      after: { state: 'held', attempts: 0, lastError: null },
    });
  });

  test('to drop gives the message once more, and leaves no token in the audit', async () => {
    const reply = await call(drop, { reason: 'booked by hand' });
    expect(reply.body).toMatchObject({
      outcome: 'dropped',
      delivery: { text: expect.stringContaining('T-1') },
    });
    const entry = await newest();
    expect(entry).toMatchObject({
      action: 'delivery.drop',
      reason: 'booked by hand',
      before: { id: `CP-1:${at(3)}`, state: 'parked' },
      after: null,
    });
    expect(JSON.stringify(entry)).not.toContain('T-1');
  });

  test.each([{}, { reason: '' }, { reason: '  ' }, { reason: 1 }, { reason: 'x', force: true }])(
    'to drop is not made with %j',
    async (body) => {
      expect(problemOf(await call(drop, body))).toEqual([422, 'invalid-request']);
      expect(decided).toEqual([]);
    },
  );

  test('of a viewer is not made', async () => {
    for (const path of [drop, retry])
      expect(problemOf(await call(path, { reason: 'x' }, { role: 'viewer' }))).toEqual([403, 'not-allowed']);
    expect(decided).toEqual([]);
  });

  test('is made once for an Idempotency-Key', async () => {
    const first = await call(drop, { reason: 'x' }, { key: 'k-1' });
    const again = await call(drop, { reason: 'x' }, { key: 'k-1' });
    expect([again, decided.length]).toEqual([first, 1]);
    expect(problemOf(await call(retry, { reason: 'x' }, { key: 'k-1' }))).toEqual([422, 'key-used-before']);
  });

  test.each([
    ['on_its_way', 409, 'delivery-on-its-way', 'refused'],
    ['behind', 409, 'delivery-behind', 'refused'],
    ['unknown', 404, 'unknown-delivery', 'refused'],
    ['journal_failing', 503, 'storage-failing', 'refused'],
    ['too_many_stations', 503, 'too-many-stations', 'refused'],
    ['unknown_outcome', 504, 'decision-unsettled', 'failed'],
  ] as const)('that ends with %s is %i %s, and %s in the audit', async (reason, status, name, audited) => {
    guarded.decide = (key) => {
      const before = snapshot(key);
      return Promise.resolve({ kind: 'refused', reason, detail: 'Why.', before, after: before });
    };
    expect(problemOf(await call(drop, { reason: 'x' }))).toEqual([status, name]);
    expect(await newest()).toMatchObject({ outcome: audited, detail: 'Why.' });
  });

  test('is not made where the audit cannot be written', async () => {
    guarded.auditFault = { fault: 'disk_full', detail: 'full' };
    const reply = await call(drop, { reason: 'x' });
    guarded.auditFault = null;
    expect(problemOf(reply)).toEqual([503, 'audit-unavailable']);
    expect(decided).toEqual([]);
  });
});

const busbar = (...args: string[]): Promise<VerbsRun> =>
  runVerbs([addDeliveryVerbs], ['delivery', ...args, '--admin', world.api.url]);

describe('busbar delivery', () => {
  test('list is a table, JSON or CSV', async () => {
    const { out, err, code } = await busbar('list', '--station', 'CP-1');
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/CP-1:1700000000003.*old.*parked .*StopTransaction.*4.*InternalError/);
    expect(out).toMatch(/CP-1:1700000000005.*parked, behind/);
    const json = await busbar('list', '--state', 'parked', '-o', 'json');
    expect((JSON.parse(json.out) as unknown[]).length).toBe(3);
    expect((await busbar('list', '-o', 'csv')).out.split('\n')).toHaveLength(9);
  });

  test('show prints one', async () => {
    expect((await busbar('show', `CP|2:${at(2)}`)).out).toMatch(/text.*StopTransaction.*T-1/);
    expect(JSON.parse((await busbar('show', `CP-1:${at(1)}`, '-o', 'json')).out)).toMatchObject({
      transaction: 't1',
    });
    expect(await busbar('show', 'CP-1:1')).toEqual({
      out: '',
      err: 'Unknown delivery: Nothing is held as CP-1:1: its backend has it, it was dropped, or it never was.\n',
      code: 1,
    });
  });

  test('retry and drop say what was done, and drop wants a reason', async () => {
    const id = `CP-1:${at(3)}`;
    expect((await busbar('retry', id)).err).toBe(`${id} is retried\n`);
    const without = await busbar('drop', id);
    expect([without.code, without.err]).toEqual([2, expect.stringContaining("'--reason <text>'")]);
    const blank = await busbar('drop', id, '--reason', ' ');
    expect([blank.code, blank.err]).toEqual([1, expect.stringContaining('reason must not be blank')]);
    const dropped = await busbar('drop', id, '--reason', 'x', '-o', 'json');
    expect([dropped.code, dropped.err]).toEqual([0, `${id} is dropped\n`]);
    expect(JSON.parse(dropped.out)).toMatchObject({ id });
    expect(decided.map(([, decision]) => decision)).toEqual(['retry', 'drop']);
  });

  test('export writes NDJSON to stdout or into a new file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'busbar-export-'));
    const file = join(folder, 'held.ndjson');
    const { out } = await busbar('export', '--backend', 'old');
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { station: string }).station)).toEqual([
      'CP-1',
      'CP|2',
      'CP-1',
      'CP|2',
      'CP-1',
      'CP|2',
    ]);
    expect(await busbar('export', '--backend', 'old', '--out', file)).toEqual({ out: '', err: '', code: 0 });
    expect(await readFile(file, 'utf8')).toBe(out);
    const again = await busbar('export', '--out', file);
    expect([again.code, again.err]).toEqual([
      2,
      `--out ${file}: there is a file of that name; name another\n`,
    ]);
    await rm(folder, { recursive: true });
  });

  test('an export that fails leaves no file, and says why', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'busbar-export-'));
    const file = join(folder, 'held.ndjson');
    const wrong = await busbar('export', '--backend', 'odl', '--out', file);
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('did you mean old?')]);
    expect(await readdir(folder)).toEqual([]);
    const nowhere = await busbar('export', '--out', join(folder, 'a', 'b'));
    expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining('there is no such folder')]);
    await rm(folder, { recursive: true });
  });
});
