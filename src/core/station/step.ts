/**
 * The station machine: one event in, records and effects out.
 *
 * Pure and deterministic. The state is changed in place. Everything that can happen to a station passes through here, in order; the shell executes the effects
 * in the order given. An event that names an old link changes nothing (S7).
 */
import { onStationArrived, proceedAfterProbe, refusePending, refuseWhileProbing } from './arrival.ts';
import {
  dropUnconfigured,
  letGo,
  markDown,
  markOpened,
  redialReconfigured,
  retryAfterS,
} from './backend-link.ts';
import { liveBackendLink } from './find-backend.ts';
import type { StationContext, StationEvent, Step } from './events.ts';
import { endDelivery, letGoReconfigured } from './away.ts';
import { pumpCalls } from './backend-lane.ts';
import { coverAll, coversFor } from './covering.ts';
import { onAssignmentDecided } from './cutover.ts';
import { onDeliveryDecided } from './deciding.ts';
import { resumeSpoken } from './delivering.ts';
import { onBackendText } from './from-backend.ts';
import { onStationText } from './from-station.ts';
import { assertConsistent } from './invariants.ts';
import { hearFrom } from './liveness.ts';
import { onOperatorCommand } from './commands.ts';
import { closeBackends, loseStation, tendGrace } from './grace.ts';
import { payCopies } from './owed-copies.ts';
import { beginPriming } from './own-calls.ts';
import { assignmentOf, followRoutes, forgetOverruled, reassign } from './rerouting.ts';
import type { BackendLink, StationState } from './state.ts';
import { admit, callsAt, closeCode, closeStation, forsake } from './station-link.ts';
import { notice, type Turn } from './turn.ts';
import { nextWakeMs, onBackendDown, onTick, tendDrain, tendLanes } from './upkeep.ts';

export function step(state: StationState, event: StationEvent, context: StationContext): Step {
  const turn: Turn = { context, records: [], effects: [], isDurableChanged: false, isImageChanged: false };
  decide(state, turn, event);
  tendLanes(state, turn);
  if (state.link === null) {
    proceedAfterProbe(state, turn);
    tendGrace(state, turn);
    endDelivery(state, turn);
  }
  if (state.drain !== null) tendDrain(state, turn);
  assertConsistent(state);
  const { records, effects, isDurableChanged, isImageChanged } = turn;
  return { records, effects, isDurableChanged, isImageChanged, wakeAtMs: nextWakeMs(state, turn) };
}

function decide(state: StationState, turn: Turn, event: StationEvent): void {
  switch (event.type) {
    case 'station_frame':
      if (state.link?.epoch !== event.epoch) return notice(turn, 'stale_event');
      return onStationText(state, turn, state.link, event.text);
    case 'backend_frame': {
      const backend = liveBackendLink(state, event.backend, event.epoch);
      return backend?.phase === 'open'
        ? onBackendText(state, turn, backend, event.text)
        : notice(turn, 'stale_event');
    }
    case 'station_arrived':
      return onStationArrived(state, turn, event);
    case 'station_pong':
      if (state.link?.epoch !== event.epoch) return;
      hearFrom(state.link.heard, turn.context.nowMs);
      state.ignoresPings = false;
      return refuseWhileProbing(state, turn);
    case 'station_lost':
      return onStationLost(state, turn, event.epoch, event.code, event.reason);
    case 'backend_opened':
      return onBackendOpened(state, turn, liveBackendLink(state, event.backend, event.epoch));
    case 'backend_refused':
      return onBackendRefused(
        state,
        turn,
        liveBackendLink(state, event.backend, event.epoch),
        `${event.fault}: ${event.detail}`,
      );
    case 'backend_pong': {
      const backend = liveBackendLink(state, event.backend, event.epoch);
      if (backend !== null) hearFrom(backend.heard, turn.context.nowMs);
      return;
    }
    case 'backend_lost': {
      const backend = liveBackendLink(state, event.backend, event.epoch);
      return backend === null ? undefined : onBackendDown(state, turn, backend, event.code, event.reason);
    }
    case 'links_unread':
      return onLinksUnread(state, turn, event.epochs);
    case 'tick':
      return onTick(state, turn);
    case 'copies_due':
      return payCopies(state, turn);
    case 'command_requested':
      return onOperatorCommand(state, turn, event.requestId, event.action, event.payload);
    case 'delivery_decided':
      return onDeliveryDecided(state, turn, event.requestId, event.number, event.decision);
    case 'assignment_decided': {
      const { requestId, decision, said = [], taken = noIds, left = noTexts } = event;
      return onAssignmentDecided(state, turn, requestId, decision, { said, taken, left });
    }
    case 'routing_changed':
      return onRoutingChanged(state, turn);
    case 'admission_ended':
      refusePending(state, turn, 503, configurationChanged, 1);
      return closeStation(state, turn, closeCode.policy, 'not_admitted');
    case 'drain_started':
      state.drain = { closeAtMs: event.closeAtMs, deadlineMs: event.deadlineMs };
  }
}

function onStationLost(
  state: StationState,
  turn: Turn,
  epoch: number,
  code: number | null,
  reason: string,
): void {
  if (state.arrival?.epoch === epoch) {
    state.arrival = null;
    if (state.link === null)
      for (const backend of state.backends) letGo(state, turn, backend, closeCode.goingAway, 'station_gone');
    return;
  }
  if (state.link?.epoch !== epoch) return;
  loseStation(state, turn, code, reason);
}

function onLinksUnread(state: StationState, turn: Turn, epochs: readonly number[]): void {
  const { nowMs } = turn.context;
  if (state.link !== null && epochs.includes(state.link.epoch)) hearFrom(state.link.heard, nowMs);
  for (const backend of state.backends) if (epochs.includes(backend.epoch)) hearFrom(backend.heard, nowMs);
}

function onBackendOpened(state: StationState, turn: Turn, backend: BackendLink | null): void {
  if (backend === null) return;
  markOpened(state, turn, backend);
  resumeSpoken(state, turn, backend);
  const { arrival } = state;
  if (arrival?.phase.name === 'dialling' && arrival.assignment.primary === backend.backend)
    admit(state, turn, arrival);
  beginPriming(state, turn, backend);
  pumpCalls(state, turn, backend);
}

function onBackendRefused(state: StationState, turn: Turn, backend: BackendLink | null, error: string): void {
  if (backend === null) return;
  coverAll(state, turn, backend);
  const calls = callsAt(backend).filter(({ purpose }) => purpose === 'relay');
  markDown(state, turn, backend, null, error);
  forsake(state, turn, calls);
  const { arrival } = state;
  if (arrival?.phase.name === 'dialling' && arrival.assignment.primary === backend.backend) {
    if (coversFor(state, turn, backend, arrival.assignment)) return admit(state, turn, arrival);
    refusePending(state, turn, 503, 'The backend cannot be reached.', retryAfterS(turn, backend));
  }
}

/** Whoever comes again is judged by what counts now. */
const configurationChanged = 'The configuration has just changed.';

function onRoutingChanged(state: StationState, turn: Turn): void {
  forgetOverruled(state, turn);
  refusePending(state, turn, 503, configurationChanged, 1);
  redialReconfigured(state, turn);
  if (state.link !== null) followRoutes(state, turn);
  else followAway(state, turn);
  dropUnconfigured(state, turn);
}

/** Whose the station is while it is away is asked too. What is delivered meanwhile goes on, and nobody is told how it is. */
function followAway(state: StationState, turn: Turn): void {
  const assignment = state.assignment === null ? null : assignmentOf(state, turn);
  if (state.grace === null) {
    letGoReconfigured(state, turn);
    state.assignment = assignment;
    return;
  }
  closeBackends(state, turn, 'not_routed_here');
  reassign(state, turn, assignment);
}

const noIds: ReadonlySet<string> = new Set();
const noTexts: ReadonlyMap<string, string> = new Map();
