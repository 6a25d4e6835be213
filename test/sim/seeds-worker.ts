/**
 * One thread of the simulation: lives through the seeds it is sent, each batch with its gateway.
 */
import { parentPort } from 'node:worker_threads';
import { describeViolations } from '../../src/testkit/checkers.ts';
import type { CreateGateway } from '../../src/testkit/world/gateway.ts';
import { runWorld, type Outcome } from '../../src/testkit/world/world.ts';
import { aDay, dayMs } from './day.ts';

export interface Batch {
  /** The module whose `createGateway` is lived with. */
  readonly url: string;
  /** Both included. */
  readonly from: number;
  readonly to: number;
  /** Runs go on after a break, so that every checker has its say. */
  readonly goesOn: boolean;
  /** A day of each, not an hour. */
  readonly isDay: boolean;
}

export interface BatchOutcome {
  readonly failures: readonly Failure[];
  readonly lived: Lived;
}

/** A seed that broke something. */
export interface Failure {
  readonly seed: number;
  /** Rules of the violations, without repetition. */
  readonly rules: readonly string[];
  /** What broke, and the end of the trace. */
  readonly text: string;
}

/** Sums over seeds. */
export interface Lived {
  seeds: number;
  hours: number;
  frames: number;
  kills: number;
  faults: number;
  transactions: number;
}

const hourMs = 3_600_000;
const tailLines = 40;

parentPort?.on('message', (batch: Batch) => void liveThrough(batch));

/** A gateway that cannot be loaded ends the thread, and who waits for it hears why. */
async function liveThrough({ url, from, to, goesOn, isDay }: Batch): Promise<void> {
  const { createGateway } = (await import(url)) as { createGateway: CreateGateway };
  const live = (seed: number, traceMax: number): Outcome => {
    const span = isDay ? { durationMs: dayMs, alter: aDay } : { durationMs: hourMs };
    return runWorld({ seed, createGateway, ...span, traceMax, goesOn });
  };
  const failures: Failure[] = [];
  const lived: Lived = { seeds: 0, hours: 0, frames: 0, kills: 0, faults: 0, transactions: 0 };
  for (let seed = from; seed <= to; seed += 1) {
    const { violations, stats } = live(seed, 0);
    lived.seeds += 1;
    lived.hours += stats.livedMs / hourMs;
    lived.frames += stats.frames;
    lived.kills += stats.kills;
    lived.faults += stats.faults;
    lived.transactions += stats.transactions;
    if (violations.length === 0) continue;
    // The same run again, this time with its trace: cheaper than a trace of every good one.
    const trace = goesOn ? [] : live(seed, tailLines).trace;
    const text = `seed ${seed}: ${describeViolations(violations)}\n${trace.join('\n')}`;
    failures.push({ seed, rules: [...new Set(violations.map(({ rule }) => rule))], text });
  }
  const outcome: BatchOutcome = { failures, lived };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(outcome);
}
