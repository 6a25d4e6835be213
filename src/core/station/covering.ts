/**
 * Answering the station in the place of a backend that is down or too slow.
 *
 * Pure. What is answered is core/cover; here is when, and that the backend gets later what it must. The station is never made to wait for longer than
 * `answerWithinMs`, whatever its backends do (D4); what it is told a backend never takes back, but by a command.
 */
import { coverAnswer, type CoverAnswer } from '../cover/cover-answer.ts';
import { laterOf } from '../cover/later.ts';
import { membersOf, readPayload, textOf } from '../commands/payload.ts';
import { openGroup } from '../cover/learned-tokens.ts';
import type { LearnedToken } from '../hold/held-message.ts';
import { extFor, transactionByKey } from '../ids/transactions.ts';
import { isImaged, tellsStatus } from '../priming/station-image.ts';
import type { Assignment } from '../routing/table.ts';
import { callErrorText } from '../../protocol/error-code.ts';
import { decode, payloadOf } from '../../protocol/frame.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { isSequenced } from '../hold/held-lane.ts';
import { refusedTimes } from './call-id.ts';
import { hold, heldLaneOf } from './holding.ts';
import { note, wordsFor } from './identifiers.ts';
import { isGivenUp } from './liveness.ts';
import { withRefusal } from './late-verdicts.ts';
import { keepMissed, noteMissed } from './missed.ts';
import { knownOf } from './learning.ts';
import { answerGiven } from './repeats.ts';
import { hasRoom } from './room.ts';
import { callerOf } from './slot.ts';
import {
  nextMessageId,
  type BackendLink,
  type OpenCall,
  type StationLink,
  type StationState,
  type WaitingCall,
} from './state.ts';
import { recordDropped, recordReceived, sendOwn, type Received, type Turn } from './turn.ts';

/** How long such a backend is left alone before it is asked again, by a heartbeat of Busbar's own. */
const askAgainMs = 30_000;
/** How long a dial may take before nobody waits for it any more. */
export const dialPatienceMs = 5_000;

/** True where the station's route has Busbar answer for a backend that is down, and it still may. */
export function coversFor(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  assignment: Assignment | null = state.assignment,
): boolean {
  if (assignment?.whenDown.covers !== true || !turn.context.isJournalWritable) return false;
  const { untilMs, untilMessages } = assignment.whenDown;
  const downMs = backend.downSinceMs === null ? 0 : turn.context.nowMs - backend.downSinceMs;
  const count = heldLaneOf(state, backend.backend)?.length ?? 0;
  return downMs < untilMs && count < untilMessages && hasRoom(state, turn, backend);
}

/** True when a call to this backend would wait for nothing. */
export function isDown(turn: Turn, { phase, fruitless, downSinceMs, dialledAtMs }: BackendLink): boolean {
  if (phase === 'open') return isGivenUp({ fruitless });
  if (phase !== 'dialling') return true;
  return downSinceMs !== null || turn.context.nowMs - dialledAtMs >= dialPatienceMs;
}

/** Nothing of the station's goes to a backend that is given up: whether it answers again is found out by a heartbeat. */
export function askAgain(state: StationState, turn: Turn, backend: BackendLink): void {
  if (!isAskedAgain(state, backend)) return;
  const { priming } = backend;
  priming.dueAtMs = Math.min(priming.dueAtMs, turn.context.nowMs + askAgainMs);
}

/** True while nothing but a heartbeat goes to a backend that answers nothing, or with errors only. The boot is asked by itself. */
export function isAskedAgain({ link, assignment }: StationState, backend: BackendLink): boolean {
  const { phase } = backend.priming;
  // No heartbeat is made in the name of a station that is away: what is held for it asks by itself, one message at a time.
  if (
    link === null ||
    !isGivenUp(backend) ||
    assignment?.primary !== backend.backend ||
    !assignment.whenDown.covers
  )
    return false;
  return phase === 'idle' || phase === 'priming' || phase === 'synced' || phase === 'failed';
}

/** True when this message has to stand behind others that the backend has not got yet. */
export function hasBacklog(
  state: StationState,
  turn: Turn,
  backend: string,
  action: string,
  transaction: string | null,
): boolean {
  if (!isSequenced({ action, transaction })) return false;
  return heldLaneOf(state, backend)?.isAhead(transaction, turn.context.wallMs) === true;
}

/** True for a part of a report, or how far an update is, that must not go past what was said of the like before and is still held: a backend would take the last part for the whole. */
export function followsHeld(
  state: StationState,
  version: OcppVersion,
  backend: string,
  action: string,
): boolean {
  const lane = heldLaneOf(state, backend);
  return lane !== null && laterOf(version, action) === 'held' && lane.awaits(action);
}

/** Until when a call that is sent now waits for the backend's own answer. */
export function answerByMs(state: StationState, turn: Turn, backend: BackendLink): number {
  return coversFor(state, turn, backend)
    ? turn.context.nowMs + turn.context.settings.answerWithinMs
    : Infinity;
}

/** Answers a call that has just come. `key`: of a guaranteed message. */
export function coverCall(
  state: StationState,
  turn: Turn,
  link: StationLink,
  received: Received,
  backend: BackendLink,
  key: string | null,
  transaction: string | null,
): void {
  const { text, frame } = received;
  const { action } = frame;
  recordReceived(state, turn, received, 'covered', action);
  const said = { action, payload: payloadOf(text, frame), transaction, text, key, hasLeft: false };
  cover(state, turn, link, backend, said, [callerOf(link.epoch, text, frame)]);
}

/** Answers a call that a backend has and leaves unanswered, or that was out to one which is gone; its backend still has it. */
export function coverOpen(state: StationState, turn: Turn, backend: BackendLink, call: OpenCall): void {
  const { link } = state;
  if (link === null || call.caller.epoch !== link.epoch) return;
  const { text, key } = call;
  const payload = payloadOf(text, call);
  const { action, transaction, caller, joined } = call;
  const said = { action, payload, transaction, text, key, hasLeft: true };
  const held = cover(state, turn, link, backend, said, [caller, ...(joined ?? [])]);
  const purpose = held === 0 ? 'covered' : 'held';
  backend.slot = { ...call, purpose, held, answerByMs: Infinity, joined: null };
}

/** Answers a call that waits for its turn at a backend, and is out of its lane. */
export function coverWaiting(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  waiting: WaitingCall,
): void {
  recordDropped(state, turn, waiting, 'covered');
  const { link } = state;
  if (link === null || waiting.caller.epoch !== link.epoch) return;
  const { text, messageId, action, transaction, caller, joined } = waiting;
  const payload = payloadOf(text, waiting);
  const said = { action, payload, transaction, text, key: messageId, hasLeft: false };
  cover(state, turn, link, backend, said, [caller, ...(joined ?? [])]);
}

/** The backend is gone: whoever waits for it is answered at once, where the route says so. */
export function coverAll(state: StationState, turn: Turn, backend: BackendLink): void {
  if (!coversFor(state, turn, backend)) return;
  if (backend.slot?.purpose === 'relay') coverOpen(state, turn, backend, backend.slot);
  for (const waiting of backend.lane?.takeWhere(({ purpose }) => purpose === 'relay') ?? [])
    coverWaiting(state, turn, backend, waiting);
  if (backend.lane?.length === 0) backend.lane = null;
}

/** A call of the station. */
interface Said {
  readonly action: string;
  readonly payload: string;
  readonly transaction: string | null;
  /** As the station sent it. */
  readonly text: string;
  /** The id it has on the backend's link; null: none yet. */
  readonly key: string | null;
  readonly hasLeft: boolean;
}

/** Answers everyone who waits, and holds what the backend must still get. Returns the number of the held message, 0 when it is not held. */
function cover(
  state: StationState,
  turn: Turn,
  link: StationLink,
  backend: BackendLink,
  said: Said,
  callers: readonly { readonly idToken: string }[],
): number {
  const { action } = said;
  const { version } = link;
  const covered = answerTo(state, turn, version, backend, said);
  // What the backend has said of the driver counts, and not what Busbar would say.
  const refused = action === 'TransactionEvent' ? withRefusal(state, turn, said.transaction, '{}') : '{}';
  const answer = covered.kind === 'result' && refused !== '{}' ? { ...covered, payload: refused } : covered;
  const isHeld = laterOf(version, action) === 'held';
  if (tellsStatus(action)) keepMissed(state, turn, backend.backend, version, action, said.payload);
  // Nobody else has it: a crash must not forget what the station was told is known.
  const isKept = isHeld || isImaged(action);
  for (const { idToken } of callers) {
    const text =
      answer.kind === 'result'
        ? `[3,${idToken},${answer.payload}]`
        : callErrorText(version, idToken, answer.meaning, answer.description);
    sendOwn(state, turn, link, text, idToken, answer.kind, action, isKept ? 'afterCommit' : 'now');
  }
  if (!isHeld) return 0;
  const { transaction, text, key, hasLeft } = said;
  const frame = decode(text, version);
  const words =
    frame.kind === 'call'
      ? wordsFor(state, backend, {
          action,
          transaction,
          text,
          bodyStart: frame.bodyStart,
          bodyEnd: frame.bodyEnd,
        })
      : null;
  const isApart = heldLaneOf(state, backend.backend)?.holdsHanded(transaction) === true;
  const refusedBefore = key === null ? 0 : refusedTimes(backend, key);
  return hold(state, turn, {
    backend: backend.backend,
    key: key ?? nextMessageId(state),
    version,
    action,
    transaction,
    hasLeft,
    ...(refusedBefore === 0 ? {} : { refusedBefore }),
    answer: answer.kind === 'result' ? answer.payload : '{}',
    isWorded: words !== null,
    ...(isApart ? { isApart } : {}),
    text: words ?? text,
  }).message.number;
}

function answerTo(
  state: StationState,
  turn: Turn,
  version: OcppVersion,
  backend: BackendLink,
  { action, payload, transaction }: Said,
): CoverAnswer {
  // What an open link did not carry is held, but for what only the newest matters of.
  if (backend.phase !== 'open' || laterOf(version, action) === 'latest')
    noteMissed(state, turn, backend.backend);
  const { wallMs, digest } = turn.context;
  return coverAnswer({
    version,
    action,
    payload,
    wallMs,
    policy: state.assignment?.authorizeWhenDown ?? 'deny',
    boot: bootVerdict(state, backend.backend, action),
    transactionId:
      action === 'StartTransaction' ? numberFor(state, turn, backend.backend, transaction) : null,
    learned: (token) => opened(knownOf(turn, backend.backend, token), token, digest),
    isTokenInUse: (token) => action === 'StartTransaction' && isCharging(state, token, transaction),
  });
}

/**
 * True where the token charges at another connector of this station already. Not asked of an Authorize: the card may be shown to end that very transaction. Nor in 2.x, where
 * a transaction may be open long after its driver has stopped it, until the cable is unplugged: what a backend thinks of that it says late. A transaction whose end never
 * came counts as long as its connector has no later one, and one that was refused never does.
 */
function isCharging(state: StationState, token: string, transaction: string | null): boolean {
  const { ids } = state.durable;
  const own = transaction === null ? null : transactionByKey(ids, transaction);
  const outlived = new Set<number | null>(own === null ? [] : [own.connectorId]);
  for (const row of ids.transactions.toReversed()) {
    if (row.key === transaction) continue;
    const isOpen = row.state === 'open' && !outlived.has(row.connectorId);
    if (isOpen && row.idTag?.toLowerCase() === token && !wasRefused(state, row.key)) return true;
    outlived.add(row.connectorId);
  }
  return false;
}

/** Many stations send no stop for a start that was refused. What they were told of a start that is long over is not known any more. */
function wasRefused(state: StationState, start: string): boolean {
  const answer = answerGiven(state, start);
  if (answer === null) return false;
  const status = textOf(membersOf(readPayload(answer).members['idTagInfo']), 'status');
  return status !== null && status !== 'Accepted';
}

/** What is learnt is kept sealed. */
function opened(
  token: LearnedToken | null,
  text: string,
  digest: (text: string) => string,
): LearnedToken | null {
  if (token === null || token.group === null) return token;
  return { ...token, group: openGroup(token.group, text, digest) };
}

/** What the primary said of the station's last boot. Another station under its name is another matter: see from-station.ts. */
function bootVerdict(
  { durable }: StationState,
  backend: string,
  action: string,
): { status: 'Accepted' | 'Pending' | 'Rejected'; intervalS: number } | null {
  if (action !== 'BootNotification') return null;
  const verdict = Object.hasOwn(durable.verdicts, backend) ? durable.verdicts[backend] : undefined;
  if (verdict === undefined || verdict.status === 'Unknown') return null;
  return { status: verdict.status, intervalS: verdict.intervalS };
}

/** The number a 1.6 station gets for its transaction: the one it has, or one that Busbar makes up; the owner names its own when it is told. */
function numberFor(state: StationState, turn: Turn, backend: string, transaction: string | null): string {
  const { ids } = state.durable;
  const row = transaction === null ? null : transactionByKey(ids, transaction);
  if (row?.ext != null) return row.ext;
  const ext = extFor(ids, 'none', turn.context.wallMs);
  if (row !== null)
    note(state, turn, { type: 'transaction_answered', key: row.key, backend, id: 'pending', ext });
  return ext;
}
