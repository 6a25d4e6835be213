/**
 * kill -9 under load, by two ledgers.
 *
 * 200 stations with transactions on two backends; Busbar is killed again and again at random moments and started on the same journal. What the stations and backends wrote
 * down decides, and the journal is asked only what it holds. Set BUSBAR_KILLS for a longer run.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { openSqliteJournal } from '../../src/adapters/sqlite/journal-store.ts';
import { ocppVersions } from '../../src/protocol/version.ts';
import {
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
import { checkDurable, type JournalEntry } from '../../src/testkit/journal-checkers.ts';
import type { Ledger } from '../../src/testkit/ledger.ts';
import { isSettled } from '../../src/testkit/life-state.ts';
import { createRandom } from '../../src/testkit/random.ts';
import { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { SimulatedStation } from '../../src/testkit/simulated-station.ts';
import { until } from '../../src/testkit/until.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';

const kills = Number(process.env['BUSBAR_KILLS'] ?? 50);
const stationCount = 200;
const seed = 20_261_124;

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test(
  `${kills} kills under ${stationCount} stations: nothing answered is missing, nothing is reordered, one re-send at most`,
  { timeout: 120_000 + kills * 12_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'busbar-kill-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const backends = await startBackends();
    const [stationPort = 0, adminPort = 0] = await freePorts(2);
    const config = join(folder, 'busbar.yaml');
    await writeFile(config, configurationText(backends, stationPort, adminPort));
    const busbar = new BusbarProcess(config);
    cleanups.push(() => busbar.stop('SIGKILL'));
    await busbar.start();
    const stations = startStations(`ws://127.0.0.1:${stationPort}/ocpp`);
    const random = createRandom(seed);
    const connected = (): number => stations.filter((station) => station.isOpen).length;

    for (let kill = 1; kill <= kills; kill += 1) {
      await until(
        `most stations are connected before kill ${kill}`,
        () => connected() > stationCount * 0.9,
        20_000,
      );
      await sleep(random.within([50, 500]));
      await busbar.stop('SIGKILL');
      await busbar.start();
    }

    for (const station of stations) station.windDown();
    await until(
      'every station has nothing left to say',
      () => stations.every(({ life }) => isSettled(life)),
      60_000,
    );
    expect(await busbar.stop('SIGTERM')).toBe(0);
    await Promise.all(stations.map((station) => station.stop()));

    const evidence: Evidence = {
      stations: new Map(stations.map(({ id, ledger }) => [id, ledger as Ledger])),
      backends: new Map([...backends].map(([name, backend]) => [name, backend.ledgers])),
    };
    const found = [
      ...checkDurable(evidence, await readJournal(join(folder, 'busbar.db')), { calls: 'guaranteed' }),
      ...checkDelivered(evidence),
      ...checkDiscarded(evidence),
      ...checkOrder(evidence),
      ...checkDuplicates(evidence, { kills }),
      ...checkIdentity(evidence),
      ...checkOneOutstanding(evidence, { callTimeoutMs: 20_000 }),
      ...checkLinks(evidence),
    ];
    expect(describeViolations(found)).toBe('');
    const messages = [...evidence.stations.values()].reduce(
      (sum, ledger) => sum + guaranteedCalls(ledger).length,
      0,
    );
    expect(messages).toBeGreaterThan(kills * 100);
  },
);

async function startBackends(): Promise<Map<string, SimulatedBackend>> {
  const backends = new Map<string, SimulatedBackend>();
  for (const [index, name] of ['old', 'new'].entries()) {
    const backend = new SimulatedBackend({
      seed: index + 1,
      versions: ocppVersions,
      commandEveryMs: 5_000,
      allowsReset: false,
    });
    await backend.start();
    cleanups.push(() => backend.stop());
    backends.set(name, backend);
  }
  return backends;
}

function startStations(url: string): SimulatedStation[] {
  const stations = Array.from({ length: stationCount }, (_, index) => {
    const version = ocppVersions[index % ocppVersions.length] ?? 'ocpp1.6';
    const id = `${index % 2 === 0 ? 'O' : 'N'}-${index}`;
    // A transaction message every second or so and station: some 200 a second in all.
    const pace = {
      speed: 60,
      idleMs: [10_000, 60_000],
      chargingMs: [120_000, 600_000],
      reconnectMs: 6_000,
      reconnectMaxMs: 30_000,
    } as const;
    const spec = {
      id,
      seed: seed + index,
      offers: [version] as const,
      callTimeoutMs: 20_000,
      powerCutEveryMs: Infinity,
      ...pace,
    };
    return new SimulatedStation(spec, { url }, { keepsLedger: true });
  });
  cleanups.push(() => Promise.all(stations.map((station) => station.stop())));
  return stations;
}

async function readJournal(file: string): Promise<JournalEntry[]> {
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const opened = await openSqliteJournal({
    file,
    retention: { framesMs: Infinity, bytesMax: Infinity },
    log: silent,
  });
  if (!opened.ok) throw new Error(opened.fault.detail);
  const entries: JournalEntry[] = [];
  for (let after: number | null = 0; after !== null;) {
    const page: Awaited<ReturnType<typeof opened.value.reader.records>> = await opened.value.reader.records(
      after,
      10_000,
    );
    entries.push(...page.records);
    after = page.next;
  }
  await opened.value.close();
  return entries;
}

function configurationText(
  backends: ReadonlyMap<string, SimulatedBackend>,
  stationPort: number,
  adminPort: number,
): string {
  const entries = [...backends].map(
    ([name, { url }]) => `  ${name}: { url: "${url}/{station}", redial: { from: 100ms, to: 1s } }`,
  );
  return `stations: { listen: "127.0.0.1:${stationPort}" }
admin: { listen: "127.0.0.1:${adminPort}" }
storage: sqlite:./busbar.db
backends:
${entries.join('\n')}
routes:
  - { stations: "N-*", primary: new }
  - { stations: "*", primary: old }
limits: { callsPerSecond: 1000, connectsPerHour: 100000 }
`;
}
