/**
 * Stations are moved to and fro while they live, and what every backend believes of every connector is right throughout. In a world without faults: whoever hangs, or loses what was not on
 * disk yet, is behind for reasons of its own.
 */
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createGateway } from '../../src/runtime/gateway.ts';
import type { BackendOptions } from '../../src/testkit/backend-life.ts';
import { describeViolations, type Violation } from '../../src/testkit/checkers.ts';
import { checkViews } from '../../src/testkit/view-checkers.ts';
import { uneventful, type Plan } from '../../src/testkit/world/plan.ts';
import { runWorld, type WorldStats } from '../../src/testkit/world/world.ts';
import { breakGateway, type Break } from './sabotage.ts';
import { hourMs } from './seeds.ts';

const seeds = Array.from({ length: 40 }, (_, at) => at + 1);
const promptly = { answerDelayMs: [1, 50], behindMs: 5_000 } as const;
/** What is said waits, so that what is told by Busbar itself could come before it. */
const slowly = { answerDelayMs: [2_000, 6_000], behindMs: 60_000 } as const;
type Pace = typeof promptly | typeof slowly;

/** Seeds that once broke something, each with what it was. They are lived through for ever. */
const kept: readonly (readonly [number, string])[] = [
  [243, 'what waited for a backend that was being told was told after how it was by then'],
];

/** Two backends that behave well, one more that listens in, and somebody who moves stations between the two every half minute. */
function calm(plan: Plan, { answerDelayMs }: Pace): Plan {
  const [one] = plan.backends;
  if (one === undefined) throw new Error('every plan has a backend');
  const well = (name: string): BackendOptions => ({
    ...one,
    name,
    misbehave: {},
    bootsRefused: 0,
    answerDelayMs,
  });
  return {
    ...plan,
    ...uneventful,
    backends: [well('old'), well('new')],
    listeners: [{ options: well('ear'), getsAll: true, mayAsk: false }],
    station: { ...plan.station, callsPerSecond: Infinity },
    split: [],
    routesByVendor: false,
    moveEveryMs: 30_000,
    letsGo: false,
  };
}

interface Seen {
  readonly found: readonly Violation[];
  readonly stats: WorldStats;
}

function live(seed: number, pace: Pace = promptly, create = createGateway): Seen {
  const { evidence, violations, stats } = runWorld({
    seed,
    createGateway: create,
    durationMs: hourMs,
    traceMax: 0,
    alter: (plan) => calm(plan, pace),
    goesOn: true,
  });
  const views = checkViews(evidence, { behindMs: pace.behindMs, endMs: stats.livedMs });
  return { found: [...violations, ...views], stats };
}

test.each(kept)('seed %i: %s', (seed) => {
  // The world ends while one of them may still have to answer: the other rules take that for a loss.
  const views = live(seed, slowly).found.filter(({ rule }) => rule === 'views');
  expect(describeViolations(views)).toBe('');
});

test(`${seeds.length} seeds in which stations are moved`, { timeout: 120_000 }, () => {
  let moves = 0;
  for (const seed of seeds) {
    const { found, stats } = live(seed);
    expect(describeViolations(found), `seed ${seed}`).toBe('');
    moves += stats.moves;
  }
  expect(moves).toBeGreaterThan(seeds.length * 10);
});

const breaks: readonly Break[] = [
  {
    name: 'one that joins late is not told of the first connector',
    rule: 'views',
    file: 'core/priming/priming.ts',
    from: '  priming.nextStatus = 0;\n',
    to: '  priming.nextStatus = 1;\n',
  },
  {
    name: 'what is told later holds the time at which it is told',
    rule: 'views',
    file: 'core/priming/priming.ts',
    from: 'payload: status.payload };',
    to: "payload: status.payload.replace(/:[0-9]{2}\\.[0-9]+Z/, ':61Z') };",
  },
  {
    name: 'of a connector the first status is remembered, not the last',
    rule: 'views',
    file: 'core/priming/station-image.ts',
    from: 'if (known !== undefined) image.statuses[at] = own;',
    to: 'if (known !== undefined) return false;',
  },
  {
    name: 'whoever is kept ready hears nothing of what is new',
    rule: 'views',
    file: 'core/station/copies.ts',
    from: 'mayObserve(turn, listener, kind) &&',
    to: "mayObserve(turn, listener, kind) && roleOf(state, listener.backend) !== 'standby' &&",
  },
  {
    name: 'now and then a copy is left out',
    rule: 'views',
    file: 'core/station/copies.ts',
    from: "  if (backend === null || backend.phase === 'idle') return;\n  if (messageId",
    to: "  if (backend === null || backend.phase === 'idle' || turn.context.random() < 0.02) return;\n  if (messageId",
  },
];

test.each(breaks)('it sees that $name', { timeout: 120_000 }, async (each) => {
  const url = await breakGateway(each);
  try {
    const { createGateway: broken } = (await import(url)) as { createGateway: typeof createGateway };
    const seed = seeds.find((one) =>
      live(one, promptly, broken).found.some(({ rule }) => rule === each.rule),
    );
    expect(seed).toBeDefined();
  } finally {
    await rm(join(dirname(fileURLToPath(url)), '../..'), { recursive: true });
  }
});
