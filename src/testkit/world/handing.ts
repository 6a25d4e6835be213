/**
 * Somebody who hands open transactions over to another backend, and often back while they are still open, or on and back again.
 *
 * Pure and seeded. Whoever has a transaction when it ends must have been told all of it (handover-checkers.ts).
 */
import type { AssignmentDecision } from '../../core/station/events.ts';
import type { Random } from '../random.ts';
import { nowAndThen } from './now-and-then.ts';
import type { Plan } from './plan.ts';
import type { Scheduler } from './scheduler.ts';
import type { StationPeer } from './station-peer.ts';
import type { Trace } from './trace.ts';

interface World {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly stations: readonly StationPeer[];
  readonly trace: Trace;
  random(stream: string): Random;
  decide(station: string, decision: AssignmentDecision): void;
  primaryOf(station: string): string | null;
}

/** So long a backend has to get to know the station before transactions are handed to it. */
const attachMs = 15_000;
const dayMs = 86_400_000;

export function startHanding(world: World): { stop(): void } {
  const random = world.random('handing');
  const { plan, scheduler } = world;
  let isOver = false;
  const handing = nowAndThen(scheduler, random, plan.handOverEveryMs, () => {
    const { id } = random.pick(world.stations);
    // A reading or two lie between, sometimes a whole session.
    const gapMs = random.within([20_000, 240_000]);
    const legs = random.pick([1, 2, 2, 3]);
    const isForced = random.chance(0.7);
    const isTakenBack = random.chance(0.2);
    for (let leg = 0; leg < legs; leg += 1)
      scheduler.after(leg * (gapMs + attachMs), () => {
        if (!isOver) handTo(world, id, isForced, () => isOver);
      });
    if (isTakenBack)
      scheduler.after(legs * (gapMs + attachMs), () => {
        if (!isOver) decide(world, id, { do: 'roll_back' });
      });
  });
  return {
    stop() {
      isOver = true;
      handing.stop();
    },
  };
}

/** To the other one, once that knows the station. */
function handTo(world: World, station: string, isForced: boolean, isOver: () => boolean): void {
  const other = otherOf(world, station);
  if (other === null) return;
  decide(world, station, { do: 'attach', backend: other });
  world.scheduler.after(attachMs, () => {
    const primary = isOver() ? null : otherOf(world, station);
    if (primary !== null)
      decide(world, station, {
        do: 'cut_over',
        primary,
        openTransactions: 'handover',
        keepWarmMs: dayMs,
        isForced,
      });
  });
}

function otherOf(world: World, station: string): string | null {
  const primary = world.primaryOf(station);
  if (primary === null) return null;
  return world.plan.backends.find(({ name }) => name !== primary)?.name ?? null;
}

function decide(world: World, station: string, decision: AssignmentDecision): void {
  world.trace.note('operator', decision.do, `${station} handing over`);
  world.decide(station, decision);
}
