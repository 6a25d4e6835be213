/**
 * Waiting for something to become true, with a deadline: what tests do instead of sleeping.
 *
 * Shell.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves once `holds` is true; throws with `claim` when it is not within `timeoutMs`. */
export async function until(claim: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`not so within ${timeoutMs} ms: ${claim}`);
    await delay(5);
  }
}
