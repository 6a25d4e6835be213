/**
 * Faults of a station that a backend did not hear of, because Busbar answered in its place.
 *
 * Pure. Of the other statuses only the newest of each connector matters later. A fault that came and went is what somebody looks for: each is kept, on disk before the
 * station has its answer, and told in order and with its own time before the current statuses.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { faultIn, missedMax, type MissedStatus } from '../priming/station-image.ts';
import { findBackendLink } from './find-backend.ts';
import type { BackendLink, StationState } from './state.ts';
import { notice, recordDurably, type Turn } from './turn.ts';

const none: readonly MissedStatus[] = [];

/** What this backend has yet to hear of, oldest first. */
export function missedBy({ durable: { missed } }: StationState, name: string): readonly MissedStatus[] {
  return missed.length === 0 ? none : missed.filter(({ backend }) => backend === name);
}

/** Keeps a status or events that were answered in the backend's place, where they are a fault. */
export function keepMissed(
  state: StationState,
  turn: Turn,
  backend: string,
  version: OcppVersion,
  action: string,
  payload: string,
): void {
  const { wallMs } = turn.context;
  const fault = faultIn(version, action, payload, wallMs);
  if (fault === null || missedBy(state, backend).some((known) => known.payload === fault)) return;
  const { missed } = state.durable;
  if (missed.length >= missedMax) notice(turn, 'fault_forgotten', missed[0]?.backend);
  const number = Math.max((missed.at(-1)?.number ?? 0) + 1, Math.floor(wallMs));
  const status = { number, backend, payload: fault };
  recordDurably(state, turn, {
    type: 'changed',
    at: wallMs,
    station: state.id,
    change: { what: 'missed', status },
  });
}

/** The backend did not hear what the station said: it is told how the station is once it is back, also by the next process. */
export function noteMissed(state: StationState, turn: Turn, backend: string): void {
  const link = findBackendLink(state, backend);
  if (link !== null) link.hasMissed = true;
  if (!state.durable.unaware.includes(backend)) changeUnaware(state, turn, backend, true);
}

/**
 * The station speaks to this primary from here on. One that has not listened, since another was the primary before, knows the station as it was when it last heard it, if at all.
 * `hasListened`: over the link that it has now, to the station that is here; what it was told over one before says nothing.
 */
export function hearAs(state: StationState, turn: Turn, primary: string, hasListened: boolean): void {
  const { heardBy } = state.durable;
  if (heardBy === primary) return;
  const change = { what: 'heard_by', backend: primary } as const;
  recordDurably(state, turn, { type: 'changed', at: turn.context.wallMs, station: state.id, change });
  const link = findBackendLink(state, primary);
  if (hasListened && link !== null) noteTold(state, turn, link);
  else if (heardBy !== null) noteMissed(state, turn, primary);
}

/** It is being told what it has missed, and that is not over. One that has yet to take the boot has heard nothing of it. */
export function isStillTold({ isCatchingUp, priming }: BackendLink): boolean {
  const { phase, isRegistered, dueAtMs } = priming;
  const isGivenUp = phase === 'failed' && isRegistered && dueAtMs === Infinity;
  return isCatchingUp && phase !== 'synced' && !isGivenUp;
}

/** The backend was told how the station is. */
export function noteTold(state: StationState, turn: Turn, { backend, hasMissed }: BackendLink): void {
  if (!hasMissed && state.durable.unaware.includes(backend)) changeUnaware(state, turn, backend, false);
}

function changeUnaware(state: StationState, turn: Turn, backend: string, isUnaware: boolean): void {
  const change = { what: 'unaware', backend, isUnaware } as const;
  recordDurably(state, turn, { type: 'changed', at: turn.context.wallMs, station: state.id, change });
}

/** The backend has heard a status, and said so. */
export function onHeard(state: StationState, turn: Turn, backend: string, payload: string): void {
  for (const { number, payload: fault } of missedBy(state, backend)) {
    if (fault !== payload) continue;
    const change = { what: 'told', number } as const;
    recordDurably(state, turn, { type: 'changed', at: turn.context.wallMs, station: state.id, change });
  }
}
