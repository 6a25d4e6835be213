/**
 * A live fleet of 500 stations of all versions is moved in three waves while sessions run: the second goes back by a red gate, and is moved again once the new backend is well. What became
 * of stations and sessions is told by the ledgers of both sides. Beside them two stations of `ocpp-rpc` are moved from one CSMS of it to another, and all four keep books.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { createClient, type Client } from '../../src/api/client.ts';
import type { Migration } from '../../src/api/migration-schemas.ts';
import {
  checkAnswers,
  checkDelivered,
  checkDiscarded,
  checkDuplicates,
  checkIdentity,
  checkLinks,
  checkOneOutstanding,
  checkOrder,
  describeViolations,
  guaranteedCalls,
  type Evidence,
  type Violation,
} from '../../src/testkit/checkers.ts';
import { checkForeignIds } from '../../src/testkit/id-checkers.ts';
import { checkEnergy } from '../../src/testkit/energy-checkers.ts';
import type { Ledger } from '../../src/testkit/ledger.ts';
import { isSettled } from '../../src/testkit/life-state.ts';
import { contentOf, readMessage } from '../../src/testkit/read-once.ts';
import type { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { checkStatuses } from '../../src/testkit/move-checkers.ts';
import { checkKnownWhole, checkOwners } from '../../src/testkit/transaction-checkers.ts';
import { until } from '../../src/testkit/until.ts';
import { checkViews, type Span } from '../../src/testkit/view-checkers.ts';
import type { OcppVersion } from '../../src/protocol/version.ts';
import { connectRpcStation } from '../conformance/rpc-peers.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import { evidenceOf, startBackends, startStations } from './kill-world.ts';
import { Charger, Csms } from './rpc-books.ts';

const stationCount = Number(process.env['BUSBAR_FLEET'] ?? 500);

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const plan = {
  name: 'leave-old',
  from: 'old',
  to: 'new',
  waves: [
    { name: 'canary', stations: ['A-0', 'A-1', 'A-2'] },
    { name: 'pilot', stations: ['B-*'] },
    { name: 'rest', stations: ['A-*', 'B-*', 'C-*', 'D-*', 'E-*'] },
  ],
  gates: [
    { measure: 'boots.accepted', atLeast: '100%' },
    { measure: 'calls.errorRate', atMost: '20%', for: '1s', rollback: true },
  ],
  soak: '1s',
};

const rpcPlan = {
  name: 'leave-rpc',
  from: 'rpc-old',
  to: 'rpc-new',
  waves: [{ name: 'both', stations: ['R-*'] }],
  soak: '0s',
};

interface RpcBackends {
  readonly old: Csms;
  readonly new: Csms;
}

test(
  `${stationCount} stations are moved in three waves, one of them twice, and nothing of theirs is lost or shared`,
  { timeout: 300_000 },
  async () => {
    const backends = await startBackends(['old', 'new']);
    for (const backend of backends.values()) cleanups.push(() => backend.stop());
    const folder = await mkdtemp(join(tmpdir(), 'busbar-move-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const [stationPort = 0, adminPort = 0] = await freePorts(2);
    const config = join(folder, 'busbar.yaml');
    const rpc = { old: new Csms('ocpp1.6', 'ocpp2.0.1'), new: new Csms('ocpp1.6', 'ocpp2.0.1') };
    for (const csms of [rpc.old, rpc.new]) {
      await csms.start();
      cleanups.push(() => csms.stop());
    }
    await writeFile(config, configurationText(backends, rpc, stationPort, adminPort));
    const busbar = new BusbarProcess(config);
    cleanups.push(() => busbar.stop('SIGKILL'));
    await busbar.start();
    const stations = startStations(
      `ws://127.0.0.1:${stationPort}/ocpp`,
      stationCount,
      ['A', 'B', 'C', 'D', 'E'],
      15,
    );
    cleanups.push(() => Promise.all(stations.map((station) => station.stop())));
    const connected = (): boolean => stations.every(({ isOpen }) => isOpen);
    await until('all stations are connected', connected, 60_000);
    const chargers = [
      await connectCharger(stationPort, 'R-1', 'ocpp1.6'),
      await connectCharger(stationPort, 'R-2', 'ocpp2.0.1'),
    ];
    await sleep(5_000);

    const client = createClient({
      url: `http://127.0.0.1:${adminPort}`,
      token: null,
      timeoutMs: 10_000,
      reconnectMs: 0,
    });
    orThrow(await client.createMigration(plan, 'the contract ends'));
    orThrow(await client.createMigration(rpcPlan, 'the same contract'));
    for (const { name } of [plan, rpcPlan]) await decide(client, 'start', name);
    const next = backends.get('new') as SimulatedBackend;
    await comesTo(client, ({ waves }) => waves[1]?.firstMoveAt !== null);
    // Whoever of this wave is moved now meets a backend that fails more than every other call.
    const pilots = [...next.stations()].map(({ station }) => station).filter((id) => id.startsWith('B-'));
    for (const id of pilots) next.misbehave(id, { shares: { error: 0.6 }, actions: null });
    const unwellAtMs = performance.now();
    const paused = await comesTo(client, ({ waves }) => waves[1]?.state === 'rolled-back');
    expect(paused.state).toBe('paused');
    expect(paused.waves[1]?.gates).toContainEqual(
      expect.objectContaining({ measure: 'calls.errorRate', state: 'red' }),
    );
    for (const id of pilots) next.misbehave(id, null);
    const unwell = { fromMs: unwellAtMs, toMs: performance.now() };
    await sleep(3_000);
    await decide(client, 'waves/2/start');
    await decide(client, 'resume');
    const done = await comesTo(client, ({ state }) => state === 'done');
    const doneAtMs = performance.now();
    expect(done.waves.map(({ tally }) => tally.failed)).toEqual([0, 0, 0]);
    await comesTo(client, ({ state }) => state === 'done', rpcPlan.name);
    for (const [at, charger] of chargers.entries()) await goOn(charger, at + 1);
    await sleep(5_000);
    checkBooks(rpc, chargers);

    for (const station of stations) station.windDown();
    await until('nothing is left to say', () => stations.every(({ life }) => isSettled(life)), 120_000);
    const deadline = performance.now() + 60_000;
    while ((await heldIn(client)) > 0 && performance.now() < deadline) await sleep(200);
    expect(await heldIn(client)).toBe(0);
    expect(await busbar.stop('SIGTERM')).toBe(0);
    await Promise.all(stations.map((station) => station.stop()));

    const evidence = evidenceOf(stations, backends);
    expect(describeViolations(judge(evidence, unwell))).toBe('');
    checkSessions(evidence, done, doneAtMs);
    // By its one link: no station ever lost it.
    expect(stations.filter(({ ledger }) => ledger?.links !== 1).map(({ id }) => id)).toEqual([]);
    const sessions = stations.reduce((sum, { life }) => sum + life.stats.transactionsEnded, 0);
    expect(sessions).toBeGreaterThan(stationCount / 2);
  },
);

/** `unwell`: when the new backend refused most of what came from stations of the second wave. One that refuses everything is told nothing more, but by the end of it. */
function judge(evidence: Evidence, unwell: Span): Violation[] {
  const refusing = (backend: string, station: string): Span | null =>
    backend === 'new' && waveOf(station) === 1 ? unwell : null;
  return [
    ...checkAnswers(evidence, { answerWithinMs: 20_000, endMs: performance.now() }),
    ...checkDelivered(evidence),
    ...checkDiscarded(evidence),
    ...checkOrder(evidence, { perTransaction: true }),
    // What the new backend refused was sent to it again, as the same bytes.
    ...checkDuplicates(evidence, { kills: Infinity }),
    ...checkIdentity(evidence, { isOwnError: isAnswer }),
    ...checkOneOutstanding(evidence, { callTimeoutMs: 20_000 }),
    ...checkLinks(evidence),
    ...checkForeignIds(evidence),
    ...checkOwners(evidence, { kills: 0 }),
    ...checkKnownWhole(evidence),
    ...checkEnergy(evidence),
    ...checkStatuses(evidence),
    ...checkViews(evidence, { behindMs: 4_000, endMs: performance.now(), refusing }),
  ];
}

/** How far what a migration counts may be behind: a tick, and a commit. */
const countedLateMs = 3_000;

/** What was counted of sessions is what the backends were told, from the first move of each wave until the migration was done. */
function checkSessions(evidence: Evidence, { waves }: Migration, doneAtMs: number): void {
  for (const [at, { name, sessions }] of waves.entries()) {
    const sinceMs = Date.parse(sessions.since ?? '') - performance.timeOrigin;
    const { begunAtOld, begunAtNew, endedAtOld, endedAtNew, crossed, handedOver } = sessions;
    const counted = { old: [begunAtOld, endedAtOld], new: [begunAtNew, endedAtNew] };
    for (const [backend, sums] of Object.entries(counted)) {
      const ledgers = [...(evidence.backends.get(backend) ?? [])].filter(([id]) => waveOf(id) === at);
      const least = sessionsTold(ledgers, sinceMs + countedLateMs, doneAtMs - countedLateMs);
      const most = sessionsTold(ledgers, sinceMs - countedLateMs, doneAtMs + countedLateMs);
      for (const [index, what] of ['begun', 'ended'].entries()) {
        expect(sums[index], `${what} at ${backend} in ${name}`).toBeGreaterThanOrEqual(least[index] ?? 0);
        expect(sums[index], `${what} at ${backend} in ${name}`).toBeLessThanOrEqual(most[index] ?? 0);
      }
    }
    expect(crossed).toBeLessThanOrEqual(endedAtOld);
    expect(handedOver).toBe(0);
  }
  expect(waves.reduce((sum, { sessions }) => sum + sessions.crossed, 0)).toBeGreaterThan(0);
}

/** Of the plan, from 0. */
function waveOf(station: string): number {
  if (plan.waves[0]?.stations.includes(station)) return 0;
  return station.startsWith('B-') ? 1 : 2;
}

/** How many began, and how many ended. */
function sessionsTold(
  ledgers: readonly (readonly [string, Ledger])[],
  fromMs: number,
  toMs: number,
): readonly [begun: number, ended: number] {
  const begun = new Set<string>();
  const ended = new Set<string>();
  for (const [station, ledger] of ledgers)
    for (const { message, text, atMs } of guaranteedCalls(ledger, 'received')) {
      if (atMs < fromMs || atMs > toMs) continue;
      const { action, payload } = message;
      const key = `${station} ${contentOf(text)}`;
      if (action === 'StartTransaction' || payload['eventType'] === 'Started') begun.add(key);
      if (action === 'StopTransaction' || payload['eventType'] === 'Ended') ended.add(key);
    }
  return [begun.size, ended.size];
}

/** Busbar answers what the new backend refuses, and commands of whoever is not in charge; what it sends of its own accord would be a call. */
function isAnswer(text: string): boolean {
  return readMessage(text)?.type !== 2;
}

/** It charges under its first backend from now on. */
async function connectCharger(port: number, id: string, version: OcppVersion): Promise<Charger> {
  const peer = await connectRpcStation(`ws://127.0.0.1:${port}/ocpp`, id, version);
  cleanups.push(() => peer.close());
  const charger = new Charger(peer, version);
  const place = Number(id.slice(2));
  expect(await charger.boot()).toMatchObject({ status: 'Accepted' });
  await charger.status(place, 'Charging', 'Occupied');
  await charger.begin(`${id}-first`, place, 1);
  await charger.meter(`${id}-first`, place, 2, 100);
  return charger;
}

/** It ends what it began before it was moved, and begins another. */
async function goOn(charger: Charger, place: number): Promise<void> {
  const [first, second] = [`R-${place}-first`, `R-${place}-second`];
  await charger.meter(first, place, 3, 200);
  await charger.end(first, 4, 250);
  await charger.begin(second, place, 5);
  await charger.end(second, 6, 9);
}

function checkBooks(rpc: RpcBackends, chargers: readonly Charger[]): void {
  const own = chargers.map((charger) => charger.own.all);
  expect(rpc.old.books.all.toSorted(byPlace)).toEqual(own.map(([first]) => first));
  expect(rpc.new.books.all.toSorted(byPlace)).toEqual(own.map(([, second]) => second));
  for (const { books, peers } of [rpc.old, rpc.new])
    expect([books.faults, peers.flatMap(({ refused }) => refused)]).toEqual([[], []]);
}

function byPlace(one: { readonly place: number }, other: { readonly place: number }): number {
  return one.place - other.place;
}

async function decide(client: Client, verb: string, name = plan.name): Promise<void> {
  orThrow(await client.decideMigration(name, verb, 'by the test'));
}

async function comesTo(
  client: Client,
  what: (migration: Migration) => boolean,
  called = plan.name,
): Promise<Migration> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const now = orThrow(await client.migration(called));
    if (what(now)) return now;
    if (performance.now() > deadline) {
      const waves = now.waves.map(({ name, state, reason, tally, gates }) => ({
        name,
        state,
        reason,
        tally,
        gates,
      }));
      throw new Error(`it stays ${now.state} (${now.reason}): ${JSON.stringify(waves)}`);
    }
    await sleep(200);
  }
}

async function heldIn(client: Client): Promise<number> {
  const { items } = orThrow(await client.backends());
  return items.reduce((sum, { held, parked }) => sum + held + parked, 0);
}

function orThrow<Value>(
  answer: { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly fault: unknown },
): Value {
  if (!answer.ok) throw new Error(JSON.stringify(answer.fault));
  return answer.value;
}

function configurationText(
  backends: ReadonlyMap<string, SimulatedBackend>,
  rpc: RpcBackends,
  stationPort: number,
  adminPort: number,
): string {
  const entries = [...backends].map(
    ([name, { url }]) =>
      `  ${name}: { url: "${url}/{station}", redial: { from: 100ms, to: 1s }, connectRate: unlimited, drainRate: unlimited }`,
  );
  return `stations: { listen: "127.0.0.1:${stationPort}" }
admin: { listen: "127.0.0.1:${adminPort}" }
storage: sqlite:./busbar.db
backends:
${entries.join('\n')}
  rpc-old: { url: "${rpc.old.url}" }
  rpc-new: { url: "${rpc.new.url}" }
routes:
  - { stations: "R-*", primary: rpc-old }
  - { stations: "*", primary: old, whenDown: cover, authorizeWhenDown: all }
limits: { callsPerSecond: 1000, connectsPerHour: 100000 }
`;
}
