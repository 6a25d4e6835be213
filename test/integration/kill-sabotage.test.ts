/** Breaks the gateway that is killed, one place at a time: the ledgers have to show each. */
import { afterEach, expect, test } from 'vitest';
import type { Break } from '../sim/sabotage.ts';
import type { KillPoint } from './kill-points.ts';
import { killAgainAndAgain } from './kill-run.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const breaks: readonly (Break & { readonly point: KillPoint })[] = [
  {
    name: 'a transaction message is answered before the commit',
    rule: 'D1',
    point: 'after_answer',
    file: 'core/station/slot.ts',
    from: "const when = call.isGuaranteed ? 'afterCommit' : 'now';",
    to: "const when = 'now' as 'afterCommit' | 'now';",
  },
];

test.each(breaks)('$rule: $name', { timeout: 120_000 }, async ({ point, ...broken }) => {
  const trapFor = (): { point: KillPoint; count: number; broken: Break } => ({ point, count: 5, broken });
  const { found } = await killAgainAndAgain({ kills: 6, stations: 60, trapFor }, cleanups);
  expect(found.map(({ rule }) => rule)).toContain(broken.rule);
});
