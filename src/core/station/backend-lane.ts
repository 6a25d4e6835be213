/**
 * What a backend is sent next: Busbar's own calls that are due, then what waits in its lane.
 *
 * Pure.
 */
import { recordSkipped } from './copies.ts';
import { coverWaiting } from './covering.ts';
import { deliverHeld } from './delivering.ts';
import { factsOf } from './find-backend.ts';
import { heldLaneOf } from './holding.ts';
import { noteFailed, wordsFor } from './identifiers.ts';
import { sendOwnCall } from './own-calls.ts';
import { roleOf } from './roles.ts';
import { hasRoom } from './room.ts';
import { pump } from './slot.ts';
import type { BackendLink, StationState, WaitingCall } from './state.ts';
import { recordDropped, type Turn } from './turn.ts';
import { answerUnasked } from './unasked.ts';

/** Sends what is next at this backend: a call of Busbar's own that is due, or one that waits. */
export function pumpCalls(state: StationState, turn: Turn, backend: BackendLink): void {
  const facts = factsOf(turn, backend.backend);
  if (facts === null || backend.phase !== 'open' || backend.slot !== null) return;
  if (sendOwnCall(state, turn, backend) || !mayTake(state, turn, backend)) return;
  for (let next = backend.lane?.peek(); next !== undefined; next = backend.lane?.peek()) {
    if (next.purpose === 'relay' && next.isGuaranteed && holdsOf(state, backend, next)) {
      // What its transaction began with was refused meanwhile, and is to be sent again first.
      backend.lane?.shift();
      coverWaiting(state, turn, backend, next);
      continue;
    }
    const words = wordsFor(state, backend, next);
    if (words !== null) {
      if (next.purpose === 'copy') recordSkipped(state, turn, backend, 'lane_full');
      return pump(state, turn, backend, facts.callTimeoutMs, words);
    }
    backend.lane?.shift();
    if (backend.lane?.length === 0) backend.lane = null;
    if (next.purpose === 'relay' && next.isGuaranteed && mayHold(state, turn, backend)) {
      coverWaiting(state, turn, backend, next);
      continue;
    }
    noteFailed(state, turn, backend, next);
    if (next.purpose === 'relay') withhold(state, turn, next);
  }
  if (backend.lane?.length === 0) backend.lane = null;
  if (state.held.length > 0) deliverHeld(state, turn, backend);
}

function holdsOf(state: StationState, { backend }: BackendLink, { transaction }: WaitingCall): boolean {
  return heldLaneOf(state, backend)?.holdsUp(transaction) === true;
}

function mayHold(state: StationState, turn: Turn, backend: BackendLink): boolean {
  return turn.context.isJournalWritable && hasRoom(state, turn, backend);
}

/** A call that its backend may not see is answered all the same: the station did nothing wrong. */
function withhold(state: StationState, turn: Turn, waiting: WaitingCall): void {
  recordDropped(state, turn, waiting, 'withheld');
  const { link } = state;
  if (link?.epoch !== waiting.caller.epoch) return;
  const when = waiting.isGuaranteed ? 'afterCommit' : 'now';
  for (const { idToken } of [waiting.caller, ...(waiting.joined ?? [])])
    answerUnasked(state, turn, link, waiting.action, idToken, when);
}

/** Calls may follow: a primary takes them unless it is being told the boot, the others only once they accepted it. */
export function mayTake(state: StationState, turn: Turn, { backend, priming }: BackendLink): boolean {
  if (roleOf(state, backend) !== 'primary') return priming.isRegistered;
  return (
    priming.phase !== 'registering' && (priming.phase !== 'priming' || priming.dueAtMs > turn.context.nowMs)
  );
}
