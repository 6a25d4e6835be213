/**
 * What a backend that listens in may hear of.
 *
 * Pure.
 */
import { billingClasses, type MessageClass } from '../../protocol/message-class.ts';
import type { Observer } from '../routing/table.ts';
import { factsOf, findBackendLink } from './find-backend.ts';
import { listenersOf } from './roles.ts';
import type { StationState } from './state.ts';
import type { Turn } from './turn.ts';

/** Who else is shown all of a transaction that begins now. */
export function transactionListeners(state: StationState, turn: Turn): string[] {
  const { assignment } = state;
  if (assignment === null) return [];
  return listenersOf(assignment).flatMap((listener) => {
    const backend = findBackendLink(state, listener.backend);
    const isAttached = backend !== null && backend.phase !== 'idle';
    return isAttached && listener.receives.has('transactions') && mayObserve(turn, listener, 'transactions')
      ? [listener.backend]
      : [];
  });
}

/** What carries tokens or bills goes only where it is not billed; the configuration says so too, and a reload may have changed it. */
export function mayObserve(turn: Turn, { backend }: Observer, kind: MessageClass): boolean {
  return !billingClasses.has(kind) || factsOf(turn, backend)?.nonBilling === true;
}
