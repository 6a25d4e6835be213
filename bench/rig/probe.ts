/**
 * Runs inside the process under test (`node --import`) and tells the bench what it costs: processor time, memory, stalls of the event loop.
 *
 * Not pure. It is the same for the gateway and for the bare pipe. It sleeps until it is asked, over the IPC channel; only the watch on the event loop, which a storm asks
 * for, runs by itself.
 */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

export type ProbeQuestion = 'sample' | 'settle' | 'watch';

/** What the process has used since it started, all threads. */
export interface ProbeSample {
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** The longest time the event loop did not turn since `watch`; 0 without a watch. */
  readonly stallMs: number;
}

export interface ProbeAnswer {
  readonly probe: ProbeSample;
}

/** Resolution of the watch, milliseconds: a stall shorter than that is not seen. */
const watchMs = 5;
let watch: ReturnType<typeof monitorEventLoopDelay> | null = null;

function sample(): ProbeSample {
  const { user, system } = process.cpuUsage();
  const stallMs = watch === null ? 0 : Math.max(0, watch.max / 1e6 - watchMs);
  return { cpuMs: (user + system) / 1_000, rssBytes: residentBytes(), stallMs };
}

/** From /proc where there is one: it counts what `process.memoryUsage` does, and is what an operator sees. */
function residentBytes(): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return kib === undefined ? process.memoryUsage.rss() : Number(kib) * 1_024;
  } catch {
    return process.memoryUsage.rss();
  }
}

/** As thoroughly as V8 can, which also gives back the pages that the heap had grown by. */
function collectGarbage(): void {
  const collect = globalThis.gc as ((options: { type: 'major'; flavor: 'last-resort' }) => void) | undefined;
  collect?.({ type: 'major', flavor: 'last-resort' });
}

function onQuestion(question: ProbeQuestion): void {
  if (question === 'settle') collectGarbage();
  if (question === 'watch') {
    watch ??= monitorEventLoopDelay({ resolution: watchMs });
    watch.enable();
    watch.reset();
  }
  process.send?.({ probe: sample() } satisfies ProbeAnswer);
}

if (isMainThread && process.send !== undefined) {
  process.on('message', onQuestion);
  // The process under test ends when it would without the bench.
  process.channel?.unref();
  // And with the bench, should that die.
  process.once('disconnect', () => process.exit(0));
}
