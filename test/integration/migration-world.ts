/**
 * A migrator over a fleet without sockets, and a plan for it.
 */
import {
  createMemoryMigrationStore,
  memoryMigrations,
  type MemoryMigrations,
} from '../../src/adapters/memory/migration-store.ts';
import { startMigrator, type Migrator, type MigratorPorts } from '../../src/control/migrator.ts';
import { noSideEffects, planDefaults, type MigrationPlan } from '../../src/core/migration/plan.ts';
import type {
  MigrationDecision,
  MigrationSnapshot,
  MigrationStoreFault,
} from '../../src/ports/migrations.ts';
import type { Settings } from '../../src/ports/settings.ts';
import type { Log } from '../../src/ports/log.ts';
import { createSimulatedFleet, type SimulatedFleet } from '../../src/testkit/simulated-fleet.ts';
import { until } from '../../src/testkit/until.ts';

export const ops = { who: 'ops', reason: 'a test' };

export interface MigrationWorld {
  readonly fleet: SimulatedFleet;
  readonly disk: MemoryMigrations;
  /** What the disk says to reads and writes; null: nothing. */
  fault: MigrationStoreFault | null;
  readonly migrator: Migrator;
  /** Ends the migrator as a kill would: what was under way is not told. Starts the next on the same disk. */
  restart(): Promise<void>;
  create(plan: Partial<MigrationPlan>): Promise<MigrationSnapshot>;
  decide(decision: MigrationDecision): Promise<void>;
  /** Waits until the only migration is so; fails with how it is. */
  reach(wanted: (migration: MigrationSnapshot) => boolean, timeoutMs?: number): Promise<MigrationSnapshot>;
  close(): Promise<void>;
}

export function planOf(plan: Partial<MigrationPlan>): MigrationPlan {
  return {
    ...planDefaults,
    name: 'leave-old',
    from: 'old',
    to: 'new',
    waves: [
      {
        name: 'all',
        take: { by: 'stations', patterns: ['CP-*'] },
        limit: null,
        atMs: null,
        perMinute: null,
        soakMs: null,
      },
    ],
    gates: [],
    soakMs: 0,
    approve: false,
    also: noSideEffects,
    ...plan,
  };
}

export async function openMigrationWorld(
  count: number,
  options: { readonly decisionMs?: number; readonly tickMs?: number } = {},
): Promise<MigrationWorld> {
  const fleet = createSimulatedFleet({ count, primary: 'old', decisionMs: options.decisionMs ?? 2 });
  const disk = memoryMigrations();
  let serial = 0;
  const start = async (): Promise<Migrator> => {
    const ports: MigratorPorts = {
      store: createMemoryMigrationStore({ disk, faultOfDisk: () => world.fault }),
      registry: fleet.registry,
      assignments: fleet.assignments,
      commander: fleet.commander,
      feed: fleet.feed,
      clock: { wallMs: () => Date.now(), nowMs: () => performance.now() },
      log: silent,
      settings: () => settings,
      newId: () => `m-${(serial += 1)}`,
      tickMs: options.tickMs ?? 20,
    };
    const started = await startMigrator(ports);
    if (!started.ok) throw new Error(started.fault.detail);
    return started.value;
  };
  const world = {
    fleet,
    disk,
    fault: null as MigrationStoreFault | null,
    migrator: null as unknown as Migrator,
    async restart() {
      const { fault } = world;
      // A disk that takes nothing any more is what a kill looks like from the disk.
      world.fault = { fault: 'unavailable', detail: 'killed' };
      await world.migrator.close();
      world.fault = fault;
      world.migrator = await start();
    },
    async create(plan: Partial<MigrationPlan>) {
      const created = await world.migrator.create(planOf(plan), ops);
      if (!created.ok) throw new Error(created.fault.detail);
      return created.value;
    },
    async decide(decision: MigrationDecision) {
      const decided = await world.migrator.decide('leave-old', decision, ops);
      if (!decided.ok) throw new Error(decided.fault.detail);
      if (decided.value.kind === 'refused') throw new Error(decided.value.detail);
    },
    async reach(wanted: (migration: MigrationSnapshot) => boolean, timeoutMs = 20_000) {
      try {
        await until('the migration is as wanted', () => wanted(readOf(world.migrator)), timeoutMs);
      } catch {
        throw new Error(`it is ${JSON.stringify(readOf(world.migrator), null, 1)}`);
      }
      return readOf(world.migrator);
    },
    close: () => world.migrator.close(),
  };
  world.migrator = await start();
  return world;
}

const settings = {
  backends: new Map(['old', 'new'].map((name) => [name, { name, versions: ['ocpp1.6'] }])),
  routing: { routes: [], groups: new Map(), backends: new Map() },
  listener: { admit: 'any', auth: 'none', known: new Map() },
} as unknown as Settings;

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

function readOf(migrator: Migrator): MigrationSnapshot {
  return migrator.find('leave-old') as MigrationSnapshot;
}
