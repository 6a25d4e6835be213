/**
 * Operators' decisions on their way to a station's machine, and through it to the disk: one number each, so that an outcome finds who waits for it.
 *
 * Not pure: each decision that waits has a timer. A disk that stalls is what it is for.
 */
import type { DecisionOutcome, DeliveryDecision } from '../core/station/events.ts';

/** What the machine of a station is told. */
export interface DeliveryDecided {
  readonly type: 'delivery_decided';
  /** Unique in the process. */
  readonly requestId: number;
  readonly number: number;
  readonly decision: DeliveryDecision;
}

export interface OperatorDecisions {
  /** Hands the decision to `deliver`, and waits until it is settled; null: it was not in time. */
  decide(
    number: number,
    decision: DeliveryDecision,
    deliver: (event: DeliveryDecided) => void,
  ): Promise<DecisionOutcome | null>;
  /** The machine's `decision_settled`. One that nobody waits for any more is forgotten. */
  settle(requestId: number, outcome: DecisionOutcome): void;
}

/** The machine decides at once; the rest is the commit's time. Less than the API's clients wait. */
export const decisionDeadlineMs = 5_000;

export function createOperatorDecisions(): OperatorDecisions {
  const waiting = new Map<number, (outcome: DecisionOutcome | null) => void>();
  let lastId = 0;

  const end = (requestId: number, outcome: DecisionOutcome | null): void => {
    const resolve = waiting.get(requestId);
    waiting.delete(requestId);
    resolve?.(outcome);
  };

  return {
    settle: end,
    async decide(number, decision, deliver) {
      lastId += 1;
      const requestId = lastId;
      const outcome = Promise.withResolvers<DecisionOutcome | null>();
      waiting.set(requestId, outcome.resolve);
      const deadline = setTimeout(() => end(requestId, null), decisionDeadlineMs);
      // The machine may settle it before `deliver` returns.
      deliver({ type: 'delivery_decided', requestId, number, decision });
      const settled = await outcome.promise;
      clearTimeout(deadline);
      return settled;
    },
  };
}
