/**
 * Remote starts that come to nothing, and one right after for the same card that the station takes: whose the transaction is then must not hang on what was refused before.
 *
 * Pure and seeded. A start is refused because the queue is full, because whoever asked is gone, because the station is, or because it has been moved meanwhile; each by what is done to it here.
 */
import type { AssignmentDecision } from '../../core/station/events.ts';
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
  decide(station: string, decision: AssignmentDecision): void;
}

/** More than one asker may have wait. */
const manyCommands = 40;

export function startStarting(world: World): { stop(): void } {
  const random = world.random('starting');
  const { scheduler, plan, trace, stations, backends, network } = world;
  let count = 0;
  return nowAndThen(scheduler, random, plan.startEveryMs, () => {
    const { id } = random.pick(stations);
    const [first, then] = [random.pick(plan.backends).name, random.pick(plan.backends).name];
    const hindrance = random.pick(['full', 'asker_gone', 'station_gone', 'moved', 'moved'] as const);
    const connector = 1 + random.below(2);
    const inMs = random.within([0, 20_000]);
    count += 1;
    const card = `START${count}`;
    trace.note('chaos', 'start', `${id} ${card} ${first} ${then} ${hindrance}`);
    const start = (backend: string): void =>
      backends.get(backend)?.ask(id, (version, requestId) => startOf(version, requestId, card, connector));
    if (hindrance === 'full')
      for (let many = 0; many < manyCommands; many += 1)
        backends.get(first)?.ask(id, () => ({ action: 'GetLocalListVersion', payload: {} }));
    start(first);
    if (hindrance === 'asker_gone' || hindrance === 'station_gone') {
      const gone = hindrance === 'asker_gone' ? first : '';
      for (const pair of network.livePairs())
        if (pair.label.station === id && pair.label.with === gone)
          scheduler.after(inMs / 10, () => cutLink(pair, { gatewayMs: 0, peerMs: 0 }));
    }
    if (hindrance === 'moved')
      scheduler.after(500, () =>
        world.decide(id, {
          do: 'cut_over',
          primary: then,
          openTransactions: 'pin',
          keepWarmMs: 3_600_000,
          isForced: true,
        }),
      );
    scheduler.after(2_000 + inMs, () => start(then));
  });
}

function startOf(version: OcppVersion, requestId: number, card: string, connector: number): Command {
  return version === 'ocpp1.6'
    ? { action: 'RemoteStartTransaction', payload: { connectorId: connector, idTag: card } }
    : {
        action: 'RequestStartTransaction',
        payload: {
          evseId: connector,
          remoteStartId: requestId,
          idToken: { idToken: card, type: 'ISO14443' },
        },
      };
}
