/**
 * Copies of what a station says, for the backends that listen in.
 *
 * Pure. Nobody waits for them: a listener has a lane of its own, its answers go on record and no further, and what it is too slow for is left out
 * and counted, oldest first, but nothing guaranteed as long as there is anything else.
 */
import { billingClasses, classOf } from '../../protocol/message-class.ts';
import { payloadOf } from '../../protocol/frame.ts';
import { BoundedQueue } from '../../std/bounded-queue.ts';
import { startWithheld } from '../ids/result-to-station.ts';
import type { SkipReason } from '../journal/record.ts';
import type { Observer } from '../routing/table.ts';
import { factsOf, findBackendLink } from './find-backend.ts';
import { listenersOf, roleOf, type Belonging } from './roles.ts';
import {
  copiesMax,
  laneOverrunMax,
  nextOwnId,
  type BackendLink,
  type StationLink,
  type StationState,
  type WaitingCall,
} from './state.ts';
import { repeat } from './slot.ts';
import { linkNameOf, recordDurably, type Received, type Turn } from './turn.ts';

/** Puts the station's call into the lane of everyone who is to have a copy. `messageId`: of a guaranteed message; others get a fresh one for each. */
export function copyToListeners(
  state: StationState,
  turn: Turn,
  link: StationLink,
  received: Received,
  messageId: string | null,
  { owner, transaction }: Belonging,
): void {
  const { assignment } = state;
  if (assignment === null) return;
  const listeners = listenersOf(assignment);
  if (listeners.length === 0) return;
  const { action } = received.frame;
  // The boot is told by priming, which knows whether it was accepted; heartbeats are each backend's own.
  if (action === 'BootNotification' || action === 'Heartbeat') return;
  if (messageId !== null && isRepeated(state, messageId)) return;
  const kind = classOf(link.version, action, () => namesTransaction(received));
  for (const listener of listeners) {
    if (
      listener.receives.has(kind) &&
      mayObserve(turn, listener, kind) &&
      assignment.actions.get(action) !== listener.backend &&
      // Its own it has been given already.
      owner !== listener.backend
    )
      offerCopy(state, turn, listener.backend, received, messageId, transaction);
  }
}

/** Who else is shown all of a transaction that begins now. */
export function transactionListeners(state: StationState, turn: Turn): string[] {
  const { assignment } = state;
  if (assignment === null) return [];
  return listenersOf(assignment).flatMap((listener) => {
    const backend = findBackendLink(state, listener.backend);
    const isAttached = backend !== null && backend.phase !== 'idle';
    return isAttached && listener.receives.has('transactions') && mayObserve(turn, listener, 'transactions')
      ? [listener.backend]
      : [];
  });
}

/** A guaranteed message that was copied before: a repetition reaches nobody twice (D5). */
function isRepeated({ copied }: StationState, messageId: string): boolean {
  if (copied.includes(messageId)) return true;
  if (copied.length >= copiedMax) copied.shift();
  copied.push(messageId);
  return false;
}

/** Guaranteed messages whose copies are remembered: a station repeats its last ones. */
const copiedMax = 32;

/** Puts a copy into the backend's lane; makes room where there is none. */
export function offerCopy(
  state: StationState,
  turn: Turn,
  name: string,
  received: Received,
  messageId: string | null,
  transaction: string | null,
): void {
  const backend = findBackendLink(state, name);
  if (backend === null || backend.phase === 'idle') return;
  // What it missed while it is not registered it is told as the last status; only what bills must not be missed.
  const isTold = roleOf(state, name) === 'primary' || backend.priming.isRegistered;
  if (received.frame.action === 'StatusNotification' && !isTold) return;
  const { text, frame } = received;
  const waiting: WaitingCall = {
    purpose: 'copy',
    caller: nobody,
    joined: null,
    from: '',
    messageId: messageId ?? nextOwnId(state),
    action: frame.action,
    isGuaranteed: messageId !== null,
    transaction,
    text,
    idStart: frame.idStart,
    idEnd: frame.idEnd,
    bodyStart: frame.bodyStart,
    bodyEnd: frame.bodyEnd,
    answerByMs: Infinity,
    deadlineMs: Infinity,
  };
  backend.lane ??= new BoundedQueue<WaitingCall>(laneOverrunMax);
  if (backend.lane.length >= copiesMax && backend.lane.takeFirst(isSpare) !== undefined) backend.skipped += 1;
  if (backend.lane.length < copiesMax) backend.lane.push(waiting);
  else {
    backend.skipped += 1;
    // All of a transaction or nothing (H24).
    if (transaction !== null) leaveOut(state, turn, name, transaction);
  }
}

function leaveOut(state: StationState, turn: Turn, backend: string, transaction: string): void {
  for (const change of startWithheld(state.durable.ids, backend, transaction))
    recordDurably(state, turn, {
      type: 'changed',
      at: turn.context.wallMs,
      station: state.id,
      change: { what: 'ids', change },
    });
}

/** A copy leaves again, or the link ends: how many did not before is put on record. */
export function recordSkipped(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  reason: SkipReason,
): void {
  if (backend.skipped === 0) return;
  const link = linkNameOf(backend);
  turn.records.push({
    type: 'skipped',
    at: turn.context.wallMs,
    station: state.id,
    link,
    copies: backend.skipped,
    reason,
  });
  backend.skippedInAll += backend.skipped;
  backend.skipped = 0;
}

/** The link is gone: what bills waits for the next one, the rest would be stale by then. */
export function keepGuaranteedCopies(state: StationState, turn: Turn, backend: BackendLink): void {
  const { slot, lane } = backend;
  if (slot?.purpose === 'copy' && slot.isGuaranteed) repeat(backend, slot);
  backend.skipped += lane?.takeWhere(isSpare).length ?? 0;
  recordSkipped(state, turn, backend, 'link_lost');
}

/** Nobody listens here any more: what waits is left out. */
export function dropCopies(state: StationState, turn: Turn, backend: BackendLink): void {
  backend.skipped += backend.lane?.takeWhere(({ purpose }) => purpose === 'copy').length ?? 0;
  if (backend.lane?.length === 0) backend.lane = null;
  recordSkipped(state, turn, backend, 'link_lost');
}

/** A copy that may be left out. */
function isSpare({ purpose, isGuaranteed }: WaitingCall): boolean {
  return purpose === 'copy' && !isGuaranteed;
}

/** What carries tokens or bills goes only where it is not billed; the configuration says so too, and a reload may have changed it. */
function mayObserve(turn: Turn, { backend }: Observer, kind: ReturnType<typeof classOf>): boolean {
  return !billingClasses.has(kind) || factsOf(turn, backend)?.nonBilling === true;
}

/** True where the payload has a `transactionId`, at whatever depth. */
export function namesTransaction({ text, frame }: Received): boolean {
  return payloadOf(text, frame).includes('"transactionId"');
}

const nobody = { epoch: 0, idToken: '' } as const;
