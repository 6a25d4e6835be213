/**
 * kill -9 while Busbar answers for backends that are down, by two ledgers.
 *
 * 200 stations with transactions on three backends: one is there, one is away for stretches, one comes and goes. Busbar dies at random moments and at named points in turn.
 * Whatever a station was answered by Busbar has to be at its backend in the end, once and in the order of its transaction. Set BUSBAR_KILLS for a longer run.
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
  checkHeard,
  checkLinks,
  checkOneOutstanding,
  checkOrder,
  describeViolations,
  guaranteedCalls,
} from '../../src/testkit/checkers.ts';
import { checkDurable } from '../../src/testkit/journal-checkers.ts';
import { createRandom, type Range } from '../../src/testkit/random.ts';
import type { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { checkRepeats, checkSequences } from '../../src/testkit/transaction-checkers.ts';
import { until } from '../../src/testkit/until.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import { trapFor } from './kill-points.ts';
import {
  evidenceOf,
  readJournal,
  seed,
  sharesBack,
  startBackends,
  startStations,
  windDown,
} from './kill-world.ts';

const kills = Number(process.env['BUSBAR_KILLS'] ?? 24);
const stationCount = 200;

/** Milliseconds that each is there, and away. */
const stretches: Readonly<Record<string, readonly [up: Range, away: Range]>> = {
  away: [
    [3_000, 6_000],
    [4_000, 9_000],
  ],
  flapping: [
    [300, 1_500],
    [300, 1_500],
  ],
};

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test(
  `${kills} kills while backends come and go: what was answered for them is there, in order, and once`,
  { timeout: 180_000 + kills * 20_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'busbar-cover-kill-'));
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const backends = await startBackends(['up', 'away', 'flapping']);
    for (const backend of backends.values()) cleanups.push(() => backend.stop('cut'));
    const [stationPort = 0, adminPort = 0] = await freePorts(2);
    const config = join(folder, 'busbar.yaml');
    await writeFile(config, configurationText(backends, stationPort, adminPort));
    const busbar = new BusbarProcess(config);
    cleanups.push(() => busbar.stop('SIGKILL'));
    const random = createRandom(seed, 'cover');
    await busbar.start(trapFor(1, random));
    const stations = startStations(`ws://127.0.0.1:${stationPort}/ocpp`, stationCount, ['U', 'A', 'F']);
    cleanups.push(() => Promise.all(stations.map((station) => station.stop())));
    const weather = new AbortController();
    const comings = Object.entries(stretches).map(([name, [up, away]], index) =>
      comeAndGo(
        backends.get(name) as SimulatedBackend,
        createRandom(seed, name + index),
        up,
        away,
        weather.signal,
      ),
    );
    const connected = (): number => stations.filter((station) => station.isOpen).length;

    for (let kill = 1; kill <= kills; kill += 1) {
      // Of all three backends, the one that is away too.
      const share = random.pick(sharesBack);
      await until(
        `${share} of the stations are connected before kill ${kill}`,
        () => connected() > stationCount * share,
        60_000,
      );
      await sleep(random.within([50, 400]));
      await busbar.kill();
      await busbar.start(kill === kills ? null : trapFor(kill + 1, random));
    }
    weather.abort();
    await Promise.all(comings);

    await windDown(stations);
    const evidence = evidenceOf(stations, backends);
    for (let tries = 0; tries < 60 && checkDelivered(evidence).length > 0; tries += 1) await sleep(1_000);
    // What would come twice has come by now.
    await sleep(1_000);
    expect(await busbar.stop('SIGTERM')).toBe(0);
    await Promise.all(stations.map((station) => station.stop()));

    const found = [
      ...checkDurable(evidence, await readJournal(join(folder, 'busbar.db')), { calls: 'guaranteed' }),
      ...checkDelivered(evidence),
      ...checkDiscarded(evidence),
      ...checkOrder(evidence, { perTransaction: true }),
      ...checkSequences(evidence),
      ...checkRepeats(evidence, { kills, callTimeoutMs: 20_000 }),
      // As often as it takes, and always as the same bytes.
      ...checkDuplicates(evidence, { kills: Infinity }),
      ...checkHeard(evidence),
      ...checkOneOutstanding(evidence, { callTimeoutMs: 20_000 }),
      ...checkLinks(evidence),
    ];
    expect(describeViolations(found)).toBe('');
    const messages = [...evidence.stations.values()].reduce(
      (sum, ledger) => sum + guaranteedCalls(ledger).length,
      0,
    );
    expect(messages).toBeGreaterThan(kills * 100);
    // It did answer for those that were away.
    const held = [...(backends.get('away')?.ledgers.values() ?? [])].flatMap(({ entries }) =>
      entries.filter((entry) => entry.type === 'received' && entry.text.includes('"offline":true')),
    );
    expect(held.length).toBeGreaterThan(kills);
  },
);

/** A backend that is there and away in turn, and there in the end. */
async function comeAndGo(
  backend: SimulatedBackend,
  random: ReturnType<typeof createRandom>,
  up: Range,
  away: Range,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(random.within(up));
    await backend.stop('cut');
    await sleep(random.within(away));
    await backend.start();
  }
}

function configurationText(
  backends: ReadonlyMap<string, SimulatedBackend>,
  stationPort: number,
  adminPort: number,
): string {
  const entries = [...backends].map(
    ([name, { url }]) =>
      `  ${name}: { url: "${url}/{station}", redial: { from: 100ms, to: 1s }, holdDown: 500ms, drainRate: unlimited }`,
  );
  return `stations: { listen: "127.0.0.1:${stationPort}" }
admin: { listen: "127.0.0.1:${adminPort}" }
storage: sqlite:./busbar.db
backends:
${entries.join('\n')}
routes:
  - { stations: "U-*", primary: up, whenDown: cover, authorizeWhenDown: all }
  - { stations: "A-*", primary: away, whenDown: cover, authorizeWhenDown: all }
  - { stations: "F-*", primary: flapping, whenDown: cover, authorizeWhenDown: all }
limits: { callsPerSecond: 1000, connectsPerHour: 100000 }
`;
}
