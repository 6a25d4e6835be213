import { describe, expect, test } from 'vitest';
import { liveMigrations } from './migration-seeds.ts';

/** How many migrations are lived through; more with BUSBAR_MIGRATIONS, as before a release. */
const migrations = Number(process.env['BUSBAR_MIGRATIONS'] ?? 1_000);

/** Seeds that once broke something, each with what it was. They are lived through for ever. */
const kept: readonly (readonly [number, string])[] = [
  [1872, 'a profile whose clearing nobody heard of was not placed again by a rollback'],
  [3059, 'a profile whose placing again nobody heard of was not cleared by the next move'],
];

describe('a migration with faults breaks no promise', () => {
  test.each(kept)('seed %i: %s', async (seed) => {
    const { failures } = await liveMigrations(seed, seed);
    expect(failures.map(({ text }) => text).join('\n')).toBe('');
  });

  test(`${migrations} seeds`, { timeout: 60_000 + migrations * 60 }, async () => {
    const { failures, lived, ends } = await liveMigrations(1, migrations);
    expect(failures.map(({ text }) => text).join('\n')).toBe('');
    // What the seeds went through, so that a world in which nothing happens cannot pass.
    expect(ends['done']).toBeGreaterThan(migrations / 2);
    expect(ends['rolled-back']).toBeGreaterThan(migrations / 10);
    expect(lived.cutovers).toBeGreaterThan(4 * migrations);
    expect(lived.rollbacks).toBeGreaterThan(migrations / 2);
    expect(lived.kills).toBeGreaterThan(5 * migrations);
    expect(lived.refusals).toBeGreaterThan(2 * migrations);
  });
});
