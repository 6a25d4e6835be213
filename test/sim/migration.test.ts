import { describe, expect, test } from 'vitest';
import { stationsToSee, stepMigration } from '../../src/core/migration/step.ts';
import { liveMigrations } from './migration-seeds.ts';
import { liveMigration } from './migration-world.ts';

/** Seeds that once broke something, each with what it was. They are lived through for ever. */
const kept: readonly (readonly [number, string])[] = [
  [419, 'a station that somebody else put back kept its wave from ever ending'],
  [980, 'stations of a wave that was started again stayed attached after the rollback'],
];

/** How many migrations are lived through; more with BUSBAR_MIGRATIONS, as before a release. */
const migrations = Number(process.env['BUSBAR_MIGRATIONS'] ?? 1_000);

describe('a migration with faults breaks no promise', () => {
  test.each(kept)('seed %i: %s', (seed) => {
    expect(liveMigration(seed, { stepMigration, stationsToSee }).violations).toEqual([]);
  });

  test(`${migrations} seeds`, { timeout: 60_000 + migrations * 60 }, async () => {
    const { failures, lived, ends } = await liveMigrations(1, migrations);
    expect(failures.map(({ text }) => text).join('\n')).toBe('');
    // What the seeds went through, so that a world in which nothing happens cannot pass.
    expect(ends['done']).toBeGreaterThan(migrations / 2);
    expect(ends['rolled-back']).toBeGreaterThan(migrations / 10);
    expect(lived.cutovers).toBeGreaterThan(5 * migrations);
    expect(lived.rollbacks).toBeGreaterThan(migrations / 2);
    expect(lived.kills).toBeGreaterThan(5 * migrations);
    expect(lived.refusals).toBeGreaterThan(2 * migrations);
  });
});
