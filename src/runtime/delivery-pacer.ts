/**
 * How fast backends are sent what was held for them, over all stations.
 *
 * Not pure: keeps the state of each backend's line. A backend that has just come back is not to be killed by the backlog: delivery starts at a tenth of the
 * configured rate, grows with every message that is taken, and is halved when one is left unanswered or refused.
 */
import type { DeliveryRecord } from '../core/journal/record.ts';

/** Where delivery starts, and what it never falls below, as a part of the configured rate. */
const startShare = 0.1;
const leastShare = 0.02;
/** A message that was taken makes the rate grow by this part of the configured one. */
const growthShare = 0.005;
/** Delivery begins anew after so long without any. */
const forgottenMs = 60_000;
/** Who is told to wait comes back at some time within so long of the line: asked all at once, they would all be turned away again. */
const lineMaxMs = 5_000;

interface Line {
  perSecond: number;
  /** Whole messages that may leave at once. */
  tokens: number;
  atMs: number;
  /** Askers that were turned away since the last message left. */
  turnedAway: number;
}

export class DeliveryPacer {
  readonly #rateOf: (backend: string) => number;
  readonly #random: () => number;
  readonly #lines = new Map<string, Line>();

  /** `rateOf`: messages a second that are configured for a backend; Infinity: no pace. */
  constructor(rateOf: (backend: string) => number, random: () => number) {
    this.#rateOf = rateOf;
    this.#random = random;
  }

  /** Milliseconds until a message may leave; 0: it leaves now. */
  waitMs(backend: string, nowMs: number): number {
    const most = this.#rateOf(backend);
    if (most === Infinity) return 0;
    const line = this.#lineOf(backend, most, nowMs);
    const burst = Math.max(1, line.perSecond / 10);
    line.tokens = Math.min(burst, line.tokens + ((nowMs - line.atMs) / 1_000) * line.perSecond);
    line.atMs = nowMs;
    if (line.tokens >= 1) {
      line.tokens -= 1;
      line.turnedAway = Math.max(0, line.turnedAway - 1);
      return 0;
    }
    line.turnedAway += 1;
    const turnMs = 1_000 / line.perSecond;
    return Math.max(1, Math.min(lineMaxMs, turnMs * (1 + this.#random() * line.turnedAway)));
  }

  /** What came of a message moves its backend's rate. */
  observe({ backend, outcome }: DeliveryRecord): void {
    const line = this.#lines.get(backend);
    if (line === undefined) return;
    const most = this.#rateOf(backend);
    if (outcome === 'delivered') line.perSecond = Math.min(most, line.perSecond + most * growthShare);
    else if (outcome === 'refused' || outcome === 'unanswered')
      line.perSecond = Math.max(most * leastShare, line.perSecond / 2);
  }

  #lineOf(backend: string, most: number, nowMs: number): Line {
    const known = this.#lines.get(backend);
    if (known !== undefined && nowMs - known.atMs < forgottenMs) {
      // The configured rate may be another since a reload.
      known.perSecond = Math.max(most * leastShare, Math.min(most, known.perSecond));
      return known;
    }
    const made = { perSecond: most * startShare, tokens: 1, atMs: nowMs, turnedAway: 0 };
    this.#lines.set(backend, made);
    return made;
  }
}
