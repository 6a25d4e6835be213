/**
 * Delivering what was held, once its backend can be reached again.
 *
 * Pure. One message at a time and in order, as the station would have sent them; live calls go first, and the pace is the backend's. A message has the same id and
 * bytes every time it leaves, so that a backend which knows it already can say so; but for one that it has refused meanwhile (call-id.ts). One that is left unanswered leaves again on a new link, once its answer has had time to come
 * on the old one: most backends look at a link's calls one after the other, and what waits there behind a call that hangs waits for ever. One that is refused in passing is tried again as the station would have tried, one that is
 * refused for good once more, since many a backend says that of what it cannot do just now; and then it is parked.
 */
import { isGuaranteed } from '../../protocol/actions.ts';
import { isPassing } from '../../protocol/error-code.ts';
import { decode, idTokenOf } from '../../protocol/frame.ts';
import { findValue, tokenAt, valueEnd, withMember } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { keptMsOf } from '../cover/later.ts';
import { retryMaxMs, type HeldEntry, type HeldLane } from '../hold/held-lane.ts';
import type { Delivery, HeldMessage } from '../hold/held-message.ts';
import { transactionByKey } from '../ids/transactions.ts';
import { callId } from './call-id.ts';
import { coversFor, isAskedAgain } from './covering.ts';
import { renew } from './backend-link.ts';
import { factsOf } from './find-backend.ts';
import { heldLaneOf, mark, noAnswer, release } from './holding.ts';
import { readAnswer, wordsFor } from './identifiers.ts';
import { learnToken } from './learning.ts';
import { readVerdict } from './late-verdicts.ts';
import { errorCodeOf } from './own-calls.ts';
import { rememberGiven } from './repeats.ts';
import type { BackendLink, OpenCall, StationState } from './state.ts';
import { isUnnumbered } from './unnumbered.ts';
import { recordReceived, sendOwn, type Received, type Turn } from './turn.ts';

/** How long after a refusal a message is sent again; after the last one it is parked, and after two in a row that were for good. */
const retriesMs = [10_000, 60_000, retryMaxMs] as const;
/** How long the answer to a message may still come after its time. One that was left unanswered before waits longer: each time costs the station a link. */
const unansweredMs = 60_000;
const unansweredAgainMs = retryMaxMs;
/** How soon a link that cannot be renewed now is looked at again. */
const busyMs = 1_000;
/** Why a start is sent again and parked though it was answered. */
const unnumbered = 'the answer has no transactionId';
/** Copies younger than this leave at once. */
const liveMs = 10_000;
/** It leaves after a commit: so much later at the most, but for a disk that fails. */
const commitMaxMs = 2_000;
/** Links that were lost lately before a backend counts as coming and going. */
const flapsMin = 3;

/** Sends what is next of what was held for this backend. The slot must be free. True when it is taken. */
export function deliverHeld(state: StationState, turn: Turn, backend: BackendLink): boolean {
  for (;;) {
    const outcome = deliverNext(state, turn, backend);
    if (outcome !== 'passed') return outcome;
  }
}

/** `passed`: what was next is out of the way, and the one behind it may leave. */
function deliverNext(state: StationState, turn: Turn, backend: BackendLink): boolean | 'passed' {
  const lane = heldLaneOf(state, backend.backend);
  const facts = factsOf(turn, backend.backend);
  const { nowMs, wallMs, deliveryWaitMs } = turn.context;
  if (lane === null || facts === null || backend.deliverAtMs > nowMs) return false;
  if (isUnregistered(state, backend) || isAskedAgain(state, backend) || !turn.context.isJournalWritable)
    return false;
  const entry = nextOf(state, turn, lane);
  if (entry === null) return false;
  if (entry.unansweredOn === backend.epoch && mayRenew(state, turn, backend)) {
    if (isAsking(state, backend)) return later(backend, nowMs + busyMs);
    renew(state, turn, backend);
    return false;
  }
  const steadyMs = backend.flaps >= flapsMin ? backend.openedAtMs + facts.holdDownMs - nowMs : 0;
  if (steadyMs > 0) return later(backend, nowMs + steadyMs);
  // A copy of what has just been said is no backlog.
  const isLive = entry.message.answer === null && wallMs - entry.message.since < liveMs;
  const waitMs = isLive ? 0 : deliveryWaitMs(backend.backend);
  if (waitMs > 0) return later(backend, nowMs + waitMs);
  return send(state, turn, backend, lane, entry, nowMs + commitMaxMs + facts.callTimeoutMs);
}

/** The next message that may leave. What is of no use to anybody by now is dropped on the way. */
function nextOf(state: StationState, turn: Turn, lane: HeldLane): HeldEntry | null {
  const { wallMs } = turn.context;
  for (let entry = lane.next(wallMs); entry !== null; entry = lane.next(wallMs)) {
    const { version, action, since } = entry.message;
    if (isHandedOn(state, entry.message)) finish(state, turn, lane, entry, 'dropped');
    else if (wallMs - since <= (keptMsOf(version, action) ?? Infinity)) return entry;
    else for (const part of partsOf(lane, entry)) release(state, turn, lane, part, 'dropped');
  }
  return null;
}

/** With what is too old goes the rest of its report: a backend would take the last parts for the whole. */
function partsOf(lane: HeldLane, entry: HeldEntry): readonly HeldEntry[] {
  const report = reportOf(entry.message);
  return report === null ? [entry] : [...lane].filter(({ message }) => reportOf(message) === report);
}

/** The report that this is a part of; null: of none. */
function reportOf({ version, action, text }: HeldMessage): string | null {
  if (keptMsOf(version, action) === null) return null;
  const frame = decode(text, version);
  const request = frame.kind === 'call' ? tokenAt(text, frame.bodyStart, ['requestId']) : null;
  return request === null ? null : `${action} ${request}`;
}

/** It was on its way to the one that had its transaction when that was handed over, was not taken, and the new owner has been told it. */
function isHandedOn({ durable }: StationState, { transaction, answer, backend }: HeldMessage): boolean {
  if (transaction === null || answer === null) return false;
  return transactionByKey(durable.ids, transaction)?.former?.includes(backend) === true;
}

/** The station is to notice nothing of it. Where it would, its message goes over the same link again; so does a copy, which nobody counts on. */
function mayRenew(state: StationState, turn: Turn, backend: BackendLink): boolean {
  return (
    state.link === null || state.assignment?.primary !== backend.backend || coversFor(state, turn, backend)
  );
}

/** A command of the backend's is at the station, or waits for it: its answer goes by this link. */
function isAsking({ link }: StationState, { backend }: BackendLink): boolean {
  return link !== null && (link.slot?.from === backend || (link.lane?.countOf(backend) ?? 0) > 0);
}

/** When the next held message may leave for this backend, which is open; Infinity when there is none or its slot is taken. */
export function heldDueMs(state: StationState, turn: Turn, backend: BackendLink): number {
  const lane = heldLaneOf(state, backend.backend);
  if (lane === null || backend.slot !== null) return Infinity;
  if (isUnregistered(state, backend) || isAskedAgain(state, backend)) return Infinity;
  const { nowMs, wallMs } = turn.context;
  const readyMs = lane.next(wallMs) === null ? nowMs + lane.nextRetryAt() - wallMs : nowMs;
  // It was ready in this step and did not leave: something else is to come first, and is woken for itself.
  const dueMs = Math.max(readyMs, backend.deliverAtMs);
  return dueMs > nowMs ? dueMs : nowMs + idleMs;
}

/** A backend that was told the boot and has not accepted it is sent nothing else (2.x B02, B03): it would refuse it all, until all was parked. */
function isUnregistered(state: StationState, backend: BackendLink): boolean {
  const { phase, isRegistered } = backend.priming;
  if (phase === 'idle') return state.link !== null && backend.isStationWaiting;
  return phase === 'pending' || phase === 'rejected' || (phase === 'failed' && !isRegistered);
}

/** How often a lane that could leave and does not is looked at. */
const idleMs = 1_000;

function later(backend: BackendLink, atMs: number): false {
  backend.deliverAtMs = atMs;
  return false;
}

/** The link has just opened: what was parked because the station spoke another version leaves over it, where it is in the one that is spoken now. */
export function resumeSpoken(state: StationState, turn: Turn, backend: BackendLink): void {
  const lane = heldLaneOf(state, backend.backend);
  for (const entry of lane ?? []) {
    const { message, delivery } = entry;
    if (delivery.state !== 'parked' || delivery.lastError?.startsWith(isIn(message.version)) !== true)
      continue;
    if (lane !== null && isSpokenOn(backend, message.version))
      mark(state, turn, lane, entry, 'retried', { ...delivery, state: 'waiting', lastError: null });
  }
}

/** 2.0.1 and 2.1 say what is held in the same words. */
function isSpokenOn(backend: BackendLink, version: OcppVersion): boolean {
  return (version === 'ocpp1.6') === (backend.version === 'ocpp1.6');
}

/** How the reason begins for which a message of another version is parked. */
function isIn(version: OcppVersion): string {
  return `it is in ${version}`;
}

function send(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  lane: HeldLane,
  entry: HeldEntry,
  deadlineMs: number,
): boolean | 'passed' {
  const { message } = entry;
  const { number, key, version, action, transaction, hasLeft, isWorded } = message;
  const received = decode(message.text, version);
  if (received.kind !== 'call') return false;
  const { bodyStart, bodyEnd } = received;
  const words = isWorded
    ? message.text
    : wordsFor(state, backend, { action, transaction, text: message.text, bodyStart, bodyEnd });
  const isForeign = !isSpokenOn(backend, version);
  if (words === null || isForeign) {
    // A listener that may not see it misses nothing.
    if (message.answer === null) finish(state, turn, lane, entry, 'dropped');
    else {
      const why = isForeign
        ? `${isIn(version)}, and the station has changed to ${backend.version ?? 'another version'}`
        : 'it is about what this backend was never told of';
      park(state, turn, lane, entry, entry.delivery.attempts, why);
    }
    return 'passed';
  }
  const text =
    version !== 'ocpp1.6' && action === 'TransactionEvent' && !hasLeft && message.answer !== null
      ? asOffline(words, bodyStart)
      : words;
  const sentId = callId(key, (message.refusedBefore ?? 0) + (entry.delivery.refusals ?? 0));
  const idToken = `"${sentId}"`;
  backend.slot = {
    purpose: 'held',
    caller: nobody,
    joined: null,
    from: '',
    sentId,
    key,
    action,
    isGuaranteed: true,
    transaction,
    text: message.text,
    idStart: received.idStart,
    idEnd: received.idEnd,
    bodyStart,
    bodyEnd,
    sentAtMs: turn.context.nowMs,
    answerByMs: Infinity,
    deadlineMs,
    held: number,
    command: null,
  };
  const sentText = text.slice(0, received.idStart) + idToken + text.slice(received.idEnd);
  // That the one before was taken is in the same commit: a crash has one message sent again, not all that were on their way to the disk (D2).
  sendOwn(
    state,
    turn,
    backend,
    sentText,
    idToken,
    'call',
    action,
    'afterCommit',
    message.answer === null ? 'copy' : 'held',
  );
  return true;
}

/** The backend hears that the station was answered without it (2.x E04): `offline` is true. */
function asOffline(text: string, bodyStart: number): string {
  const at = findValue(text, bodyStart, ['offline']);
  if (at === -1) return withMember(text, bodyStart, 'offline', 'true');
  return `${text.slice(0, at)}true${text.slice(valueEnd(text, at))}`;
}

/** The answer to a held message. */
export function onHeldReply(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  call: OpenCall,
  reply: Received,
): void {
  recordReceived(state, turn, reply, 'consumed', call.action, Math.round(turn.context.nowMs - call.sentAtMs));
  const lane = heldLaneOf(state, backend.backend);
  const entry = lane?.find(call.held) ?? null;
  if (lane !== null && entry !== null) settle(state, turn, lane, entry, reply);
}

/** The backend has refused it because it has forgotten the station: once it was told the boot it leaves again, under its next id. */
export function onHeldForgotten(state: StationState, { backend }: BackendLink, { held }: OpenCall): void {
  const lane = heldLaneOf(state, backend);
  const entry = lane?.find(held) ?? null;
  if (lane === null || entry === null) return;
  lane.mark(entry, { ...entry.delivery, refusals: (entry.delivery.refusals ?? 0) + 1 });
}

function settle(state: StationState, turn: Turn, lane: HeldLane, entry: HeldEntry, reply: Received): void {
  const { text, frame } = reply;
  const isTaken = frame.kind === 'result' && !isUnnumbered(entry.message, text, frame);
  // What a listener thinks of a copy is nobody's affair.
  if (entry.message.answer === null || isTaken) {
    finish(state, turn, lane, entry, 'delivered');
    return readVerdict(state, turn, entry, reply);
  }
  delete entry.unansweredOn;
  const attempts = entry.delivery.attempts + 1;
  const lastError = frame.kind === 'result' ? unnumbered : errorCodeOf(text, frame);
  const isFinal = isForGood(lastError) && isForGood(entry.delivery.lastError);
  const retryMs = isFinal ? undefined : retriesMs[attempts - 1];
  const refusals = (entry.delivery.refusals ?? 0) + 1;
  if (retryMs === undefined) return park(state, turn, lane, entry, attempts, lastError, refusals);
  const retryAt = turn.context.wallMs + retryMs;
  mark(state, turn, lane, entry, 'refused', {
    ...entry.delivery,
    state: 'waiting',
    attempts,
    retryAt,
    lastError,
    refusals,
  });
}

/** Left out where there were none. */
export function ofRefusals(refusals: number | undefined): Pick<Delivery, 'refusals'> {
  return refusals === undefined ? {} : { refusals };
}

/** A refusal that is of the message itself. */
function isForGood(error: string | null): boolean {
  return error !== null && error !== noAnswer && !isPassing(error);
}

/** A held message was not answered in time. Nobody knows whether it has arrived. */
export function onHeldSilence(state: StationState, turn: Turn, backend: BackendLink, call: OpenCall): void {
  const lane = heldLaneOf(state, backend.backend);
  const entry = lane?.find(call.held) ?? null;
  if (lane === null || entry === null) return;
  const isCopy = entry.message.answer === null;
  const attempts = entry.delivery.attempts + (isCopy ? 1 : 0);
  if (isCopy && attempts > retriesMs.length) return finish(state, turn, lane, entry, 'dropped');
  const wasUnanswered = !isCopy && entry.unansweredOn !== undefined;
  const retryAt = turn.context.wallMs + (wasUnanswered ? unansweredAgainMs : unansweredMs);
  if (!isCopy) {
    entry.unansweredOn = backend.epoch;
    entry.unansweredAs = call.sentId;
  }
  mark(state, turn, lane, entry, 'unanswered', {
    state: 'waiting',
    attempts,
    retryAt,
    lastError: noAnswer,
    ...ofRefusals(entry.delivery.refusals),
    ...(isCopy ? {} : { possiblyDuplicate: true }),
  });
}

/** The held message that a reply is about which nothing waits for any more; null: it is about none. */
export function findUnanswered(
  state: StationState,
  backend: BackendLink,
  { text, frame }: Received,
): HeldEntry | null {
  const id = idTokenOf(text, frame).slice(1, -1);
  return heldLaneOf(state, backend.backend)?.findUnanswered(backend.epoch, id) ?? null;
}

/** The answer to a held message comes after all, and counts like any other. */
export function onLateHeldReply(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  entry: HeldEntry,
  reply: Received,
): void {
  const lane = heldLaneOf(state, backend.backend);
  const { action } = entry.message;
  recordReceived(state, turn, reply, 'late', action);
  if (lane === null) return;
  if (reply.frame.kind === 'result') {
    if (!isUnnumbered(entry.message, reply.text, reply.frame))
      readAnswer(state, turn, backend, reply, entry.message);
    const { text, version } = entry.message;
    const frame = decode(text, version);
    if (frame.kind === 'call')
      learnToken(state, turn, backend, reply, {
        action,
        text,
        bodyStart: frame.bodyStart,
        bodyEnd: frame.bodyEnd,
      });
  }
  settle(state, turn, lane, entry, reply);
}

/** The message is over. The station may still repeat it: until now the lane knew what it was told. */
export function finish(
  state: StationState,
  turn: Turn,
  lane: HeldLane,
  entry: HeldEntry,
  outcome: 'delivered' | 'dropped',
): void {
  release(state, turn, lane, entry, outcome);
  const { version, action, text, key, answer } = entry.message;
  if (answer === null || !isGuaranteed(version, action)) return;
  const frame = decode(text, version);
  if (frame.kind === 'call')
    rememberGiven(state, turn, { action, text, bodyStart: frame.bodyStart }, { key, payload: answer });
}

function park(
  state: StationState,
  turn: Turn,
  lane: HeldLane,
  entry: HeldEntry,
  attempts: number,
  lastError: string,
  refusals = entry.delivery.refusals,
): void {
  mark(state, turn, lane, entry, 'parked', {
    ...entry.delivery,
    state: 'parked',
    attempts,
    retryAt: 0,
    lastError,
    ...ofRefusals(refusals),
  });
}

const nobody = { epoch: 0, idToken: '' } as const;
