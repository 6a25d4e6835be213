/**
 * What a station's machine does because time has passed, and when it wants to be woken next.
 *
 * Pure. Deadlines of calls and commands, pings, redials, the rate limit, the probe of an old link, and the drain.
 */
import { callErrorText } from '../../protocol/error-code.ts';
import { awayDueMs, deliverAway } from './away.ts';
import { admitCovered, proceedAfterProbe, refusePending } from './arrival.ts';
import { markDown } from './backend-link.ts';
import { tokenAtMs } from './bucket.ts';
import { pumpCalls } from './backend-lane.ts';
import { backendResumeAtMs, tendBackendRate } from './from-backend.ts';
import { floodingMaxMs, resumeStation } from './from-station.ts';
import { pulseAtMs, silenceMaxMs, takePulse } from './liveness.ts';
import { expireCommands, finishCommand } from './command-outcome.ts';
import { pumpCommands } from './commands.ts';
import { askAgain, coverAll, coverOpen, coversFor, coverWaiting, dialPatienceMs } from './covering.ts';
import { placementDueMs, tendPlacement } from './cutover.ts';
import { heldDueMs, onHeldSilence } from './delivering.ts';
import { closeBackends, graceDueMs } from './grace.ts';
import { noteFailed } from './identifiers.ts';
import { refusalsDueMs, tendRefusals } from './late-verdicts.ts';
import { onOwnReply } from './own-calls.ts';
import { isWanted, roleOf } from './roles.ts';
import { laneDepth } from './slot.ts';
import {
  attachListeners,
  callsAt,
  closeCode,
  closeStation,
  forsake,
  markStationGone,
} from './station-link.ts';
import {
  laneCallsMax,
  pausedForLane,
  pausedForRate,
  type BackendLink,
  type StationLink,
  type StationState,
} from './state.ts';
import { notice, recordDropped, refOf, sendOwn, type Turn } from './turn.ts';

/** Backends are pinged at least this often, so that a half-open link is found within 50 seconds. */
const backendPingIntervalMs = 15_000;
const backendPongTimeoutMs = 15_000;

export function onTick(state: StationState, turn: Turn): void {
  const { nowMs } = turn.context;
  const probe = state.arrival?.phase;
  if (probe?.name === 'probing' && probe.deadlineMs <= nowMs) proceedAfterProbe(state, turn);
  for (const backend of state.backends) {
    if (backend.phase === 'open') tendBackend(state, turn, backend);
    else {
      coverWaitingCalls(state, turn, backend);
      expireWaitingCalls(state, turn, backend);
    }
  }
  admitCovered(state, turn);
  endCover(state, turn);
  if (state.durable.refusals.length > 0) tendRefusals(state, turn);
  tendPlacement(state, turn);
  if (state.link !== null) tendStation(state, turn, state.link);
  if (state.link !== null) attachListeners(state, turn);
  else if (state.held.length > 0) deliverAway(state, turn);
}

/** The earliest time at which `onTick` has something to do; Infinity when there is none. */
export function nextWakeMs(state: StationState, turn: Turn): number {
  const { link, arrival, drain } = state;
  const { settings } = turn.context;
  let wakeAtMs = arrival?.phase.name === 'probing' ? arrival.phase.deadlineMs : Infinity;
  if (arrival?.phase.name === 'dialling' && arrival.assignment.whenDown.covers) {
    const patientUntilMs = dialledAtMs(state, arrival.assignment.primary) + dialPatienceMs;
    // Once that has passed and nothing may be covered, the dial itself ends the wait.
    if (patientUntilMs > turn.context.nowMs) wakeAtMs = patientUntilMs;
  }
  for (const backend of state.backends) {
    if (backend.phase === 'open') {
      wakeAtMs = Math.min(wakeAtMs, pulseAtMs(backend.heard, backendPingIntervalMs, backendPongTimeoutMs));
      if (backend.slot === null) wakeAtMs = Math.min(wakeAtMs, backend.priming.dueAtMs);
      if (state.held.length > 0) wakeAtMs = Math.min(wakeAtMs, heldDueMs(state, turn, backend));
      if (backend.isPausedForRate) wakeAtMs = Math.min(wakeAtMs, backendResumeAtMs(state, turn, backend));
    } else if (backend.phase === 'waiting' && isWanted(state, turn, backend.backend)) {
      wakeAtMs = Math.min(wakeAtMs, backend.redialAtMs);
    }
    wakeAtMs = Math.min(wakeAtMs, callsDueMs(backend), coverDueMs(turn, backend));
  }
  wakeAtMs = Math.min(
    wakeAtMs,
    coverEndMs(state, turn),
    refusalsDueMs(state, turn),
    placementDueMs(state, turn),
    graceDueMs(state),
  );
  if (link === null) return state.held.length === 0 ? wakeAtMs : Math.min(wakeAtMs, awayDueMs(state, turn));
  wakeAtMs = Math.min(wakeAtMs, callsDueMs(link));
  if (link.pausedFor === 0)
    wakeAtMs = Math.min(
      wakeAtMs,
      pulseAtMs(link.heard, settings.pingIntervalMs, settings.pongTimeoutMs, silenceMaxMs(state)),
    );
  if ((link.pausedFor & pausedForRate) !== 0) {
    wakeAtMs = Math.min(wakeAtMs, tokenAtMs(link.calls, settings.callsPerSecond));
  }
  if (drain !== null) {
    const closeAtMs = drain.closeAtMs > turn.context.nowMs ? drain.closeAtMs : Infinity;
    wakeAtMs = Math.min(wakeAtMs, closeAtMs, drain.deadlineMs);
  }
  return wakeAtMs;
}

/** Closes the station's link once the drain's time has come and nothing is in flight, or its deadline has passed. Without one nothing is waited for. */
export function tendDrain(state: StationState, turn: Turn): void {
  const { drain } = state;
  if (drain === null) return;
  const { nowMs } = turn.context;
  refusePending(state, turn, 503, 'Busbar is shutting down.', 10);
  const isDue = nowMs >= drain.deadlineMs || (nowMs >= drain.closeAtMs && !isBusy(state));
  if (state.link !== null && !isDue) return;
  closeStation(state, turn, closeCode.restart, 'shutting_down');
  closeBackends(state, turn, 'shutting_down');
}

function isBusy(state: StationState): boolean {
  if (state.link !== null && (state.link.slot !== null || laneDepth(state.link) > 0)) return true;
  return state.backends.some((backend) => callsAt(backend).some(({ purpose }) => purpose === 'relay'));
}

function dialledAtMs({ backends }: StationState, primary: string): number {
  return backends.find(({ backend }) => backend === primary)?.dialledAtMs ?? -Infinity;
}

/** When Busbar is to answer what this backend does not. A time that has passed was used, or cannot be as long as the journal fails. */
function coverDueMs({ context }: Turn, { slot, lane }: BackendLink): number {
  const dueMs = Math.min(slot?.answerByMs ?? Infinity, waitingAnswerByMs(lane));
  return dueMs > context.nowMs ? dueMs : Infinity;
}

/** The same of the calls that wait. Copies among them are answered by nobody, and may stand before them. */
function waitingAnswerByMs(lane: BackendLink['lane']): number {
  const headByMs = lane?.peek()?.answerByMs ?? Infinity;
  if (lane === null || headByMs !== Infinity) return headByMs;
  let byMs = Infinity;
  for (const { answerByMs } of lane) byMs = Math.min(byMs, answerByMs);
  return byMs;
}

/** When the route no longer has Busbar answer for the primary. */
function coverEndMs({ link, assignment, backends }: StationState, { context }: Turn): number {
  if (link === null || assignment?.whenDown.covers !== true) return Infinity;
  const primary = backends.find(({ backend }) => backend === assignment.primary);
  const endMs = (primary?.downSinceMs ?? Infinity) + assignment.whenDown.untilMs;
  return endMs > context.nowMs ? endMs : Infinity;
}

/** The station's link is closed when nobody answers for its primary any more: it keeps its messages itself from then on. */
function endCover(state: StationState, turn: Turn): void {
  const { link, assignment } = state;
  if (link === null || assignment?.whenDown.covers !== true || !turn.context.isJournalWritable) return;
  const primary = state.backends.find(({ backend }) => backend === assignment.primary);
  if (primary === undefined || primary.downSinceMs === null || coversFor(state, turn, primary)) return;
  closeStation(state, turn, closeCode.restart, 'cover_over');
}

function callsDueMs(callee: StationLink | BackendLink): number {
  const laneMs = callee.side === 'station' ? (callee.lane?.nextDeadlineMs() ?? Infinity) : laneDueMs(callee);
  return Math.min(callee.slot?.deadlineMs ?? Infinity, laneMs);
}

/** When the first call that waits expires. Calls of one kind expire in the order they came; copies among them never do. */
function laneDueMs({ lane }: BackendLink): number {
  const headDueMs = lane?.peek()?.deadlineMs ?? Infinity;
  if (lane === null || headDueMs !== Infinity) return headDueMs;
  let dueMs = Infinity;
  for (const { deadlineMs } of lane) dueMs = Math.min(dueMs, deadlineMs);
  return dueMs;
}

function tendBackend(state: StationState, turn: Turn, backend: BackendLink): void {
  const { nowMs } = turn.context;
  if (backend.slot !== null && backend.slot.answerByMs <= nowMs) coverOpenCall(state, turn, backend);
  coverWaitingCalls(state, turn, backend);
  if (backend.slot !== null && backend.slot.deadlineMs <= nowMs) expireCall(state, turn, backend);
  if (backend.phase !== 'open') return;
  expireWaitingCalls(state, turn, backend);
  if (backend.phase !== 'open') return;
  tendBackendRate(state, turn, backend);
  pumpCalls(state, turn, backend);
  // What it left unanswered may have had its link given up.
  if (backend.phase !== 'open') return;
  switch (takePulse(backend.heard, backendPingIntervalMs, backendPongTimeoutMs, nowMs)) {
    case 'quiet':
      return;
    case 'ping':
      turn.effects.push({ type: 'ping', link: refOf(backend) });
      return;
    case 'dead':
      notice(turn, 'backend_unresponsive', backend.backend);
      turn.effects.push({ type: 'terminate', link: refOf(backend) });
      onBackendDown(state, turn, backend, null, 'no_pong');
  }
}

/** A backend's link is gone. When it was the primary's, so is the station's: that makes the station keep its messages. */
export function onBackendDown(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  code: number | null,
  error: string,
): void {
  const isPrimary = roleOf(state, backend.backend) === 'primary';
  coverAll(state, turn, backend);
  const calls = callsAt(backend).filter(({ purpose }) => purpose === 'relay');
  markDown(state, turn, backend, code, error);
  if (isPrimary && coversFor(state, turn, backend)) return;
  if (isPrimary) closeStation(state, turn, closeCode.restart, 'primary_lost');
  else forsake(state, turn, calls);
}

/** What a station is told of a call that its backend has got and left unanswered. */
const backendSilent = 'The backend did not answer in time.';

/** The backend did not answer in time. The station hears an error, unless it would then throw its message away. */
function expireCall(state: StationState, turn: Turn, backend: BackendLink): void {
  const call = backend.slot;
  const { link } = state;
  if (call === null) return;
  backend.slot = null;
  backend.expiredId = call.sentId;
  backend.fruitless += 1;
  if (call.purpose === 'held') {
    onHeldSilence(state, turn, backend, call);
    askAgain(state, turn, backend);
    return pumpCalls(state, turn, backend);
  }
  noteFailed(state, turn, backend, call);
  if (call.purpose !== 'relay') {
    onOwnReply(state, turn, backend, call, null);
    askAgain(state, turn, backend);
    return pumpCalls(state, turn, backend);
  }
  notice(turn, 'backend_silent', backend.backend);
  askAgain(state, turn, backend);
  if (link !== null && call.caller.epoch === link.epoch) {
    if (call.isGuaranteed) return closeStation(state, turn, closeCode.tryAgainLater, 'backend_silent');
    answerExpired(state, turn, link, call.caller.idToken, call.action);
  }
  pumpCalls(state, turn, backend);
}

/** The backend takes longer than the station is to wait. */
function coverOpenCall(state: StationState, turn: Turn, backend: BackendLink): void {
  const call = backend.slot;
  if (call === null || !coversFor(state, turn, backend)) return;
  coverOpen(state, turn, backend, call);
}

/** Calls that have waited for their turn as long as a station is to wait. */
function coverWaitingCalls(state: StationState, turn: Turn, backend: BackendLink): void {
  const { nowMs } = turn.context;
  if (waitingAnswerByMs(backend.lane) > nowMs || !coversFor(state, turn, backend)) return;
  for (const waiting of backend.lane?.takeWhere(({ answerByMs }) => answerByMs <= nowMs) ?? [])
    coverWaiting(state, turn, backend, waiting);
  if (backend.lane?.length === 0) backend.lane = null;
}

function expireWaitingCalls(state: StationState, turn: Turn, backend: BackendLink): void {
  const { nowMs } = turn.context;
  const { link } = state;
  if (link === null || laneDueMs(backend) > nowMs) return;
  const expired = backend.lane?.takeWhere((waiting) => waiting.deadlineMs <= nowMs) ?? [];
  for (const waiting of expired) {
    recordDropped(state, turn, waiting, 'expired');
    if (!waiting.isGuaranteed) answerExpired(state, turn, link, waiting.caller.idToken, waiting.action);
  }
  if (expired.some((waiting) => waiting.isGuaranteed))
    closeStation(state, turn, closeCode.tryAgainLater, 'backend_silent');
}

function answerExpired(
  state: StationState,
  turn: Turn,
  link: StationLink,
  idToken: string,
  action: string,
): void {
  const text = callErrorText(link.version, idToken, 'generic', backendSilent);
  sendOwn(state, turn, link, text, idToken, 'error', action);
}

function tendStation(state: StationState, turn: Turn, link: StationLink): void {
  const { nowMs, settings } = turn.context;
  if (link.slot !== null && link.slot.deadlineMs <= nowMs) {
    const command = link.slot;
    link.slot = null;
    link.expiredId = command.sentId;
    notice(turn, 'command_unanswered', command.from);
    finishCommand(state, turn, command, 'outcome_unknown');
  }
  expireCommands(state, turn, link);
  pumpCommands(state, turn, link);
  tendRate(state, turn, link);
  // One that is not read from cannot show that it lives; its calls end in time, and then it is heard again.
  if (state.link === null || link.pausedFor !== 0) return;
  const { pingIntervalMs, pongTimeoutMs } = settings;
  switch (takePulse(link.heard, pingIntervalMs, pongTimeoutMs, nowMs, silenceMaxMs(state))) {
    case 'quiet':
      return;
    case 'ping':
      turn.effects.push({ type: 'ping', link });
      return;
    case 'dead':
      notice(turn, 'station_unresponsive');
      state.ignoresPings = true;
      turn.effects.push({ type: 'terminate', link });
      markStationGone(state, turn, null, 'no_pong');
  }
}

/** Reads from the station again when its rate allows, or ends a link that has flooded for too long. */
function tendRate(state: StationState, turn: Turn, link: StationLink): void {
  if ((link.pausedFor & pausedForRate) === 0) return;
  const { nowMs, settings } = turn.context;
  if (link.floodingSinceMs !== null && nowMs - link.floodingSinceMs >= floodingMaxMs) {
    notice(turn, 'station_flooding');
    return closeStation(state, turn, closeCode.policy, 'too_many_calls');
  }
  if (tokenAtMs(link.calls, settings.callsPerSecond) <= nowMs) resumeStation(turn, link, pausedForRate);
}

/** Reads from a station that had made too many calls at once, when half of them are gone from the lanes. */
export function tendLanes(state: StationState, turn: Turn): void {
  const { link } = state;
  if (link === null || (link.pausedFor & pausedForLane) === 0) return;
  for (const backend of state.backends) if (callsWaiting(backend) > laneCallsMax / 2) return;
  resumeStation(turn, link, pausedForLane);
}

/** Calls of the station that wait for an answer from this backend; copies hold nobody up. */
function callsWaiting({ lane }: BackendLink): number {
  if (lane === null || lane.length <= laneCallsMax / 2) return 0;
  let count = 0;
  for (const { purpose } of lane) if (purpose === 'relay') count += 1;
  return count;
}
