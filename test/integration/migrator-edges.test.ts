/** Migrations beside one another, beyond what is kept, and over a restart. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createMemoryMigrationStore } from '../../src/adapters/memory/migration-store.ts';
import { startMigrator, type MigratorPorts } from '../../src/control/migrator.ts';
import type { Settings } from '../../src/ports/settings.ts';
import { waveOf } from '../../src/testkit/driven-migration.ts';
import { createSimulatedFleet } from '../../src/testkit/simulated-fleet.ts';
import { until } from '../../src/testkit/until.ts';
import { openMigrationWorld, ops, planOf } from './migration-world.ts';

test('a rollback of one that is done and a migration that is being made do not both get a station', async () => {
  const fleet = createSimulatedFleet({ count: 3, primary: 'old' });
  let saveMs = 0;
  const store = createMemoryMigrationStore();
  const settings = {
    backends: new Map(['old', 'new'].map((name) => [name, { name, versions: ['ocpp1.6'] }])),
    routing: { routes: [], groups: new Map(), backends: new Map() },
    listener: { admit: 'any', auth: 'none', known: new Map() },
  } as unknown as Settings;
  let serial = 0;
  const ports: MigratorPorts = {
    store: {
      ...store,
      save: async (save) => {
        if (saveMs > 0) await sleep(saveMs);
        return store.save(save);
      },
    },
    registry: fleet.registry,
    assignments: fleet.assignments,
    commander: fleet.commander,
    feed: fleet.feed,
    clock: { wallMs: () => Date.now(), nowMs: () => performance.now() },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    settings: () => settings,
    newId: () => `m-${(serial += 1)}`,
    tickMs: 20,
  };
  const started = await startMigrator(ports);
  if (!started.ok) throw new Error(started.fault.detail);
  const migrator = started.value;
  await migrator.create(planOf({}), ops);
  await migrator.decide('leave-old', { do: 'start' }, ops);
  await until('done', () => migrator.find('leave-old')?.phase === 'done', 10_000);
  saveMs = 100;
  const creating = migrator.create(planOf({ name: 'other', from: 'new', to: 'old' }), ops);
  await sleep(50);
  const rolledBack = await migrator.decide('leave-old', { do: 'rollback' }, ops);
  const created = await creating;
  saveMs = 0;
  const isOther = created.ok && created.value.phase === 'ready';
  await migrator.close();
  expect([isOther, rolledBack.ok]).not.toEqual([true, true]);
});

test('what storage has forgotten is not rolled back by half', async () => {
  const world = await openMigrationWorld(3);
  await world.create({});
  await world.decide({ do: 'start' });
  await world.reach(({ phase }) => phase === 'done');
  for (let at = 0; at < 50; at += 1) {
    const made = await world.migrator.create(planOf({ name: `other-${at}`, from: 'new', to: 'old' }), ops);
    if (!made.ok) throw new Error(made.fault.detail);
    await world.migrator.decide(made.value.id, { do: 'abandon' }, ops);
  }
  const decided = await world.migrator.decide('leave-old', { do: 'rollback' }, ops);
  if (decided.ok) {
    await world.restart();
    await world.reach(({ phase }) => phase === 'rolled-back');
    expect([...world.fleet.stations.values()].map(({ primary }) => primary)).toEqual(['old', 'old', 'old']);
  }
  await world.close();
});

test('what a wave that has passed still waits to have delivered is known after a restart', async () => {
  const world = await openMigrationWorld(2);
  const waves = [waveOf('one', ['CP-1']), waveOf('two', ['CP-2'])];
  await world.create({ waves, approve: true, soakMs: 300 });
  await world.decide({ do: 'start' });
  for (const station of world.fleet.stations.values()) station.held = 5;
  await world.reach(({ waves: [first] }) => first?.phase === 'passed' && first.undelivered === 5);
  await world.restart();
  await sleep(200);
  expect(world.migrator.find('leave-old')?.waves[0]?.undelivered).toBe(5);
  await world.close();
});
