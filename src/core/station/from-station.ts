/**
 * What a station says, and where it goes.
 *
 * Pure. A call goes to the backend that is the authority for its action; a reply to the backend whose command it answers. A station that
 * sends more than one call at a time is queued, never refused (refusing has stopped charging: CitrineOS #178).
 */
import { isGuaranteed } from '../../protocol/actions.ts';
import { callErrorText } from '../../protocol/error-code.ts';
import { decode, idTokenOf, payloadOf, type Malformed } from '../../protocol/frame.ts';
import { answerMalformed } from '../../protocol/malformed.ts';
import { refuseWhileProbing } from './arrival.ts';
import { backendLinkOf } from './backend-link.ts';
import { findBackendLink, factsOf } from './find-backend.ts';
import { isSameStation, readBootFacts, sameBootFacts } from './boot-facts.ts';
import { spend } from './bucket.ts';
import { hearFrom } from './liveness.ts';
import { answerForListener, answerLocally } from './local-answers.ts';
import { followRoutes, isMisplaced } from './rerouting.ts';
import {
  callerOf,
  enqueue,
  findCall,
  isFree,
  join,
  laneDepth,
  place,
  takeReply,
  type Placement,
} from './slot.ts';
import { answerByMs, coverCall, coverOpen, coversFor, followsHeld, hasBacklog, isDown } from './covering.ts';
import { hasRoom } from './room.ts';
import { ownerOfSend, readCall, wordsFor } from './identifiers.ts';
import { mayBeAsked } from './backend-lane.ts';
import { onCommandReply } from './command-replies.ts';
import { pumpCommands } from './commands.ts';
import { tellListeners } from './owed-copies.ts';
import { forgetVerdicts, registerPrimary, spreadBoot } from './own-calls.ts';
import { answerRepeated, contentKey } from './repeats.ts';
import { authorityFor, roleOf, type Belonging } from './roles.ts';
import { attachListeners, backendGone, closeCode, closeStation } from './station-link.ts';
import {
  laneCallsMax,
  nextMessageId,
  pausedForLane,
  pausedForRate,
  type BackendLink,
  type OpenCall,
  type StationLink,
  type StationState,
  type WaitingCall,
} from './state.ts';
import {
  linkNameOf,
  notice,
  recordDurably,
  recordReceived,
  relay,
  rewrite,
  sendOwn,
  type Received,
  type Turn,
} from './turn.ts';
import { answerUnasked } from './unasked.ts';

/** How many texts may come at once beyond the rate, as a multiple of one second's. */
export const burstSeconds = 5;

/** A text counts once for each of these characters that it has begun: what it costs the journal grows with its size. */
const charactersPerToken = 4_096;

/** How long a station may keep its call bucket empty before its link is closed. */
export const floodingMaxMs = 60_000;

export function onStationText(state: StationState, turn: Turn, link: StationLink, text: string): void {
  hearFrom(link.heard, turn.context.nowMs);
  refuseWhileProbing(state, turn);
  const frame = decode(text, link.version);
  switch (frame.kind) {
    case 'invalid':
      meter(turn, link, text, false);
      return onMalformed(state, turn, link, text, frame);
    case 'call':
      meter(turn, link, text, !hasOpenCall(state));
      return onCall(state, turn, link, { link: 'station', text, frame });
    case 'result':
    case 'error':
      meter(turn, link, text, link.slot !== null);
      return onReply(state, turn, link, { link: 'station', text, frame });
    case 'send':
      meter(turn, link, text, false);
      return onSend(state, turn, { link: 'station', text, frame });
    case 'result_error':
      meter(turn, link, text, false);
      return onResultError(state, turn, { link: 'station', text, frame });
  }
}

function onCall(state: StationState, turn: Turn, link: StationLink, received: Received): void {
  const { action } = received.frame;
  const isKept = isGuaranteed(link.version, action);
  if (isKept && !turn.context.isJournalWritable) {
    notice(turn, 'journal_failing');
    return refuseAndClose(state, turn, received, closeCode.tryAgainLater, 'journal_failing');
  }
  const isNews = action === 'BootNotification' && learnBoot(state, turn, link, received);
  if (isNews && isMisplaced(state, turn)) {
    notice(turn, 'moved_by_route');
    return refuseAndClose(state, turn, received, closeCode.restart, 'moved_by_route');
  }
  if (action === 'BootNotification') link.isPresented = true;
  const messageId = isKept ? contentKey(state, turn, action, payloadOf(received.text, received.frame)) : null;
  if (messageId !== null && answerRepeated(state, turn, link, received, messageId)) return;
  const belonging = readCall(state, turn, link, received, messageId ?? '');
  if (
    !answerLocally(state, turn, link, received, messageId) &&
    !answerForListener(state, turn, link, received, belonging)
  )
    toAuthority(state, turn, link, received, messageId, belonging);
  if (state.link !== link) return;
  if (action === 'BootNotification') spreadBoot(state, turn);
  // The boot itself goes to the primary whatever else changes; the others follow what it said.
  if (isNews) followRoutes(state, turn);
  tellListeners(state, turn, link, received, messageId, belonging);
}

/** Sends a call to the backend that answers it, or puts it in line. */
function toAuthority(
  state: StationState,
  turn: Turn,
  link: StationLink,
  received: Received,
  guaranteed: string | null,
  { owner, transaction }: Belonging,
): void {
  const { text, frame } = received;
  const { action } = frame;
  const isKept = guaranteed !== null;
  const backend = backendLinkOf(state, owner ?? authorityFor(state, action));
  const facts = factsOf(turn, backend.backend);
  const caller = callerOf(link.epoch, text, frame);
  if (facts !== null) {
    const same = isKept ? findCall(backend, guaranteed) : null;
    if (same !== null) return joinCall(state, turn, link, backend, received, same);
    const isBehind = isKept && hasBacklog(state, turn, backend.backend, action, transaction);
    const isNext = !isKept && followsHeld(state, link.version, backend.backend, action);
    const isGone = isDown(turn, backend);
    const isPrimarys = state.assignment?.primary === backend.backend;
    // What stands behind a backlog is held though the route says otherwise by now: it must not go past what was said before it.
    const mayHold = turn.context.isJournalWritable && hasRoom(state, turn, backend);
    const mustHold = (isBehind || isNext) && !(isGone && isPrimarys) && mayHold;
    if (mustHold || ((isBehind || isGone) && coversFor(state, turn, backend))) {
      coverCall(state, turn, link, received, backend, guaranteed, transaction);
      return attachListeners(state, turn);
    }
    if (isBehind || (isKept && isGone && state.assignment?.whenDown.covers === true))
      return refuseAndClose(state, turn, received, closeCode.restart, 'cover_over');
  }
  if (facts === null || (backend.phase !== 'open' && backend.phase !== 'dialling' && !isKept)) {
    if (isKept) return refuseAndClose(state, turn, received, closeCode.restart, 'backend_not_configured');
    recordReceived(state, turn, received, 'answered', action);
    if (owner !== null && roleOf(state, owner) === null) {
      // Whoever asked for it, or wrote what it is about, has nothing to do with the station any more: nobody is told, and nothing is wrong.
      return answerUnasked(state, turn, link, action, caller.idToken);
    }
    const answer = callErrorText(link.version, caller.idToken, 'internal', backendGone);
    return sendOwn(state, turn, link, answer, caller.idToken, 'error', action);
  }
  if (!link.isPresented) present(state, turn, link, backend);
  const messageId = guaranteed ?? nextMessageId(state);
  const placement: Placement = {
    caller,
    from: '',
    messageId,
    isGuaranteed: isKept,
    transaction,
    answerByMs: answerByMs(state, turn, backend),
    timeoutMs: facts.callTimeoutMs,
  };
  if (backend.phase === 'open' && isFree(backend) && mayBeAsked(state, turn, backend)) {
    const words = wordsFor(state, backend, {
      action,
      transaction,
      text,
      bodyStart: frame.bodyStart,
      bodyEnd: frame.bodyEnd,
    });
    if (words !== null) return place(state, turn, backend, received, placement, words);
    // The rest of a transaction whose start an operator dropped: it cannot be delivered, and an operator is to know of it.
    if (isKept && hasRoom(state, turn, backend))
      return coverCall(state, turn, link, received, backend, guaranteed, transaction);
    recordReceived(state, turn, received, 'answered', action);
    return answerUnasked(state, turn, link, action, caller.idToken, isKept ? 'afterCommit' : 'now');
  }
  if (!enqueue(state, turn, backend, received, placement)) return refuseFlood(state, turn, received);
  // The owner of a transaction that is long over has no link until something is to be said to it.
  if (backend.phase === 'idle') attachListeners(state, turn);
  if (laneDepth(backend) >= laneCallsMax) pauseStation(turn, link, pausedForLane);
}

/** The backend has the call already, or it waits for it, and the station has sent it once more: it is told what the first is told. */
function joinCall(
  state: StationState,
  turn: Turn,
  link: StationLink,
  backend: BackendLink,
  received: Received,
  same: OpenCall | WaitingCall,
): void {
  if (!link.isPresented) present(state, turn, link, backend);
  const { text, frame } = received;
  if (!join(same, callerOf(link.epoch, text, frame))) return refuseFlood(state, turn, received);
  recordReceived(state, turn, received, 'joined', frame.action);
  // Its time came while the station was away.
  const { slot } = backend;
  if (same === slot && slot.answerByMs <= turn.context.nowMs && coversFor(state, turn, backend))
    coverOpen(state, turn, backend, slot);
}

/** The station has not booted on this link and speaks: a primary that never saw it boot is told first. */
function present(state: StationState, turn: Turn, link: StationLink, backend: BackendLink): void {
  if (roleOf(state, backend.backend) !== 'primary') return;
  link.isPresented = true;
  registerPrimary(state, turn, backend);
}

/** A call that cannot be taken and must not be answered: the closed link tells the station to keep it. */
function refuseAndClose(
  state: StationState,
  turn: Turn,
  received: Received,
  code: number,
  reason: string,
): void {
  recordReceived(state, turn, received, 'refused', received.frame.action);
  closeStation(state, turn, code, reason);
}

/** More calls than may wait came though reading was stopped: the station does not heed it. */
function refuseFlood(state: StationState, turn: Turn, received: Received): void {
  notice(turn, 'station_flooding');
  refuseAndClose(state, turn, received, closeCode.policy, 'too_many_calls');
}

/** Notes what the station says of itself. True when that is news. */
function learnBoot(state: StationState, turn: Turn, link: StationLink, received: Received): boolean {
  const boot = readBootFacts(link.version, payloadOf(received.text, received.frame));
  const before = state.durable.boot;
  if (boot === null || sameBootFacts(boot, before)) return false;
  // What backends said of another station that had this name is not said of this one.
  if (before !== null && !isSameStation(boot, before)) forgetVerdicts(state, turn);
  recordDurably(state, turn, { type: 'booted', at: turn.context.wallMs, station: state.id, boot });
  return true;
}

function onReply(state: StationState, turn: Turn, link: StationLink, received: Received): void {
  const match = takeReply(link, received.text, received.frame);
  if (match.what !== 'open') return recordReceived(state, turn, received, match.what, null);
  onCommandReply(state, turn, received, match.call, findBackendLink(state, match.call.from));
  pumpCommands(state, turn, link);
}

function onSend(state: StationState, turn: Turn, received: Received): void {
  const { action } = received.frame;
  const backend = findBackendLink(state, ownerOfSend(state, received) ?? authorityFor(state, action));
  if (backend?.phase !== 'open') return recordReceived(state, turn, received, 'refused', action);
  const { text, frame } = received;
  const words = wordsFor(state, backend, { ...frame, transaction: null, text });
  if (words === null) return recordReceived(state, turn, received, 'refused', action);
  const idToken = `"${nextMessageId(state)}"`;
  if (words === text) relay(state, turn, received, backend, idToken, action);
  else rewrite(state, turn, received, words, backend, idToken, action);
}

/** 2.1: the station could not use an answer. The backend that gave it is told. */
function onResultError(state: StationState, turn: Turn, received: Received): void {
  const token = idTokenOf(received.text, received.frame);
  for (const backend of state.backends) {
    const { answered } = backend;
    if (
      backend.phase === 'open' &&
      answered?.caller.idToken === token &&
      answered.caller.epoch === state.link?.epoch
    ) {
      return relay(state, turn, received, backend, `"${answered.sentId}"`, null);
    }
  }
  recordReceived(state, turn, received, 'foreign', null);
}

function onMalformed(
  state: StationState,
  turn: Turn,
  link: StationLink,
  text: string,
  malformed: Malformed,
): void {
  answerOwn(state, turn, link, text, malformed, link.version);
}

/** Records a text that is no frame, and gives the answer that the version prescribes. */
export function answerOwn(
  state: StationState,
  turn: Turn,
  link: Parameters<typeof sendOwn>[2],
  text: string,
  malformed: Malformed,
  version: StationLink['version'],
): void {
  const answer = answerMalformed(version, malformed);
  turn.records.push({
    type: 'frame',
    at: turn.context.wallMs,
    station: state.id,
    link: linkNameOf(link),
    kind: 'invalid',
    action: null,
    text,
    idStart: 0,
    idEnd: 0,
    outcome: answer === null ? 'ignored' : 'answered',
    relayedTo: null,
    relayedIdToken: null,
    latencyMs: null,
  });
  if (answer !== null) sendOwn(state, turn, link, answer, malformed.idToken ?? '"-1"', 'error', null);
}

/**
 * Counts a text against the station's rate. An empty bucket stops reading, which slows an orderly station down, one that empties its offline queue call by
 * call; only one that does not wait for its answers is flooding, and loses its link when it goes on (see upkeep.ts).
 */
function meter(turn: Turn, link: StationLink, text: string, isOrderly: boolean): void {
  const { settings, nowMs } = turn.context;
  const perSecond = settings.callsPerSecond;
  const burst = perSecond * burstSeconds;
  if (spend(link.calls, perSecond, burst, nowMs, tokensOf(text))) {
    if (link.calls.tokens > burst / 2) link.floodingSinceMs = null;
    return;
  }
  if (isOrderly) link.floodingSinceMs = null;
  else link.floodingSinceMs ??= nowMs;
  pauseStation(turn, link, pausedForRate);
}

/** What a text takes from the bucket of the link it came on. */
export function tokensOf(text: string): number {
  return Math.max(1, Math.ceil(text.length / charactersPerToken));
}

function hasOpenCall(state: StationState): boolean {
  for (const backend of state.backends) if (backend.slot !== null) return true;
  return false;
}

function pauseStation(turn: Turn, link: StationLink, reason: number): void {
  if (link.pausedFor === 0) turn.effects.push({ type: 'pause_reading', link });
  link.pausedFor |= reason;
}

export function resumeStation(turn: Turn, link: StationLink, reason: number): void {
  if ((link.pausedFor & reason) === 0) return;
  link.pausedFor &= ~reason;
  if (link.pausedFor !== 0) return;
  hearFrom(link.heard, turn.context.nowMs);
  turn.effects.push({ type: 'resume_reading', link });
}
