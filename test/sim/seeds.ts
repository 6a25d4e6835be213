/**
 * Many seeds at once, on all cores but one, which other tests need to be in time, with the gateway's own code or a broken copy of it.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Batch, BatchOutcome, Failure, Lived } from './seeds-worker.ts';

/** Virtual time of each seed that has faults in it. */
export const hourMs = 3_600_000;

/** The module whose `createGateway` is under test. */
export const gatewayUrl = new URL('../../src/runtime/gateway.ts', import.meta.url).href;

/** Seeds handed to a thread at a time: few enough for all threads to end together. */
const batchSeeds = 10;

/** Lives through the seeds from `from` to `to`, both included; a day of each where `isDay`, else an hour. */
export async function liveSeeds(
  from: number,
  to: number,
  isDay = false,
): Promise<{ failures: Failure[]; lived: Lived }> {
  const batches: Batch[] = [];
  for (let seed = from; seed <= to; seed += batchSeeds)
    batches.push({
      url: gatewayUrl,
      from: seed,
      to: Math.min(to, seed + batchSeeds - 1),
      goesOn: false,
      isDay,
    });
  const outcomes: BatchOutcome[] = [];
  const threads = Array.from({ length: Math.min(4, Math.max(1, availableParallelism() - 1)) }, async () => {
    const worker = startWorker();
    try {
      for (let batch = batches.shift(); batch !== undefined; batch = batches.shift())
        outcomes.push(await ask(worker, batch));
    } finally {
      await worker.terminate();
    }
  });
  await Promise.all(threads);
  const lived: Lived = { seeds: 0, hours: 0, frames: 0, kills: 0, faults: 0, transactions: 0 };
  for (const outcome of outcomes)
    for (const key of Object.keys(lived) as (keyof Lived)[]) lived[key] += outcome.lived[key];
  return { failures: outcomes.flatMap(({ failures }) => failures), lived };
}

export interface Search {
  /** The last seed that is looked at. */
  readonly max: number;
  /** Where it was seen last: looked at before all others, which are looked at only if it is not seen there any more. */
  readonly first?: number | undefined;
  /** A day of each, not an hour. */
  readonly isDay?: boolean;
}

/** One thread for all breaks of a test file, one after the other: half of what a seed costs a new thread is to compile the world. */
let searcher: Worker | null = null;
let isSearching = false;

/** The first seed that breaks that rule, and null when none does. One search at a time. */
export async function firstToBreak(
  url: string,
  rule: string,
  { max, first = 1, isDay = false }: Search,
): Promise<number | null> {
  const seeds = [first, ...Array.from({ length: max }, (_, at) => at + 1).filter((seed) => seed !== first)];
  if (isSearching) {
    // Its test has given up on it: a broken gateway may run for ever, and the others are not to wait for it.
    await searcher?.terminate();
    searcher = null;
  }
  isSearching = true;
  const worker = (searcher ??= startWorker());
  try {
    for (const seed of seeds) {
      const { failures } = await ask(worker, { url, from: seed, to: seed, goesOn: true, isDay });
      if (failures.some(({ rules }) => rules.includes(rule))) return seed;
    }
    return null;
  } catch (error) {
    // A broken gateway may have ended it; the next break begins anew.
    searcher = null;
    throw error;
  } finally {
    isSearching = false;
  }
}

function startWorker(): Worker {
  return new Worker(new URL('seeds-worker.ts', import.meta.url));
}

function ask(worker: Worker, batch: Batch): Promise<BatchOutcome> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (outcome: BatchOutcome) => {
      worker.off('error', reject);
      resolve(outcome);
    });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    worker.postMessage(batch);
  });
}
