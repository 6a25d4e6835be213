/**
 * Backends that ask a station for reports at the same time, and links that go before the last part is told.
 *
 * Pure and seeded. What is asked carries the name of who asks, where a report can say it again: whoever is told a part that another asked for is seen (report-checkers.ts).
 */
import type { OcppVersion } from '../../protocol/version.ts';
import type { Command } from '../backend-answers.ts';
import type { Random } from '../random.ts';
import type { BackendPeer } from './backend-peer.ts';
import { cutLink } from './link-pair.ts';
import type { Network } from './network.ts';
import { nowAndThen } from './now-and-then.ts';
import type { Plan } from './plan.ts';
import type { Scheduler } from './scheduler.ts';
import type { StationPeer } from './station-peer.ts';
import type { Trace } from './trace.ts';

interface World {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly stations: readonly StationPeer[];
  readonly backends: ReadonlyMap<string, BackendPeer>;
  readonly network: Network;
  readonly trace: Trace;
  random(stream: string): Random;
}

export function startAsking(world: World): { stop(): void } {
  const random = world.random('asking');
  return nowAndThen(world.scheduler, random, world.plan.askEveryMs, () => {
    const { id } = random.pick(world.stations);
    const isSame = random.chance(0.5);
    const same = random.pick(kinds);
    for (const [name, backend] of world.backends) {
      const kind = isSame ? same : random.pick(kinds);
      const inMs = random.within([0, 1_000]);
      world.scheduler.after(inMs, () =>
        backend.ask(id, (version, requestId) => commandOf(kind, version, `${name} ${requestId}`, requestId)),
      );
    }
    if (random.chance(0.5)) cutSoon(world, random, id);
  });
}

const kinds = ['GetBaseReport', 'GetReport', 'GetMonitoringReport', 'GetLog', 'CustomerInformation'] as const;

function commandOf(
  kind: (typeof kinds)[number],
  version: OcppVersion,
  asker: string,
  requestId: number,
): Command {
  if (version === 'ocpp1.6')
    return { action: 'GetDiagnostics', payload: { location: `ftp://files.example/${requestId}` } };
  switch (kind) {
    case 'GetBaseReport':
      return { action: kind, payload: { requestId, reportBase: 'FullInventory' } };
    case 'GetReport':
      return { action: kind, payload: { requestId, componentVariable: [{ component: { name: asker } }] } };
    case 'GetMonitoringReport':
      return { action: kind, payload: { requestId } };
    case 'GetLog':
      return {
        action: kind,
        payload: { requestId, logType: 'SecurityLog', log: { remoteLocation: 'https://files.example/log' } },
      };
    case 'CustomerInformation':
      return {
        action: kind,
        payload: { requestId, report: true, clear: false, customerIdentifier: asker },
      };
  }
}

/** One of the station's links, wherever its reports are by then. */
function cutSoon({ scheduler, network }: World, random: Random, station: string): void {
  const notice = (): number => random.pick([0, 500, 20_000]);
  const cut = { gatewayMs: notice(), peerMs: notice() };
  const place = random.next();
  scheduler.after(random.within([500, 15_000]), () => {
    const pairs = network.livePairs().filter(({ label }) => label.station === station);
    const pair = pairs[Math.floor(place * pairs.length)];
    if (pair !== undefined) cutLink(pair, cut);
  });
}
