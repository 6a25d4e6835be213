/**
 * Answers that Busbar gives a station in the place of the one backend which could have: it is not to be told, or is not waited for.
 *
 * Pure.
 */
import { unaskedAnswer } from '../cover/cover-answer.ts';
import type { StationLink, StationState } from './state.ts';
import { sendOwn, type Turn } from './turn.ts';

export function answerUnasked(
  state: StationState,
  turn: Turn,
  link: StationLink,
  action: string,
  idToken: string,
  when: 'now' | 'afterCommit' = 'now',
): void {
  const answer = `[3,${idToken},${unaskedAnswer(link.version, action)}]`;
  sendOwn(state, turn, link, answer, idToken, 'result', action, when);
}
