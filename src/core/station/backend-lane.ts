/**
 * What a backend is sent next: Busbar's own calls that are due, then what waits in its lane.
 *
 * Pure.
 */
import { recordSkipped } from './copies.ts';
import { factsOf } from './find-backend.ts';
import { sendOwnCall } from './own-calls.ts';
import { roleOf } from './roles.ts';
import { pump } from './slot.ts';
import type { BackendLink, StationState } from './state.ts';
import type { Turn } from './turn.ts';

/** Sends what is next at this backend: a call of Busbar's own that is due, or one that waits. */
export function pumpCalls(state: StationState, turn: Turn, backend: BackendLink): void {
  const facts = factsOf(turn, backend.backend);
  if (facts === null || backend.phase !== 'open' || backend.slot !== null) return;
  if (sendOwnCall(state, turn, backend) || !mayTake(state, turn, backend)) return;
  if (backend.lane?.peek()?.purpose === 'copy') recordSkipped(state, turn, backend, 'lane_full');
  pump(state, turn, backend, facts.callTimeoutMs);
}

/** Calls may follow: a primary takes them unless it is being told the boot, the others only once they accepted it. */
export function mayTake(state: StationState, turn: Turn, { backend, priming }: BackendLink): boolean {
  if (roleOf(state, backend) !== 'primary') return priming.isRegistered;
  return (
    priming.phase !== 'registering' && (priming.phase !== 'priming' || priming.dueAtMs > turn.context.nowMs)
  );
}
