/** The verbs of migrations, over an API whose migrations stand still. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { planReader } from '../../src/app/plan-reader.ts';
import { addMigrationVerbs } from '../../src/cli/migration-verbs.ts';
import { readPlanFile } from '../../src/control/migration-plan/read-plan.ts';
import type { AssignmentDecision } from '../../src/ports/assignments.ts';
import type { MigrationDecision, MigrationSnapshot } from '../../src/ports/migrations.ts';
import type { StationBackendSnapshot } from '../../src/ports/registry.ts';
import { ok } from '../../src/std/result.ts';
import { registry, startWorld, stationBackend, stationOf, type World } from './api-world.ts';
import { runVerbs, typed, type VerbsGiven, type VerbsRun } from './cli-verbs-run.ts';
import { migrationsOf, preview, progress, snapshotOf } from './migration-samples.ts';

let world: World;
let folder: string;
const all: MigrationSnapshot[] = [];
let problems: MigrationSnapshot['problems'] = [];
let decided: [string, MigrationDecision, string | null][] = [];
let assigned: [string, AssignmentDecision['do']][] = [];
/** A station that a migration attaches. */
let claimed: string | null = null;
/** What the new backend asked every station for. */
let asked: StationBackendSnapshot['asked'] = [];
/** How far the new backend knows each station. */
let states: Record<string, StationBackendSnapshot['state']> = {};
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'busbar-migrations-'));
  const migrations = migrationsOf(all);
  world = await startWorld({
    registry: {
      ...registry,
      *stations() {
        for (const station of registry.stations())
          yield { ...station, backends: [...station.backends, stationBackend('new', { asked })] };
      },
      station: (id) =>
        stationOf(id, {
          backends: [stationBackend('old'), stationBackend('new', { state: states[id] ?? null })],
        }),
    },
    migrations: {
      ...migrations,
      preview: async (plan) => ({ ...(await migrations.preview(plan)), problems }),
      create: (plan) => {
        const snapshot = snapshotOf('m-new', {
          plan,
          phase: problems.length > 0 ? 'draft' : 'ready',
          problems,
        });
        all.unshift(snapshot);
        return Promise.resolve(ok(snapshot));
      },
      claimOf: (station) => {
        const [first] = progress;
        if (station !== claimed || first === undefined) return null;
        return { migration: 'leave-old', progress: { ...first, station, attached: 'ordered' } };
      },
      decide: (id, decision, { reason }) => {
        decided.push([id, decision, reason]);
        return Promise.resolve(ok({ kind: 'done', isChanged: true }));
      },
    },
  });
  world.assign = (station, decision) => {
    assigned.push([station, decision.do]);
    return Promise.resolve({ kind: 'done', isChanged: true, before: null, after: null });
  };
});
afterAll(async () => {
  await world.api.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  all.splice(0, all.length, snapshotOf('m-1'));
  decided = [];
  assigned = [];
  problems = [];
  states = {};
  asked = [];
  claimed = null;
});

const busbar = (args: readonly string[], given?: VerbsGiven): Promise<VerbsRun> =>
  runVerbs([addMigrationVerbs(planReader)], ['migration', ...args, '--admin', world.api.url], given);

async function fileOf(text: string): Promise<string> {
  const file = join(folder, `plan-${Math.random()}.yaml`);
  await writeFile(file, text);
  return file;
}

const sound = 'name: n\nfrom: old\nto: new\nwaves: [{ name: canary, stations: [CP-1, CP-7] }]\n';

describe('migration plan', () => {
  test('prints a plan that is read again, and beside it what there is to move', async () => {
    const { out, err, code } = await busbar(['plan', '--from', 'old', '--to', 'new']);
    expect(code).toBe(0);
    expect(err).toMatch(/CP-1\s.*ABB.*Terra 54.*1\.8\.2.*ocpp1\.6/);
    expect(err).not.toContain('CP-2');
    const read = await readPlanFile(await fileOf(out), {});
    expect(read.ok ? read.value.plan : read.fault).toMatchObject({
      name: 'leave-old',
      from: 'old',
      to: 'new',
      openTransactions: 'pin',
    });
  });

  test('is not made for a backend that is not there', async () => {
    const why = 'there is no backend called new';
    problems = [{ where: 'to', why, advice: 'name one', stations: [], stationCount: 0, isBlocking: true }];
    const { out, err, code } = await busbar(['plan', '--from', 'old', '--to', 'new']);
    expect([code, out, err]).toEqual([1, '', expect.stringContaining(`--to: ${why}; name one.`)]);
  });

  test('proposes the settings that the new backend has asked for, as comments', async () => {
    asked = [
      { component: null, key: 'MeterValueSampleInterval', value: '60' },
      { component: 'Ctrlr', key: 'Interval', value: '1' },
    ];
    const { out } = await busbar(['plan', '--from', 'old', '--to', 'new']);
    const lines = out.split('\n').filter((line) => line.startsWith('#     - '));
    expect(lines).toEqual([
      expect.stringMatching(
        /^#     - \{ key: "MeterValueSampleInterval", value: "60" \} {5}# \d+ stations?$/,
      ),
      expect.stringMatching(/^#     - \{ component: "Ctrlr", key: "Interval", value: "1" \} {5}# /),
    ]);
    // With its comment signs taken away it is a plan that sets them.
    const set = out.replaceAll(/^# (also:|  configuration:|    - )/gm, '$1');
    const read = await readPlanFile(await fileOf(set), {});
    expect(read.ok ? read.value.plan.also.configuration : read.fault).toEqual(asked);
  });

  test('writes it into a new file, and the stations to stdout', async () => {
    const file = join(folder, 'leave-old.yaml');
    const args = ['plan', '--from', 'old', '--to', 'new', '--file', file];
    const { out, err } = await busbar([...args, '-o', 'csv']);
    expect(out).toMatch(/^station,vendor,model,firmware,version,connected,open,last seen\nCP-1,ABB/);
    expect(err).toBe(`the plan is in ${file}\n`);
    expect(await readFile(file, 'utf8')).toContain('name: "leave-old"');
    expect(await busbar(args)).toEqual({
      out: '',
      err: `--file ${file}: there is a file of that name; name another\n`,
      code: 2,
    });
  });
});

describe('migration create', () => {
  test('makes it of a file', async () => {
    const { out, err, code } = await busbar(['create', await fileOf(sound), '--reason', 'x']);
    expect([code, err]).toEqual([0, 'n is ready as m-new\n']);
    expect(out).toContain('n (m-new)');
  });

  test('says with --dry-run which stations each wave has, and makes nothing', async () => {
    const { out, code } = await busbar(['create', await fileOf(sound), '--dry-run']);
    expect(code).toBe(0);
    expect(out).toMatch(/canary\s.*1\s.*CP-7/);
    expect(all).toHaveLength(1);
  });

  test('ends with 3 where the plan could not start, and says why', async () => {
    problems = preview.problems;
    const file = await fileOf(sound);
    const dry = await busbar(['create', file, '--dry-run']);
    expect([dry.code, dry.err]).toEqual([3, '1 problem blocks the plan: it could not be started\n']);
    expect(dry.out).toMatch(/waves\[1\]\.group.*yes.*no group is called berlin.*define it under groups/);
    const made = await busbar(['create', file]);
    expect([made.code, made.err]).toEqual([
      3,
      'n is draft as m-new\n1 problem blocks the plan: mend them, then run "busbar migration replan m-new"; for another plan, abandon it first\n',
    ]);
  });

  test('ends with 2 where the file is none, with the line of each mistake', async () => {
    const file = await fileOf(`${sound}gate: []\nsoak: 1 day\n`);
    const { out, err, code } = await busbar(['create', file]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(`${file}:5: gate: there is no such key here; did you mean gates?\n`);
    expect(err).toContain(`${file}:6: soak: must be a duration`);
  });
});

describe('migration show', () => {
  test('shows waves and gates', async () => {
    const { out } = await busbar(['show', 'leave-old']);
    expect(out).toMatch(/1 canary\s.*soaking.*61 s of 10 min/);
    expect(out).toMatch(/canary.*calls\.errorRate.*≤ 0\.5%.*0\.1%.*0\.2%.*green/);
    expect(JSON.parse((await busbar(['show', 'm-1', '-o', 'json'])).out)).toMatchObject({ id: 'm-1' });
    expect((await busbar(['show', 'nobody'])).code).toBe(1);
  });

  test('lists its stations', async () => {
    const { out } = await busbar(['show', 'm-1', '--stations', '-o', 'csv']);
    expect(out.split('\n')[1]).toBe('CP-1,canary,verified,2026-12-01T01:00:01.000Z,');
  });

  test('watches until it rests, one line for each change', async () => {
    setTimeout(() => (all[0] = snapshotOf('m-1', { phase: 'paused', reason: 'a gate is red' })), 300);
    const { out, code } = await busbar(['show', 'm-1', '--watch']);
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('1 of 3 moved, 1 excused; running, wave 1 canary soaking');
    expect(lines[1]).toContain('paused, wave 1 canary soaking (a gate is red)');
  });
});

test('migration list is a table', async () => {
  expect((await busbar(['list'])).out).toMatch(/leave-old.*m-1.*running.*old.*new.*1 of 3/);
});

describe('a decision', () => {
  test.each([
    [['start', 'm-1', '--yes'], { do: 'start' }, null],
    [['start', 'm-1', '--wave', 'pilot', '--yes', '--reason', 'x'], { do: 'start_wave', wave: 1 }, 'x'],
    [['pause', 'leave-old'], { do: 'pause' }, null],
    [['resume', 'm-1', '--reason', 'x'], { do: 'resume' }, 'x'],
    [['approve', 'm-1'], { do: 'approve' }, null],
    [['approve', 'm-1', '--wave', 'pilot'], { do: 'approve_wave', wave: 1 }, null],
    [['rollback', 'm-1', '--yes', '--reason', 'x'], { do: 'rollback' }, 'x'],
    [['rollback', 'm-1', '--wave', '1', '--yes', '--reason', 'x'], { do: 'rollback_wave', wave: 0 }, 'x'],
    [['complete', 'm-1', '--yes', '--reason', 'x'], { do: 'complete' }, 'x'],
    [['abandon', 'm-1', '--yes', '--reason', 'x'], { do: 'abandon' }, 'x'],
  ] as const)('%j is handed on', async (args, decision, reason) => {
    const { err, code } = await busbar(args);
    expect([code, err]).toEqual([0, 'leave-old is running\n']);
    expect(decided).toEqual([['m-1', decision, reason]]);
  });

  test.each([
    [['start', 'm-1'], 'the stations of m-1 start to move by its plan; add --yes if that is meant'],
    [['rollback', 'm-1', '--yes'], '--reason: say why'],
    [['start', 'm-1', '--wave', '2', '--yes'], '--reason: say why'],
    [['pause', 'm-1', '--wave', '2'], "unknown option '--wave'"],
    [['check', 'm-1', '--wait', '5min'], 'It may be 4min at most.'],
  ])('%j is wrong usage', async (args, said) => {
    const { err, code } = await busbar(args);
    expect([code, err]).toEqual([2, expect.stringContaining(said)]);
    expect(decided).toEqual([]);
  });

  test('about a wave that a URL takes for a step is not made of another', async () => {
    const { err, code } = await busbar(['rollback', 'm-1', '--wave', '..', '--yes', '--reason', 'x']);
    expect([code, err]).toEqual([1, expect.stringContaining('Nothing may be called')]);
    expect(decided).toEqual([]);
  });

  test('that moves stations is asked for first', async () => {
    expect((await busbar(['rollback', 'm-1', '--reason', 'x'], typed('no\n'))).code).toBe(1);
    expect(decided).toEqual([]);
    expect((await busbar(['rollback', 'm-1', '--reason', 'x'], typed('yes\n'))).code).toBe(0);
  });
});

describe('migration check', () => {
  test('asks the new backend about each station of a plan, and lets go of it', async () => {
    states = { 'CP-1': 'synced', 'CP-7': 'synced' };
    const file = await fileOf(sound);
    const { out, err, code } = await busbar(['check', file, '--wave', 'canary']);
    expect([code, err]).toEqual([0, '2 of 2 stations are ready\n']);
    expect(out).toMatch(/canary.*CP-7.*yes.*synced/);
    expect(assigned.map(([station, what]) => `${station} ${what}`).toSorted()).toEqual([
      'CP-1 attach',
      'CP-1 detach',
      'CP-7 attach',
      'CP-7 detach',
    ]);
  });

  test('of a wave that the plan has not got is none, and says which there are', async () => {
    const { err, code } = await busbar(['check', await fileOf(sound), '--wave', 'canery']);
    expect([code, err]).toEqual([1, expect.stringContaining('The plan has no wave canery')]);
    expect(assigned).toEqual([]);
  });

  test('ends with 3 where the plan could not start, whatever is ready', async () => {
    states = { 'CP-1': 'synced', 'CP-7': 'synced' };
    problems = preview.problems;
    const { err, code } = await busbar(['check', await fileOf(sound), '--wave', 'canary']);
    expect([code, err]).toEqual([3, expect.stringContaining('no group is called berlin')]);
  });

  test('does not let go of a station that a migration has the new backend told of by now', async () => {
    states = { 'CP-1': 'synced', 'CP-7': 'synced' };
    claimed = 'CP-7';
    await busbar(['check', await fileOf(sound), '--wave', '1']);
    expect(assigned.filter(([, what]) => what === 'detach')).toEqual([['CP-1', 'detach']]);
  });

  test('ends with 3 where one of a migration is not ready, and says why', async () => {
    states = { 'CP-1': 'synced', 'CP-7': 'rejected' };
    const { out, err, code } = await busbar(['check', 'leave-old', '--wave', '1', '--wait', '200ms']);
    expect([code, err]).toEqual([3, '1 of 2 stations are ready\n']);
    expect(out).toMatch(/CP-7.*no.*rejected/);
  });
});

describe('migration report', () => {
  test('is Markdown, unless another form is named', async () => {
    expect((await busbar(['report', 'm-1'])).out).toMatch(/^# Migration leave-old/);
    expect((await busbar(['report', 'm-1', '-o', 'html'])).out).toMatch(/^<!doctype html>/);
    expect(JSON.parse((await busbar(['report', 'm-1', '-o', 'json'])).out)).toMatchObject({ id: 'm-1' });
  });

  test('has no other forms, and other verbs have not these', async () => {
    expect((await busbar(['report', 'm-1', '-o', 'csv'])).err).toContain(
      'Allowed choices are markdown, json, html.',
    );
    const list = await busbar(['list', '-o', 'html']);
    expect([list.code, list.err]).toEqual([
      2,
      expect.stringContaining('Allowed choices are table, json, csv.'),
    ]);
  });
});
