/**
 * The station's answers to commands: what they teach, and what their askers get to see of them.
 *
 * Pure.
 */
import { payloadOf } from '../../protocol/frame.ts';
import {
  askedBy,
  newlyAsked,
  withoutAsked,
  writtenBy,
  type AskedSetting,
} from '../commands/asked-settings.ts';
import { learn } from '../commands/inventory.ts';
import { readPayload, textOf, type Payload } from '../commands/payload.ts';
import { overlay } from '../commands/served-settings.ts';
import { confirmedOf, mergeOwn, type VirtualValue } from '../commands/settings.ts';
import { withMessagesInQueue } from '../hold/messages-in-queue.ts';
import { transactionNamed } from '../ids/transactions.ts';
import { commandAnswered, resultToBackend } from '../ids/result-to-backend.ts';
import { virtualOf } from './command-facts.ts';
import { bodyOf, finishCommand } from './command-outcome.ts';
import { heldLaneOf } from './holding.ts';
import { note } from './identifiers.ts';
import { forgetTokens, learnStarted } from './learning.ts';
import { notePlaced } from './placed-objects.ts';
import { roleOf } from './roles.ts';
import { deliverReply } from './slot.ts';
import { fromOperator, type BackendLink, type OpenCall, type StationState } from './state.ts';
import { recordDurably, recordReceived, type Received, type Turn } from './turn.ts';

/** The station answered a command: what it taught is kept, and the one that asked gets what it may see. */
export function onCommandReply(
  state: StationState,
  turn: Turn,
  received: Received,
  call: OpenCall,
  backend: BackendLink | null,
): void {
  const { frame } = received;
  if (frame.kind === 'result') {
    const result = readPayload(payloadOf(received.text, frame));
    const asked = readPayload(bodyOf(call));
    learnSettings(state, turn, call.action, asked, result);
    forgetAsked(state, turn, call, asked, result);
    notePlaced(state, turn, call, result.members);
  }
  if (call.action === 'ClearCache' && call.purpose === 'relay' && isAccepted(received))
    forgetTokens(state, turn, call.from);
  if (
    remoteStarts.has(call.action) &&
    call.purpose === 'relay' &&
    state.link !== null &&
    isAccepted(received)
  )
    learnStarted(state, turn, call.from, state.link.version, readPayload(bodyOf(call)));
  if (call.purpose === 'operator') settleRequest(state, turn, received, call);
  if (call.action === 'SendLocalList' && call.purpose === 'operator' && isAccepted(received))
    note(state, turn, { type: 'list_installed', backend: fromOperator, version: '0' });
  finishCommand(state, turn, call, frame.kind === 'result' ? 'result' : 'error', received);
  if (call.purpose === 'operator') {
    const latencyMs = Math.round(turn.context.nowMs - call.sentAtMs);
    return recordReceived(state, turn, received, 'consumed', call.action, latencyMs);
  }
  const answer = backend === null ? received.text : answerFor(state, turn, received, call, backend);
  deliverReply(state, turn, received, call, backend?.phase === 'open' ? backend : null, answer);
}

/** A request of an operator's that the station has refused is not reported on. */
function settleRequest(state: StationState, turn: Turn, { text, frame }: Received, call: OpenCall): void {
  if (frame.kind !== 'result' || call.command === null) return;
  for (const change of commandAnswered(call.from, call.command.note, text, frame, turn.context))
    note(state, turn, change);
}

const remoteStarts: ReadonlySet<string> = new Set(['RemoteStartTransaction', 'RequestStartTransaction']);

function isAccepted({ text, frame }: Received): boolean {
  return (
    frame.kind === 'result' && textOf(readPayload(payloadOf(text, frame)).members, 'status') === 'Accepted'
  );
}

/** The answer as its asker is to see it: its own identifiers, its own virtual values, and what Busbar answered for the station. */
function answerFor(
  state: StationState,
  turn: Turn,
  { text, frame }: Received,
  call: OpenCall,
  backend: BackendLink,
): string {
  const { command, action } = call;
  if (frame.kind !== 'result' || command === null) return text;
  const version = backend.version ?? 'ocpp1.6';
  const party = { backend: backend.backend, isPrimary: roleOf(state, backend.backend) === 'primary' };
  const own = resultToBackend(
    state.durable.ids,
    party,
    version,
    action,
    command.note,
    text,
    frame,
    turn.context,
  );
  for (const change of own.changes) note(state, turn, change);
  const bodyEnd = frame.bodyEnd + own.text.length - text.length;
  const result = own.text.slice(frame.bodyStart, bodyEnd);
  if (command.onceAccepted.length > 0)
    remember(state, turn, backend.backend, confirmedOf(command.onceAccepted, action, result));
  const overlaid = overlay(version, action, result, virtualOf(state, backend.backend));
  const merged = command.own.length === 0 ? overlaid : mergeOwn(command.own, overlaid);
  const seen = owesWhatIsAsked(state, call, backend) ? withMessagesInQueue(merged) : merged;
  return seen === result ? own.text : own.text.slice(0, frame.bodyStart) + seen + own.text.slice(bodyEnd);
}

/** The backend asks what is yet to come of a transaction, or of any, and Busbar holds some of it (H28). */
function owesWhatIsAsked(state: StationState, call: OpenCall, { backend }: BackendLink): boolean {
  if (call.action !== 'GetTransactionStatus') return false;
  const lane = heldLaneOf(state, backend);
  if (lane === null) return false;
  const name = textOf(readPayload(bodyOf(call)).members, 'transactionId');
  if (name === null) return lane.holdsTransactions;
  return lane.holdsUp(transactionNamed(state.durable.ids, name)?.key ?? null);
}

/** Keeps values that a backend wrote and only it sees. */
export function remember(
  state: StationState,
  turn: Turn,
  backend: string,
  values: readonly VirtualValue[],
): void {
  if (values.length === 0) return;
  recordDurably(state, turn, {
    type: 'changed',
    at: turn.context.wallMs,
    station: state.id,
    change: { what: 'virtual', backend, values: values.map(({ key, value }) => [key, value] as const) },
  });
}

/** Keeps what is new of the settings that a backend asked for and may not write, where it may become the primary. */
export function keepAsked(
  state: StationState,
  turn: Turn,
  backend: string,
  asked: readonly AskedSetting[],
): void {
  const role = roleOf(state, backend);
  if (role !== 'standby' && role !== 'observer') return;
  const settings = newlyAsked(askedBy(state.durable.asked, backend), asked);
  if (settings.length === 0) return;
  const change = { what: 'asked', backend, settings } as const;
  recordDurably(state, turn, { type: 'changed', at: turn.context.wallMs, station: state.id, change });
}

/** A backend that has written a setting itself is not to get in its way what it asked for before. */
function forgetAsked(
  state: StationState,
  turn: Turn,
  { from, action }: OpenCall,
  asked: Payload,
  result: Payload,
): void {
  const known = askedBy(state.durable.asked, from);
  if (known.length === 0) return;
  const settings = writtenBy(action, asked, result);
  if (withoutAsked(known, settings).length === known.length) return;
  const change = { what: 'wrote', backend: from, settings } as const;
  recordDurably(state, turn, { type: 'changed', at: turn.context.wallMs, station: state.id, change });
}

function learnSettings(
  state: StationState,
  turn: Turn,
  action: string,
  asked: Payload,
  result: Payload,
): void {
  const change = learn(state.durable.inventory, action, asked, result);
  if (change === null) return;
  recordDurably(state, turn, {
    type: 'changed',
    at: turn.context.wallMs,
    station: state.id,
    change: { what: 'inventory', change },
  });
}
