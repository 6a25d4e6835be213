/**
 * The station's machine and its ledger of identifiers: when a message teaches it something, and in whose words a message leaves.
 *
 * Pure. What a message means to whom is core/ids; here is the moment. A message is translated when it is sent, not when it comes: a start that is still under
 * way may have its name by then.
 */
import { decode, type Frame } from '../../protocol/frame.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { fieldsOfCall } from '../ids/fields.ts';
import { findTransaction, type IdChange } from '../ids/ledger.ts';
import { endedBy, nameGiven, openedBy, type Body } from '../ids/transactions.ts';
import { ownerOf, requestEndedBy, toBackend } from '../ids/translate.ts';
import { factsOf } from './find-backend.ts';
import { roleOf } from './roles.ts';
import type { BackendLink, StationLink, StationState } from './state.ts';
import { recordDurably, type Received, type Turn } from './turn.ts';

/** The payload of a frame, in its text. */
export function bodyIn(text: string, frame: Frame): Body {
  return { text, start: frame.bodyStart, end: frame.bodyEnd };
}

/** True for a call in which an identifier may stand. Most are not, and cost nothing here. */
export function mayCarryIds(version: OcppVersion, action: string): boolean {
  return fieldsOfCall(version, action).length > 0;
}

/** The backend that the call belongs to whatever the route says, if Busbar still has it. */
export function ownerOfCall(
  state: StationState,
  turn: Turn,
  link: StationLink,
  { text, frame }: Received,
): string | null {
  const { ids } = state.durable;
  if (ids.transactions.length === 0 && ids.requests.length === 0 && ids.objects.length === 0) return null;
  if (!mayCarryIds(link.version, frame.action)) return null;
  const owner = ownerOf(ids, link.version, frame.action, bodyIn(text, frame));
  if (owner === null) return null;
  return factsOf(turn, owner)?.versions.includes(link.version) === true ? owner : null;
}

/** A transaction begins: from now on it has an owner. `shownTo`: who else gets all of it. */
export function noteOpened(
  state: StationState,
  turn: Turn,
  link: StationLink,
  { text, frame }: Received,
  key: string,
  owner: string,
  shownTo: readonly string[],
): void {
  const { action } = frame;
  if (action !== 'StartTransaction' && action !== 'TransactionEvent') return;
  note(
    state,
    turn,
    openedBy(state.durable.ids, link.version, action, bodyIn(text, frame), key, owner, shownTo),
  );
}

/** A transaction or a report ends with this call. */
export function noteEnded(
  state: StationState,
  turn: Turn,
  link: StationLink,
  { text, frame }: Received,
): void {
  const { action } = frame;
  const { ids } = state.durable;
  if (!mayCarryIds(link.version, action)) return;
  const body = bodyIn(text, frame);
  if (ids.transactions.length > 0) note(state, turn, endedBy(ids, link.version, action, body));
  if (ids.requests.length > 0) note(state, turn, requestEndedBy(ids, link.version, action, body));
}

/** A backend answered a start: what it calls the transaction is kept, and the text for the station comes back. */
export function nameTransaction(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  received: Received,
  key: string,
): string {
  const { text, frame } = received;
  if (frame.kind !== 'result' || findTransaction(state.durable.ids, key) === null) return text;
  const given = nameGiven(state.durable.ids, key, backend.backend, bodyIn(text, frame));
  for (const change of given.changes) note(state, turn, change);
  return given.text;
}

/** The station's call in this backend's words; null: it may not see it. */
export function wordsFor(
  state: StationState,
  backend: BackendLink,
  action: string,
  text: string,
  frame: Frame | null,
): string | null {
  const version = backend.version ?? 'ocpp1.6';
  if (!mayCarryIds(version, action)) return text;
  const { ids } = state.durable;
  const isPrimary = roleOf(state, backend.backend) === 'primary';
  if (isPrimary && ids.transactions.length === 0 && ids.requests.length === 0 && ids.objects.length === 0)
    return text;
  const read = frame ?? decode(text, version);
  if (read.kind === 'invalid') return text;
  return toBackend(ids, { backend: backend.backend, isPrimary }, version, action, bodyIn(text, read));
}

export function note(state: StationState, turn: Turn, change: IdChange | null): void {
  if (change === null) return;
  const at = turn.context.wallMs;
  recordDurably(state, turn, { type: 'changed', at, station: state.id, change: { what: 'ids', change } });
}
