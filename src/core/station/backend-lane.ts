/**
 * What a backend is sent next: Busbar's own calls that are due, then what waits in its lane.
 *
 * Pure.
 */
import { recordSkipped } from './copies.ts';
import { askAgain, coverWaiting } from './covering.ts';
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
  askAgain(state, turn, backend);
  if (sendOwnCall(state, turn, backend) || !mayBeAsked(state, turn, backend)) return;
  for (let next = nextIn(state, backend); next !== undefined; next = nextIn(state, backend)) {
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
  if (state.held.length > 0 && mayBeTold(state, backend)) deliverHeld(state, turn, backend);
}

/** What is next in its lane. One that has not accepted the boot is sent no copies. */
function nextIn(state: StationState, backend: BackendLink): WaitingCall | undefined {
  const { lane } = backend;
  if (lane === null || mayBeTold(state, backend)) return lane?.peek();
  const asked = lane.takeFirst(isAsked);
  if (asked !== undefined) lane.putBack(asked);
  return asked;
}

function isAsked({ purpose }: WaitingCall): boolean {
  return purpose === 'relay';
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

/** The station's own calls may follow, since it waits for their answers: also where the backend has not accepted the boot, but not while it is being told that. */
export function mayBeAsked(state: StationState, turn: Turn, { backend, priming }: BackendLink): boolean {
  if (priming.phase === 'registering') return false;
  if (roleOf(state, backend) !== 'primary') return true;
  return priming.phase !== 'priming' || priming.dueAtMs > turn.context.nowMs;
}

/** So may copies and what is held: to a primary, and to others once they have accepted the boot. */
function mayBeTold(state: StationState, { backend, priming }: BackendLink): boolean {
  return priming.isRegistered || roleOf(state, backend) === 'primary';
}
