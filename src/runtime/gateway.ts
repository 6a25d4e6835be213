/**
 * The data plane as a whole: the door for stations, one driver each, reload and drain, and the snapshots others read.
 *
 * Not pure. It routes an arrival to its driver and otherwise keeps out of a frame's way.
 */
import { strikeWords } from '../core/commands/strike-words.ts';
import { createStation } from '../core/station/state.ts';
import type { BillingRisk } from '../core/hold/billing-risk.ts';
import type { HeldEntry } from '../core/hold/held-lane.ts';
import type { LearnedToken } from '../core/hold/held-message.ts';
import type { DurableStation, JournalRecord } from '../core/journal/record.ts';
import { relearn } from '../core/station/relearn.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { Assignments } from '../ports/assignments.ts';
import type { Clock } from '../ports/clock.ts';
import type { Deliveries } from '../ports/deliveries.ts';
import type { Dialer } from '../ports/dialer.ts';
import type { Journal, JournalReader } from '../ports/journal.ts';
import type { Arrival } from '../ports/listener.ts';
import type { Log } from '../ports/log.ts';
import type { Registry } from '../ports/registry.ts';
import type { Settings } from '../ports/settings.ts';
import type { StationCommander } from '../ports/station-commander.ts';
import { Afterwards, type AfterTurn } from './afterwards.ts';
import { createAssignments, type Recall } from './assignments.ts';
import { createDeliveries } from './deliveries.ts';
import { watchBilling } from './billing-watch.ts';
import { BackendReach } from './backend-reach.ts';
import { DeliveryPacer } from './delivery-pacer.ts';
import { createForgetting, tokensFound, type DataPlane, type Driver, type Observer } from './data-plane.ts';
import { isExpected } from './gatekeeper.ts';
import { createOperatorCommands, type CommandRequested } from './operator-commands.ts';
import { createOperatorDecisions } from './operator-decisions.ts';
import { Remembered, trimRemembered } from './remembered.ts';
import { createRegistry } from './snapshots.ts';
import { StationDriver } from './station-driver.ts';
import { startTimerWheel, type TimerWheel } from './timer-wheel.ts';

/** Identities the process remembers at once. Beyond it an unknown station gets 503: with `admit: any` anyone can make them up. */
export const stationsMax = 100_000;

export interface GatewayPorts {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly dialer: Dialer;
  readonly log: Log;
  readonly observer: Observer;
  /** Uniform in [0, 1), for jitter. */
  readonly random: () => number;
  /** 128 bits of a cryptographic digest, as 32 hexadecimal digits. */
  readonly digest: (text: string) => string;
  /** A random string of at most 12 characters, for the message ids of one station. */
  readonly randomPrefix: () => string;
  /** What outlived the last process. */
  readonly restored: ReadonlyMap<StationId, DurableStation>;
  /** What it recorded in its last seconds, in order: saves may not have all of it. */
  readonly recent: readonly JournalRecord[];
  /** What the last process held, by number. */
  readonly held: ReadonlyMap<StationId, readonly HeldEntry[]>;
  /** What it had learnt of tokens, by digest. */
  readonly tokens: ReadonlyMap<string, LearnedToken>;
  /** Where it had billing at risk, by backend. */
  readonly risks: ReadonlyMap<string, BillingRisk>;
  /** What stations said, for a backend that is handed a transaction which began elsewhere; left out: it gets what the ledger knows. */
  readonly reader?: Pick<JournalReader, 'frames'>;
  /** The same at once, where nothing can be waited for. */
  readonly recall?: Recall;
  /** What wakes stations; one on the process's own timer when left out. */
  readonly wheel?: TimerWheel;
  /** `setImmediate` when left out: behind what the links send at the end of a turn. */
  readonly afterTurn?: AfterTurn;
}

export interface Gateway {
  /** Takes an upgrade request that passed the gatekeeper. */
  onArrival(arrival: Arrival): void;
  readonly registry: Registry;
  readonly commander: StationCommander;
  readonly deliveries: Deliveries;
  readonly assignments: Assignments;
  /** Replaces the settings as a whole and re-evaluates every station; links that need not move stay, but for those of stations that are not let in any more. */
  reload(settings: Settings): void;
  /** Refuses newcomers, closes station links spread over `spreadMs`, each after its calls in flight. True when all closed before the deadline. */
  drain(spreadMs: number, deadlineMs: number): Promise<boolean>;
  stop(): void;
}

export function createGateway(settings: Settings, ports: GatewayPorts): Gateway {
  const { clock, journal, dialer, log, observer } = ports;
  let epoch = 0;
  let isDraining = false;
  const held = new Map(ports.held);
  const plane: DataPlane = {
    context: {
      wallMs: clock.wallMs(),
      nowMs: clock.nowMs(),
      routing: settings.routing,
      settings: settings.station,
      tagsOf: (station) => plane.settings.listener.known.get(station as StationId)?.tags ?? noTags,
      isJournalWritable: journal.isWritable,
      defersCopies: true,
      random: ports.random,
      digest: ports.digest,
      nextEpoch: () => (epoch += 1),
      heldInAll: () => plane.heldCharacters,
      isUnreachable: (backend) => plane.reach.isDown(backend, plane.context.nowMs),
      learned: (token) => plane.tokens.get(token) ?? null,
      deliveryWaitMs: (backend) => plane.deliveries.waitMs(backend, plane.context.nowMs),
    },
    clock,
    journal,
    dialer,
    wheel: ports.wheel ?? startTimerWheel(clock),
    afterwards: new Afterwards(ports.afterTurn ?? setImmediate),
    log,
    observer,
    commands: createOperatorCommands({
      deliver: (station, event) => deliverCommand(plane, station, event),
      deadlineMs: () => 2 * plane.settings.station.callTimeoutMs + commandGraceMs,
    }),
    decisions: createOperatorDecisions(),
    placements: createOperatorDecisions(),
    settings,
    drivers: new Map(),
    remembered: new Remembered(ports.restored, held, settings.listener.known),
    held,
    heldCharacters: 0,
    tokens: tokensFound(ports.tokens),
    risks: new Map(ports.risks),
    reach: new BackendReach((backend, lastError) =>
      lastError === null
        ? log.info('backend_up', { backend })
        : log.warn('backend_down', { backend, lastError: strikeWords(lastError) }),
    ),
    deliveries: new DeliveryPacer(
      (backend) => plane.settings.backends.get(backend)?.deliveriesPerSecond ?? Infinity,
      ports.random,
    ),
  };

  for (const station of relearn(plane.remembered, ports.recent))
    journal.saveStation(station, plane.remembered.get(station) as DurableStation);

  journal.onWritableChange((isWritable) => {
    if (!isWritable) for (const driver of plane.drivers.values()) driver.onJournalFailing();
  });

  journal.onPressureChange(() => {
    for (const driver of plane.drivers.values()) driver.applyPauses();
  });

  const forgetOne = createForgetting(plane);

  function driverOf(station: StationId): Driver | null {
    const known = plane.drivers.get(station);
    if (known !== undefined) return known;
    if (plane.drivers.size >= stationsMax && !forgetOne()) return null;
    const driver = new StationDriver(
      createStation(
        station,
        plane.remembered.get(station) ?? null,
        ports.randomPrefix(),
        plane.held.get(station),
      ),
      plane,
    );
    plane.held.delete(station);
    plane.remembered.delete(station);
    plane.drivers.set(station, driver);
    return driver;
  }

  function refuse(arrival: Arrival, reason: string, retryAfterS: number): void {
    arrival.refuse(503, reason, retryAfterS);
    observer.onRefusal(arrival.station, 503, reason);
  }

  const deliveries = createDeliveries(plane, driverOf);
  // Whoever is owed something gets it, also where the station does not come back.
  for (const station of ports.held.keys()) driverOf(station)?.handle({ type: 'tick' });
  watchBilling(plane);
  trimRemembered(plane);

  return {
    registry: createRegistry(plane, deliveries),
    commander: plane.commands,
    deliveries,
    assignments: createAssignments(plane, driverOf, ports.reader ?? null, ports.recall ?? null),
    onArrival: (arrival) => {
      if (isDraining) return refuse(arrival, 'Busbar is shutting down.', 10);
      const driver = driverOf(arrival.station);
      if (driver === null) return refuse(arrival, 'Busbar knows too many stations.', 60);
      driver.arrive(arrival);
    },
    reload: (next) => {
      plane.settings = next;
      plane.context.routing = next.routing;
      plane.context.settings = next.station;
      plane.remembered.update(next.listener.known);
      // In one go, before any frame: no station ever sees new routes without having been placed by them.
      for (const driver of plane.drivers.values()) {
        if (!isExpected(next.listener, driver.state.id)) driver.handle({ type: 'admission_ended' });
        driver.handle({ type: 'routing_changed' });
      }
    },
    drain: (spreadMs, deadlineMs) => {
      isDraining = true;
      return drainAll(plane, spreadMs, deadlineMs);
    },
    stop: () => plane.wheel.stop(),
  };
}

const noTags: readonly string[] = [];

/** What an operator's command may take beyond its turn and the station's answer, each of which the machine bounds itself. */
const commandGraceMs = 5_000;

/** Hands an operator's command to the machine of its station. */
function deliverCommand(plane: DataPlane, station: StationId, event: CommandRequested): boolean {
  const driver = plane.drivers.get(station);
  driver?.handle(event);
  return driver !== undefined;
}

async function drainAll(plane: DataPlane, spreadMs: number, deadlineMs: number): Promise<boolean> {
  const startMs = plane.clock.nowMs();
  // Those that are away and owed something too: no delivery is to begin any more.
  const drivers = [...plane.drivers.values()].filter(
    (driver) => !driver.isIdle || driver.state.held.length > 0,
  );
  const stepMs = spreadMs / Math.max(1, drivers.length);
  // Links that are busy to the end are closed a little before it, so that they can still be closed in good order.
  const closingMs = Math.min(closingMaxMs, deadlineMs / 4);
  for (const [index, driver] of drivers.entries()) {
    driver.handle({
      type: 'drain_started',
      closeAtMs: startMs + index * stepMs,
      deadlineMs: startMs + deadlineMs - closingMs,
    });
  }
  // The drivers' links close by themselves; what is left at the deadline is cut by the caller.
  while (drivers.some((driver) => !driver.isIdle)) {
    if (plane.clock.nowMs() - startMs > deadlineMs) return false;
    await new Promise((resolve) => setTimeout(resolve, drainPollMs));
  }
  return true;
}

const drainPollMs = 20;
/** The time kept for closing handshakes at the end of a drain. */
const closingMaxMs = 1_000;
