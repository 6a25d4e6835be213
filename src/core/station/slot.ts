/**
 * One call at a time: the slot of a link, the lane in front of it, and who gets the answer.
 *
 * Pure. OCPP-J allows one unanswered call per direction and link (1.6 §4.1.1; 2.x Part 4 §4.1.1), whatever the callers do. The same code
 * serves both directions: a backend link holds the station's calls, the station link the backends' commands.
 */
import { BoundedQueue } from '../../std/bounded-queue.ts';
import { assert } from '../../std/assert.ts';
import { ownText } from '../../std/own-text.ts';
import { hasMessageId, idTokenOf, withIdToken, type Frame } from '../../protocol/frame.ts';
import type { OwnCall } from '../priming/priming.ts';
import { relayId } from './call-id.ts';
import type { LinkRef } from './events.ts';
import {
  laneOverrunMax,
  type BackendLink,
  type CallPurpose,
  type Caller,
  type OpenCall,
  type StationLink,
  type WaitingCall,
} from './state.ts';
import type { StationState } from './state.ts';
import { recordReceived, relay, rewrite, sendOwn, type Received, type Turn } from './turn.ts';

/** A link that takes calls. */
export type Callee = StationLink | BackendLink;

/** A call to place, with the id it gets on the callee's link. */
export interface Placement {
  readonly caller: Caller;
  /** '' from the station, else the backend. */
  readonly from: string;
  readonly messageId: string;
  readonly isGuaranteed: boolean;
  /** The key of the transaction it is about. */
  readonly transaction: string | null;
  /** Infinity: Busbar does not answer it in the backend's place. */
  readonly answerByMs: number;
  readonly timeoutMs: number;
}

/** True when a call would leave at once. */
export function isFree(callee: Callee): boolean {
  return callee.slot === null && laneDepth(callee) === 0;
}

export function laneDepth(callee: Callee): number {
  return callee.lane?.length ?? 0;
}

/** Sends a received call through the free slot. `words`: its text in the callee's own words. */
export function place(
  state: StationState,
  turn: Turn,
  callee: BackendLink,
  received: Received,
  placement: Placement,
  words: string = received.text,
): void {
  assert(callee.slot === null, 'one call is outstanding per direction and link');
  const { caller, from, messageId, isGuaranteed, transaction, answerByMs, timeoutMs } = placement;
  const nowMs = turn.context.nowMs;
  const { action } = received.frame;
  const { text, frame } = received;
  const sentId = relayId(callee, messageId);
  callee.slot = {
    purpose: 'relay',
    caller,
    joined: null,
    from,
    sentId,
    key: messageId,
    action,
    isGuaranteed,
    transaction,
    text,
    idStart: frame.idStart,
    idEnd: frame.idEnd,
    bodyStart: frame.bodyStart,
    bodyEnd: frame.bodyEnd,
    sentAtMs: nowMs,
    answerByMs,
    deadlineMs: nowMs + timeoutMs,
    held: 0,
    command: null,
  };
  const idToken = `"${sentId}"`;
  if (words === text) relay(state, turn, received, callee, idToken, action);
  else rewrite(state, turn, received, words, callee, idToken, action);
}

/** Puts a received call into the lane. False when even its overrun is used up; the caller states what happens then. */
export function enqueue(
  state: StationState,
  turn: Turn,
  callee: BackendLink,
  received: Received,
  placement: Placement,
): boolean {
  callee.lane ??= new BoundedQueue<WaitingCall>(laneOverrunMax);
  const { caller, from, messageId, isGuaranteed, transaction, answerByMs, timeoutMs } = placement;
  const { text, frame } = received;
  const { action, idStart, idEnd, bodyStart, bodyEnd } = frame;
  const deadlineMs = turn.context.nowMs + timeoutMs;
  const waiting: WaitingCall = {
    purpose: 'relay',
    caller,
    joined: null,
    from,
    messageId,
    action,
    isGuaranteed,
    transaction,
    text,
    idStart,
    idEnd,
    bodyStart,
    bodyEnd,
    answerByMs,
    deadlineMs,
  };
  if (!callee.lane.push(waiting)) return false;
  recordReceived(state, turn, received, 'queued', action);
  return true;
}

/** Fills the slot, which is free, from the lane. `words`: the text of what is next, in the callee's own words. */
export function pump(
  state: StationState,
  turn: Turn,
  callee: BackendLink,
  timeoutMs: number,
  words: string,
): void {
  const waiting = callee.lane?.shift();
  if (waiting === undefined) return;
  if (callee.lane?.length === 0) callee.lane = null;
  const {
    purpose,
    caller,
    joined,
    from,
    messageId,
    isGuaranteed,
    transaction,
    action,
    text,
    idStart,
    idEnd,
    bodyStart,
    bodyEnd,
    answerByMs,
  } = waiting;
  const nowMs = turn.context.nowMs;
  const sentId = relayId(callee, messageId);
  callee.slot = {
    purpose,
    caller,
    joined,
    from,
    sentId,
    key: messageId,
    action,
    isGuaranteed,
    transaction,
    text,
    idStart,
    idEnd,
    bodyStart,
    bodyEnd,
    sentAtMs: nowMs,
    answerByMs,
    deadlineMs: nowMs + timeoutMs,
    held: 0,
    command: null,
  };
  const idToken = `"${sentId}"`;
  const sentText = words.slice(0, idStart) + idToken + words.slice(idEnd);
  sendOwn(state, turn, callee, sentText, idToken, 'call', action, 'now', purpose);
}

/** Puts a call that was sent back at the head of its lane, to be sent once more as the same bytes. */
export function repeat(callee: BackendLink, call: OpenCall): void {
  const {
    purpose,
    caller,
    joined,
    from,
    key,
    action,
    isGuaranteed,
    transaction,
    text,
    idStart,
    idEnd,
    bodyStart,
    bodyEnd,
    answerByMs,
  } = call;
  assert(purpose === 'relay' || purpose === 'copy', 'what Busbar says of its own accord is made anew');
  const deadlineMs = purpose === 'copy' ? Infinity : call.deadlineMs;
  callee.lane ??= new BoundedQueue<WaitingCall>(laneOverrunMax);
  callee.lane.putBack({
    purpose,
    caller,
    joined,
    from,
    messageId: key,
    action,
    isGuaranteed,
    transaction,
    text,
    idStart,
    idEnd,
    bodyStart,
    bodyEnd,
    answerByMs,
    deadlineMs,
  });
}

/** The open or waiting call with this id, so that a repeat of it can join. Only a guaranteed call's id says what it is. */
export function findCall(callee: BackendLink, messageId: string): OpenCall | WaitingCall | null {
  if (callee.slot !== null && callee.slot.isGuaranteed && callee.slot.key === messageId) return callee.slot;
  if (callee.lane === null) return null;
  for (const waiting of callee.lane)
    if (waiting.isGuaranteed && waiting.messageId === messageId) return waiting;
  return null;
}

/** Lets another caller have the answer to a call too. A caller whose link is gone makes room for it. False when too many have it already. */
export function join(call: OpenCall | WaitingCall, caller: Caller): boolean {
  if (call.caller.epoch !== caller.epoch) {
    call.caller = caller;
    call.joined = null;
    return true;
  }
  call.joined ??= [];
  return call.joined.push(caller) <= laneOverrunMax;
}

/** True for a call that Busbar makes of its own accord: nobody else waits for its answer. */
export function isBusbars(purpose: CallPurpose): purpose is OwnCall['what'] {
  return (
    purpose !== 'relay' &&
    purpose !== 'copy' &&
    purpose !== 'operator' &&
    purpose !== 'held' &&
    purpose !== 'covered'
  );
}

/** What a reply on a link belongs to. */
export type Match =
  | { readonly what: 'open'; readonly call: OpenCall }
  | { readonly what: 'late' | 'repeated' | 'foreign' };

/** Matches a result or error with the link's slot, and frees the slot when it fits. */
export function takeReply(callee: Callee, text: string, frame: Frame): Match {
  const { slot, answered, expiredId } = callee;
  if (slot !== null && hasMessageId(text, frame, slot.sentId)) {
    callee.slot = null;
    callee.answered = { caller: slot.caller, from: slot.from, sentId: slot.sentId };
    return { what: 'open', call: slot };
  }
  if (answered !== null && hasMessageId(text, frame, answered.sentId)) return { what: 'repeated' };
  if (expiredId !== null && hasMessageId(text, frame, expiredId)) return { what: 'late' };
  return { what: 'foreign' };
}

/**
 * Hands a reply to its caller, and the same reply to everyone who joined.
 *
 * `to` is the caller's link, null when that is gone: then the reply only goes on record. `text` is the reply with another payload, where that is changed.
 */
export function deliverReply(
  state: StationState,
  turn: Turn,
  received: Received,
  call: OpenCall,
  to: LinkRef | null,
  text: string = received.text,
): void {
  const latencyMs = Math.round(turn.context.nowMs - call.sentAtMs);
  if (to === null || to.epoch !== call.caller.epoch) {
    recordReceived(state, turn, received, 'late', call.action, latencyMs);
    return;
  }
  const when = call.isGuaranteed ? 'afterCommit' : 'now';
  const { idToken: callersToken } = call.caller;
  if (text === received.text) relay(state, turn, received, to, callersToken, call.action, when, latencyMs);
  else rewrite(state, turn, received, text, to, callersToken, call.action, when, latencyMs);
  const { frame } = received;
  for (const { idToken } of call.joined ?? []) {
    sendOwn(state, turn, to, withIdToken(text, frame, idToken), idToken, frame.kind, call.action, when);
  }
}

/** A caller is remembered until the next call is answered; the id of a longer text than this is copied out of it. */
const sharedTextMax = 1_024;

/** The caller of a received call. */
export function callerOf(epoch: number, text: string, frame: Frame): Caller {
  const idToken = idTokenOf(text, frame);
  return { epoch, idToken: text.length > sharedTextMax ? ownText(idToken) : idToken };
}
