/**
 * What goes wrong in a world, and when: one fault after another, at random times and of the plan's kinds, and everything healed at the end.
 *
 * Pure and seeded.
 */
import type { AssignmentDecision } from '../../core/station/events.ts';
import type { PlacedObserver } from '../../core/routing/placement.ts';
import { defaultReceived, messageClasses } from '../../protocol/message-class.ts';
import type { DeliveryDecision, DeliverySnapshot } from '../../ports/deliveries.ts';
import type { Random } from '../random.ts';
import { startAsking } from './asking.ts';
import { startDeciding } from './deciding.ts';
import { cutLink } from './link-pair.ts';
import type { BackendPeer } from './backend-peer.ts';
import type { Disk } from './disk.ts';
import type { Network } from './network.ts';
import { nowAndThen } from './now-and-then.ts';
import { grantedCommands, type Fault, type Operated, type Plan } from './plan.ts';
import { createAlterations, type Alter } from './altering.ts';
import { startHanding } from './handing.ts';
import { startQuirks } from './quirks.ts';
import { startReflashing } from './reflashing.ts';
import { startStarting } from './starting.ts';
import type { Scheduler } from './scheduler.ts';
import type { StationPeer } from './station-peer.ts';
import type { Trace } from './trace.ts';

/** What of a world can be harmed, and mended. */
interface World {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly stations: readonly StationPeer[];
  readonly backends: ReadonlyMap<string, BackendPeer>;
  readonly network: Network;
  readonly disk: Disk;
  readonly trace: Trace;
  readonly stats: { faults: number };
  readonly isRunning: boolean;
  random(stream: string): Random;
  startProcess(): void;
  kill(keepsPower: boolean): void;
  reconfigure(change: (operated: Operated) => Operated): void;
  reload(change: (operated: Operated) => Operated): void;
  drain(spreadMs: number, deadlineMs: number): void;
  decide(station: string, decision: AssignmentDecision): void;
  deliveries(): readonly DeliverySnapshot[];
  settle(delivery: DeliverySnapshot, decision: DeliveryDecision): void;
  /** Who answers the station; null: no process runs that would know. */
  primaryOf(station: string): string | null;
}

export interface Chaos {
  /** No more faults; what is broken is mended. */
  stop(): void;
}

export function startChaos(world: World): Chaos {
  const random = world.random('chaos');
  const alter = createAlterations(world);
  const { faults, faultEveryMs } = world.plan;
  let isOver = false;
  const next = (): void => {
    const inMs = -Math.log(1 - random.next()) * faultEveryMs;
    world.scheduler.after(inMs, () => {
      if (isOver) return;
      if (world.isRunning) {
        const fault = random.pick(faults);
        world.trace.note('chaos', fault, '');
        world.stats.faults += 1;
        commit(world, random, fault, alter);
      }
      next();
    });
  };
  if (faults.length > 0) next();
  const moves = startMoves(world);
  const observing = startObserving(world);
  const deciding = startDeciding(world);
  const reflashing = startReflashing(world);
  const asking = startAsking(world);
  const quirks = startQuirks(world);
  const starting = startStarting(world);
  const handing = startHanding(world);
  return {
    stop() {
      isOver = true;
      moves.stop();
      observing.stop();
      deciding.stop();
      reflashing.stop();
      asking.stop();
      quirks.stop();
      starting.stop();
      handing.stop();
      world.trace.note('chaos', 'over', '');
      world.disk.isFailing = false;
      for (const backend of world.backends.values()) {
        backend.reception = 'welcome';
        backend.behaveWell();
      }
      if (!world.isRunning) world.startProcess();
    },
  };
}

/** Somebody moves stations between backends, and takes them back. */
function startMoves(world: World): Chaos {
  const random = world.random('moves');
  const { moveEveryMs, backends, letsGo } = world.plan;
  return nowAndThen(world.scheduler, random, moveEveryMs, () => {
    const { id } = random.pick(world.stations);
    const { name } = random.pick(backends);
    const decision = decisionOf(random, name, letsGo);
    world.trace.note('operator', decision.do, `${id} ${name}`);
    if (world.isRunning) world.decide(id, decision);
  });
}

/** Somebody decides who listens in to stations, and leaves them where they are. */
function startObserving(world: World): Chaos {
  const random = world.random('observing');
  const { observeEveryMs } = world.plan;
  return nowAndThen(world.scheduler, random, observeEveryMs, () => {
    const { id } = random.pick(world.stations);
    const observers = observersOf(random, world.plan);
    const primary = world.primaryOf(id);
    world.trace.note('operator', 'observers', `${id} ${JSON.stringify(observers)}`);
    if (primary !== null)
      world.decide(id, {
        do: 'cut_over',
        primary,
        observers,
        openTransactions: 'pin',
        keepWarmMs: 0,
        isForced: false,
      });
  });
}

function observersOf(random: Random, { listeners }: Plan): readonly PlacedObserver[] | 'routed' {
  if (random.chance(0.3)) return 'routed';
  return listeners
    .filter(() => random.chance(0.5))
    .map(({ options: { name }, getsAll, mayAsk }) => ({
      backend: name,
      receives: getsAll && random.chance(0.7) ? messageClasses : defaultReceived,
      commands: mayAsk && random.chance(0.7) ? [...grantedCommands] : [],
    }));
}

const telling = ['attach', 'cut_over', 'cut_over', 'cut_over', 'roll_back'] as const;
const dayMs = 86_400_000;

function decisionOf(random: Random, backend: string, letsGo: boolean): AssignmentDecision {
  const kind = random.pick(letsGo ? ([...telling, 'detach'] as const) : telling);
  switch (kind) {
    case 'attach':
    case 'detach':
      return { do: kind, backend };
    case 'roll_back':
      return { do: kind };
    case 'cut_over':
      return {
        do: kind,
        primary: backend,
        openTransactions: random.pick(['pin', 'pin', 'wait']),
        keepWarmMs: random.pick(letsGo ? [0, 60_000, dayMs] : [dayMs]),
        isForced: random.chance(0.5),
      };
  }
}

/** Close code for a twin of a station that gives up. */
const normalClosure = 1000;

function commit(world: World, random: Random, fault: Fault, alter: Alter): void {
  const { scheduler, disk } = world;
  switch (fault) {
    case 'cut_station':
      return cut(world, random, (backend) => backend === '');
    case 'cut_backend':
      return cut(world, random, (backend) => backend !== '');
    case 'hang_backend':
      return random
        .pick([...world.backends.values()])
        .hang(random.within([1_000, 60_000]), random.chance(0.5));
    case 'refuse_dials':
      return receive(world, random, 'refuse');
    case 'deaf_dials':
      return receive(world, random, 'deaf');
    case 'accept_then_close':
      return receive(world, random, 'accept_then_close');
    case 'fail_disk':
      disk.isFailing = true;
      return void scheduler.after(random.within([100, 90_000]), () => {
        disk.isFailing = false;
      });
    case 'kill_gateway':
      return restart(world, random, true, alter);
    case 'lose_power':
      return restart(world, random, false, alter);
    case 'reload':
      return world.reload((operated) =>
        random.chance(0.5)
          ? { ...alter(operated), primary: operated.primary + 1 }
          : { ...alter(operated), revision: operated.revision + (random.chance(0.5) ? 1 : 0) },
      );
    case 'drain':
      world.drain(random.within([0, 5_000]), 20_000);
      return void scheduler.after(25_000, () => restart(world, random, true, alter));
    case 'burst':
      return random.pick(world.stations).burst(random.pick([3, 70, 70, 300]));
    case 'babble':
      return babble(world, random);
    case 'impostor':
      return impostor(world, random);
  }
}

/** Cuts some links; each side learns of it at once, later or never. */
function cut(world: World, random: Random, claims: (backend: string) => boolean): void {
  const pairs = world.network.livePairs().filter(({ label }) => claims(label.with));
  if (pairs.length === 0) return;
  const notice = (): number => random.pick([0, 500, 20_000, Infinity]);
  const chosen = random.chance(0.3) ? pairs : [random.pick(pairs)];
  for (const pair of chosen) cutLink(pair, { gatewayMs: notice(), peerMs: notice() });
}

function receive(world: World, random: Random, reception: 'refuse' | 'deaf' | 'accept_then_close'): void {
  const backend = random.pick([...world.backends.values()]);
  backend.reception = reception;
  // What makes it refuse newcomers has often taken its links too.
  if (random.chance(0.7)) cut(world, random, (name) => name === backend.options.name);
  world.scheduler.after(random.within(world.plan.outageMs), () => {
    backend.reception = 'welcome';
  });
}

function restart(world: World, random: Random, keepsPower: boolean, alter: Alter): void {
  world.kill(keepsPower);
  world.reconfigure(alter);
  world.scheduler.after(random.within([100, 30_000]), () => {
    if (!world.isRunning) world.startProcess();
  });
}

const babbling = [
  '',
  '{',
  '[]',
  '[2]',
  '[2,"-1"]',
  '[9,"-1","What",{}]',
  '[3,"nobody",{}]',
  '[4,"nobody","InternalError","",{}]',
  'null',
  '[2,"-1",5,{}]',
];

function babble(world: World, random: Random): void {
  const text = random.pick(babbling);
  if (random.chance(0.5)) random.pick(world.stations).babble(text);
  else random.pick([...world.backends.values()]).interject(text);
}

/** Somebody else connects under a station's name, keeps silent and goes again; the station may be in the middle of saying much. */
function impostor(world: World, random: Random): void {
  const station = random.pick(world.stations);
  world.network.knock(station.id, station.life.offers, {
    onRefused: () => undefined,
    onOpened: (end) => {
      if (random.chance(0.7)) station.burst(10);
      world.scheduler.after(random.within([0, 10_000]), () => end.close(normalClosure, 'impostor'));
    },
  });
}
