/**
 * One thread of the simulation of migrations: lives through the seeds it is sent, with the machine it was started with.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { liveMigration, type Machine, type SimOutcome } from './migration-world.ts';

export interface MigrationBatch {
  /** Both included. */
  readonly from: number;
  readonly to: number;
}

export interface MigrationBatchOutcome {
  /** Seeds that broke something, with the rules. */
  readonly failures: readonly {
    readonly seed: number;
    readonly rules: readonly string[];
    readonly text: string;
  }[];
  readonly lived: SimOutcome['lived'];
  /** How often a migration ended how. */
  readonly ends: Readonly<Record<string, number>>;
}

const machine = (await import(String(workerData))) as Machine;

parentPort?.on('message', ({ from, to }: MigrationBatch) => {
  const failures: { seed: number; rules: string[]; text: string }[] = [];
  const lived = { ticks: 0, kills: 0, cutovers: 0, rollbacks: 0, refusals: 0, decisions: 0 };
  const ends: Record<string, number> = {};
  for (let seed = from; seed <= to; seed += 1) {
    const outcome = liveMigration(seed, machine);
    for (const key of Object.keys(lived) as (keyof typeof lived)[]) lived[key] += outcome.lived[key];
    ends[outcome.end] = (ends[outcome.end] ?? 0) + 1;
    if (outcome.violations.length === 0) continue;
    const text = outcome.violations.map(({ rule, what }) => `${rule}: ${what}`).join('\n');
    failures.push({
      seed,
      rules: [...new Set(outcome.violations.map(({ rule }) => rule))],
      text: `seed ${seed}: ${text}`,
    });
  }
  const outcome: MigrationBatchOutcome = { failures, lived, ends };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(outcome);
});
