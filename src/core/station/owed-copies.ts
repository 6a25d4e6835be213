/**
 * When those who listen in are told of a station's call: once it has left for the backend that answers it.
 *
 * Pure. The station waits for that answer and for nothing else. A copy costs as much work as the call, so it is made while the answer is on its way, in a step of its own, before
 * anything else happens to the station.
 */
import { pumpCalls } from './backend-lane.ts';
import { copyToListeners, isCopied } from './copies.ts';
import type { OwedCopies, StationState } from './state.ts';
import type { Turn } from './turn.ts';

/**
 * Tells those who listen in of a call, or leaves that to the next step: the station waits for its answer, and they do not. Where it has its answer from this step, what bills
 * must be on disk with it.
 */
export function tellListeners(state: StationState, turn: Turn, owed: OwedCopies): void {
  const isAlone = state.backends.length === 1;
  if (turn.context.defersCopies && !isAlone && isCopied(owed.received) && !isAnswered(turn))
    state.owed = owed;
  else copyAndPump(state, turn, owed);
}

/** Tells them what the step before has left. */
export function payCopies(state: StationState, turn: Turn): void {
  const { owed } = state;
  state.owed = null;
  if (owed !== null && state.link === owed.link) copyAndPump(state, turn, owed);
}

function copyAndPump(state: StationState, turn: Turn, owed: OwedCopies): void {
  copyToListeners(state, turn, owed);
  for (const backend of state.backends) if (backend.slot === null) pumpCalls(state, turn, backend);
}

function isAnswered({ effects }: Turn): boolean {
  return effects.some((effect) => effect.type === 'send' && effect.link.side === 'station');
}
