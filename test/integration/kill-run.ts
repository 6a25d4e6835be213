/**
 * Stations under load while Busbar is killed again and again and started on the same journal, and what the two ledgers say of it in the end.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkDelivered,
  checkDiscarded,
  checkDuplicates,
  checkIdentity,
  checkLinks,
  checkOneOutstanding,
  checkOrder,
  guaranteedCalls,
  type Violation,
} from '../../src/testkit/checkers.ts';
import { checkDurable } from '../../src/testkit/journal-checkers.ts';
import { createRandom, type Random } from '../../src/testkit/random.ts';
import type { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { until } from '../../src/testkit/until.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import type { Trap } from './kill-points.ts';
import {
  evidenceOf,
  readJournal,
  seed,
  sharesBack,
  startBackends,
  startStations,
  windDown,
} from './kill-world.ts';

export interface KillRun {
  readonly kills: number;
  readonly stations: number;
  /** How it dies the next time; null: at a random moment. */
  readonly trapFor: (kill: number, random: Random) => Trap | null;
}

export interface KillVerdict {
  readonly found: readonly Violation[];
  /** Guaranteed messages that the stations had to say. */
  readonly messages: number;
}

/** What is to be taken down afterwards is added to `cleanups`. */
export async function killAgainAndAgain(
  { kills, stations: stationCount, trapFor }: KillRun,
  cleanups: (() => Promise<unknown>)[],
): Promise<KillVerdict> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-kill-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const backends = await startBackends(['old', 'new']);
  for (const backend of backends.values()) cleanups.push(() => backend.stop());
  const [stationPort = 0, adminPort = 0] = await freePorts(2);
  const config = join(folder, 'busbar.yaml');
  await writeFile(config, configurationText(backends, stationPort, adminPort));
  const busbar = new BusbarProcess(config);
  cleanups.push(() => busbar.stop('SIGKILL'));
  const random = createRandom(seed);
  await busbar.start(trapFor(1, random));
  const stations = startStations(`ws://127.0.0.1:${stationPort}/ocpp`, stationCount, ['O', 'N']);
  cleanups.push(() => Promise.all(stations.map((station) => station.stop())));
  const connected = (): number => stations.filter((station) => station.isOpen).length;

  for (let kill = 1; kill <= kills; kill += 1) {
    const share = random.pick(sharesBack);
    await until(
      `${share} of the stations are connected before kill ${kill}`,
      () => connected() > stationCount * share,
      60_000,
    );
    await sleep(random.within([50, 300]));
    await busbar.kill();
    await busbar.start(kill === kills ? null : trapFor(kill + 1, random));
  }

  await windDown(stations);
  const code = await busbar.stop('SIGTERM');
  if (code !== 0) throw new Error(`Busbar ended with ${code}\n${busbar.log.join('\n')}`);
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
  const messages = [...evidence.stations.values()].reduce(
    (sum, ledger) => sum + guaranteedCalls(ledger).length,
    0,
  );
  return { found, messages };
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
