/**
 * When those who listen in are told of a station's call: once it has left for the backend that answers it.
 *
 * Pure. The station waits for that answer and for nothing else. A copy costs as much work as the call, so it is made while the answer is on its way, in a step of its own, before
 * anything else happens to the station.
 */
import { pumpCalls } from './backend-lane.ts';
import { copyToListeners, isCopied } from './copies.ts';
import type { Belonging } from './roles.ts';
import type { StationLink, StationState } from './state.ts';
import type { Received, Turn } from './turn.ts';

/**
 * Tells those who listen in of a call, or leaves that to the next step: the station waits for its answer, and they do not. Where it has its answer from this step, what bills
 * must be on disk with it.
 */
export function tellListeners(
  state: StationState,
  turn: Turn,
  link: StationLink,
  received: Received,
  messageId: string | null,
  belonging: Belonging,
): void {
  const isAlone = state.backends.length === 1;
  if (turn.context.defersCopies && !isAlone && isCopied(received) && !isAnswered(turn)) {
    state.owed = { link, received, messageId, belonging };
    return;
  }
  copyToListeners(state, turn, link, received, messageId, belonging);
  pumpListeners(state, turn);
}

/** Tells them what the step before has left. */
export function payCopies(state: StationState, turn: Turn): void {
  const { owed } = state;
  state.owed = null;
  if (owed === null || state.link !== owed.link) return;
  copyToListeners(state, turn, owed.link, owed.received, owed.messageId, owed.belonging);
  pumpListeners(state, turn);
}

/** Whoever listens in and is free gets what it may have. */
function pumpListeners(state: StationState, turn: Turn): void {
  for (const backend of state.backends) if (backend.slot === null) pumpCalls(state, turn, backend);
}

function isAnswered({ effects }: Turn): boolean {
  return effects.some((effect) => effect.type === 'send' && effect.link.side === 'station');
}
