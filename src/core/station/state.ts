/**
 * What is known of one station while the process lives.
 *
 * Pure. `step` changes it in place. Everything in it is bounded: lanes by `laneCallsMax`, the rest by the number of configured backends.
 */
import type { BoundedQueue } from '../../std/bounded-queue.ts';
import type { StationId } from '../../protocol/station-id.ts';
import type { Frame } from '../../protocol/frame.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { DurableStation, LinkName } from '../journal/record.ts';
import { resumeObjects, type SavedObjects } from '../commands/placed-objects.ts';
import type { CommandQueue, Queued } from '../commands/command-queue.ts';
import { emptyInventory } from '../commands/inventory.ts';
import type { OwnElement, VirtualValue } from '../commands/settings.ts';
import { emptyLedger, resumeLedger } from '../ids/ledger.ts';
import type { CommandNote } from '../ids/to-station.ts';
import { emptyImage } from '../priming/station-image.ts';
import { HeldLane, type HeldEntry } from '../hold/held-lane.ts';
import type { OwnCall, Priming } from '../priming/priming.ts';
import type { Placement } from '../routing/placement.ts';
import type { Assignment } from '../routing/table.ts';

export interface StationState {
  readonly id: StationId;
  readonly durable: DurableStation;
  /** What `nextMessageId` puts before its count: random, so that ids never repeat over restarts. */
  readonly idPrefix: string;
  idCount: number;
  /** Counts what Busbar sends of its own accord and as copies, apart from the rest: listeners must change no byte that others see. */
  ownCount: number;
  /** The payloads that the last readings and security events were answered with, by the message's key and oldest first: see repeats.ts. Null while there are none. */
  answers: Map<string, string> | null;
  /** Guaranteed messages that listeners were given, oldest first. Null while there are none. */
  copied: Set<string> | null;
  /** The call of the last step, where those who listen in have yet to be told of it. */
  owed: OwedCopies | null;
  /** What Busbar answered and a backend has yet to get: a lane for each backend that has something to come. */
  readonly held: HeldLane[];
  /** The number of the newest message that was ever held. */
  lastHeld: number;
  /** Commands that are over, oldest first. */
  readonly recentCommands: RecentCommand[];
  /** The open link to the station. */
  link: StationLink | null;
  /** Its last link was cut because it did not answer pings, and it has answered none since. */
  ignoresPings: boolean;
  /** Its link was lost just now, and it may come right back; see grace.ts. */
  grace: Grace | null;
  /** An upgrade request that is not answered yet. */
  arrival: PendingArrival | null;
  /** By which route the links below were made; null before the first arrival. */
  assignment: Assignment | null;
  /** One for each backend this station has had to do with; at most the configured ones. */
  readonly backends: BackendLink[];
  /** How often it may still connect, and displace itself: token buckets. */
  readonly connects: Bucket;
  readonly displacements: Bucket;
  drain: { readonly closeAtMs: number; readonly deadlineMs: number } | null;
}

/** A call that has left for the backend which answers it, and that others are to have a copy of; see owed-copies.ts. */
export interface OwedCopies {
  /** The link that it came on. */
  readonly link: StationLink;
  readonly received: { readonly link: LinkName; readonly text: string; readonly frame: Frame };
  /** Of a guaranteed message, else null. */
  readonly messageId: string | null;
  /** The backend and the transaction that it belongs to, where that is known. */
  readonly belonging: { readonly owner: string | null; readonly transaction: string | null };
}

export interface StationLink {
  readonly side: 'station';
  readonly epoch: number;
  readonly version: OcppVersion;
  readonly isAuthenticated: boolean;
  readonly heard: Liveness;
  readonly calls: Bucket;
  /** When the call bucket last ran empty and stayed so; null while there is something in it. */
  floodingSinceMs: number | null;
  /** Why reading from it is paused; none when 0. */
  pausedFor: number;
  /** It has booted on this link, or it was looked at whether its primary knows it all the same. */
  isPresented: boolean;
  /** The one outstanding command. */
  slot: OpenCall | null;
  lane: CommandQueue<WaitingCommand> | null;
  /** The last command it answered, and the last one whose time ran out. */
  answered: AnsweredCall | null;
  expiredId: string | null;
}

/** A station that may come right back, to the links as they are. */
export interface Grace {
  /** The version that the links speak. */
  readonly version: OcppVersion;
  readonly untilMs: number;
  /** Commands that wait for it. */
  lane: CommandQueue<WaitingCommand> | null;
}

/** Reasons to stop reading from a station, as bits of `pausedFor`. */
export const pausedForLane = 1;
export const pausedForRate = 2;

export interface PendingArrival {
  readonly epoch: number;
  readonly version: OcppVersion;
  assignment: Assignment;
  readonly isAuthenticated: boolean;
  /** It may have the links that are there: see `station_arrived`. */
  readonly isSameCredential: boolean;
  /** `probing`: the old link has been pinged, to see whether it lives. `dialling`: the primary's link is being opened. */
  phase: { readonly name: 'probing'; readonly deadlineMs: number } | { readonly name: 'dialling' };
}

export interface BackendLink {
  readonly side: 'backend';
  readonly backend: string;
  phase: 'idle' | 'dialling' | 'open' | 'waiting';
  /** Of the current or last dial. */
  epoch: number;
  version: OcppVersion | null;
  /** Of the backend's settings when it was dialled. */
  revision: string;
  openedAtMs: number;
  readonly heard: Liveness;
  readonly frames: Bucket;
  /** Reading from it is paused: it sends more than its rate. */
  isPausedForRate: boolean;
  /** Failures since the link was last stable. */
  attempts: number;
  /** How often in a row an open link was lost soon after it opened; a dial that fails is none. */
  flaps: number;
  /** In phase `waiting`: not before this time. */
  redialAtMs: number;
  lastError: string | null;
  dialledAtMs: number;
  /** Since when it cannot be reached; null while it can, and before the first dial. */
  downSinceMs: number | null;
  /** Calls in a row that came to nothing: left unanswered, or answered with an error that tells of the backend's own trouble. */
  fruitless: number;
  /** Busbar has answered calls in its place: it is told how the station is once it is back. */
  hasMissed: boolean;
  /** It is being told that now, on the open link. */
  isCatchingUp: boolean;
  /** On this link it has answered the station's own boot, and told it to wait: the station asks again by itself. */
  isStationWaiting: boolean;
  /** Held messages leave again then: monotonic. */
  deliverAtMs: number;
  /** How far it was brought to know the station. */
  readonly priming: Priming;
  /** Copies it did not get since the last that it got, and in all. */
  skipped: number;
  skippedInAll: number;
  /** How far its clock is ahead of Busbar's, milliseconds, and when that was seen (monotonic); null: it never said. */
  clockSkewMs: number | null;
  skewAtMs: number;
  /** The one outstanding call from the station. */
  slot: OpenCall | null;
  lane: BoundedQueue<WaitingCall> | null;
  answered: AnsweredCall | null;
  expiredId: string | null;
  /** How often it has refused calls that may come again, by their keys and oldest first. Null while there are none. */
  refused: Map<string, number> | null;
}

/** When a peer was last heard of, and how many pings it has left unanswered since. */
export interface Liveness {
  heardAtMs: number;
  pings: number;
  pingedAtMs: number;
}

/** A token bucket; what fills it is given where it is used. */
export interface Bucket {
  tokens: number;
  atMs: number;
}

/** Who is waiting for an answer: the link, by its epoch, and the id it used, as JSON with quotes. */
export interface Caller {
  readonly epoch: number;
  readonly idToken: string;
}

/**
 * Why a call is made: somebody's, a copy for a backend that listens in, or one that Busbar makes of its own accord. `held`: the station has its answer, and the backend
 * must still take it. `covered`: the station has its answer, and what the backend says no longer matters.
 */
export type CallPurpose = 'relay' | 'copy' | 'operator' | 'held' | 'covered' | OwnCall['what'];

/** The asker of an operator's command; no backend can be called so. */
export const fromOperator = '@operator';

/** The asker of a command that Busbar gives itself: nobody waits for its answer. */
export const fromBusbar = '@busbar';

/** What is to be known of a command until it ends. */
export interface Command {
  /** When it was asked for, by both clocks. */
  readonly askedAt: number;
  readonly askedAtMs: number;
  /** How long the station may take. */
  readonly timeoutMs: number;
  /** Elements that Busbar answers itself, put into the station's answer. */
  readonly own: readonly OwnElement[];
  /** What the asker sees from then on, once the station has accepted. */
  readonly onceAccepted: readonly VirtualValue[];
  /** What its answer tells of identifiers. */
  readonly note: CommandNote | null;
}

/** A command that is over, for people to see. */
export interface RecentCommand {
  /** Wall clock, milliseconds since 1970. */
  readonly at: number;
  readonly from: string;
  readonly action: string;
  readonly outcome: 'result' | 'error' | 'refused' | 'expired' | 'unknown';
  readonly tookMs: number;
}

/** Commands that are over and still shown. */
export const recentCommandsMax = 16;

/** A call that was sent and not answered yet. */
export interface OpenCall {
  readonly purpose: CallPurpose;
  caller: Caller;
  /** Others that sent the same guaranteed message meanwhile. */
  joined: Caller[] | null;
  /** '' for a call from the station; else the backend that sent the command. */
  readonly from: string;
  /** The id it has on the callee's link, and the one that it has unless it was refused before: see call-id.ts. */
  readonly sentId: string;
  readonly key: string;
  readonly action: string;
  readonly isGuaranteed: boolean;
  /** The key of the transaction it is about; null where it is about none that is known. */
  readonly transaction: string | null;
  /** As received, to be sent again where that is right; the places of id and payload in it. */
  readonly text: string;
  readonly idStart: number;
  readonly idEnd: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly sentAtMs: number;
  /** When Busbar answers it in the backend's place; Infinity: never. */
  readonly answerByMs: number;
  readonly deadlineMs: number;
  /** The number of the held message; 0: it is none. */
  readonly held: number;
  /** null for a call to a backend. */
  readonly command: Command | null;
}

/** A call that waits for a slot. */
export interface WaitingCall {
  readonly purpose: 'relay' | 'copy';
  caller: Caller;
  joined: Caller[] | null;
  readonly from: string;
  readonly messageId: string;
  readonly action: string;
  readonly isGuaranteed: boolean;
  /** The key of the transaction it is about; null where it is about none that is known. */
  readonly transaction: string | null;
  /** As received; the places of id and payload in it. */
  readonly text: string;
  readonly idStart: number;
  readonly idEnd: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly answerByMs: number;
  readonly deadlineMs: number;
}

/** A command that waits for the station. */
export interface WaitingCommand extends Omit<WaitingCall, 'purpose'>, Queued {
  readonly purpose: 'relay' | 'operator';
  readonly command: Command;
}

/** The call that was answered last, for 2.1's CALLRESULTERROR and to tell a repeated answer from a foreign one. */
export interface AnsweredCall {
  readonly caller: Caller;
  readonly from: string;
  readonly sentId: string;
}

/** Calls that may wait for one link before reading stops (from a station) or more are refused (from backends). */
export const laneCallsMax = 64;

/** What may still come in after reading was stopped, because the transport had read it already. Beyond it the link is closed. */
export const laneOverrunMax = 1_024;

/** Copies that may wait for one backend that listens in; beyond it the oldest that bill nobody are left out. */
export const copiesMax = 256;

/** A station nobody has heard of in this process. `durable` is what outlived the last one. */
export function createStation(
  id: StationId,
  durable: DurableStation | null,
  idPrefix: string,
  held: readonly HeldEntry[] = [],
): StationState {
  return {
    id,
    durable: durableStation(durable ?? {}, idPrefix),
    idPrefix,
    idCount: 0,
    ownCount: 0,
    answers: null,
    copied: null,
    owed: null,
    held: lanesOf(held),
    lastHeld: held.at(-1)?.message.number ?? 0,
    recentCommands: [],
    link: null,
    ignoresPings: false,
    grace: null,
    arrival: null,
    assignment: null,
    backends: [],
    connects: { tokens: Number.NaN, atMs: 0 },
    displacements: { tokens: Number.NaN, atMs: 0 },
    drain: null,
  };
}

/** The lanes as the last process left them, from its messages in order. It may have died before the answer to one that it had sent. */
function lanesOf(held: readonly HeldEntry[]): HeldLane[] {
  const lanes: HeldLane[] = [];
  for (const entry of held) laneFor(lanes, entry.message.backend).push(entry);
  for (const lane of lanes) {
    for (const entry of lane.doubtful())
      if (entry.message.answer !== null) lane.mark(entry, { ...entry.delivery, possiblyDuplicate: true });
    for (const entry of lane)
      if (wasOut(entry)) lane.mark(entry, { ...entry.delivery, possiblyDuplicate: true });
  }
  return lanes;
}

/** It was answered in its backend's place while that had it, which has not refused it since: wherever it stands, it may have been there still. */
function wasOut({ message, delivery }: HeldEntry): boolean {
  return message.hasLeft && message.isHandedOver !== true && delivery.refusals === undefined;
}

/** The lane of that backend, made where there is none. */
export function laneFor(lanes: HeldLane[], backend: string): HeldLane {
  const known = lanes.find((lane) => lane.backend === backend);
  if (known !== undefined) return known;
  const made = new HeldLane(backend);
  lanes.push(made);
  return made;
}

/** A fresh id for a hop: short, since some firmware mishandles more than 20 characters, and never used before under this identity. */
export function nextMessageId(state: StationState): string {
  state.idCount += 1;
  return state.idPrefix + state.idCount.toString(36);
}

/** A fresh id for a copy or a call of Busbar's own; never one of `nextMessageId`. */
export function nextOwnId(state: StationState): string {
  state.ownCount += 1;
  return `${state.idPrefix}.${state.ownCount.toString(36)}`;
}

/** A number from a random text, so that what Busbar numbers does not begin alike at every station. */
function numberOf(random: string): number {
  let number = 7;
  for (let at = 0; at < random.length; at += 1) number = (number * 31 + random.charCodeAt(at)) % 0x3fff_ffff;
  return number;
}

/** What outlives the process, of a station nobody has heard of or of one that an older program saved without all of it. */
export function durableStation(saved: Partial<DurableStation> & SavedObjects, random = ''): DurableStation {
  return {
    boot: saved.boot ?? null,
    version: saved.version ?? null,
    lastSeenAt: saved.lastSeenAt ?? null,
    image: { ...emptyImage(), ...saved.image },
    verdicts: saved.verdicts ?? {},
    ids: saved.ids === undefined ? emptyLedger(numberOf(random)) : resumeLedger(saved.ids),
    refusals: saved.refusals ?? [],
    missed: saved.missed ?? [],
    unaware: saved.unaware ?? [],
    heardBy: saved.heardBy ?? null,
    inventory: saved.inventory ?? emptyInventory(),
    virtual: saved.virtual ?? {},
    answers: saved.answers ?? [],
    placement: saved.placement == null ? null : { ...routedObservers, ...saved.placement },
    asked: saved.asked ?? {},
    objects: resumeObjects(saved),
  };
}

/** Of a placement that was saved before it could say who listens in. */
const routedObservers: Pick<Placement, 'observers' | 'observersBefore'> = {
  observers: null,
  observersBefore: null,
};
