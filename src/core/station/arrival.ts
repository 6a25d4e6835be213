/**
 * A station at the door: may it come in, on which version, and does an older link of it have to go?
 *
 * Pure. The upgrade is answered once the primary's link is open, so that connected means connected through. Two links under one identity: with
 * credentials the newest wins, because the old one is usually a dead socket; without them anyone could throw a station out, so a live old link
 * stays and the newcomer is refused (CWE-613; ocpp-go #314).
 */
import { negotiateVersion } from '../../protocol/version.ts';
import { coversFor, dialPatienceMs } from './covering.ts';
import { pumpCalls } from './backend-lane.ts';
import { backendLinkOf, dial, retryAfterS } from './backend-link.ts';
import { factsOf } from './find-backend.ts';
import { hasToken, takeToken, tokenInMs } from './bucket.ts';
import type { Effect, StationEvent } from './events.ts';
import { closeBackends, tendGrace } from './grace.ts';
import { beginPriming } from './own-calls.ts';
import { assignmentOf, forgetOverruled } from './rerouting.ts';
import { admit, displace } from './station-link.ts';
import type { PendingArrival, StationState } from './state.ts';
import { notice, type Turn } from './turn.ts';

/** How long an old link without credentials has to show that it lives. */
export const probeMs = 5_000;

/** How often an identity may displace itself, and per what time, before the newcomers are held off. */
export const displacementsMax = 6;
const displacementsPerSecond = displacementsMax / 600;

/** A station that was moved stays with its backend, also where that is taken out of the configuration. */
const notConfigured = 'The backend is not configured.';

type Arrived = Extract<StationEvent, { type: 'station_arrived' }>;
type Status = Extract<Effect, { type: 'refuse' }>['status'];

export function onStationArrived(state: StationState, turn: Turn, event: Arrived): void {
  const { context } = turn;
  const refuse = (status: Status, reason: string, afterS: number | null): void => {
    turn.effects.push({ type: 'refuse', epoch: event.epoch, status, reason, retryAfterS: afterS });
  };
  if (state.drain !== null) return refuse(503, 'Busbar is shutting down.', 10);
  if (!context.isJournalWritable) return refuse(503, 'The journal cannot be written.', 10);
  const perSecond = context.settings.connectsPerHour / 3_600;
  // Taken when it is let in: a station that is turned away for want of a backend must find the door open once that is back.
  if (!hasToken(state.connects, perSecond, context.settings.connectsPerHour, context.nowMs)) {
    return refuse(
      429,
      'This station connects too often.',
      Math.ceil(tokenInMs(state.connects, perSecond) / 1_000),
    );
  }
  forgetOverruled(state, turn);
  const assignment = assignmentOf(state, turn);
  if (assignment === null) return refuse(404, 'No route takes this station.', null);
  const primary = factsOf(turn, assignment.primary);
  if (primary === null) return refuse(503, notConfigured, 10);
  const version = negotiateVersion(event.offered, primary.versions);
  if (version === null)
    return refuse(400, `Offer one of the subprotocols ${primary.versions.join(', ')}.`, null);

  if (state.arrival !== null)
    refusePending(state, turn, 409, 'A newer connection of this station came.', null);
  const arrival: PendingArrival = {
    epoch: event.epoch,
    version,
    assignment,
    isAuthenticated: event.isAuthenticated,
    isSameCredential: event.isSameCredential,
    phase: { name: 'dialling' },
  };
  // Its time may be up and not have been looked at yet.
  tendGrace(state, turn);
  if (state.link === null) return reachPrimary(state, turn, arrival);
  if (
    event.isAuthenticated &&
    !takeToken(state.displacements, displacementsPerSecond, displacementsMax, context.nowMs)
  ) {
    notice(turn, 'identity_clash');
    return refuse(
      409,
      'Two stations seem to share this identity.',
      Math.ceil(tokenInMs(state.displacements, displacementsPerSecond) / 1_000),
    );
  }
  if (event.isAuthenticated) return reachPrimary(state, turn, arrival);
  arrival.phase = { name: 'probing', deadlineMs: context.nowMs + probeMs };
  state.arrival = arrival;
  turn.effects.push({ type: 'ping', link: state.link });
}

/** The old link showed that it lives, while a newcomer without credentials waited for that. */
export function refuseWhileProbing(state: StationState, turn: Turn): void {
  if (state.arrival?.phase.name !== 'probing') return;
  notice(turn, 'identity_clash');
  refusePending(state, turn, 409, 'This station is connected already.', null);
}

/** The old link kept silent, or went: the newcomer's turn. */
export function proceedAfterProbe(state: StationState, turn: Turn): void {
  const arrival = state.arrival;
  if (arrival?.phase.name === 'probing') reachPrimary(state, turn, arrival);
}

/** Answers the waiting upgrade with a status. */
export function refusePending(
  state: StationState,
  turn: Turn,
  status: Status,
  reason: string,
  afterS: number | null,
): void {
  if (state.arrival === null) return;
  turn.effects.push({ type: 'refuse', epoch: state.arrival.epoch, status, reason, retryAfterS: afterS });
  state.arrival = null;
}

/** Lets the station in when its primary's link is open, after dialling it where that is needed. */
function reachPrimary(state: StationState, turn: Turn, arrival: PendingArrival): void {
  arrival.phase = { name: 'dialling' };
  state.arrival = arrival;
  const { primary } = arrival.assignment;
  const facts = factsOf(turn, primary);
  const backend = backendLinkOf(state, primary);
  if (facts === null) return refusePending(state, turn, 503, notConfigured, 10);
  const fits =
    arrival.isSameCredential && backend.version === arrival.version && backend.revision === facts.revision;
  if (fits && backend.phase === 'open') {
    // Opened for a delivery, by a process that did not know yet who the primary is: nothing was begun that a primary needs.
    const isPrimed = state.assignment?.primary === primary;
    admit(state, turn, arrival);
    if (isPrimed) return;
    beginPriming(state, turn, backend);
    return pumpCalls(state, turn, backend);
  }
  // A station that is answered in its primary's place is here already, while that is dialled.
  if (fits && backend.phase === 'dialling')
    return state.link === null ? undefined : admit(state, turn, arrival);
  if (state.link !== null) displace(state, turn);
  closeBackends(state, turn, 'station_reconnects');
  if (backend.phase === 'waiting' && backend.redialAtMs > turn.context.nowMs) {
    if (coversFor(state, turn, backend, arrival.assignment)) return admit(state, turn, arrival);
    return refusePending(state, turn, 503, 'The backend cannot be reached.', retryAfterS(turn, backend));
  }
  dial(turn, backend, facts, arrival.version);
  admitCovered(state, turn);
}

/** Lets the station in whose primary does not answer its dial, where its route has Busbar answer meanwhile. */
export function admitCovered(state: StationState, turn: Turn): void {
  const { arrival } = state;
  if (arrival?.phase.name !== 'dialling') return;
  const backend = backendLinkOf(state, arrival.assignment.primary);
  const { nowMs, isUnreachable } = turn.context;
  const isHopeless = isUnreachable(backend.backend) || nowMs - backend.dialledAtMs >= dialPatienceMs;
  if (isHopeless && coversFor(state, turn, backend, arrival.assignment)) admit(state, turn, arrival);
}
