/**
 * One more outage when the faults are over: backends are away, Busbar answers for them and is restarted meanwhile, and they come back. Life goes on all the while, so that what they
 * have missed is of now, and nobody says it again by himself.
 *
 * Pure and seeded.
 */
import type { Random } from '../random.ts';
import type { BackendPeer } from './backend-peer.ts';
import { cutLink } from './link-pair.ts';
import type { Network } from './network.ts';
import type { Plan } from './plan.ts';
import type { Scheduler } from './scheduler.ts';

interface World {
  readonly scheduler: Scheduler;
  readonly backends: ReadonlyMap<string, BackendPeer>;
  readonly network: Network;
  readonly isRunning: boolean;
  random(stream: string): Random;
  startProcess(): void;
  kill(keepsPower: boolean): void;
}

/** From when everybody is back: dials that are waited for, a backend that hangs for a minute yet, the boot, the statuses. */
const restMs = 6 * 60_000;

/** Only where there is something to see: where another than the primary is told of statuses, the primary knows no better. */
export function endsInOutage({ covers, split, endsInOutage: isWanted }: Plan): boolean {
  return covers && isWanted && !split.includes('StatusNotification');
}

/** Sees to it, and returns how long it takes. */
export function startLastOutage(world: World): number {
  const random = world.random('last outage');
  const { scheduler, network } = world;
  for (const backend of world.backends.values()) backend.reception = 'refuse';
  for (const pair of network.livePairs())
    if (pair.label.with !== '') cutLink(pair, { gatewayMs: 0, peerMs: 0 });
  const killedMs = random.within([30_000, 240_000]);
  scheduler.after(killedMs, () => world.kill(random.chance(0.5)));
  const startedMs = killedMs + random.within([100, 10_000]);
  scheduler.after(startedMs, () => {
    if (!world.isRunning) world.startProcess();
  });
  const backMs = startedMs + random.within([0, 60_000]);
  scheduler.after(backMs, () => {
    for (const backend of world.backends.values()) backend.reception = 'welcome';
  });
  return backMs + restMs;
}
