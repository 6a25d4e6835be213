/**
 * kill -9 under load, by two ledgers.
 *
 * 200 stations with transactions on two backends; Busbar is killed again and again, at random moments and at named points in turn, and started on the same journal. What the
 * stations and backends wrote down decides, and the journal is asked only what it holds. Set BUSBAR_KILLS for a longer run.
 */
import { afterEach, expect, test } from 'vitest';
import { describeViolations } from '../../src/testkit/checkers.ts';
import { trapFor } from './kill-points.ts';
import { killAgainAndAgain } from './kill-run.ts';

const kills = Number(process.env['BUSBAR_KILLS'] ?? 70);
const stations = 200;

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

test(
  `${kills} kills under ${stations} stations: nothing answered is missing, nothing is reordered, one re-send at most`,
  { timeout: 120_000 + kills * 20_000 },
  async () => {
    const { found, messages } = await killAgainAndAgain({ kills, stations, trapFor }, cleanups);
    expect(describeViolations(found)).toBe('');
    expect(messages).toBeGreaterThan(kills * 100);
  },
);
