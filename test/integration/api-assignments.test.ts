/** Moving a station and taking it back, by way of the API and the command line, over assignments that are given as values. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addStationVerbs } from '../../src/cli/station-verbs.ts';
import type { AssignmentDecision, AssignmentMade, PlacementSnapshot } from '../../src/ports/assignments.ts';
import type { StationBackendSnapshot } from '../../src/ports/registry.ts';
import {
  noMigrations,
  registry,
  startWorld,
  stationBackend,
  stationOf,
  tokens,
  tokenSettings,
  type World,
} from './api-world.ts';
import { runVerbs, typed, type VerbsGiven, type VerbsRun } from './cli-verbs-run.ts';
import { progress } from './migration-samples.ts';

interface Reply {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any;
}

const placement: PlacementSnapshot = {
  routed: 'old',
  primary: 'new',
  before: 'old',
  observers: null,
  since: '2026-11-20T10:00:00.000Z',
  ready: [{ backend: 'old', until: '2026-12-04T10:00:00.000Z' }],
};
const moved = { kind: 'done', isChanged: true, before: null, after: placement } as const;
const notSynced = {
  kind: 'refused',
  reason: 'not_synced',
  detail: 'new does not know CP-1 yet, and is told of it from now on.',
  before: null,
  after: null,
} as const;

let world: World;
let open: World;
let decided: [string, AssignmentDecision][] = [];
/** What the registry says of the new backend. */
let state: StationBackendSnapshot['state'] = null;
let answers: AssignmentMade[] = [];
/** What it says was decided of the station. */
let shown: PlacementSnapshot = placement;
beforeAll(async () => {
  const seen = {
    ...registry,
    station: (id: string) =>
      id === 'CP-1' || id === 'CP-7'
        ? stationOf(id, {
            placement: shown,
            backends: [
              stationBackend('old'),
              stationBackend('new', { role: 'standby', link: 'open', state, lastError: 'call_error: busy' }),
            ],
          })
        : null,
  };
  world = await startWorld({ tokens: tokenSettings, registry: seen });
  open = await startWorld({
    registry: seen,
    migrations: {
      ...noMigrations,
      claimOf: (station) =>
        station === 'CP-7' && progress[0] !== undefined
          ? { migration: 'leave-old', progress: progress[0] }
          : null,
    },
  });
});
afterAll(() => Promise.all([world.api.close(), open.api.close()]));
beforeEach(() => {
  decided = [];
  state = null;
  shown = placement;
  answers = [moved];
  for (const one of [world, open])
    one.assign = (station, decision) => {
      decided.push([station, decision]);
      return Promise.resolve((answers.length > 1 ? answers.shift() : answers[0]) as AssignmentMade);
    };
});

async function call(
  method: 'GET' | 'PUT' | 'POST',
  path: string,
  body: unknown = null,
  given: { key?: string; role?: keyof typeof tokens } = {},
): Promise<Reply> {
  const response = await fetch(`${world.api.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${tokens[given.role ?? 'operator']}`,
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...(given.key === undefined ? {} : { 'idempotency-key': given.key }),
    },
    ...(body === null ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

const assignment = '/stations/CP-1/assignment';
const move = { primary: 'new', reason: 'pilot' };
const problemOf = ({ status, body }: Reply): unknown[] => [status, String(body.type).split(':').at(-1)];
const newest = async () => (await call('GET', '/audit?limit=1')).body.items[0];

describe('a move', () => {
  test('is decided with what was asked for, and answered with where the station is', async () => {
    const asked = {
      ...move,
      openTransactions: 'handover',
      keepOldWarm: '2h',
      force: true,
    };
    const reply = await call('PUT', assignment, asked);
    expect(reply).toEqual({ status: 200, body: { changed: true, placement, migration: null } });
    expect(decided).toEqual([
      [
        'CP-1',
        {
          do: 'cut_over',
          primary: 'new',
          observers: 'routed',
          openTransactions: 'handover',
          keepWarmMs: 7_200_000,
          isForced: true,
        },
      ],
    ]);
    expect(await newest()).toMatchObject({
      who: 'operator-of-the-day',
      action: 'station.move',
      target: 'CP-1',
      request: { primary: 'new', openTransactions: 'handover', keepOldWarm: '2h', force: true },
      reason: 'pilot',
      outcome: 'done',
      before: null,
      after: { primary: 'new', before: 'old' },
    });
  });

  test('pins open transactions and keeps the old backend ready for two weeks, unless told', async () => {
    await call('PUT', assignment, move);
    expect(decided[0]?.[1]).toEqual({
      do: 'cut_over',
      primary: 'new',
      observers: 'routed',
      openTransactions: 'pin',
      keepWarmMs: 14 * 86_400_000,
      isForced: false,
    });
  });

  test('to where the station is changes nothing', async () => {
    answers = [{ ...moved, isChanged: false, before: placement }];
    expect(await call('PUT', assignment, move)).toMatchObject({ status: 200, body: { changed: false } });
    expect(await newest()).toMatchObject({ outcome: 'done', detail: 'It was so already.' });
  });

  test('to a backend that does not know the station yet is 409 with how far it is', async () => {
    answers = [notSynced];
    state = 'priming';
    const reply = await call('PUT', assignment, move);
    expect(problemOf(reply)).toEqual([409, 'not-synced']);
    expect(reply.body.detail).toBe(
      'new does not know CP-1 yet, and is told of it from now on. Ask again once its state is synced, or let the call wait for that, such as 30s.',
    );
    expect(reply.body.errors).toEqual([
      { where: 'backends.new.state', reason: 'priming' },
      { where: 'backends.new.link', reason: 'open' },
      { where: 'backends.new.lastError', reason: 'call_error: busy' },
    ]);
    expect(decided).toHaveLength(1);
  });

  test('waits as long as it is told for the backend to know the station', async () => {
    answers = [notSynced, moved];
    state = 'connecting';
    const reply = call('PUT', `${assignment}?wait=30s`, move);
    setTimeout(() => (state = 'synced'), 250);
    expect(await reply).toMatchObject({ status: 200, body: { changed: true } });
    expect(decided).toHaveLength(2);
  });

  test('is asked for again where the backend was let go of meanwhile', async () => {
    answers = [notSynced, notSynced, moved];
    expect(await call('PUT', `${assignment}?wait=30s`, move)).toMatchObject({ status: 200 });
    expect(decided).toHaveLength(3);
  });

  test('waits no longer than that', async () => {
    answers = [notSynced];
    const begun = performance.now();
    expect(problemOf(await call('PUT', `${assignment}?wait=300ms`, move))).toEqual([409, 'not-synced']);
    expect(performance.now() - begun).toBeGreaterThan(290);
  });

  test.each([
    ['not_routed', 409, 'not-routed', 'refused'],
    ['unknown_backend', 404, 'unknown-backend', 'refused'],
    ['wrong_version', 409, 'wrong-version', 'refused'],
    ['not_connected', 409, 'not-connected', 'refused'],
    ['transaction_open', 409, 'transaction-open', 'refused'],
    ['firmware_update', 409, 'firmware-update', 'refused'],
    ['reservation', 409, 'reservation', 'refused'],
    ['report_in_parts', 409, 'report-in-parts', 'refused'],
    ['nothing_to_undo', 409, 'nothing-to-undo', 'refused'],
    ['is_primary', 409, 'is-primary', 'refused'],
    ['journal_failing', 503, 'storage-failing', 'refused'],
    ['too_many_stations', 503, 'too-many-stations', 'refused'],
    ['unknown_outcome', 504, 'decision-unsettled', 'failed'],
  ] as const)('that ends with %s is %i %s, and %s in the audit', async (reason, status, name, audited) => {
    answers = [{ kind: 'refused', reason, detail: 'Why.', before: null, after: null }];
    const reply = await call('PUT', assignment, move);
    expect(problemOf(reply)).toEqual([status, name]);
    expect(reply.body.detail).toMatch(/^Why\.( .+\.)?$/);
    expect(await newest()).toMatchObject({ outcome: audited, detail: 'Why.' });
  });

  test.each([
    [{ primary: 'new' }, 'body.reason'],
    [{ reason: 'x' }, 'body.primary'],
    [{ ...move, openTransactions: 'drop' }, 'body.openTransactions'],
    [{ ...move, keepOldWarm: '2 weeks' }, 'body.keepOldWarm'],
    [{ ...move, keepOldWarm: '4000d' }, 'body.keepOldWarm'],
    [{ ...move, observers: null }, 'body.observers'],
    [{ ...move, observers: [{ receives: ['state'] }] }, 'body.observers.0.backend'],
    [{ ...move, observers: [{ backend: 'tariffs', receives: ['bills'] }] }, 'body.observers.0.receives.0'],
    [{ ...move, observers: [{ backend: 'tariffs', recieves: [] }] }, 'body.observers.0.recieves'],
  ])('is not made with %j', async (body, where) => {
    const reply = await call('PUT', assignment, body);
    expect(problemOf(reply)).toEqual([422, 'invalid-request']);
    expect(reply.body.errors).toMatchObject([{ where }]);
    expect(decided).toEqual([]);
  });

  test.each(['wait=5', 'wait=1h', 'wait=', 'wiat=30s'])('is not made with %s', async (query) => {
    expect(problemOf(await call('PUT', `${assignment}?${query}`, move))).toEqual([422, 'invalid-request']);
    expect(decided).toEqual([]);
  });

  test('of a station that is not known, or by a viewer, is not made', async () => {
    expect(problemOf(await call('PUT', '/stations/CP-9/assignment', move))).toEqual([404, 'unknown-station']);
    expect(problemOf(await call('PUT', assignment, move, { role: 'viewer' }))).toEqual([403, 'not-allowed']);
    expect(decided).toEqual([]);
  });

  test('is made once for an Idempotency-Key', async () => {
    const first = await call('PUT', assignment, move, { key: 'm-1' });
    expect([await call('PUT', assignment, move, { key: 'm-1' }), decided.length]).toEqual([first, 1]);
    expect(problemOf(await call('PUT', assignment, { ...move, primary: 'x' }, { key: 'm-1' }))).toEqual([
      422,
      'key-used-before',
    ]);
  });

  test('is not made where the audit cannot be written', async () => {
    world.auditFault = { fault: 'disk_full', detail: 'full' };
    const reply = await call('PUT', assignment, move);
    world.auditFault = null;
    expect(problemOf(reply)).toEqual([503, 'audit-unavailable']);
    expect(decided).toEqual([]);
  });
});

const listening = {
  ...placement,
  observers: [{ backend: 'tariffs', receives: ['state', 'meter'], commands: ['GetLog'] }],
} as const;

describe('observers', () => {
  test('are decided with the primary, with the configuration’s defaults, and audited with before and after', async () => {
    answers = [{ ...moved, before: placement, after: listening }];
    const observers = [
      { backend: 'tariffs', receives: ['state', 'meter'], commands: ['GetLog'] },
      { backend: 'vendor' },
    ];
    const reply = await call('PUT', assignment, { ...move, observers });
    expect(reply).toEqual({ status: 200, body: { changed: true, placement: listening, migration: null } });
    expect(decided[0]?.[1]).toMatchObject({
      do: 'cut_over',
      primary: 'new',
      observers: [
        observers[0],
        { backend: 'vendor', receives: ['registration', 'liveness', 'state'], commands: [] },
      ],
    });
    expect(await newest()).toMatchObject({
      request: { primary: 'new', observers },
      before: { observers: null },
      after: { observers: listening.observers },
    });
  });

  test('can be nobody', async () => {
    await call('PUT', assignment, { ...move, observers: [] });
    expect(decided[0]?.[1]).toMatchObject({ observers: [] });
  });

  test('that may not listen in so are refused with where, what, why and what to do', async () => {
    const detail = 'observers.0.receives: old could bill a second time; remove it.';
    const faults = [{ path: [0, 'receives'], what: 'old could bill a second time', remedy: 'remove it' }];
    answers = [{ kind: 'refused', reason: 'observers_unfit', detail, faults, before: null, after: null }];
    const reply = await call('PUT', assignment, { ...move, observers: [{ backend: 'old' }] });
    expect([...problemOf(reply), reply.body.detail]).toEqual([422, 'invalid-request', detail]);
    expect(reply.body.errors).toEqual([
      { where: 'body.observers.0.receives', reason: 'old could bill a second time; remove it' },
    ]);
    expect(await newest()).toMatchObject({ outcome: 'refused', detail });
  });
});

describe('a rollback', () => {
  test('is decided, audited and answered', async () => {
    answers = [{ ...moved, before: placement, after: { ...placement, primary: 'old', before: 'new' } }];
    const reply = await call('POST', '/stations/CP-1/rollback', { reason: 'it bills nothing' });
    expect(reply).toMatchObject({ status: 200, body: { changed: true, placement: { primary: 'old' } } });
    expect(decided).toEqual([['CP-1', { do: 'roll_back' }]]);
    expect(await newest()).toMatchObject({
      action: 'station.rollback',
      before: { primary: 'new' },
      after: { primary: 'old' },
    });
  });

  test('of what was never moved is 409, and says what to do instead', async () => {
    answers = [{ kind: 'refused', reason: 'nothing_to_undo', detail: 'Why.', before: null, after: null }];
    const reply = await call('POST', '/stations/CP-1/rollback', { reason: 'x' });
    expect(problemOf(reply)).toEqual([409, 'nothing-to-undo']);
    expect(reply.body.detail).toContain('Move it if it is to go elsewhere.');
  });

  test('wants a reason', async () => {
    expect(problemOf(await call('POST', '/stations/CP-1/rollback', {}))).toEqual([422, 'invalid-request']);
  });
});

test('a station shows what was decided of it', async () => {
  expect((await call('GET', '/stations/CP-1', null, { role: 'viewer' })).body.placement).toEqual(placement);
});

const busbar = (args: readonly string[], given?: VerbsGiven): Promise<VerbsRun> =>
  runVerbs([addStationVerbs], ['station', ...args, '--admin', open.api.url], given);

describe('busbar station move', () => {
  const to = ['--to', 'new', '--reason', 'pilot'];

  test('moves each station once, and shows where they are', async () => {
    const { out, err, code } = await busbar(['move', 'CP-1', 'CP-7', 'CP-1', ...to, '--yes']);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/CP-1\s.*moved.*new/);
    expect(out).toMatch(/CP-7\s.*moved.*new/);
    expect(decided.map(([station]) => station)).toEqual(['CP-1', 'CP-7']);
  });

  test('says of a station that a migration has it', async () => {
    for (const verb of [
      ['move', ...to],
      ['rollback', '--reason', 'pilot'],
    ]) {
      const { out } = await busbar([...verb, 'CP-1', 'CP-7', '--yes', '-o', 'json']);
      expect(JSON.parse(out)).toMatchObject([
        { station: 'CP-1', detail: null },
        { station: 'CP-7', detail: 'it is in migration leave-old, which is not over' },
      ]);
    }
  });

  test('hands on every option', async () => {
    const options = ['--open-transactions', 'wait', '--keep-old-warm', '2h', '--force', '--wait', '30s'];
    await busbar(['move', 'CP-1', ...to, ...options, '--yes']);
    expect(decided[0]?.[1]).toMatchObject({
      openTransactions: 'wait',
      keepWarmMs: 7_200_000,
      isForced: true,
    });
  });

  test('names who is to listen in', async () => {
    const observers = [
      '--observer',
      'a',
      '--observer',
      'b:state,meter',
      '--observer',
      'c::GetLog,ClearCache',
    ];
    const { out } = await busbar(['move', 'CP-1', ...to, ...observers, '--yes']);
    expect(out).toMatch(/CP-1\s.*placed.*new/);
    const receives = ['registration', 'liveness', 'state'];
    expect(decided[0]?.[1]).toMatchObject({
      observers: [
        { backend: 'a', receives, commands: [] },
        { backend: 'b', receives: ['state', 'meter'], commands: [] },
        { backend: 'c', receives, commands: ['GetLog', 'ClearCache'] },
      ],
    });
    await busbar(['move', 'CP-1', ...to, '--no-observers', '--yes']);
    expect(decided[1]?.[1]).toMatchObject({ observers: [] });
    await busbar(['move', 'CP-1', ...to, '--yes']);
    expect(decided[2]?.[1]).toMatchObject({ observers: 'routed' });
  });

  test('ends with 1 where one of them is not done, and says why', async () => {
    answers = [notSynced, moved];
    const { out, code } = await busbar(['move', 'CP-1', 'CP-7', 'CP-9', ...to, '--yes', '-o', 'json']);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([
      { station: 'CP-1', outcome: 'not done', detail: expect.stringContaining('does not know') },
      { station: 'CP-7', outcome: 'moved', primary: 'new' },
      { station: 'CP-9', outcome: 'not done', detail: expect.stringContaining('Unknown station') },
    ]);
  });

  test.each([
    [
      ['--open-transactions', 'handover'],
      /handed over, and a backend that does not take one.*bills it wrong/,
    ],
    [['--force'], /firmware updates, reservations and reports under way are not waited for/],
    [['--observer', 'a', '--observer', 'b'], /answered by new, and those who listen in are a, b\. Move/],
    [['--no-observers'], /answered by new, and nobody listens in\. Move/],
    [[], /^CP-1 will be answered by new\. Move\? \[y\/N\] /],
  ])('asks first with %j', async (options, warning) => {
    const asked = await busbar(['move', 'CP-1', ...to, ...options], typed('n\n'));
    expect([asked.code, asked.err]).toEqual([1, expect.stringMatching(warning)]);
    expect(decided).toEqual([]);
    expect((await busbar(['move', 'CP-1', ...to, ...options], typed('y\n'))).code).toBe(0);
    expect(decided).toHaveLength(1);
  });

  test.each([
    [['move', 'CP-1', ...to], 'add --yes if that is meant'],
    [['move', 'CP-1', '--to', 'new', '--yes'], "'--reason <text>'"],
    [['move', 'CP-1', '--reason', 'x', '--yes'], "'--to <backend>'"],
    [['move', ...to, '--yes'], "missing required argument 'ids'"],
    [['move', 'CP-1', ...to, '--yes', '--wait', '5'], 'such as 500ms, 30s'],
    [['move', 'CP-1', ...to, '--yes', '--open-transactions', 'x'], 'pin, wait, handover'],
    [
      ['move', 'CP-1', ...to, '--yes', '--observer', 'a:bills'],
      'bills is no class; classes are registration',
    ],
    [['move', 'CP-1', ...to, '--yes', '--observer', ':state'], 'BACKEND:CLASSES:COMMANDS'],
    [['move', 'CP-1', ...to, '--yes', '--observer', 'a', '--no-observers'], 'cannot be used with'],
    [['rollback', 'CP-1', '--reason', 'x'], 'add --yes if that is meant'],
  ])('%j is wrong usage', async (args, said) => {
    const { err, code } = await busbar(args);
    expect([code, err]).toEqual([2, expect.stringContaining(said)]);
    expect(decided).toEqual([]);
  });

  test('shows an example in its help', async () => {
    for (const verb of ['move', 'rollback'])
      expect((await busbar([verb, '--help'])).out).toContain(`$ busbar station ${verb} CP-1`);
  });
});

test('busbar station rollback takes stations back', async () => {
  const { out, code } = await busbar(['rollback', 'CP-1', 'CP-7', '--yes', '--reason', 'x']);
  expect([code, out]).toEqual([0, expect.stringMatching(/CP-7\s.*rolled back/)]);
  expect(decided).toEqual([
    ['CP-1', { do: 'roll_back' }],
    ['CP-7', { do: 'roll_back' }],
  ]);
});

test('busbar station show says where a station was moved from', async () => {
  const { out } = await busbar(['show', 'CP-1']);
  expect(out).toMatch(/observers\s.*by its route/);
  expect(out).toMatch(/rollback to\s.*old/);
  expect(out).toMatch(/kept ready\s.*old until 2026-12-04/);
});

test('busbar station show says who listens in by decision', async () => {
  shown = listening;
  expect((await busbar(['show', 'CP-1'])).out).toContain('tariffs (state, meter; may send GetLog)');
  shown = { ...placement, observers: [] };
  expect((await busbar(['show', 'CP-1'])).out).toMatch(/observers\s.*nobody/);
});
