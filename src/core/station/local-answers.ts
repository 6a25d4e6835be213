/**
 * What Busbar answers a station itself though its primary is up, and whose time the station sees.
 *
 * Pure. Where the route says so (`localAnswers`, `clock`), whoever listens in; the primary then gets what was answered for it as a copy, and heartbeats at its own
 * interval. And what a listener with rights has asked the station to report: that is nobody else's, and nobody waits for listeners.
 */
import { findValue, valueEnd } from '../../protocol/splice.ts';
import { isoTime } from '../../std/iso-time.ts';
import { isHeldLater } from '../cover/later.ts';
import { isImaged } from '../priming/station-image.ts';
import { ofSession } from '../ids/call-arrived.ts';
import { backendLinkOf } from './backend-link.ts';
import { namesTransaction, offerCopy } from './copies.ts';
import { coversFor, isDown } from './covering.ts';
import { hold } from './holding.ts';
import { wordsFor } from './identifiers.ts';
import { authorityFor, roleOf, type Belonging } from './roles.ts';
import { hasRoom } from './room.ts';
import { callerOf } from './slot.ts';
import { fromOperator, nextMessageId, type StationLink, type StationState } from './state.ts';
import { recordReceived, sendOwn, type Received, type Turn } from './turn.ts';
import { answerUnasked } from './unasked.ts';

/** Answers the station's call if the route leaves that to Busbar. `messageId`: of a guaranteed message, whose answer leaves once it is on disk. */
export function answerLocally(
  state: StationState,
  turn: Turn,
  link: StationLink,
  received: Received,
  messageId: string | null,
): boolean {
  const { action } = received.frame;
  if (state.assignment?.localAnswers.has(action) !== true) return false;
  // What belongs to a transaction is the primary's to take.
  if (action === 'MeterValues' && namesTransaction(received)) return false;
  const authority = backendLinkOf(state, authorityFor(state, action));
  // What cannot be held is the primary's to answer.
  if (messageId !== null && !hasRoom(state, turn, authority)) return false;
  // One that is down is told later what it has missed, as where it answers itself.
  if (action !== 'Heartbeat' && isDown(turn, authority) && coversFor(state, turn, authority)) return false;
  const { idToken } = callerOf(link.epoch, received.text, received.frame);
  const payload = action === 'Heartbeat' ? `{"currentTime":"${isoTime(turn.context.wallMs)}"}` : '{}';
  recordReceived(state, turn, received, 'answered', action);
  const when = messageId === null && !isImaged(action) ? 'now' : 'afterCommit';
  sendOwn(state, turn, link, `[3,${idToken},${payload}]`, idToken, 'result', action, when);
  if (action === 'Heartbeat') return true;
  const owner = authorityFor(state, action);
  // The station forgets what it was answered: its primary must get it whatever happens.
  if (messageId !== null) holdFor(state, turn, link, received, owner, messageId, payload);
  else offerCopy(state, turn, owner, link.version, received, null, null);
  return true;
}

/**
 * Answers, in the place of a backend that only listens in, or was the primary, or of an operator, what the station reports on their own request: none of them keeps a station waiting.
 * All of these calls are answered with nothing, but for what only that backend could say: that is refused.
 */
export function answerForListener(
  state: StationState,
  turn: Turn,
  link: StationLink,
  received: Received,
  { owner, transaction }: Belonging,
): boolean {
  const { action } = received.frame;
  if (owner === null || transaction !== null || ofSession.has(action)) return false;
  if (owner === fromOperator) {
    const { idToken } = callerOf(link.epoch, received.text, received.frame);
    recordReceived(state, turn, received, 'answered', action);
    answerUnasked(state, turn, link, action, idToken);
    return true;
  }
  const role = roleOf(state, owner);
  const isHeld = isHeldLater(action);
  const isFormer = isHeld && (role === 'standby' || role === 'draining');
  if (role !== 'observer' && !isFormer) return false;
  const backend = backendLinkOf(state, owner);
  // Where the route covers, it is owed what it was answered for.
  if (isFormer && isDown(turn, backend) && coversFor(state, turn, backend)) return false;
  const { idToken } = callerOf(link.epoch, received.text, received.frame);
  recordReceived(state, turn, received, 'answered', action);
  answerUnasked(state, turn, link, action, idToken, isFormer ? 'afterCommit' : 'now');
  // It would believe that its answer counts.
  if (!isHeld) return true;
  if (hasRoom(state, turn, backend)) holdFor(state, turn, link, received, owner, nextMessageId(state), null);
  else backend.skipped += 1;
  return true;
}

/** `answer`: what the station was told in that backend's place; null: the backend only asked to hear of it. */
function holdFor(
  state: StationState,
  turn: Turn,
  { version }: StationLink,
  { text, frame }: Received,
  owner: string,
  key: string,
  answer: string | null,
): void {
  const { action, bodyStart, bodyEnd } = frame;
  const backend = backendLinkOf(state, owner);
  const words = wordsFor(state, backend, { action, transaction: null, text, bodyStart, bodyEnd });
  hold(state, turn, {
    backend: owner,
    key,
    version,
    action,
    transaction: null,
    hasLeft: false,
    answer,
    isWorded: words !== null,
    text: words ?? text,
  });
}

/** The answer as the station is to see it: with Busbar's time where the route says so, else as received. */
export function withClock(
  state: StationState,
  turn: Turn,
  { text, frame }: Received,
  action: string,
): string {
  if (state.assignment?.clock !== 'own' || frame.kind !== 'result') return text;
  if (action !== 'Heartbeat' && action !== 'BootNotification') return text;
  const at = findValue(text, frame.bodyStart, ['currentTime']);
  if (at === -1) return text;
  return `${text.slice(0, at)}"${isoTime(turn.context.wallMs)}"${text.slice(valueEnd(text, at))}`;
}
