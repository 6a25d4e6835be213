/**
 * Operators who decide about held messages, whatever happens around them: that one is tried again, or that its backend never gets it.
 *
 * Pure and seeded. They look at what is held at that moment, of stations that are away too, and pick without asking whether it is wise: a message that is out, one behind a parked one.
 */
import type { DeliveryDecision, DeliverySnapshot } from '../../ports/deliveries.ts';
import type { Random } from '../random.ts';
import { nowAndThen } from './now-and-then.ts';
import type { Plan } from './plan.ts';
import type { Scheduler } from './scheduler.ts';

interface World {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  random(stream: string): Random;
  /** Some of what is held, oldest first; none while no process runs. */
  deliveries(): readonly DeliverySnapshot[];
  settle(delivery: DeliverySnapshot, decision: DeliveryDecision): void;
}

/** Oldest first, an operator sees at most so many. */
export const deliveriesSeen = 50;

export function startDeciding(world: World): { stop(): void } {
  const random = world.random('deciding');
  const { decideEveryMs } = world.plan;
  return nowAndThen(world.scheduler, random, decideEveryMs, () => {
    const held = world.deliveries();
    // Drawn each time, so that what is held moves nothing that comes later.
    const decision = random.pick(['retry', 'drop'] as const);
    const place = random.next();
    const isFirst = random.chance(0.4);
    const chosen = held[isFirst ? 0 : Math.floor(place * held.length)];
    if (chosen !== undefined) world.settle(chosen, decision);
  });
}
