/**
 * A guaranteed message that was answered before: it gets the first answer again and is not delivered twice (D5).
 *
 * Pure. A station that missed an answer sends its message again, often under a new id (OCPP 1.6 §3.7.1; 2.x E13), and a backend that is asked twice may
 * bill twice, or answer `ConcurrentTx` and end the session (MicroOcpp #237). What tells a repetition is its content. Only results are remembered: after an error the
 * station is right to try again. What starts and ends a transaction is remembered over a restart; after a crash the others may be sent once more, as the same bytes: to save a station for every
 * reading costs more than all else that is written for it.
 */
import { forgetOldest } from '../../std/forget-oldest.ts';
import { ownText } from '../../std/own-text.ts';
import { tokenAt } from '../../protocol/splice.ts';
import type { GivenAnswer } from '../journal/record.ts';
import { holdAgain } from './holding.ts';
import { callerOf } from './slot.ts';
import type { OpenCall, StationLink, StationState } from './state.ts';
import { recordDurably, recordReceived, sendOwn, type Received, type Turn } from './turn.ts';

/** Answers that are remembered of one station, while the process lives. It has one call outstanding, so its retries are about its last ones. */
export const answersMax = 32;
/** Longer answers are not remembered: their call would be relayed again. */
const answerCharactersMax = 4_096;

/**
 * The id of a guaranteed message is a digest of station, action and payload, written like a UUID: whoever re-sends it, and after whatever
 * crash, it is the same bytes, and no memory is needed for that.
 */
export function contentKey(state: StationState, turn: Turn, action: string, payload: string): string {
  const hex = turn.context.digest(`${state.id}\n${action}\n${payload}`);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** Gives the first answer again, if there was one. */
export function answerRepeated(
  state: StationState,
  turn: Turn,
  link: StationLink,
  received: Received,
  key: string,
): boolean {
  const payload =
    holdAgain(state, turn, key)?.answer ?? state.answers?.get(key) ?? answerKept(state.durable.answers, key);
  if (payload === undefined) return false;
  const { action } = received.frame;
  const { idToken } = callerOf(link.epoch, received.text, received.frame);
  recordReceived(state, turn, received, 'answered', action);
  sendOwn(state, turn, link, `[3,${idToken},${payload}]`, idToken, 'result', action, 'afterCommit');
  return true;
}

/** What the station was told about a guaranteed message, as JSON; null: it is not known any more. */
export function answerGiven({ held, answers, durable }: StationState, key: string): string | null {
  for (const lane of held) {
    const answer = lane.findKey(key)?.message.answer ?? null;
    if (answer !== null) return answer;
  }
  return answers?.get(key) ?? answerKept(durable.answers, key) ?? null;
}

/** Remembers a backend's answer to a guaranteed call, also one that the station's link was gone for. `text` is as the station gets it. */
export function rememberAnswer(
  state: StationState,
  turn: Turn,
  call: OpenCall,
  received: Received,
  text: string,
): void {
  const { frame } = received;
  if (!call.isGuaranteed || frame.kind !== 'result') return;
  if (text.length > answerCharactersMax) return;
  // Whatever was changed stands in the payload, the last element.
  const bodyEnd = frame.bodyEnd + text.length - received.text.length;
  const payload = bodyEnd - frame.bodyStart <= 2 ? '{}' : ownText(text.slice(frame.bodyStart, bodyEnd));
  rememberGiven(state, turn, call, { key: call.key, payload });
}

/** Remembers what a guaranteed message was answered with, by whomever. */
export function rememberGiven(
  state: StationState,
  turn: Turn,
  call: Pick<OpenCall, 'action' | 'text' | 'bodyStart'>,
  given: GivenAnswer,
): void {
  if (!isBilling(call)) {
    state.answers ??= new Map();
    state.answers.set(given.key, given.payload);
    if (state.answers.size > answersMax) forgetOldest(state.answers);
    return;
  }
  const change = { what: 'answered', given } as const;
  recordDurably(state, turn, { type: 'changed', at: turn.context.wallMs, station: state.id, change });
}

/** True of what starts and ends a transaction: no burst of readings or security events makes it forgotten. */
function isBilling({ action, text, bodyStart }: Pick<OpenCall, 'action' | 'text' | 'bodyStart'>): boolean {
  if (!billing.has(action)) return false;
  return action !== 'TransactionEvent' || tokenAt(text, bodyStart, ['eventType']) !== '"Updated"';
}

/** What may. Of a 2.x transaction's events, those in between are readings. */
const billing: ReadonlySet<string> = new Set([
  'StartTransaction',
  'StopTransaction',
  'TransactionEvent',
  'NotifySettlement',
]);

function answerKept(answers: readonly GivenAnswer[], key: string): string | undefined {
  for (const given of answers) if (given.key === key) return given.payload;
  return undefined;
}
