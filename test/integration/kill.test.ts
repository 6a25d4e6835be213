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
} from '../../src/testkit/checkers.ts';
import { checkDurable } from '../../src/testkit/journal-checkers.ts';
import { isSettled } from '../../src/testkit/life-state.ts';
import { createRandom } from '../../src/testkit/random.ts';
import type { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { until } from '../../src/testkit/until.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import { evidenceOf, readJournal, seed, startBackends, startStations } from './kill-world.ts';

const kills = Number(process.env['BUSBAR_KILLS'] ?? 40);
const stationCount = 200;

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
    const backends = await startBackends(['old', 'new']);
    for (const backend of backends.values()) cleanups.push(() => backend.stop());
    const [stationPort = 0, adminPort = 0] = await freePorts(2);
    const config = join(folder, 'busbar.yaml');
    await writeFile(config, configurationText(backends, stationPort, adminPort));
    const busbar = new BusbarProcess(config);
    cleanups.push(() => busbar.stop('SIGKILL'));
    await busbar.start();
    const stations = startStations(`ws://127.0.0.1:${stationPort}/ocpp`, stationCount, ['O', 'N']);
    cleanups.push(() => Promise.all(stations.map((station) => station.stop())));
    const random = createRandom(seed);
    const connected = (): number => stations.filter((station) => station.isOpen).length;

    for (let kill = 1; kill <= kills; kill += 1) {
      await until(
        `most stations are connected before kill ${kill}`,
        () => connected() > stationCount * 0.9,
        20_000,
      );
      await sleep(random.within([50, 300]));
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

    const evidence = evidenceOf(stations, backends);
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
