import { describe, expect, test } from 'vitest';
import { createGateway } from '../../src/runtime/gateway.ts';
import { describeViolations } from '../../src/testkit/checkers.ts';
import { runWorld } from '../../src/testkit/world/world.ts';
import { hourMs, liveSeeds } from './seeds.ts';

/** Seeds that once broke something, each with what it was. They are lived through for ever. */
const kept: readonly (readonly [number, string])[] = [
  [9, 'a call to a backend for single actions whose dial failed was never answered'],
  [91, 'a command that was out to a station that went while a newcomer waited was never answered'],
  [358, 'a transaction whose owner was configured anew while it could not be reached never ended'],
  [19, 'an answer that waited for a failing journal kept the link of its station open and silent'],
  [
    143,
    'a backend that got messages of a station that was away after a restart was never told how the station is',
  ],
];

/** How many days are lived through; more with BUSBAR_DAYS, as before a release. */
const days = Number(process.env['BUSBAR_DAYS'] ?? 5);

describe('an hour of life with faults breaks no promise', () => {
  test.each(kept)('seed %i: %s', (seed) => {
    const { violations, trace } = runWorld({ seed, createGateway, durationMs: hourMs, traceMax: 40 });
    expect(violations.length, `${describeViolations(violations)}\n${trace.join('\n')}`).toBe(0);
  });

  test('the same seed gives the same run, to the byte', () => {
    const once = traceOf(3);
    expect(once.length).toBeGreaterThan(1_000);
    expect(traceOf(3)).toEqual(once);
  });

  test('1,000 seeds', async () => {
    const { failures, lived } = await liveSeeds(1, 1_000);
    expect(failures.map(({ text }) => text).join('\n')).toBe('');
    // What the seeds went through, so that a world in which nothing happens cannot pass.
    expect(lived.seeds).toBe(1_000);
    expect(lived.hours).toBeGreaterThan(1_000);
    expect(lived.frames).toBeGreaterThan(500_000);
    expect(lived.kills).toBeGreaterThan(500);
    expect(lived.faults).toBeGreaterThan(5_000);
    expect(lived.transactions).toBeGreaterThan(5_000);
  }, 1_800_000);

  test(`${days} seeds of a day with long outages`, { timeout: 60_000 + days * 5_000 }, async () => {
    const { failures, lived } = await liveSeeds(1, days, true);
    expect(failures.map(({ text }) => text).join('\n')).toBe('');
    expect(lived.seeds).toBe(days);
    expect(lived.hours).toBeGreaterThan(24 * days);
    expect(lived.transactions).toBeGreaterThan(15 * days);
  });
});

function traceOf(seed: number): readonly string[] {
  return runWorld({ seed, createGateway, durationMs: hourMs, traceMax: 100_000 }).trace;
}
