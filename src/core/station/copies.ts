/**
 * Copies of what a station says, for the backends that listen in.
 *
 * Pure. Nobody waits for them: a listener has a lane of its own, its answers go on record and no further. What bills is held for it until it answers; of the rest, what it
 * is too slow for is left out and counted, oldest first.
 */
import { classOf } from '../../protocol/message-class.ts';
import { decode, payloadOf } from '../../protocol/frame.ts';
import { tokenAt } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { BoundedQueue } from '../../std/bounded-queue.ts';
import { forgetOldest } from '../../std/forget-oldest.ts';
import type { TransactionRow } from '../ids/ledger.ts';
import { startWithheld } from '../ids/result-to-station.ts';
import { transactionByKey } from '../ids/transactions.ts';
import type { HeldLane } from '../hold/held-lane.ts';
import type { HeldMessage } from '../hold/held-message.ts';
import { tellsStatus } from '../priming/station-image.ts';
import type { SkipReason } from '../journal/record.ts';
import { findBackendLink } from './find-backend.ts';
import { heldLaneOf, hold, release } from './holding.ts';
import { hasRoomForCopy } from './room.ts';
import { mayObserve } from './listening.ts';
import { wordsFor } from './identifiers.ts';
import { keepMissed, noteMissed } from './missed.ts';
import { isWanted, listenersOf, roleOf, type Belonging } from './roles.ts';
import {
  copiesMax,
  laneOverrunMax,
  nextOwnId,
  type BackendLink,
  type OpenCall,
  type StationLink,
  type StationState,
  type WaitingCall,
} from './state.ts';
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
  const isPrimaryTold = wasShown(state, assignment.primary, owner, transaction);
  if (listeners.length === 0 && !isPrimaryTold) return;
  if (!isCopied(received)) return;
  const { action } = received.frame;
  if (messageId !== null && isRepeated(state, messageId)) return;
  if (isPrimaryTold)
    offerCopy(state, turn, assignment.primary, link.version, received, messageId, transaction);
  const kind = classOf(link.version, action, () => namesTransaction(received));
  for (const listener of listeners) {
    if (
      listener.receives.has(kind) &&
      mayObserve(turn, listener, kind) &&
      assignment.actions.get(action) !== listener.backend &&
      // Its own it has been given already.
      owner !== listener.backend
    )
      offerCopy(state, turn, listener.backend, link.version, received, messageId, transaction);
  }
}

/** The boot is told by priming, which knows whether it was accepted; heartbeats are each backend's own. */
export function isCopied({ frame: { action } }: Received): boolean {
  return action !== 'BootNotification' && action !== 'Heartbeat';
}

/**
 * The primary listened in when this transaction of another's began, and was cut over to since: it goes on being told, all of it or nothing (H24). One that had it before it was
 * handed over is told nothing more.
 */
function wasShown(
  { durable }: StationState,
  primary: string,
  owner: string | null,
  transaction: string | null,
): boolean {
  if (owner === null || owner === primary || transaction === null) return false;
  const row = transactionByKey(durable.ids, transaction);
  return row !== null && Object.hasOwn(row.ids, primary) && row.former?.includes(primary) !== true;
}

/** A guaranteed message that was copied before: a repetition reaches nobody twice (D5). */
function isRepeated(state: StationState, messageId: string): boolean {
  state.copied ??= new Set();
  if (state.copied.has(messageId)) return true;
  state.copied.add(messageId);
  if (state.copied.size > copiedMax) forgetOldest(state.copied);
  return false;
}

/** Guaranteed messages whose copies are remembered: a station repeats its last ones. */
const copiedMax = 32;

/** Gives the backend a copy: what bills is held for it, and the rest waits in its lane as long as there is room. */
export function offerCopy(
  state: StationState,
  turn: Turn,
  name: string,
  version: OcppVersion,
  received: Received,
  messageId: string | null,
  transaction: string | null,
): void {
  const backend = findBackendLink(state, name);
  if (backend === null || backend.phase === 'idle') return;
  if (messageId !== null) return holdCopy(state, turn, backend, version, received, messageId, transaction);
  // What it missed while it is not registered it is told as the last status.
  const isTold = roleOf(state, name) === 'primary' || backend.priming.isRegistered;
  if (received.frame.action === 'StatusNotification' && !isTold) return;
  const { text, frame } = received;
  const waiting: WaitingCall = {
    purpose: 'copy',
    caller: nobody,
    joined: null,
    from: '',
    messageId: nextOwnId(state),
    action: frame.action,
    isGuaranteed: false,
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
  if (backend.lane.length >= copiesMax && backend.lane.takeFirst(isCopy) !== undefined) backend.skipped += 1;
  if (backend.lane.length < copiesMax) backend.lane.push(waiting);
  else backend.skipped += 1;
}

/** What bills is on disk before the station has its answer: a crash or a long absence of the listener loses nothing of it. */
function holdCopy(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  version: OcppVersion,
  { text, frame }: Received,
  key: string,
  transaction: string | null,
): void {
  const { action, bodyStart, bodyEnd } = frame;
  const name = backend.backend;
  const row = transaction === null ? null : transactionByKey(state.durable.ids, transaction);
  // It never got the start, and gets none of the rest (H24).
  if (row !== null && !isShownTo(row, name)) return;
  const lane = heldLaneOf(state, name);
  if (lane !== null && lane.findKey(key) !== null) return;
  if (!hasRoomForCopy(state, turn, backend)) {
    backend.skipped += 1;
    // All of a transaction or nothing (H24).
    if (transaction !== null) leaveOut(state, turn, backend, transaction);
    return;
  }
  const words = wordsFor(state, backend, { action, transaction, text, bodyStart, bodyEnd });
  hold(state, turn, {
    backend: name,
    key,
    version,
    action,
    transaction,
    hasLeft: false,
    answer: null,
    isWorded: words !== null,
    text: words ?? text,
  });
}

/** False where it was left out, or began while this backend did not listen. */
function isShownTo({ ids, owner }: TransactionRow, backend: string): boolean {
  return Object.hasOwn(ids, backend) && (ids[backend] !== 'none' || owner === backend);
}

/** It gets nothing more of the transaction, and where the start is still here none of what is held of it either. */
function leaveOut(
  state: StationState,
  turn: Turn,
  { backend, slot }: BackendLink,
  transaction: string,
): void {
  const lane = heldLaneOf(state, backend);
  const copies = [...(lane ?? [])].filter(
    ({ message }) =>
      message.transaction === transaction && message.answer === null && message.number !== slot?.held,
  );
  if (lane !== null && copies.some(({ message }) => isStart(message)))
    for (const copy of copies) release(state, turn, lane, copy, 'dropped');
  for (const change of startWithheld(state.durable.ids, backend, transaction))
    recordDurably(state, turn, {
      type: 'changed',
      at: turn.context.wallMs,
      station: state.id,
      change: { what: 'ids', change },
    });
}

function isStart({ version, action, text }: HeldMessage): boolean {
  if (action !== 'TransactionEvent') return action === 'StartTransaction';
  const frame = decode(text, version);
  return frame.kind === 'call' && tokenAt(text, frame.bodyStart, ['eventType']) === '"Started"';
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

/** The link is gone: copies that wait for it would be stale by the next one. */
export function forgetCopies(state: StationState, turn: Turn, backend: BackendLink): void {
  const waiting = backend.lane?.takeWhere(isCopy) ?? [];
  backend.skipped += waiting.length;
  const { slot } = backend;
  if (roleOf(state, backend.backend) === 'primary')
    tellLater(state, turn, backend, slot?.purpose === 'copy' ? [slot, ...waiting] : waiting);
  if (backend.lane?.length === 0) backend.lane = null;
  recordSkipped(state, turn, backend, 'link_lost');
}

/** A primary gets copies of what Busbar answered itself, and the station does not say it again: it is told how that is on its next link. Others are so anyway. */
function tellLater(
  state: StationState,
  turn: Turn,
  { backend, version }: BackendLink,
  lost: readonly (OpenCall | WaitingCall)[],
): void {
  const statuses = lost.filter(({ action }) => tellsStatus(action));
  if (statuses.length === 0) return;
  noteMissed(state, turn, backend);
  for (const call of statuses) {
    const { action } = call;
    const said = payloadOf(call.text, call);
    // One that still holds has the time of its arrival in the image, and is told once.
    const current = state.durable.image.statuses.find(({ payload }) => payload.startsWith(said.slice(0, -1)));
    keepMissed(state, turn, backend, version ?? 'ocpp1.6', action, current?.payload ?? said);
  }
}

/** What was held for those who do not listen in any more is given up, also where they ceased to while the station or Busbar was away. */
export function dropStaleCopies(state: StationState, turn: Turn): void {
  dropCopies(
    state,
    turn,
    state.held.filter(({ backend }) => !isWanted(state, turn, backend)),
  );
}

/** Gives up the copies in these lanes, a list of their own: one that becomes empty leaves the station's. */
export function dropCopies(state: StationState, turn: Turn, lanes: readonly HeldLane[]): void {
  for (const lane of lanes) {
    const copies = [...lane].filter(({ message }) => message.answer === null);
    for (const entry of copies) release(state, turn, lane, entry, 'dropped');
  }
}

/** Copies that wait for their turn at this backend. */
export function copiesWaiting({ lane }: BackendLink): number {
  return [...(lane ?? [])].filter(isCopy).length;
}

function isCopy({ purpose }: WaitingCall): boolean {
  return purpose === 'copy';
}

/** True where the payload has a `transactionId`, at whatever depth. */
export function namesTransaction({ text, frame }: Received): boolean {
  return payloadOf(text, frame).includes('"transactionId"');
}

const nobody = { epoch: 0, idToken: '' } as const;
