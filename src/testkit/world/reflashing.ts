/**
 * Stations that get other firmware, and with it another OCPP version: what backends have yet to get of them is of the version before.
 *
 * Pure and seeded.
 */
import { ocppVersions } from '../../protocol/version.ts';
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
}

export function startReflashing(world: World): { stop(): void } {
  const random = world.random('reflashing');
  const { reflashEveryMs } = world.plan;
  return nowAndThen(world.scheduler, random, reflashEveryMs, () => {
    const station = random.pick(world.stations);
    const version = random.pick(ocppVersions);
    world.trace.note('chaos', 'reflash', `${station.id} ${version}`);
    station.feed({ type: 'reflashed', version });
  });
}
