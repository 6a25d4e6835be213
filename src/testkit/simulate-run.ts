/**
 * What both `busbar simulate` verbs need: when a run ends, its progress on stderr, and how wrong options are told.
 *
 * Shell.
 */
import { performance } from 'node:perf_hooks';
import type { ExitCode } from '../cli/exit-code.ts';
import type { CliIo } from '../cli/io.ts';

export interface End {
  readonly promise: Promise<void>;
  isOver(): boolean;
}

/** Over when the time is, or when the io's signal says so; without one, at the first Ctrl-C or SIGTERM. The second ends the process as ever. */
export function endOf(seconds: number | null, io: CliIo): End {
  const deadlineMs = seconds === null ? Infinity : performance.now() + seconds * 1_000;
  let isOver = false;
  const promise = new Promise<void>((resolve) => {
    const finish = (): void => {
      isOver = true;
      clearInterval(timer);
      for (const name of signals) process.removeListener(name, finish);
      resolve();
    };
    // One timer would do for 24.8 days at most.
    const timer = setInterval(() => {
      if (performance.now() >= deadlineMs) finish();
    }, 100);
    if (io.signal === undefined) for (const name of signals) process.once(name, finish);
    else if (io.signal.aborted) finish();
    else io.signal.addEventListener('abort', finish, { once: true });
  });
  return { promise, isOver: () => isOver };
}

const signals = ['SIGINT', 'SIGTERM'] as const;

/** One line a second that is written over on a terminal, one each ten seconds elsewhere. Returns how to stop. */
export function startProgress(io: CliIo, line: () => string): () => void {
  const isTerminal = (io.stderr as { isTTY?: boolean }).isTTY === true;
  const startMs = performance.now();
  const write = (): void => {
    const text = `${Math.round((performance.now() - startMs) / 1_000)} s: ${line()}`;
    io.stderr.write(isTerminal ? `\r${text}\u001b[K` : `${text}\n`);
  };
  const timer = setInterval(write, isTerminal ? 1_000 : 10_000);
  return () => {
    clearInterval(timer);
    write();
    if (isTerminal) io.stderr.write('\n');
  };
}

export function usage(io: CliIo, fault: string): ExitCode {
  io.stderr.write(`${fault}\n`);
  return 2;
}
