/** Ten simulated stations moved by the real command line: in two waves with a kill in between, and back by a red gate. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Migration } from '../../src/api/migration-schemas.ts';
import {
  checkDelivered,
  checkDiscarded,
  checkDuplicates,
  describeViolations,
} from '../../src/testkit/checkers.ts';
import { isSettled } from '../../src/testkit/life-state.ts';
import { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import type { SimulatedStation } from '../../src/testkit/simulated-station.ts';
import { until } from '../../src/testkit/until.ts';
import { ocppVersions } from '../../src/protocol/version.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import { runCli, type CliRun } from './cli-process.ts';
import { evidenceOf, startBackends, startStations } from './kill-world.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const stationCount = 10;

interface Fleet {
  readonly busbar: BusbarProcess;
  readonly stations: readonly SimulatedStation[];
  readonly cli: (...args: readonly string[]) => Promise<CliRun>;
  readonly migration: (id: string) => Promise<Migration>;
  /** Writes a plan, and gives its file. */
  readonly plan: (text: string) => Promise<string>;
  readonly admin: string;
}

async function startFleet(backends: ReadonlyMap<string, SimulatedBackend>): Promise<Fleet> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-fleet-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  for (const backend of backends.values()) cleanups.push(() => backend.stop());
  const [stationPort = 0, adminPort = 0] = await freePorts(2);
  const config = join(folder, 'busbar.yaml');
  const entries = [...backends].map(
    ([name, { url }]) => `  ${name}: { url: "${url}/{station}", redial: { from: 100ms, to: 1s } }`,
  );
  await writeFile(
    config,
    `stations: { listen: "127.0.0.1:${stationPort}" }
admin: { listen: "127.0.0.1:${adminPort}" }
storage: sqlite:./busbar.db
backends:
${entries.join('\n')}
routes: [{ stations: "*", primary: old }]
limits: { callsPerSecond: 1000, connectsPerHour: 100000 }
`,
  );
  const busbar = new BusbarProcess(config);
  cleanups.push(() => busbar.stop('SIGKILL'));
  await busbar.start();
  const stations = startStations(`ws://127.0.0.1:${stationPort}/ocpp`, stationCount, ['S']);
  cleanups.push(() => Promise.all(stations.map((station) => station.stop())));
  await until('all stations are connected', () => stations.every(({ isOpen }) => isOpen), 30_000);
  const admin = `http://127.0.0.1:${adminPort}`;
  const cli = (...args: readonly string[]): Promise<CliRun> => runCli(admin, ...args);
  return {
    busbar,
    stations,
    cli,
    admin,
    migration: async (id) => (await (await fetch(`${admin}/api/v1/migrations/${id}`)).json()) as Migration,
    plan: async (text) => {
      const file = join(folder, 'plan.yaml');
      await writeFile(file, text);
      return file;
    },
  };
}

const moved = ({ waves }: Migration): number =>
  waves.reduce((sum, { tally }) => sum + tally.moved + tally.verified, 0);

/** Waits for what a migration comes to. */
async function comesTo(
  fleet: Fleet,
  id: string,
  what: (migration: Migration) => boolean,
): Promise<Migration> {
  let now = await fleet.migration(id);
  const deadline = Date.now() + 60_000;
  while (!what(now)) {
    if (Date.now() > deadline) throw new Error(`it stays ${JSON.stringify({ ...now, plan: null })}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    now = await fleet.migration(id);
  }
  return now;
}

test('a fleet is moved in two waves, over a kill in the middle of one, and signed off', async () => {
  const backends = await startBackends(['old', 'new']);
  const fleet = await startFleet(backends);
  const file = await fleet.plan(
    `name: leave-old
from: old
to: new
waves:
  - { name: canary, stations: [S-0, S-1] }
  - { name: rest, stations: ["*"], pace: 60/min }
gates:
  - { measure: boots.accepted, atLeast: 100% }
  - { measure: transactions.undelivered, atMost: 0, for: 1min }
soak: 5s
`,
  );
  const dry = await fleet.cli('migration', 'create', file, '--dry-run', '-o', 'csv');
  expect([dry.code, dry.out.trimEnd().split('\n')]).toEqual([0, expect.objectContaining({ length: 11 })]);
  const check = await fleet.cli('migration', 'check', file, '--wave', 'canary');
  expect([check.code, check.err]).toEqual([0, expect.stringContaining('2 of 2 stations are ready')]);
  expect((await fleet.cli('migration', 'create', file, '--reason', 'contract ends')).code).toBe(0);
  expect((await fleet.migration('leave-old')).state).toBe('ready');
  expect((await fleet.cli('migration', 'start', 'leave-old', '--yes', '--reason', 'go')).code).toBe(0);

  const before = await comesTo(fleet, 'leave-old', (now) => moved(now) >= 5);
  await fleet.busbar.stop('SIGKILL');
  await fleet.busbar.start();
  const resumed = await fleet.migration('leave-old');
  expect([resumed.state, moved(resumed) < stationCount]).toEqual(['running', true]);
  expect(resumed.waves.map(({ sessions }) => sessions.since)).toEqual(
    before.waves.map(({ sessions }) => sessions.since),
  );

  const watched = await fleet.cli('migration', 'show', 'leave-old', '--watch');
  expect([watched.code, watched.out]).toEqual([0, expect.stringMatching(/10 of 10 moved, 0 excused; done/)]);
  const done = await fleet.migration('leave-old');
  expect(done.waves.map(({ state, tally }) => [state, tally.verified])).toEqual([
    ['passed', 2],
    ['passed', 8],
  ]);
  const list = JSON.parse((await fleet.cli('station', 'list', '-o', 'json')).out) as { primary: string }[];
  expect(list.map(({ primary }) => primary)).toEqual(Array.from({ length: stationCount }, () => 'new'));

  for (const station of fleet.stations) station.windDown();
  await until('nothing is left to say', () => fleet.stations.every(({ life }) => isSettled(life)), 60_000);
  expect(await fleet.busbar.stop('SIGTERM')).toBe(0);
  await fleet.busbar.start();
  const report = await fleet.cli('migration', 'report', 'leave-old');
  expect([report.code, report.out]).toEqual([
    0,
    expect.stringContaining('It is done. 10 of 10 stations are at new, 10 of them verified; 0 were excused'),
  ]);
  expect(report.out).toContain('| Role | Name | Date | Signature |');
  const json = JSON.parse((await fleet.cli('migration', 'report', 'leave-old', '-o', 'json')).out) as object;
  expect(json).toMatchObject({
    tally: { verified: stationCount },
    evidence: { missing: 0, leftOut: 0 },
    decisions: [{ what: 'start', who: 'loopback', reason: 'go' }],
    rollbacks: [],
    exceptions: [],
  });
  expect((await fleet.cli('migration', 'report', 'leave-old', '-o', 'html')).out).toMatch(/^<!doctype html>/);

  await Promise.all(fleet.stations.map((station) => station.stop()));
  const evidence = evidenceOf(fleet.stations, backends);
  const found = [
    ...checkDelivered(evidence),
    ...checkDiscarded(evidence),
    ...checkDuplicates(evidence, { kills: 3 }),
  ];
  expect(describeViolations(found)).toBe('');
}, 180_000);

test('a red gate takes its wave back, and the migration waits for a person', async () => {
  const old = new SimulatedBackend({ seed: 1, versions: ocppVersions, commandEveryMs: Infinity });
  const fresh = new SimulatedBackend({
    seed: 2,
    versions: ocppVersions,
    commandEveryMs: Infinity,
    tokensRefused: 1,
  });
  await Promise.all([old.start(), fresh.start()]);
  const fleet = await startFleet(
    new Map([
      ['old', old],
      ['new', fresh],
    ]),
  );
  const file = await fleet.plan(
    `name: try-new
from: old
to: new
waves:
  - { name: canary, stations: [S-0, S-1, S-2, S-3] }
  - { name: rest, stations: ["*"] }
gates:
  - { measure: authorisations.accepted, atLeast: 50%, rollback: true }
soak: 1h
`,
  );
  expect((await fleet.cli('migration', 'create', file)).code).toBe(0);
  expect((await fleet.cli('migration', 'start', 'try-new', '--yes')).code).toBe(0);
  const paused = await comesTo(
    fleet,
    'try-new',
    ({ state, waves }) => state === 'paused' && waves[0]?.state === 'rolled-back',
  );
  expect(paused.waves[0]).toMatchObject({
    tally: { 'rolled-back': 4 },
    gates: [{ measure: 'authorisations.accepted', state: 'red' }],
  });
  expect(paused.waves[1]).toMatchObject({ firstMoveAt: null, tally: { moved: 0, verified: 0 } });
  expect(paused.reason).not.toBeNull();
  const list = JSON.parse((await fleet.cli('station', 'list', '-o', 'json')).out) as { primary: string }[];
  expect(new Set(list.map(({ primary }) => primary))).toEqual(new Set(['old']));
  const report = await fleet.cli('migration', 'report', 'try-new');
  expect(report.out).toMatch(/authorisations\.accepted \| at least 50% \| 0% .*\| red \| 1 \|/);
  expect(report.out).toMatch(/## Rollbacks\n\n\| When.*\n.*\n\| .* \| canary \| busbar \|/);
  const metrics = await (await fetch(`${fleet.admin}/metrics`)).text();
  expect(metrics).toContain('busbar_migrations{state="paused"} 1');
  const back = await fleet.cli('migration', 'rollback', 'try-new', '--yes', '--reason', 'not ready');
  expect(back.code).toBe(0);
  const over = await comesTo(fleet, 'try-new', ({ state }) => state === 'rolled-back');
  expect(over.waves.map(({ tally }) => tally.moved + tally.verified)).toEqual([0, 0]);
}, 120_000);
