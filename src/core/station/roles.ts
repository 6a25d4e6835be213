/**
 * What a backend is to a station: who answers, who listens in, who is let go of.
 *
 * Pure. One primary; other authorities for single actions; observers. An authority for single actions must know the station like everyone else, so
 * it listens in as an observer does by default.
 */
import { defaultReceived, type MessageClass } from '../../protocol/message-class.ts';
import type { Assignment, Observer } from '../routing/table.ts';
import { factsOf } from './find-backend.ts';
import type { StationState } from './state.ts';
import type { Turn } from './turn.ts';

export type Role = 'primary' | 'authority' | 'observer';

/** What this backend is by the station's current route; null: nothing. */
export function roleOf({ assignment }: StationState, backend: string): Role | null {
  if (assignment === null) return null;
  if (backend === assignment.primary) return 'primary';
  for (const name of assignment.actions.values()) if (name === backend) return 'authority';
  return assignment.observers.some((observer) => observer.backend === backend) ? 'observer' : null;
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
  return listenersOf(assignment).some((listener) => listener.backend === backend);
}

/** Everyone beside the primary who is told what the station says. The same list for the same route. */
export function listenersOf(assignment: Assignment): readonly Observer[] {
  const known = listeners.get(assignment);
  if (known !== undefined) return known;
  const { observers, actions } = assignment;
  const silent = new Set(actions.values());
  for (const { backend } of observers) silent.delete(backend);
  silent.delete(assignment.primary);
  const made = [
    ...observers,
    ...[...silent].map((backend) => ({ backend, receives: byDefault, commands: nothing })),
  ];
  listeners.set(assignment, made);
  return made;
}

/** What Busbar itself tells this backend of the station. The primary hears the station; its heartbeats are Busbar's only where the route says so. */
export function receivesOf({ assignment }: StationState, backend: string): ReadonlySet<MessageClass> {
  if (assignment === null) return nothing;
  if (backend === assignment.primary)
    return assignment.localAnswers.has('Heartbeat') ? byDefault : withoutHeartbeats;
  return listenersOf(assignment).find((listener) => listener.backend === backend)?.receives ?? nothing;
}

const listeners = new WeakMap<Assignment, readonly Observer[]>();
const byDefault: ReadonlySet<MessageClass> = new Set(defaultReceived);
const withoutHeartbeats: ReadonlySet<MessageClass> = new Set(['registration', 'state']);
const nothing: ReadonlySet<never> = new Set();
