/**
 * Whether a run held what the gateway promises: every checker, on everything that was seen.
 *
 * Pure.
 */
import {
  checkAnswers,
  checkBounds,
  checkDelivered,
  checkDuplicates,
  checkIdentity,
  checkLinks,
  checkOneOutstanding,
  checkOrder,
  type Bound,
  type Evidence,
  type Violation,
} from '../checkers.ts';
import type { Plan } from './plan.ts';

export interface Case {
  readonly evidence: Evidence;
  readonly plan: Plan;
  readonly kills: number;
  /** Errors that the gateway wrote itself. */
  readonly ownErrors: ReadonlySet<string>;
  readonly endMs: number;
  readonly bounds: readonly Bound[];
}

/** Everything that did not hold; empty when all did. */
export function judge({ evidence, plan, kills, ownErrors, endMs, bounds }: Case): Violation[] {
  const latencyMs = plan.latencyMs[1];
  return [
    ...checkDelivered(evidence),
    // In time is the monitor's to say: the ledgers do not know whether a call reached the gateway.
    ...checkAnswers(evidence, { answerWithinMs: Infinity, endMs }),
    ...checkIdentity(evidence, { isOwnError: (text) => ownErrors.has(text) }),
    ...checkOneOutstanding(evidence, { callTimeoutMs: plan.callTimeoutMs - 2 * latencyMs }),
    ...checkLinks(evidence),
    ...checkOrder(evidence),
    ...checkDuplicates(evidence, { kills }),
    ...checkBounds(bounds),
  ];
}
