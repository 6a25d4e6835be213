/**
 * How much may be held: of one station, in messages and in characters, and in this process over all stations.
 *
 * Pure. At any of the bounds nobody is stood in for any more, and a station keeps its messages itself; a listener misses whole transactions, counted.
 */
import { heldLaneOf } from './holding.ts';
import type { BackendLink, StationState } from './state.ts';
import type { Turn } from './turn.ts';

/** True when one more message may be held for this backend, whatever the route says. */
export function hasRoom(state: StationState, { context }: Turn, { backend }: BackendLink): boolean {
  const lane = heldLaneOf(state, backend);
  const { heldMax, heldCharactersMax } = context.settings;
  if (lane !== null && (lane.length >= heldMax || lane.characters >= heldCharactersMax)) return false;
  return !context.isHoldFull();
}
