/**
 * What a backend is to a station: who answers, who listens in, who is let go of.
 *
 * Pure. One primary; other authorities for single actions; observers; backends kept ready to become the primary. An authority for single actions must know the station like
 * everyone else, and so must a standby: they listen in as an observer does by default, and a standby that is an observer of less besides too.
 */
import { defaultReceived, type MessageClass } from '../../protocol/message-class.ts';
import type { Assignment, Observer } from '../routing/table.ts';
import { ownsOpen } from '../ids/transactions.ts';
import { factsOf } from './find-backend.ts';
import type { BackendLink, StationState } from './state.ts';
import type { Turn } from './turn.ts';

export type Role = 'primary' | 'authority' | 'observer' | 'draining' | 'standby';

/** Whose a station's call is. */
export interface Belonging {
  /** The backend that answers it; null: the route decides. `fromOperator`: it is said of an operator's request, and no backend's. */
  readonly owner: string | null;
  /** The key of the transaction it is about. */
  readonly transaction: string | null;
}

/** What this backend is by the station's current route; null: nothing. */
export function roleOf(state: StationState, backend: string): Role | null {
  const { assignment } = state;
  if (assignment === null) return null;
  if (backend === assignment.primary) return 'primary';
  for (const name of assignment.actions.values()) if (name === backend) return 'authority';
  // A loop, not `some`: this is on the path of every copy.
  for (const observer of assignment.observers) if (observer.backend === backend) return 'observer';
  if (owns(state, backend)) return 'draining';
  return assignment.standbys.includes(backend) ? 'standby' : null;
}

/** It was the primary when a transaction began that is not over: that one is its to finish. */
export function owns({ durable }: StationState, backend: string): boolean {
  return ownsOpen(durable.ids, backend);
}

/** Who may have asked for a start while it was the primary, and is there to have it: kept ready, with a transaction to finish, or with a call to answer. */
export function formerPrimaries(state: StationState): readonly string[] {
  // Most stations were never moved, and this is asked at each message of a transaction.
  if (state.durable.placement === null && state.backends.length === 1) return noNames;
  const former = state.backends.filter((link) => isFormerPrimary(state, link));
  return former.map(({ backend }) => backend);
}

function isFormerPrimary(state: StationState, { backend, phase }: BackendLink): boolean {
  const { durable, assignment } = state;
  if (phase !== 'open' || assignment === null || backend === assignment.primary) return false;
  const isKeptReady = durable.placement?.ready.some((one) => one.until !== null && one.backend === backend);
  if (isKeptReady === true && assignment.standbys.includes(backend)) return true;
  const role = roleOf(state, backend);
  return role === 'draining' || (role === null && isCalled(state, backend));
}

/** True for a backend that the station waits for: its primary, or the authority for an action. */
export function answersStation(state: StationState, backend: string): boolean {
  const role = roleOf(state, backend);
  return role === 'primary' || role === 'authority';
}

/** The backend that answers this action. */
export function authorityFor(state: StationState, action: string): string {
  const { assignment } = state;
  if (assignment === null) return '';
  return assignment.actions.get(action) ?? assignment.primary;
}

/** Whether the connected station's route wants a link to this backend, which is not its primary, in the version they would speak. */
export function isWanted(state: StationState, turn: Turn, backend: string): boolean {
  const { link, assignment } = state;
  if (link === null || assignment === null) return false;
  if (factsOf(turn, backend)?.versions.includes(link.version) !== true) return false;
  return isCalled(state, backend) || isOwed(state, backend) || roleOf(state, backend) !== null;
}

/** It must still get what Busbar answered in its place. */
export function isOwed({ held }: StationState, name: string): boolean {
  for (const { backend, owed } of held) if (backend === name && owed > 0) return true;
  return false;
}

/** Calls of the station wait for it or are out to it. */
function isCalled({ backends }: StationState, name: string): boolean {
  const backend = backends.find((one) => one.backend === name);
  if (backend === undefined) return false;
  if (backend.slot?.purpose === 'relay') return true;
  for (const { purpose } of backend.lane ?? []) if (purpose === 'relay') return true;
  return false;
}

/** Everyone who is to have a link beside the primary. */
export function othersOf(state: StationState): string[] {
  const { assignment, durable, backends } = state;
  if (assignment === null) return [];
  const names = new Set(listenersOf(assignment).map(({ backend }) => backend));
  for (const row of durable.ids.transactions) if (row.state === 'open') names.add(row.owner);
  for (const { backend } of backends) if (isCalled(state, backend)) names.add(backend);
  for (const { backend, owed } of state.held) if (owed > 0) names.add(backend);
  names.delete(assignment.primary);
  return [...names];
}

/** The station was cut over to this backend, and may still keep the heartbeat interval of the one before. A placement alone is no cutover: to a primary that stays nothing changes. */
export function isMovedTo({ durable: { placement } }: StationState, backend: string): boolean {
  return placement?.primary === backend && placement.at !== 0;
}

/** Everyone beside the primary who is told what the station says. The same list for the same route. */
export function listenersOf(assignment: Assignment): readonly Observer[] {
  const { observers, actions, standbys } = assignment;
  // Most routes have nobody: their frames need no look into the map.
  if (observers.length === 0 && actions.size === 0 && standbys.length === 0) return nobody;
  const known = listeners.get(assignment);
  if (known !== undefined) return known;
  const silent = new Set([...actions.values(), ...standbys]);
  for (const { backend } of observers) silent.delete(backend);
  silent.delete(assignment.primary);
  const made = [
    ...observers.map((observer) => (standbys.includes(observer.backend) ? alsoStandby(observer) : observer)),
    ...[...silent].map((backend) => ({ backend, receives: byDefault, commands: nothing })),
  ];
  listeners.set(assignment, made);
  return made;
}

function alsoStandby({ backend, receives, commands }: Observer): Observer {
  return { backend, receives: new Set([...receives, ...byDefault]), commands };
}

/** True for a backend that hears all that a primary has to know of the station. */
export function hearsAll({ assignment }: StationState, backend: string): boolean {
  const heard = heardOf(assignment, backend);
  return defaultReceived.every((kind) => heard.has(kind));
}

/** True for a backend beside the primary that hears of something by this assignment which every primary has to know, and did not by the one before. */
export function hearsMore(
  before: Assignment | null,
  assignment: Assignment | null,
  backend: string,
): boolean {
  if (backend === assignment?.primary) return false;
  const heard = heardOf(assignment, backend);
  const heardBefore = heardOf(before, backend);
  return defaultReceived.some((kind) => heard.has(kind) && !heardBefore.has(kind));
}

/** What this backend hears of the station, whoever tells it. One that only finishes its transactions hears of nothing else. */
function heardOf(assignment: Assignment | null, backend: string): ReadonlySet<MessageClass> {
  if (assignment === null) return nothing;
  if (backend === assignment.primary) return byDefault;
  return listenersOf(assignment).find((listener) => listener.backend === backend)?.receives ?? nothing;
}

/**
 * What Busbar itself tells this backend of the station. The primary hears the station; its heartbeats are Busbar's only where the route says so, or where the station keeps the
 * interval of the primary before.
 */
export function receivesOf(state: StationState, backend: string): ReadonlySet<MessageClass> {
  const { assignment } = state;
  if (assignment === null) return nothing;
  if (backend === assignment.primary) {
    const isOwn = assignment.localAnswers.has('Heartbeat') || isMovedTo(state, backend);
    return isOwn ? byDefault : withoutHeartbeats;
  }
  return listenersOf(assignment).find((listener) => listener.backend === backend)?.receives ?? byDefault;
}

const nobody: readonly Observer[] = [];
const listeners = new WeakMap<Assignment, readonly Observer[]>();
const byDefault: ReadonlySet<MessageClass> = new Set(defaultReceived);
const withoutHeartbeats: ReadonlySet<MessageClass> = new Set(['registration', 'state']);
const nothing: ReadonlySet<never> = new Set();
const noNames: readonly string[] = [];
