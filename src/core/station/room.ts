/**
 * How much may be held: of one station, in messages and in characters, and in this process over all stations.
 *
 * Pure. At any of the bounds nobody is stood in for any more, and a station keeps its messages itself; a listener misses whole transactions, counted.
 */
import { heldLaneOf } from './holding.ts';
import type { BackendLink, StationState } from './state.ts';
import type { Turn } from './turn.ts';

/** True when one more message may be held for this backend, whatever the route says. */
export function hasRoom(state: StationState, turn: Turn, backend: BackendLink): boolean {
  return isWithin(state, turn, backend, 1);
}

/** The same for a copy. */
export function hasRoomForCopy(state: StationState, turn: Turn, backend: BackendLink): boolean {
  return isWithin(state, turn, backend, copiesShare);
}

/** Of what may be held in all, copies leave this much alone: a listener that is down for weeks, which nobody may notice, is not to keep primaries from being covered for. */
const copiesShare = 0.5;

function isWithin(
  state: StationState,
  { context }: Turn,
  { backend }: BackendLink,
  shareOfAll: number,
): boolean {
  const lane = heldLaneOf(state, backend);
  const { heldMax, heldCharactersMax, heldInAllMax } = context.settings;
  if (lane !== null && (lane.length >= heldMax || lane.characters >= heldCharactersMax)) return false;
  return context.heldInAll() < heldInAllMax * shareOfAll;
}
