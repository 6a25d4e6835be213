/** Migrations by way of the API: made of a plan, decided about, shown and reported, over migrations that stand still. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { MigrationDecision, Migrations, MigrationSnapshot } from '../../src/ports/migrations.ts';
import { fail, ok } from '../../src/std/result.ts';
import { startWorld, tokens, tokenSettings, type World } from './api-world.ts';
import { migrationsOf, preview, snapshotOf, startMs } from './migration-samples.ts';

interface Reply {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any;
  readonly headers: Headers;
}

let world: World;
const all: MigrationSnapshot[] = [];
let decided: [string, MigrationDecision, unknown][] = [];
let decide: Migrations['decide'];
let created: unknown[] = [];
beforeAll(async () => {
  const migrations = migrationsOf(all);
  world = await startWorld({
    tokens: tokenSettings,
    migrations: {
      ...migrations,
      create: (plan, by) => {
        created.push([plan.name, by]);
        return plan.name === 'taken'
          ? Promise.resolve(fail({ fault: 'name_taken', detail: 'taken is not over.' }))
          : migrations.create(plan, by);
      },
      decide: (id, decision, by) => {
        decided.push([id, decision, by]);
        return decide(id, decision, by);
      },
    },
  });
});
afterAll(() => world.api.close());
beforeEach(() => {
  all.splice(0, all.length, snapshotOf('m-2'), snapshotOf('m-1', { phase: 'done' }));
  decided = [];
  created = [];
  decide = () => Promise.resolve(ok({ kind: 'done', isChanged: true }));
});

async function call(
  path: string,
  body: unknown = null,
  given: { key?: string; role?: keyof typeof tokens } = {},
): Promise<Reply> {
  const response = await fetch(`${world.api.url}/api/v1/migrations${path}`, {
    method: body === null ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${tokens[given.role ?? 'operator']}`,
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...(given.key === undefined ? {} : { 'idempotency-key': given.key }),
    },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  });
  const isJson = (response.headers.get('content-type') ?? '').includes('json');
  return {
    status: response.status,
    body: isJson ? await response.json() : await response.text(),
    headers: response.headers,
  };
}

const written = { name: 'n', from: 'old', to: 'new', waves: [{ name: 'w', stations: ['*'] }] };
const problemOf = ({ status, body }: Reply): unknown[] => [status, String(body.type).split(':').at(-1)];
const newest = async () => (await call('/../audit?limit=1')).body.items[0];

describe('a migration', () => {
  test('is made of a plan, and audited with it', async () => {
    const reply = await call('', { ...written, reason: 'contract ends' });
    expect([reply.status, reply.headers.get('location')]).toEqual([201, '/api/v1/migrations/m-new']);
    expect(reply.body).toMatchObject({ id: 'm-new', name: 'n', state: 'ready', plan: { soak: '1d' } });
    expect(created).toEqual([['n', { who: 'operator-of-the-day', reason: 'contract ends' }]]);
    expect(await newest()).toMatchObject({
      action: 'migration.create',
      reason: 'contract ends',
      request: written,
      outcome: 'done',
      after: { id: 'm-new', state: 'ready', waves: { canary: 'soaking', pilot: 'planned' } },
    });
  });

  test('is only looked at with dryRun', async () => {
    const reply = await call('?dryRun=true', written);
    expect([reply.status, reply.body.waves]).toEqual([200, preview.waves]);
    expect(reply.body.plan).toMatchObject({ ...written, openTransactions: 'pin', soak: '1d' });
    expect(reply.body.problems).toEqual([
      {
        where: 'waves[1].group',
        why: 'no group is called berlin',
        advice: 'define it under groups',
        stations: [],
        stationCount: 0,
        blocking: true,
      },
    ]);
    expect(created).toEqual([]);
  });

  test('is not made of a plan that is none, and everything wrong with it is told', async () => {
    const reply = await call('', {
      ...written,
      wave: [],
      gates: [{ measure: 'boots.accepted', atLeast: 1 }],
    });
    expect(problemOf(reply)).toEqual([422, 'invalid-plan']);
    expect(reply.body.errors).toEqual([
      { where: 'body.wave', reason: 'there is no such key here; did you mean waves?' },
      { where: 'body.gates[0].atLeast', reason: expect.stringContaining('must be a share such as 99.5%') },
    ]);
    const deep = `{"name":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    const nested = await call('', JSON.parse(deep));
    expect([...problemOf(nested), nested.body.detail]).toEqual([
      422,
      'invalid-request',
      'body is nested deeper than 32 levels',
    ]);
    const endless = await call('', { ...written, waves: Array.from({ length: 200_000 }, () => 1) });
    expect([...problemOf(endless), endless.body.detail]).toEqual([
      422,
      'invalid-plan',
      'body holds more than 150000 values; a plan has 100,000 stations at most',
    ]);
    for (const body of [[], { ...written, reason: '' }, { ...written, reason: 'x'.repeat(501) }])
      expect((await call('', body)).status).toBe(422);
    expect(created).toEqual([]);
  });

  test('is not made by a viewer, nor twice under a name or a key', async () => {
    expect(problemOf(await call('', written, { role: 'viewer' }))).toEqual([403, 'not-allowed']);
    expect(problemOf(await call('', { ...written, name: 'taken' }))).toEqual([409, 'name-taken']);
    created = [];
    const first = await call('', written, { key: 'c-1' });
    const again = await call('', written, { key: 'c-1' });
    expect([again.status, again.body, created.length]).toEqual([201, first.body, 1]);
  });

  test('is found by its id and by its name, and shown with what its gates measured', async () => {
    const byId = await call('/m-2', null, { role: 'viewer' });
    expect((await call('/leave-old')).body).toEqual(byId.body);
    expect(byId.body).toMatchObject({
      id: 'm-2',
      state: 'running',
      waves: [
        {
          number: 1,
          name: 'canary',
          state: 'soaking',
          tally: { verified: 1, failed: 1, planned: 0 },
          soakedMs: 61_500,
          soakMs: 600_000,
          firstMoveAt: '2026-12-01T01:00:01.000Z',
          gates: [{ measure: 'calls.errorRate', state: 'green', figure: '0.1%', figureBefore: '0.2%' }],
        },
        { number: 2, name: 'pilot', soakMs: 86_400_000 },
      ],
      plan: {
        waves: [
          { name: 'canary', stations: ['CP-1', 'CP-7'], soak: '10min' },
          { name: 'pilot', group: 'berlin', limit: 40, at: '2026-12-01T01:00:00.000Z', pace: '20/min' },
        ],
        gates: [{ measure: 'calls.errorRate', atMost: '0.5%', worseThanBefore: '0.2%', rollback: true }],
      },
    });
    expect(problemOf(await call('/nobody'))).toEqual([404, 'unknown-migration']);
  });

  test('is in a list, newest first, page by page', async () => {
    const first = await call('?limit=1');
    expect(first.body.items.map(({ id }: { id: string }) => id)).toEqual(['m-2']);
    const second = await call(`?limit=1&cursor=${first.body.nextCursor}`);
    expect([second.body.items[0].id, second.body.nextCursor]).toEqual(['m-1', null]);
    expect(problemOf(await call('?cursor=x'))).toEqual([422, 'invalid-request']);
  });
});

describe('a decision', () => {
  test.each([
    ['start', {}, { do: 'start' }],
    ['pause', {}, { do: 'pause' }],
    ['resume', {}, { do: 'resume' }],
    ['approve', {}, { do: 'approve' }],
    ['rollback', { reason: 'x' }, { do: 'rollback' }],
    ['complete', { reason: 'x' }, { do: 'complete' }],
    ['abandon', { reason: 'x' }, { do: 'abandon' }],
    ['waves/pilot/approve', {}, { do: 'approve_wave', wave: 1 }],
    ['waves/2/start', { reason: 'x' }, { do: 'start_wave', wave: 1 }],
    ['waves/canary/rollback', { reason: 'x' }, { do: 'rollback_wave', wave: 0 }],
  ] as const)('%s is handed on, audited and answered', async (path, body, decision) => {
    const reply = await call(`/leave-old/${path}`, body);
    expect([reply.status, reply.body.changed, reply.body.migration.id]).toEqual([200, true, 'm-2']);
    const reason = 'reason' in body ? body.reason : null;
    expect(decided).toEqual([['m-2', decision, { who: 'operator-of-the-day', reason }]]);
    expect(await newest()).toMatchObject({
      action: `migration.${path.replace(/waves\/[^/]+\//, 'wave.')}`,
      request: { migration: 'm-2', name: 'leave-old' },
      reason,
      outcome: 'done',
      before: { state: 'running' },
    });
  });

  test.each([
    ['draft', true],
    ['running', false],
    ['done', false],
  ] as const)('to look at the fleet anew changes nothing once it was started: %s', async (phase, changed) => {
    all.splice(0, all.length, snapshotOf('m-2', { phase }));
    const reply = await call('/m-2/replan', {});
    expect([reply.status, reply.body.changed]).toEqual([200, changed]);
  });

  test.each(['rollback', 'complete', 'abandon', 'waves/1/start', 'waves/1/rollback'])(
    '%s wants a reason',
    async (path) => {
      expect(problemOf(await call(`/m-2/${path}`, {}))).toEqual([422, 'invalid-request']);
      expect(decided).toEqual([]);
    },
  );

  test.each([
    ['not_now', 409, 'not-now'],
    ['gate_red', 409, 'gate-red'],
    ['is_over', 409, 'migration-over'],
    ['no_such_wave', 404, 'unknown-wave'],
    ['has_problems', 409, 'plan-has-problems'],
  ] as const)('that is refused with %s is %i %s', async (reason, status, name) => {
    decide = () => Promise.resolve(ok({ kind: 'refused', reason, detail: 'Why.' }));
    all[0] = snapshotOf('m-2', { problems: preview.problems });
    const reply = await call('/m-2/start', {});
    expect(problemOf(reply)).toEqual([status, name]);
    expect(reply.body.errors).toEqual(
      reason === 'has_problems'
        ? [{ where: 'plan.waves[1].group', reason: 'no group is called berlin; define it under groups' }]
        : undefined,
    );
    expect(await newest()).toMatchObject({ outcome: 'refused', detail: 'Why.' });
  });

  test('that cannot be kept is 503, and one of what is not there 404', async () => {
    decide = () => Promise.resolve(fail({ fault: 'storage', detail: 'Full.' }));
    expect(problemOf(await call('/m-2/start', {}))).toEqual([503, 'storage-failing']);
    expect(problemOf(await call('/nobody/start', {}))).toEqual([404, 'unknown-migration']);
    const wave = await call('/m-2/waves/9/start', { reason: 'x' });
    expect(problemOf(wave)).toEqual([404, 'unknown-wave']);
    expect(wave.body.detail).toBe('leave-old has no wave 9: its waves are canary, pilot, or 1 to 2.');
    expect(problemOf(await call('/m-2/start', {}, { role: 'viewer' }))).toEqual([403, 'not-allowed']);
  });
});

describe('what is read of a migration', () => {
  test('is how far each station is', async () => {
    const first = await call('/m-2/stations?limit=2');
    expect(first.body.items).toMatchObject([
      {
        station: 'CP-1',
        wave: 'canary',
        state: 'verified',
        effects: [{ what: 'HeartbeatInterval', state: 'done', before: '900' }],
      },
      { station: 'CP-7', state: 'failed' },
    ]);
    const rest = await call(`/m-2/stations?limit=2&cursor=${first.body.nextCursor}`);
    expect(rest.body).toMatchObject({ items: [{ station: 'CP-9', wave: 'pilot' }], nextCursor: null });
    expect((await call('/m-2/stations?wave=2')).body.items).toHaveLength(1);
    expect((await call('/m-2/stations?state=failed')).body.items).toHaveLength(1);
    expect(problemOf(await call('/m-2/stations?wave=9'))).toEqual([404, 'unknown-wave']);
  });

  test.each([1, 2, 7])('is its evidence, paged by %i without loss or repetition', async (limit) => {
    const numbers: number[] = [];
    for (let cursor = ''; ;) {
      const { body } = await call(`/m-2/evidence?limit=${limit}${cursor}`);
      numbers.push(...body.items.map(({ number }: { number: number }) => number));
      if (body.nextCursor === null) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect((await call('/m-2/evidence?limit=1')).body.items).toMatchObject([
      { number: 1, at: '2026-12-01T01:00:00.000Z', who: 'ops', what: 'decision', after: 'start' },
    ]);
  });

  test('is a report for programs', async () => {
    const { body } = await call('/m-2/report');
    expect(body).toMatchObject({
      id: 'm-2',
      startedAt: Date.parse('2026-12-01T01:00:01Z'),
      endedAt: null,
      stations: 3,
      tally: { verified: 1, failed: 1, planned: 1 },
      decisions: [{ who: 'ops', what: 'start', reason: 'go *now*' }],
      rollbacks: [{ wave: 'canary', who: 'busbar', reason: 'a gate is red' }],
      exceptions: [{ station: 'CP-7', wave: 'canary' }],
      evidence: { count: 7, leftOut: 0, missing: 0 },
      sessions: { begunAtOld: 3, begunAtNew: 8 },
      waves: [
        {
          name: 'canary',
          sessions: { since: startMs + 1_000, endedAtOld: 4, endedAtNew: 7, crossed: 2, handedOver: 1 },
          lastMoveAt: Date.parse('2026-12-01T01:00:06Z'),
          gates: [{ measure: 'calls.errorRate', state: 'green', timesRed: 1 }],
          stations: [
            { station: 'CP-1', phase: 'verified', sessions: { from: 0, to: 0 } },
            { station: 'CP-7', phase: 'failed', sessions: null },
          ],
        },
        { name: 'pilot' },
      ],
    });
  });

  test('is a report for people, in which nothing of what stations say is markup', async () => {
    const markdown = await call('/m-2/report?format=markdown');
    expect(markdown.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
    expect(markdown.body).toMatch(/^# Migration leave-old: old to new\n/);
    expect(markdown.body).toContain('1 of 3 stations are at new, 1 of them verified; 1 were excused');
    expect(markdown.body).toContain(
      '| calls.errorRate | at most 0.5%, at most 0.2% worse than before | 0.1% |',
    );
    expect(markdown.body).toContain('It was away \\<b\\>for\\</b\\> an hour \\| and more.');
    expect(markdown.body).toContain('go \\*now\\*');
    expect(markdown.body.match(/\| Begun \| 3 \| 8 \|\n\| Ended \| 4 \| 7 \|/g)).toHaveLength(2);
    expect(markdown.body).toContain('had moved to the other | 2 |  |');
    expect(markdown.body).toContain('No station has moved yet.');
    const html = await call('/m-2/report?format=html');
    expect(html.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(html.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    expect(html.body).toContain('It was away &lt;b&gt;for&lt;/b&gt; an hour');
    expect(html.body).not.toMatch(/<script|<b>|https?:|src=/);
    expect(html.body).toContain('Signature');
    expect(problemOf(await call('/m-2/report?format=pdf'))).toEqual([422, 'invalid-request']);
  });
});
