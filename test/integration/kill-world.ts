/**
 * What the tests that kill Busbar share: simulated backends and stations under load, and the journal afterwards.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openSqliteJournal } from '../../src/adapters/sqlite/journal-store.ts';
import { ocppVersions } from '../../src/protocol/version.ts';
import type { Evidence } from '../../src/testkit/checkers.ts';
import type { JournalEntry } from '../../src/testkit/journal-checkers.ts';
import type { Ledger } from '../../src/testkit/ledger.ts';
import { isSettled } from '../../src/testkit/life-state.ts';
import { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { SimulatedStation } from '../../src/testkit/simulated-station.ts';

export const seed = 20_261_124;

/** So many of the stations are back when Busbar dies again: in the storm of those that come back, and in the calm after it. */
export const sharesBack = [0.05, 0.3, 0.9] as const;

export async function startBackends(names: readonly string[]): Promise<Map<string, SimulatedBackend>> {
  const backends = new Map<string, SimulatedBackend>();
  for (const [index, name] of names.entries()) {
    const backend = new SimulatedBackend({
      seed: index + 1,
      versions: ocppVersions,
      commandEveryMs: 5_000,
      neverCommands: ['Reset'],
    });
    await backend.start();
    backends.set(name, backend);
  }
  return backends;
}

/** `prefixes`: of their names, in turn. */
export function startStations(
  url: string,
  count: number,
  prefixes: readonly string[],
  speed = 60,
): SimulatedStation[] {
  return Array.from({ length: count }, (_, index) => {
    const version = ocppVersions[index % ocppVersions.length] ?? 'ocpp1.6';
    const id = `${prefixes[Math.floor(index / ocppVersions.length) % prefixes.length] ?? ''}-${index}`;
    // A transaction message every second or so and station: some 200 a second in all.
    const pace = {
      speed,
      idleMs: [10_000, 60_000],
      chargingMs: [120_000, 600_000],
      reconnectMs: 20_000,
      reconnectMaxMs: 40_000,
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
}

/** So long nothing may move: longer than a station waits for an answer, and comes back. */
const standstillMs = 60_000;

/** Has the stations wind down and waits until they have nothing left to say. It may take as long as it takes while it goes on: after many kills each has many messages in its queue. */
export async function windDown(stations: readonly SimulatedStation[]): Promise<void> {
  for (const station of stations) station.windDown();
  let least = Infinity;
  let sinceMs = performance.now();
  for (let left = unsaid(stations); left > 0; left = unsaid(stations)) {
    if (left < least) {
      least = left;
      sinceMs = performance.now();
    }
    if (performance.now() - sinceMs > standstillMs)
      throw new Error(`nothing moves any more, and there is something left to say: ${whoIsLeft(stations)}`);
    await sleep(20);
  }
}

/** Messages in queues, and one for each station that is not through. */
function unsaid(stations: readonly SimulatedStation[]): number {
  return stations.reduce((sum, { life }) => sum + (isSettled(life) ? 0 : 1 + life.queue.length), 0);
}

function whoIsLeft(stations: readonly SimulatedStation[]): string {
  return stations
    .filter(({ life }) => !isSettled(life))
    .slice(0, 5)
    .map(
      ({ id, life: { queue, slot, link, connectors } }) =>
        `${id}: ${queue.length} in the queue, slot ${slot.phase}, link ${link.phase}, connectors ${connectors.map(({ phase }) => phase).join(', ')}`,
    )
    .join('; ');
}

export function evidenceOf(
  stations: readonly SimulatedStation[],
  backends: ReadonlyMap<string, SimulatedBackend>,
): Evidence {
  return {
    stations: new Map(stations.map(({ id, ledger }) => [id, ledger as Ledger])),
    backends: new Map([...backends].map(([name, backend]) => [name, backend.ledgers])),
  };
}

export async function readJournal(file: string): Promise<JournalEntry[]> {
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
