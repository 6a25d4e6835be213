/**
 * What all station drivers share: the ports, the clocks of the current step, and who is told what.
 *
 * Not pure. One object of it exists in a process; a driver holds a reference and nothing else of the shell.
 */
import type {
  AssignmentOutcome,
  DecisionOutcome,
  Notice,
  StationContext,
  StationEvent,
} from '../core/station/events.ts';
import type { BillingRisk } from '../core/hold/billing-risk.ts';
import type { HeldEntry } from '../core/hold/held-lane.ts';
import { learnedTokensMax } from '../core/cover/learned-tokens.ts';
import type { LearnedToken } from '../core/hold/held-message.ts';
import type { LearnedRecord, StationRecord } from '../core/journal/record.ts';
import type { StationState } from '../core/station/state.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { Clock } from '../ports/clock.ts';
import type { Dialer } from '../ports/dialer.ts';
import type { Journal } from '../ports/journal.ts';
import type { Arrival } from '../ports/listener.ts';
import type { Log } from '../ports/log.ts';
import type { BackendSettings, KnownStation, Settings } from '../ports/settings.ts';
import type { Afterwards, Owing } from './afterwards.ts';
import type { BackendReach } from './backend-reach.ts';
import type { DeliveryPacer } from './delivery-pacer.ts';
import type { OperatorCommands } from './operator-commands.ts';
import type { OperatorDecisions } from './operator-decisions.ts';
import { makeRoom, type Remembered } from './remembered.ts';
import { forgetOldest } from '../std/forget-oldest.ts';
import type { TimerWheel } from './timer-wheel.ts';

/** The step's context, whose clocks the driver sets before each step. */
export type LiveContext = { -readonly [Key in keyof StationContext]: StationContext[Key] };

/** What the plane knows of a station's driver. */
export interface Driver extends Owing {
  readonly state: StationState;
  /** Nothing of this station is open or on its way. */
  readonly isIdle: boolean;
  arrive(arrival: Arrival): void;
  handle(event: StationEvent): void;
  /** Reads from its links, or not; to be asked again when the journal's pressure changes. */
  applyPauses(): void;
  /** The journal cannot be written from now on. */
  onJournalFailing(): void;
}

/** Told of everything that happens on the data plane; counts, never waits. */
export interface Observer {
  onRecord(record: StationRecord): void;
  /** A frame left; seconds since the step that decided it began. */
  onSent(seconds: number): void;
  onNotice(station: StationId, notice: Notice, backend: string | null): void;
  /** A station's upgrade was refused by its machine. */
  onRefusal(station: StationId, status: number, reason: string): void;
  /** A bug stopped one station. */
  onBug(station: StationId, bug: unknown): void;
}

export interface DataPlane {
  readonly context: LiveContext;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly dialer: Dialer;
  readonly wheel: TimerWheel;
  readonly afterwards: Afterwards;
  readonly log: Log;
  readonly observer: Observer;
  readonly commands: OperatorCommands;
  /** About held messages, and about whose a station is. */
  readonly decisions: OperatorDecisions<DecisionOutcome>;
  readonly placements: OperatorDecisions<AssignmentOutcome>;
  settings: Settings;
  /** Drivers by identity; made when a station first arrives. */
  readonly drivers: Map<StationId, Driver>;
  /** What is known of stations that have no driver: what outlived the last process, and what forgotten drivers left. */
  readonly remembered: Remembered;
  /** What is held for stations that have no driver. */
  readonly held: Map<StationId, readonly HeldEntry[]>;
  /** Of what is held for all stations that have a driver. */
  heldCharacters: number;
  /** What backends said of tokens, by digest, the one heard of longest ago first; of `learnedTokensMax` it makes room. */
  readonly tokens: Map<string, LearnedToken>;
  /** Where billing is at risk, by backend. */
  readonly risks: Map<string, BillingRisk>;
  readonly deliveries: DeliveryPacer;
  readonly reach: BackendReach;
}

/** Keeps what a backend has just said of a token. */
export function learnToken({ tokens }: Pick<DataPlane, 'tokens'>, { token, learned }: LearnedRecord): void {
  tokens.delete(token);
  if (tokens.size >= learnedTokensMax) forgetOldest(tokens);
  tokens.set(token, learned);
}

/** What a start has found, in the order in which it was heard: a journal has it in another, and may have a few more. */
export function tokensFound(found: ReadonlyMap<string, LearnedToken>): Map<string, LearnedToken> {
  const inOrder = [...found].toSorted(([, one], [, other]) => one.learnedAt - other.learnedAt);
  return new Map(inOrder.slice(-learnedTokensMax));
}

/** Lets go of a station's driver, and keeps what it knew of the station if that was ever seen or decided about. */
export function forgetDriver(
  plane: Pick<DataPlane, 'drivers' | 'remembered' | 'held' | 'heldCharacters' | 'journal'>,
  driver: Driver,
): void {
  const { drivers, remembered } = plane;
  const { id, durable, held } = driver.state;
  // One that was forgotten before may have a successor, who stays.
  if (drivers.get(id) !== driver) return;
  drivers.delete(id);
  // Whoever takes them over counts them.
  for (const lane of held) plane.heldCharacters -= lane.characters;
  if (held.length > 0)
    plane.held.set(
      id,
      held
        .flatMap((lane) => Array.from(lane))
        .toSorted((one, other) => one.message.number - other.message.number),
    );
  if (durable.lastSeenAt === null && durable.placement === null) return;
  makeRoom(plane);
  remembered.add(id, durable);
}

/**
 * Makes room by forgetting a station that has nothing open and is owed nothing: what is held for a station only its own machine delivers. They are looked at in turn, since a hundred thousand looked at for each newcomer
 * would leave no time for frames. False when all of them are in use, or were a moment ago.
 */
export function createForgetting(
  plane: Parameters<typeof forgetDriver>[0] & Pick<DataPlane, 'clock'>,
): () => boolean {
  let turn = plane.drivers.values();
  let allInUseUntilMs = -Infinity;
  return () => {
    const nowMs = plane.clock.nowMs();
    if (nowMs < allInUseUntilMs) return false;
    for (let looked = 0; looked < plane.drivers.size; looked += 1) {
      let next = turn.next();
      if (next.done === true) next = (turn = plane.drivers.values()).next();
      if (next.done === true) break;
      const driver = next.value;
      if (!driver.isIdle || driver.state.held.length > 0) continue;
      forgetDriver(plane, driver);
      return true;
    }
    allInUseUntilMs = nowMs + lookAgainMs;
    return false;
  };
}

/** Where all were in use, they are not looked at for so long. */
const lookAgainMs = 1_000;

export function backendSettingsOf(plane: DataPlane, backend: string): BackendSettings | null {
  return plane.settings.backends.get(backend) ?? null;
}

export function knownStationOf(plane: DataPlane, station: string): KnownStation | null {
  return plane.settings.listener.known.get(station as StationId) ?? null;
}
