/** Simulated stations straight against a simulated backend: what the kit says of itself before it is trusted with a gateway. */
import { afterEach, expect, test } from 'vitest';
import { ocppVersions, type OcppVersion } from '../../src/protocol/version.ts';
import type { BackendStats } from '../../src/testkit/backend-life.ts';
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
} from '../../src/testkit/checkers.ts';
import { FaultProxy } from '../../src/testkit/fault-proxy.ts';
import type { Ledger } from '../../src/testkit/ledger.ts';
import { isSettled, type LifeSpec } from '../../src/testkit/life-state.ts';
import { createRandom } from '../../src/testkit/random.ts';
import { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { SimulatedStation } from '../../src/testkit/simulated-station.ts';
import { until } from '../../src/testkit/until.ts';
import { contentOf } from '../../src/testkit/wire.ts';

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((part) => part.stop()));
});

const fast = {
  speed: 1_000,
  idleMs: [5_000, 60_000],
  chargingMs: [60_000, 600_000],
  callTimeoutMs: 5_000,
} as const satisfies Partial<LifeSpec>;

async function startBackend(
  ...args: ConstructorParameters<typeof SimulatedBackend>
): Promise<SimulatedBackend> {
  const backend = new SimulatedBackend(...args);
  await backend.start();
  running.push(backend);
  return backend;
}

function startStations(
  count: number,
  version: OcppVersion,
  url: string,
  spec: Partial<LifeSpec> = {},
): SimulatedStation[] {
  const stations = Array.from(
    { length: count },
    (_, at) =>
      new SimulatedStation(
        { seed: 7, offers: [version], ...fast, ...spec, id: `${spec.id ?? 'CP'}-${at}` },
        { url },
        { keepsLedger: true },
      ),
  );
  running.unshift(...stations);
  return stations;
}

function evidenceOf(stations: readonly SimulatedStation[], backend: SimulatedBackend): Evidence {
  const ledgers = new Map(stations.map((station) => [station.id, station.ledger as Ledger]));
  return { stations: ledgers, backends: new Map([['backend', backend.ledgers]]) };
}

function transactionsEnded(stations: readonly SimulatedStation[]): number {
  return stations.reduce((sum, { life }) => sum + life.stats.transactionsEnded, 0);
}

async function windDown(stations: readonly SimulatedStation[]): Promise<void> {
  for (const station of stations) station.windDown();
  await until(
    'every station has nothing left to say',
    () => stations.every(({ life }) => isSettled(life)),
    20_000,
  );
}

function expectClean(evidence: Evidence): void {
  const found = [
    ...checkAnswers(evidence, { answerWithinMs: 5_000, endMs: performance.now() }),
    ...checkDelivered(evidence),
    ...checkIdentity(evidence),
    ...checkOneOutstanding(evidence, { callTimeoutMs: 5_000 }),
    ...checkLinks(evidence),
    ...checkOrder(evidence),
    ...checkDuplicates(evidence, { kills: 0 }),
    ...checkDiscarded(evidence),
  ];
  expect(describeViolations(found)).toBe('');
}

test.each(ocppVersions)(
  'an hour of %s life with commands, resets and power cuts leaves both ledgers clean',
  async (version) => {
    const backend = await startBackend({
      commandEveryMs: 100,
      answerDelayMs: [0, 3],
      tokensRefused: 0.1,
      bootsRefused: 0.2,
      intervalS: 60,
    });
    const stations = startStations(6, version, backend.url, {
      powerCutEveryMs: 1_200_000,
      answerDelayMs: [0, 2],
    });
    const statsOf = (): readonly BackendStats[] => [...backend.stations()].map((station) => station.stats);
    const errorsIn = (): number => statsOf().reduce((sum, { commandErrors }) => sum + commandErrors, 0);
    // Which commands are drawn, and how many in the time that this takes, is not the same twice.
    await until('60 transactions ended', () => transactionsEnded(stations) >= 60 && errorsIn() > 0, 30_000);
    await windDown(stations);
    const evidence = evidenceOf(stations, backend);
    expectClean(evidence);
    const calls = [...evidence.stations.values()].flatMap((ledger) => guaranteedCalls(ledger));
    expect(calls.length).toBeGreaterThan(300);
    expect(statsOf().reduce((sum, { commandResults }) => sum + commandResults, 0)).toBeGreaterThan(20);
    expect(errorsIn()).toBeGreaterThan(0);
    expect(stations.reduce((sum, { life }) => sum + life.stats.boots, 0)).toBeGreaterThan(stations.length);
  },
);

test('a backend that goes away and comes back gets every transaction message, in order', async () => {
  const backend = await startBackend();
  const stations = startStations(4, 'ocpp1.6', backend.url, { powerCutEveryMs: Infinity });
  for (const how of ['close', 'cut', 'close'] as const) {
    const before = transactionsEnded(stations);
    await until('some transactions ended', () => transactionsEnded(stations) >= before + 8, 20_000);
    await backend.stop(how);
    const queued = (): number => stations.reduce((sum, { life }) => sum + life.queue.length, 0);
    await until('stations queue while it is away', () => queued() > 20);
    await backend.start();
  }
  await windDown(stations);
  expectClean(evidenceOf(stations, backend));
  expect(stations.every(({ life }) => life.stats.links >= 3)).toBe(true);
});

test('through a network that cuts, freezes, slices and delays, every transaction message arrives in order, and twice only as a retry', async () => {
  const backend = await startBackend({ commandEveryMs: 200 });
  const proxy = new FaultProxy({ port: backend.port });
  await proxy.start();
  running.push(proxy);
  const url = `ws://127.0.0.1:${proxy.port}/ocpp`;
  // A frozen link is noticed by the silence of a call, which counts as a failed attempt: enough of them are allowed.
  const stations = ocppVersions.flatMap((version) =>
    startStations(3, version, url, { id: `${version}-CP`, callTimeoutMs: 300, attemptsMax: 1_000 }),
  );
  const faults = createRandom(11);
  for (let round = 0; round < 12; round += 1) {
    const before = transactionsEnded(stations);
    proxy.set({ latencyMs: faults.below(5), sliceBytes: faults.pick([1, 7, Infinity]) });
    await until('some transactions ended', () => transactionsEnded(stations) >= before + 4, 20_000);
    if (round % 4 === 3) {
      proxy.freeze((place) => place % 2 === 0);
      await until('a call on a frozen link had no answer', () =>
        stations.some(({ life }) => life.stats.timeouts > 0),
      );
    }
    proxy.cut(faults.pick(['rst', 'fin'] as const), () => faults.chance(0.5) || round % 4 === 3);
  }
  proxy.heal();
  await windDown(stations);
  const evidence = evidenceOf(stations, backend);
  const found = [
    ...checkDelivered(evidence),
    ...checkIdentity(evidence),
    ...checkLinks(evidence),
    ...checkOrder(evidence),
    ...checkDuplicates(evidence, { kills: 0 }),
    ...checkDiscarded(evidence),
  ];
  expect(describeViolations(found)).toBe('');
  const sent = [...evidence.stations.values()].flatMap((ledger) => guaranteedCalls(ledger));
  expect(new Set(sent.map(({ text }) => contentOf(text))).size).toBeLessThan(sent.length);
});
