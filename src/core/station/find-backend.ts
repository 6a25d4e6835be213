/**
 * A station's link to a backend, and what is configured of it, by the backend's name.
 *
 * Pure.
 */
import type { BackendFacts } from '../routing/table.ts';
import type { BackendLink, StationState } from './state.ts';
import type { Turn } from './turn.ts';

/** A loop, not `find`: this is on a frame's path, and a station has one or two. */
export function findBackendLink(state: StationState, backend: string): BackendLink | null {
  for (const link of state.backends) if (link.backend === backend) return link;
  return null;
}

/** The link an event speaks of, or null when it is an old one's. */
export function liveBackendLink(state: StationState, backend: string, epoch: number): BackendLink | null {
  const link = findBackendLink(state, backend);
  return link !== null && link.epoch === epoch && (link.phase === 'dialling' || link.phase === 'open')
    ? link
    : null;
}

export function factsOf(turn: Turn, backend: string): BackendFacts | null {
  return turn.context.routing.backends.get(backend) ?? null;
}
