import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { firstMigrationToBreak } from './migration-seeds.ts';
import { breakSources, type Break } from './sabotage.ts';

/** Within so many seeds a break must be seen. */
const seedsMax = 300;

const breaks: readonly Break[] = [
  {
    name: 'a station is cut over to a backend that does not know it',
    rule: 'synced',
    file: 'core/migration/forward.ts',
    from: "if (!seen.isSynced) return { by: 'other', why: syncOf(turn, progress, seen) };",
    to: '',
  },
  {
    name: 'a cutover is ordered before it is on disk that it may happen',
    rule: 'saved',
    file: 'core/migration/forward.ts',
    from: "if (!order(turn, progress, { do: 'cut_over', station, isAgain: progress.isCutOrdered })) return;\n  progress.isCutOrdered = true;",
    to: "if (!order(turn, progress, { do: 'cut_over', station, isAgain: progress.isCutOrdered })) return;",
  },
  {
    name: 'a rollback asks every station to go back, wherever it is',
    rule: 'others',
    file: 'core/migration/back.ts',
    from: 'if (seen.primary === head.plan.to || seen.primary === null) return',
    to: "if (seen.primary !== undefined) return order(turn, progress, { do: 'roll_back', station }) ? undefined :",
  },
  {
    name: 'waves go on in a pause',
    rule: 'paused',
    file: 'core/migration/waves.ts',
    from: "if ((head.phase as string) === 'paused') return explainPause(turn);",
    to: '',
  },
  {
    name: 'what goes on in a pause is not checked either',
    rule: 'paused',
    file: 'core/migration/step.ts',
    from: "assert(isBackwards || head.phase !== 'paused', 'nothing goes on in a pause');",
    to: "(head as { phase: string }).phase = head.phase === 'running' && orders.length > 3 ? 'paused' : head.phase;",
  },
  {
    name: 'a wave keeps no pace',
    rule: 'pace',
    file: 'core/migration/forward.ts',
    from: '+ (moves * 60_000) / perMinute',
    to: '+ (moves * 6_000) / perMinute',
  },
  {
    name: 'a wave passes gates that measured nothing',
    rule: 'gate',
    file: 'core/migration/gates.ts',
    from: "if (state === 'no-data' && gate.whenNoData === 'hold')",
    to: "if (state === 'no-data' && gate.whenNoData !== 'hold')",
  },
  {
    name: 'a wave starts though the one before has not passed',
    rule: 'order',
    file: 'core/migration/waves.ts',
    from: "find(({ phase }) => phase !== 'passed');",
    to: "find(({ phase }) => phase === 'rolled-back');",
  },
  {
    name: 'a wave does not soak',
    rule: 'soak',
    file: 'core/migration/waves.ts',
    from: 'if (wave.soakedMs >= soakMs) return null;',
    to: 'return null;',
  },
  {
    name: 'settings are not put back',
    rule: 'settings',
    file: 'core/migration/back.ts',
    from: '  undoEffects(turn, progress);\n',
    to: '  progress.effects = [];\n',
  },
  {
    name: 'what the new backend asked for is found out and not set',
    rule: 'asked',
    file: 'core/migration/effects-asked.ts',
    from: "const fresh = freshEffect({ setting }, 'reading');",
    to: "const fresh = freshEffect({ setting }, 'skipped');",
  },
  {
    name: 'a backend has its way with what connects the station, and with what the plan sets',
    rule: 'owned',
    file: 'core/migration/effects-asked.ts',
    from: 'const refusals = asked.map((setting) => whyNotSet(plan, setting));',
    to: 'const refusals = asked.map((setting) => (plan.name === setting.key ? whyNotSet(plan, setting) : null));',
  },
  {
    name: 'profiles that were cleared are not placed again',
    rule: 'profiles',
    file: 'core/migration/effects.ts',
    from: '(before !== null || placedOf(what) !== null);',
    to: 'before !== null;',
  },
  {
    name: 'a profile whose clearing nobody heard of is forgotten',
    rule: 'profiles',
    file: 'core/migration/effects.ts',
    from: 'const isAgain = effect.isWritten;',
    to: 'const isAgain = false;',
  },
  {
    name: 'limits of the connection are cleared too',
    rule: 'limits',
    file: 'core/migration/effects-placed.ts',
    from: "if (fate !== 'clear')",
    to: "if (fate === 'not_whole')",
  },
  {
    name: 'stations that stay are still told to the new backend',
    rule: 'detached',
    file: 'core/migration/waves.ts',
    from: "if (isMoved(progress) || progress.attached === 'no') continue;",
    to: 'if (progress.station !== null) continue;',
  },
  {
    name: 'a station changes without evidence',
    rule: 'evidence',
    file: 'core/migration/turn.ts',
    from: "addEvidence(turn, { ...aboutStation(turn, progress), what: 'station', before, after: phase, reason });",
    to: '',
  },
  {
    name: 'a station whose cutover was refused counts as moved',
    rule: 'placement',
    file: 'core/migration/settle.ts',
    from: "if (outcome.kind === 'done' || (outcome.kind === 'refused' && outcome.primary === plan.to)) {",
    to: 'if (outcome.primary !== undefined) {',
  },
  {
    name: 'a station whose cutover was lost with the process is not brought back',
    rule: 'back',
    file: 'core/migration/back.ts',
    from: 'progress.isCutOrdered || progress.movedAt !== null',
    to: 'progress.movedAt !== null',
  },
  {
    name: 'a station that is in the way is waited for without end',
    rule: 'end',
    file: 'core/migration/patience.ts',
    from: 'return waitedMs[blocked.by] + ranMs - blocked.fromMs >= maxMs;',
    to: 'return waitedMs[blocked.by] + ranMs - blocked.fromMs >= maxMs * 1_000;',
  },
  {
    name: 'a migration that was paused pauses again',
    rule: 'idempotent',
    file: 'core/migration/decide.ts',
    from: "return head.phase === 'paused' ? unchanged : changed;",
    to: 'return changed;',
  },
];

describe('every checker of migrations sees what it is there for', () => {
  test.concurrent.each(breaks)('$rule: $name', { timeout: 120_000 }, async (each) => {
    const folder = await breakSources(each);
    try {
      const url = pathToFileURL(join(folder, 'src/core/migration/step.ts')).href;
      expect(await firstMigrationToBreak(url, each.rule, seedsMax)).not.toBeNull();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
