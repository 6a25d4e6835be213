/**
 * The station's machine and its ledger of identifiers: when a message teaches it something, and in whose words a message leaves.
 *
 * Pure. What a message means to whom is core/ids; here is the moment. A call is read once, when it comes; it is translated when it is sent, since the start of its
 * transaction may have been named by then.
 */
import { tokenAt } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { IdChange } from '../ids/change.ts';
import { fieldsOf } from '../ids/field-table.ts';
import { callArrived, issuedBy, ofSession } from '../ids/call-arrived.ts';
import { callFailed, resultToStation } from '../ids/result-to-station.ts';
import { objectByExt, objectIdOf } from '../ids/objects.ts';
import { toBackend } from '../ids/to-backend.ts';
import { factsOf } from './find-backend.ts';
import type { Predecessor } from '../ids/arrival.ts';
import { transactionListeners } from './listening.ts';
import { authorityFor, formerPrimaries, roleOf, type Belonging } from './roles.ts';
import { ownerOfDriver } from './stop-authorisation.ts';
import {
  fromOperator,
  type BackendLink,
  type OpenCall,
  type StationLink,
  type StationState,
  type WaitingCall,
} from './state.ts';
import { recordDurably, type Received, type Turn } from './turn.ts';

/** Reads a station's call: which transaction it is about, whose it is. `key`: of a guaranteed message, else ''. */
export function readCall(
  state: StationState,
  turn: Turn,
  link: StationLink,
  received: Received,
  key: string,
): Belonging {
  const { text, frame } = received;
  const { durable, assignment } = state;
  const { version } = link;
  if (frame.action === 'Authorize')
    return { owner: ownerOfDriver(state, turn, version, received), transaction: null };
  const isOfSession = ofSession.has(frame.action);
  if (!mayCarryIds(version, frame.action) && !isOfSession) return nobodys;
  if (isOfSession && assignment?.actions.has(frame.action) === true) return nobodys;
  const attendance = {
    primary: assignment?.primary ?? '',
    authority: authorityFor(state, frame.action),
    before: predecessorOf(state, turn),
    owners: isStart(frame.action) ? formerPrimaries(state) : noOwners,
    listeners: isStart(frame.action) ? transactionListeners(state, turn) : noOwners,
  };
  const call = { version, action: frame.action, key };
  const { owner, transaction, changes } = callArrived(
    durable.ids,
    call,
    attendance,
    text,
    frame,
    turn.context,
  );
  for (const change of changes) note(state, turn, change);
  if (owner === fromOperator) return { owner, transaction };
  const isThere = owner !== null && factsOf(turn, owner)?.versions.includes(version) === true;
  const asked = owner !== null && version === 'ocpp1.6' ? issuedBy.get(frame.action) : undefined;
  if (owner === null || asked === undefined) return { owner: isThere ? owner : null, transaction };
  if (isThere && roleOf(state, owner) !== null) return { owner, transaction };
  // Whoever asked for it has nothing to do with the station any more.
  note(state, turn, { type: 'issued', action: asked, backend: null });
  return nobodys;
}

/** Whose a SEND is: 2.1, of who let its stream be opened; else the route decides. */
export function ownerOfSend({ durable }: StationState, { text, frame }: Received): string | null {
  if (frame.action !== 'NotifyPeriodicEventStream') return null;
  const token = tokenAt(text, frame.bodyStart, ['id']);
  const id = token === null ? null : objectIdOf('stream', token);
  return id === null ? null : (objectByExt(durable.ids, 'stream', id)?.backend ?? null);
}

/** Whose the station was before it was cut over. A station tells what it has queued right after it comes: later its starts are live, whatever its clock says. */
function predecessorOf({ durable }: StationState, { context }: Turn): Predecessor | null {
  const { placement, lastSeenAt } = durable;
  if (placement?.before == null) return null;
  const sinceMs = context.wallMs - (lastSeenAt ?? 0);
  // One that came at a time still to come did so by a clock that was ahead, and so the cutover may be dated.
  const isQueueing = sinceMs >= 0 && sinceMs < queueMs;
  return { backend: placement.before, startsUntil: isQueueing ? placement.at : 0 };
}

/** A link's first minutes: a station's queue is empty by then. */
const queueMs = 600_000;

/** A backend's answer to a station's call: what it calls the transaction is kept, and the text for the station comes back. */
export function readAnswer(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  { text, frame }: Received,
  call: Pick<OpenCall, 'action' | 'transaction'> & Partial<Pick<OpenCall, 'purpose'>>,
): string {
  const version = spokenWith(state, backend);
  const sent = { version, action: call.action, transaction: call.transaction };
  if (frame.kind !== 'result') {
    noteFailed(state, turn, backend, call);
    return text;
  }
  // 2.x: what it writes it has not written where the station has its answer from another, or has had one.
  if (version !== 'ocpp1.6' && call.purpose !== 'relay') return text;
  const answer = resultToStation(state.durable.ids, backend.backend, sent, text, frame, turn.context);
  for (const change of answer.changes) note(state, turn, change);
  return answer.text;
}

/** An answer whose call was given up: what it calls the transaction is good to know all the same. */
export function readLate(state: StationState, turn: Turn, backend: BackendLink, received: Received): void {
  const key = backend.expiredId;
  if (key !== null && received.frame.kind === 'result')
    readAnswer(state, turn, backend, received, { action: 'StartTransaction', transaction: key });
}

/** A backend did not get a call, or did not answer it. */
export function noteFailed(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  { action, transaction }: Pick<OpenCall, 'action' | 'transaction'>,
): void {
  if (transaction === null) return;
  const call = { version: spokenWith(state, backend), action, transaction };
  for (const change of callFailed(state.durable.ids, backend.backend, call)) note(state, turn, change);
}

/** The station's call in this backend's words; null: it may not see it. */
export function wordsFor(
  state: StationState,
  link: BackendLink,
  { action, transaction, text, bodyStart, bodyEnd }: CallText,
): string | null {
  const version = spokenWith(state, link);
  if (!mayCarryIds(version, action)) return text;
  const { backend } = link;
  const receiver = {
    backend,
    isPrimary: roleOf(state, backend) === 'primary',
    isAuthority: state.assignment?.actions.get(action) === backend,
  };
  const call = { version, action, transaction };
  const words = toBackend(state.durable.ids, receiver, call, text, { bodyStart, bodyEnd });
  return typeof words === 'string' ? words : null;
}

/** Over an open link its own version; what waits for one is in that of the station. */
function spokenWith({ durable }: StationState, { phase, version }: BackendLink): OcppVersion {
  return (phase === 'open' ? version : durable.version) ?? 'ocpp1.6';
}

type CallText = Pick<WaitingCall, 'action' | 'transaction' | 'text' | 'bodyStart' | 'bodyEnd'>;

export function note(state: StationState, turn: Turn, change: IdChange): void {
  const at = turn.context.wallMs;
  recordDurably(state, turn, { type: 'changed', at, station: state.id, change: { what: 'ids', change } });
}

const nobodys: Belonging = { owner: null, transaction: null };

/** False for a call in which no identifier can stand and which belongs to no one in particular: most are, and cost nothing here. */
function mayCarryIds(version: OcppVersion, action: string): boolean {
  return fieldsOf(version).stationCalls.has(action) || (version === 'ocpp1.6' && issuedBy.has(action));
}

function isStart(action: string): boolean {
  return action === 'StartTransaction' || action === 'TransactionEvent';
}

const noOwners: readonly string[] = [];
