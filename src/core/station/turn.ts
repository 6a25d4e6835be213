/**
 * What one step has decided so far, and the few ways to add to it.
 *
 * Pure. Every stage of a step gets the same turn; records and effects keep the order in which they were added.
 */
import { payloadOf, withIdToken, type Frame } from '../../protocol/frame.ts';
import type {
  DropReason,
  FrameRecord,
  LinkName,
  Outcome,
  SentPurpose,
  StationRecord,
} from '../journal/record.ts';
import { applyRecord, applyTelling, isTelling } from './apply-record.ts';
import type { Effect, LinkRef, Notice, StationContext } from './events.ts';
import type { StationState, WaitingCall, WaitingCommand } from './state.ts';

export interface Turn {
  readonly context: StationContext;
  readonly records: StationRecord[];
  readonly effects: Effect[];
  /** What outlives the process is another than before the step. */
  isDurableChanged: boolean;
  /** So is what would only have to be learnt anew after a crash. */
  isImageChanged: boolean;
}

/** A frame as it came in: its text, where its parts are, on which link. */
export interface Received {
  readonly link: LinkName;
  readonly text: string;
  readonly frame: Frame;
}

/** The link as a value: a backend's link object is used again for its next epoch, and an effect may be carried out later. */
export function refOf(link: LinkRef): LinkRef {
  return link.side === 'station' ? link : { side: 'backend', backend: link.backend, epoch: link.epoch };
}

export function linkNameOf(link: LinkRef): LinkName {
  return link.side === 'station' ? 'station' : backendLinkName(link.backend);
}

/** Names made before, one a backend that was ever configured: a name made anew for every record would have to be hashed and looked up wherever it is counted. */
const backendLinkNames = new Map<string, LinkName>();

/** The name of the links to a backend. */
export function backendLinkName(backend: string): LinkName {
  const known = backendLinkNames.get(backend);
  if (known !== undefined) return known;
  const name: LinkName = `backend:${backend}`;
  backendLinkNames.set(backend, name);
  return name;
}

/** Adds a record that changes what outlives the process. */
export function recordDurably(state: StationState, turn: Turn, record: StationRecord): void {
  if (applyRecord(state.durable, record)) {
    if (record.type === 'changed' && record.change.what === 'inventory') turn.isImageChanged = true;
    else turn.isDurableChanged = true;
  }
  turn.records.push(record);
}

/** Adds a received frame; one that backends which join later must be told of is learnt from. */
function addFrame(state: StationState, turn: Turn, { text, frame }: Received, record: FrameRecord): void {
  if (isTelling(record) && applyTelling(state.durable, record, payloadOf(text, frame)))
    turn.isImageChanged = true;
  turn.records.push(record);
}

/** Records a frame that was not sent on in this step. */
export function recordReceived(
  state: StationState,
  turn: Turn,
  received: Received,
  outcome: Exclude<Outcome, 'relayed'>,
  action: string | null,
  latencyMs: number | null = null,
): void {
  const { link, text, frame } = received;
  addFrame(state, turn, received, {
    type: 'frame',
    at: turn.context.wallMs,
    station: state.id,
    link,
    kind: frame.kind,
    action,
    text,
    idStart: frame.idStart,
    idEnd: frame.idEnd,
    outcome,
    relayedTo: null,
    relayedIdToken: null,
    latencyMs,
  });
}

/** Records that a call which waited will not be sent. */
export function recordDropped(
  state: StationState,
  turn: Turn,
  waiting: WaitingCall | WaitingCommand,
  reason: DropReason,
): void {
  // An operator's command did not come in on a link: the audit has it.
  if (waiting.purpose === 'operator') return;
  const link = waiting.from === '' ? 'station' : backendLinkName(waiting.from);
  turn.records.push({
    type: 'dropped',
    at: turn.context.wallMs,
    station: state.id,
    link,
    action: waiting.action,
    reason,
  });
}

/** Sends a received frame on with another id, and records both hops as one. */
export function relay(
  state: StationState,
  turn: Turn,
  received: Received,
  to: LinkRef,
  idToken: string,
  action: string | null,
  when: 'now' | 'afterCommit' = 'now',
  latencyMs: number | null = null,
): void {
  const { link, text, frame } = received;
  addFrame(state, turn, received, {
    type: 'frame',
    at: turn.context.wallMs,
    station: state.id,
    link,
    kind: frame.kind,
    action,
    text,
    idStart: frame.idStart,
    idEnd: frame.idEnd,
    outcome: 'relayed',
    relayedTo: linkNameOf(to),
    relayedIdToken: idToken,
    latencyMs,
  });
  turn.effects.push({
    type: 'send',
    link: refOf(to),
    text: withIdToken(text, frame, idToken),
    when,
    decidedAtMs: turn.context.nowMs,
  });
}

/** Sends a received frame on with more than its id changed, and records both hops, each with its text. `text` is the received one but for its payload. */
export function rewrite(
  state: StationState,
  turn: Turn,
  received: Received,
  text: string,
  to: LinkRef,
  idToken: string,
  action: string | null,
  when: 'now' | 'afterCommit' = 'now',
  latencyMs: number | null = null,
): void {
  recordReceived(state, turn, received, 'rewritten', action, latencyMs);
  const { frame } = received;
  sendOwn(state, turn, to, withIdToken(text, frame, idToken), idToken, frame.kind, action, when);
}

/** Sends a text that is not the relay of a frame received in this step, and records it. The id stands right after the type and comma. */
export function sendOwn(
  state: StationState,
  turn: Turn,
  to: LinkRef,
  text: string,
  idToken: string,
  kind: Frame['kind'],
  action: string | null,
  when: 'now' | 'afterCommit' = 'now',
  purpose: SentPurpose = 'relay',
): void {
  const idStart = text.indexOf(idToken);
  turn.records.push({
    type: 'sent',
    purpose,
    at: turn.context.wallMs,
    station: state.id,
    link: linkNameOf(to),
    kind,
    action,
    text,
    idStart,
    idEnd: idStart + idToken.length,
  });
  turn.effects.push({ type: 'send', link: refOf(to), text, when, decidedAtMs: turn.context.nowMs });
}

/** Tells the shell of a decision that the records do not show. */
export function notice(turn: Turn, what: Notice, backend: string | null = null): void {
  turn.effects.push({ type: 'notice', notice: what, backend });
}
