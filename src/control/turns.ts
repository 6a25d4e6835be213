/**
 * Long work in slices: others have their turn in between.
 *
 * Not pure.
 */
import { setImmediate } from 'node:timers/promises';

export interface Turns {
  /** Call it after each small piece; it waits where the slice is over. */
  next(): Promise<void> | undefined;
}

/** `sliceMs`: how long others may be kept waiting. */
export function takeTurns(sliceMs: number): Turns {
  let beganAt = performance.now();
  return {
    next() {
      if (performance.now() - beganAt < sliceMs) return undefined;
      return yieldNow();
    },
  };

  async function yieldNow(): Promise<void> {
    await setImmediate();
    beganAt = performance.now();
  }
}
