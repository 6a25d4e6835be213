/**
 * What a backend says, and where it goes.
 *
 * Pure. A reply goes to the station's call it answers. A command goes to the station if this backend has the authority for it: the primary for
 * everything, another backend for the actions that a route gives it.
 */
import {
  decode,
  hasMessageId,
  idTokenOf,
  payloadOf,
  type Frame,
  type Malformed,
} from '../../protocol/frame.ts';
import { isNotProvided } from '../../protocol/error-code.ts';
import { isSequenced } from '../hold/held-lane.ts';
import { spend, tokenAtMs } from './bucket.ts';
import { pumpCalls } from './backend-lane.ts';
import { answerOwn, burstSeconds, tokensOf } from './from-station.ts';
import { noteRefused } from './call-id.ts';
import { maySend, onCommand } from './commands.ts';
import { askAgain, coverAll, coverOpen, coversFor, isAskedAgain } from './covering.ts';
import { findUnanswered, onHeldForgotten, onHeldReply, onLateHeldReply } from './delivering.ts';
import { readAnswer, readLate } from './identifiers.ts';
import { learnToken } from './learning.ts';
import { resultWithRefusal } from './late-verdicts.ts';
import { hearFrom } from './liveness.ts';
import { withClock } from './local-answers.ts';
import {
  catchUp,
  errorCodeOf,
  isForgetful,
  measureSkew,
  onLateVerdict,
  onOwnReply,
  onPrimaryVerdict,
  weighReply,
} from './own-calls.ts';
import { rememberAnswer } from './repeats.ts';
import { answersStation } from './roles.ts';
import { deliverReply, repeat, takeReply } from './slot.ts';
import { isUnnumbered } from './unnumbered.ts';
import { nextMessageId, type BackendLink, type OpenCall, type StationState } from './state.ts';
import { closeCode, closeStation } from './station-link.ts';
import { backendLinkName, notice, recordReceived, refOf, relay, type Received, type Turn } from './turn.ts';

/** Texts from a backend that answers the station, on one link, as a multiple of what its station may send: answers to all of it, and commands. */
const answeringShare = 4;
/** From another, beyond its answers: nobody waits for what it says, and reading it takes time from those who are waited for. */
const listeningShare = 0.25;

export function onBackendText(state: StationState, turn: Turn, backend: BackendLink, text: string): void {
  hearFrom(backend.heard, turn.context.nowMs);
  const version = backend.version ?? 'ocpp1.6';
  const frame = decode(text, version);
  if (answersStation(state, backend.backend) || !isItsAnswer(backend, text, frame))
    meter(state, turn, backend, text);
  if (frame.kind === 'invalid') return answerOwn(state, turn, backend, text, frame, version);
  const received: Received = { link: backendLinkName(backend.backend), text, frame };
  switch (frame.kind) {
    case 'call':
      return onCommand(state, turn, backend, received);
    case 'result':
    case 'error':
      return onReply(state, turn, backend, received);
    case 'send':
      return onSend(state, turn, backend, received);
    case 'result_error':
      return onResultError(state, turn, backend, received);
  }
}

/** Counts a text against the backend's rate for this station. An empty bucket stops reading from it; it is never closed for that. */
function meter(state: StationState, turn: Turn, backend: BackendLink, text: string): void {
  const perSecond = textsPerSecond(state, turn, backend);
  const isWithin = spend(
    backend.frames,
    perSecond,
    perSecond * burstSeconds,
    turn.context.nowMs,
    tokensOf(text),
  );
  if (isWithin || backend.isPausedForRate) return;
  backend.isPausedForRate = true;
  notice(turn, 'backend_flooding', backend.backend);
  turn.effects.push({ type: 'pause_reading', link: refOf(backend) });
}

/** Reads from the backend again when its rate allows. */
export function tendBackendRate(state: StationState, turn: Turn, backend: BackendLink): void {
  if (!backend.isPausedForRate || backendResumeAtMs(state, turn, backend) > turn.context.nowMs) return;
  backend.isPausedForRate = false;
  turn.effects.push({ type: 'resume_reading', link: refOf(backend) });
}

/** When a backend that was paused for its rate may be read from again. */
export function backendResumeAtMs(state: StationState, turn: Turn, backend: BackendLink): number {
  return tokenAtMs(backend.frames, textsPerSecond(state, turn, backend));
}

function textsPerSecond(state: StationState, { context }: Turn, { backend }: BackendLink): number {
  const share = answersStation(state, backend) ? answeringShare : listeningShare;
  return context.settings.callsPerSecond * share;
}

/** It answers what it was sent. */
function isItsAnswer({ slot }: BackendLink, text: string, frame: Frame | Malformed): boolean {
  const isReply = frame.kind === 'result' || frame.kind === 'error';
  return isReply && slot !== null && hasMessageId(text, frame, slot.sentId);
}

function onReply(state: StationState, turn: Turn, backend: BackendLink, received: Received): void {
  const match = takeReply(backend, received.text, received.frame);
  if (match.what !== 'open') {
    const unanswered = match.what === 'repeated' ? null : findUnanswered(state, backend, received);
    if (unanswered !== null) {
      // An error counted when it did not come in time.
      if (received.frame.kind === 'result') weighReply(state, turn, backend, received);
      onLateHeldReply(state, turn, backend, unanswered, received);
      return pumpCalls(state, turn, backend);
    }
    // The name of a transaction is good to know also when its start was given up (H6).
    if (match.what === 'late') readLate(state, turn, backend, received);
    return recordReceived(state, turn, received, match.what, null);
  }
  const { call } = match;
  weighReply(state, turn, backend, received);
  const isForgotten = isForgetful(state, turn, backend, received, call.action) && call.purpose !== 'boot';
  if (isForgotten) {
    // It is told the boot first, and then this call again.
    recordReceived(state, turn, received, 'consumed', call.action);
    noteRefused(backend, call.key);
    if (call.purpose === 'relay' || call.purpose === 'copy') repeat(backend, call);
    if (call.purpose === 'held') onHeldForgotten(state, backend, call);
    return pumpCalls(state, turn, backend);
  }
  if (isRefusedTooEarly(state, turn, backend, call, received)) {
    coverOpen(state, turn, backend, call);
    const held = backend.slot;
    backend.slot = null;
    if (held !== null) onHeldReply(state, turn, backend, held, received);
    return goOn(state, turn, backend, call);
  }
  if (received.frame.kind === 'error' && call.isGuaranteed) noteRefused(backend, call.key);
  const named =
    call.purpose === 'held' && !isTaken(backend, received, call)
      ? received.text
      : readAnswer(state, turn, backend, received, call);
  learnToken(state, turn, backend, received, call);
  if (call.purpose === 'held') {
    onHeldReply(state, turn, backend, call, received);
    return goOn(state, turn, backend, call);
  }
  if (call.purpose !== 'relay') {
    if (call.purpose === 'covered') onLateVerdict(state, turn, backend, call, received);
    onOwnReply(state, turn, backend, call, received);
    return goOn(state, turn, backend, call);
  }
  const isAwaited = state.link?.epoch === call.caller.epoch;
  if (isAwaited && call.isGuaranteed && !turn.context.isJournalWritable) {
    // The answer cannot be made durable: the station keeps its message and sends it again, as the same bytes.
    recordReceived(state, turn, received, 'refused', call.action);
    notice(turn, 'journal_failing');
    return closeStation(state, turn, closeCode.tryAgainLater, 'journal_failing');
  }
  if (received.frame.kind === 'result') learnFromPrimary(state, turn, backend, received, call.action);
  const timed = named === received.text ? withClock(state, turn, received, call.action) : named;
  const text = resultWithRefusal(state, turn, call.transaction, received, timed);
  rememberAnswer(state, turn, call, received, text);
  deliverReply(state, turn, received, call, state.link, text);
  goOn(state, turn, backend, call);
}

/** False where a held message is to be sent again, or parked: until its backend has taken it, that has no name for what it begins. */
function isTaken({ version }: BackendLink, { text, frame }: Received, { action }: OpenCall): boolean {
  return frame.kind === 'result' && !isUnnumbered({ version, action }, text, frame);
}

/** What is next for a backend that has answered: what it missed, or, where it answers with errors only, nothing but a heartbeat by and by. */
function goOn(state: StationState, turn: Turn, backend: BackendLink, call: OpenCall): void {
  if (isAskedAgain(state, backend)) {
    coverAll(state, turn, backend);
    askAgain(state, turn, backend);
  } else catchUp(state, turn, backend, call);
  pumpCalls(state, turn, backend);
}

/**
 * A station throws a message that bills away after a few refusals (OCPP 1.6 §3.7.1). Where Busbar covers, it is held instead, tried again as the station would have, and
 * then parked for somebody to look at. What bills nobody and is of an action that the backend does not have, such as a security event at one without that extension, would only be parked, each of it: the
 * station hears of that.
 */
function isRefusedTooEarly(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  call: OpenCall,
  { text, frame }: Received,
): boolean {
  return (
    frame.kind === 'error' &&
    (isSequenced(call) || !isNotProvided(errorCodeOf(text, frame))) &&
    call.purpose === 'relay' &&
    call.isGuaranteed &&
    state.link?.epoch === call.caller.epoch &&
    coversFor(state, turn, backend)
  );
}

/** What the primary's answers say of itself: whether it took the boot, and its clock. */
function learnFromPrimary(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  received: Received,
  action: string,
): void {
  if (action !== 'BootNotification' && action !== 'Heartbeat') return;
  const result = payloadOf(received.text, received.frame);
  measureSkew(turn, backend, result);
  if (action === 'BootNotification') onPrimaryVerdict(state, turn, backend, result);
}

function onSend(state: StationState, turn: Turn, backend: BackendLink, received: Received): void {
  const { action } = received.frame;
  if (state.link === null || !maySend(state, turn, backend, received)) {
    notice(turn, 'command_forbidden', backend.backend);
    return recordReceived(state, turn, received, 'refused', action);
  }
  relay(state, turn, received, state.link, `"${nextMessageId(state)}"`, action);
}

/** 2.1: the backend could not use an answer of the station. */
function onResultError(state: StationState, turn: Turn, backend: BackendLink, received: Received): void {
  const { link } = state;
  const answered = link?.answered ?? null;
  const isItsOwn = answered?.from === backend.backend && answered.caller.epoch === backend.epoch;
  if (
    link === null ||
    answered === null ||
    !isItsOwn ||
    answered.caller.idToken !== idTokenOf(received.text, received.frame)
  ) {
    return recordReceived(state, turn, received, 'foreign', null);
  }
  relay(state, turn, received, link, `"${answered.sentId}"`, null);
}
