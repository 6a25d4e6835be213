/**
 * The moment after a station's link was lost: its backends' links stay open, since it may come right back.
 *
 * Pure. A station that flaps is then no news to its backends, and one that stays away is soon. Nothing of it is made up meanwhile: no heartbeat is sent in its name, what was
 * asked of it waits, and is refused before the links close. Only a link that was lost is waited for; one that Busbar closed itself is to stay closed.
 */
import { letGo } from './backend-link.ts';
import { expireCommands, finishCommand } from './command-outcome.ts';
import { findBackendLink } from './find-backend.ts';
import { closeCode, endStationLink, failOpenCommand, markStationGone } from './station-link.ts';
import type { StationState } from './state.ts';
import { recordDropped, type Turn } from './turn.ts';

/** How long a station may be away before its backends are told, and what waits for it is refused. */
export const graceMs = 5_000;

/**
 * The station's link was lost, by no doing of Busbar's. Links that are being dialled are given up, since nobody has seen them yet. Without a primary the
 * station could not go on where it was.
 */
export function loseStation(state: StationState, turn: Turn, code: number | null, reason: string): void {
  const { link, arrival } = state;
  if (link === null) return;
  const mayReturn = arrival === null && turn.context.isJournalWritable;
  if (!mayReturn || !hasPrimary(state)) return markStationGone(state, turn, code, reason);
  failOpenCommand(state, turn, link);
  const { version, lane } = link;
  link.lane = null;
  endStationLink(state, turn, link, code, reason);
  state.grace = { version, untilMs: turn.context.nowMs + graceMs, lane };
  for (const backend of state.backends)
    if (backend.phase !== 'open') letGo(state, turn, backend, closeCode.goingAway, 'station_gone');
}

/** The station is not waited for any more, if it was: whoever asked something of it is told so, and then every link to a backend is closed. */
export function closeBackends(state: StationState, turn: Turn, reason: string): void {
  const { grace } = state;
  state.grace = null;
  for (const waiting of grace?.lane ?? []) {
    finishCommand(state, turn, waiting, 'not_connected');
    recordDropped(state, turn, waiting, 'peer_gone');
  }
  for (const backend of state.backends) letGo(state, turn, backend, closeCode.goingAway, reason);
}

/** What is due of it: commands whose own time is up, and its end, which is also there when the primary's link is gone, however that came. */
export function tendGrace(state: StationState, turn: Turn): void {
  const { grace } = state;
  if (grace === null) return;
  expireCommands(state, turn, grace);
  if (grace.untilMs <= turn.context.nowMs || !hasPrimary(state)) closeBackends(state, turn, 'station_gone');
}

function hasPrimary(state: StationState): boolean {
  const { assignment } = state;
  return assignment !== null && findBackendLink(state, assignment.primary)?.phase === 'open';
}

/** When that is. */
export function graceDueMs({ grace }: StationState): number {
  return grace === null ? Infinity : Math.min(grace.untilMs, grace.lane?.nextDeadlineMs() ?? Infinity);
}
