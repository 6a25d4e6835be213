/**
 * A thread with typed messages, started from a source file or from the built one beside it.
 */
import { Worker } from 'node:worker_threads';

export interface Thread<To, From> {
  send(message: To): void;
  onMessage(received: (message: From) => void): void;
  /** Told once, with the reason, when the thread has ended. */
  onEnd(ended: (detail: string) => void): void;
  /** Resolves once the thread has ended. */
  readonly ended: Promise<void>;
}

/** A disk may hold a thread for ever: whoever closes waits for it so long. */
const closeMs = 5_000;

/** Resolves when what is being closed has ended, or does not in time. */
export async function closing(ending: Promise<unknown>, withinMs = closeMs): Promise<void> {
  const deadline = Promise.withResolvers<void>();
  const timer = setTimeout(() => deadline.resolve(), withinMs);
  await Promise.race([ending, deadline.promise]);
  clearTimeout(timer);
}

/** Starts `entry`, a `.ts` URL beside this file. */
export function startThread<To, From>(entry: URL, data: unknown): Thread<To, From> {
  const isBuilt = import.meta.url.endsWith('.js');
  const file = isBuilt ? new URL(entry.href.replace(/\.ts$/, '.js')) : entry;
  const worker = startWorker(file, data);
  if (typeof worker === 'string') return endedThread(worker);
  const thread = Promise.withResolvers<void>();
  let detail = 'the thread ended';
  worker.once('error', (error) => {
    detail = error instanceof Error ? error.message : String(error);
  });
  worker.once('exit', () => thread.resolve());
  return {
    send: (message) => worker.postMessage(message, []),
    onMessage: (received) => worker.on('message', received),
    onEnd: (ended) => worker.once('exit', () => ended(detail)),
    ended: thread.promise,
  };
}

/** The worker, or why there is none: a system that has no more threads to give says so at once. */
function startWorker(file: URL, data: unknown): Worker | string {
  try {
    return new Worker(file, { workerData: data });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function endedThread<To, From>(detail: string): Thread<To, From> {
  return {
    send: () => undefined,
    onMessage: () => undefined,
    onEnd: (ended) => queueMicrotask(() => ended(detail)),
    ended: Promise.resolve(),
  };
}
