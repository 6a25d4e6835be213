/**
 * Many seeds of migrations at once, on two threads, with the machine's own code or a broken copy of it.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { MigrationBatch, MigrationBatchOutcome } from './migration-worker.ts';

/** The module of the machine under test. */
export const machineUrl = new URL('../../src/core/migration/step.ts', import.meta.url).href;

const batchSeeds = 50;

/** Lives through the seeds from `from` to `to`, both included. */
export async function liveMigrations(from: number, to: number): Promise<MigrationBatchOutcome> {
  const batches: MigrationBatch[] = [];
  for (let seed = from; seed <= to; seed += batchSeeds)
    batches.push({ from: seed, to: Math.min(to, seed + batchSeeds - 1) });
  const outcomes: MigrationBatchOutcome[] = [];
  const threads = [0, 1].map(() =>
    onThread(machineUrl, async (worker) => {
      for (let batch = batches.shift(); batch !== undefined; batch = batches.shift())
        outcomes.push(await ask(worker, batch));
    }),
  );
  await Promise.all(threads);
  const lived = { ticks: 0, kills: 0, cutovers: 0, rollbacks: 0, refusals: 0, decisions: 0 };
  const ends: Record<string, number> = {};
  for (const outcome of outcomes) {
    for (const key of Object.keys(lived) as (keyof typeof lived)[]) lived[key] += outcome.lived[key];
    for (const [end, count] of Object.entries(outcome.ends)) ends[end] = (ends[end] ?? 0) + count;
  }
  return { failures: outcomes.flatMap(({ failures }) => failures), lived, ends };
}

/** Seeds from 1 on until one breaks that rule: which one, and null when none of `seedsMax` does. */
export async function firstMigrationToBreak(
  url: string,
  rule: string,
  seedsMax: number,
): Promise<number | null> {
  let found: number | null = null;
  await onThread(url, async (worker) => {
    for (let seed = 1; seed <= seedsMax && found === null; seed += 1) {
      const { failures } = await ask(worker, { from: seed, to: seed });
      if (failures.some(({ rules }) => rules.includes(rule))) found = seed;
    }
  });
  return found;
}

async function onThread(url: string, use: (worker: Worker) => Promise<void>): Promise<void> {
  const worker = new Worker(new URL('migration-worker.ts', import.meta.url), { workerData: url });
  try {
    await use(worker);
  } finally {
    await worker.terminate();
  }
}

async function ask(worker: Worker, batch: MigrationBatch): Promise<MigrationBatchOutcome> {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  worker.postMessage(batch);
  const [outcome] = (await once(worker, 'message')) as [MigrationBatchOutcome];
  return outcome;
}
