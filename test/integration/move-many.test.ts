/**
 * A live fleet of 500 stations of all versions is moved in three waves while sessions run: the second goes back by a red gate, and is moved again once the new backend is well. What became
 * of stations and sessions is told by the ledgers of both sides.
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
  type Evidence,
  type Violation,
} from '../../src/testkit/checkers.ts';
import { checkForeignIds } from '../../src/testkit/id-checkers.ts';
import { checkEnergy } from '../../src/testkit/energy-checkers.ts';
import { isSettled } from '../../src/testkit/life-state.ts';
import { readMessage } from '../../src/testkit/read-once.ts';
import type { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { checkStatuses } from '../../src/testkit/move-checkers.ts';
import { checkKnownWhole, checkOwners } from '../../src/testkit/transaction-checkers.ts';
import { until } from '../../src/testkit/until.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import { evidenceOf, startBackends, startStations } from './kill-world.ts';

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
    { name: 'rest', stations: ['*'] },
  ],
  gates: [
    { measure: 'boots.accepted', atLeast: '100%' },
    { measure: 'calls.errorRate', atMost: '10%', for: '1s', rollback: true },
  ],
  soak: '1s',
};

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
    await writeFile(config, configurationText(backends, stationPort, adminPort));
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
    await sleep(5_000);

    const client = createClient({
      url: `http://127.0.0.1:${adminPort}`,
      token: null,
      timeoutMs: 10_000,
      reconnectMs: 0,
    });
    orThrow(await client.createMigration(plan, 'the contract ends'));
    await decide(client, 'start');
    const next = backends.get('new') as SimulatedBackend;
    await comesTo(client, ({ waves }) => waves[1]?.firstMoveAt !== null);
    // Whoever of this wave is moved now meets a backend that fails every third call.
    const pilots = [...next.stations()].map(({ station }) => station).filter((id) => id.startsWith('B-'));
    for (const id of pilots) next.misbehave(id, { shares: { error: 0.35 }, actions: null });
    const paused = await comesTo(client, ({ waves }) => waves[1]?.state === 'rolled-back');
    expect(paused.state).toBe('paused');
    expect(paused.waves[1]?.gates).toContainEqual(
      expect.objectContaining({ measure: 'calls.errorRate', state: 'red' }),
    );
    for (const id of pilots) next.misbehave(id, null);
    await sleep(3_000);
    await decide(client, 'waves/2/start');
    await decide(client, 'resume');
    const done = await comesTo(client, ({ state }) => state === 'done');
    expect(done.waves.map(({ tally }) => tally.failed)).toEqual([0, 0, 0]);
    await sleep(5_000);

    for (const station of stations) station.windDown();
    await until('nothing is left to say', () => stations.every(({ life }) => isSettled(life)), 120_000);
    const deadline = performance.now() + 60_000;
    while ((await heldIn(client)) > 0 && performance.now() < deadline) await sleep(200);
    expect(await heldIn(client)).toBe(0);
    expect(await busbar.stop('SIGTERM')).toBe(0);
    await Promise.all(stations.map((station) => station.stop()));

    const evidence = evidenceOf(stations, backends);
    expect(describeViolations(judge(evidence))).toBe('');
    // By its one link: no station ever lost it.
    expect(stations.filter(({ ledger }) => ledger?.links !== 1).map(({ id }) => id)).toEqual([]);
    const sessions = stations.reduce((sum, { life }) => sum + life.stats.transactionsEnded, 0);
    expect(sessions).toBeGreaterThan(stationCount / 2);
  },
);

function judge(evidence: Evidence): Violation[] {
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
  ];
}

/** Busbar answers what the new backend refuses, and commands of whoever is not in charge; what it sends of its own accord would be a call. */
function isAnswer(text: string): boolean {
  return readMessage(text)?.type !== 2;
}

async function decide(client: Client, verb: string): Promise<void> {
  orThrow(await client.decideMigration('leave-old', verb, 'by the test'));
}

async function comesTo(client: Client, what: (migration: Migration) => boolean): Promise<Migration> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const now = orThrow(await client.migration('leave-old'));
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
routes: [{ stations: "*", primary: old, whenDown: cover, authorizeWhenDown: all }]
limits: { callsPerSecond: 1000, connectsPerHour: 100000 }
`;
}
