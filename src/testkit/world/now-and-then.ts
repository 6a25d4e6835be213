/**
 * What somebody does now and then while a world lives.
 *
 * Pure and seeded.
 */
import type { Random } from '../random.ts';
import type { Scheduler } from './scheduler.ts';

/** Does it at random moments, `everyMs` apart on average, until it is stopped; Infinity: never. The moments are drawn from `random`, between what `act` draws from it. */
export function nowAndThen(
  scheduler: Scheduler,
  random: Random,
  everyMs: number,
  act: () => void,
): { stop(): void } {
  let isOver = false;
  const next = (): void => {
    const inMs = -Math.log(1 - random.next()) * everyMs;
    scheduler.after(inMs, () => {
      if (isOver) return;
      act();
      next();
    });
  };
  if (everyMs !== Infinity) next();
  return {
    stop() {
      isOver = true;
    },
  };
}
