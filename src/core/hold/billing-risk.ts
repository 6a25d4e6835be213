/**
 * When what is held for a backend puts billing at risk, and when that is over.
 *
 * Pure. A bill is at risk once a message of its transaction is parked, since nothing moves it but an operator, or is an hour old, since most backends close a session by then. It is over once none is parked
 * and none is older than half of that: a backend that takes its backlog slowly would otherwise be at risk and safe in turn, with each message that comes of age.
 */

/** Of one backend, while it lasts. Times are wall clock, milliseconds since 1970. */
export interface BillingRisk {
  /** When it was seen first. */
  readonly since: number;
  /** How many stations have messages at risk, and how many messages: the most at once so far. */
  readonly stations: number;
  readonly messages: number;
  /** When the oldest of them was held. */
  readonly oldest: number;
}

/** What is held for one backend now. */
export type HeldAtRisk = Omit<BillingRisk, 'since'>;

export type BillingChange = 'at_risk' | 'over';

/** Messages of transactions of this age are at risk. */
export const riskAgeMs = 3_600_000;
/** Where billing was at risk, none may be older than this for it to be over. */
export const easedAgeMs = riskAgeMs / 2;

export interface Judged {
  /** null: billing is not at risk. */
  readonly risk: BillingRisk | null;
  /** null: that is no news. */
  readonly change: BillingChange | null;
}

/** `before`: as it was judged last. `now`: null where nothing is at risk by `riskAgeMs`. `isEased` is asked only then. */
export function judgeBilling(
  before: BillingRisk | null,
  now: HeldAtRisk | null,
  isEased: () => boolean,
  atMs: number,
): Judged {
  if (before === null)
    return now === null ? { risk: null, change: null } : { risk: { since: atMs, ...now }, change: 'at_risk' };
  if (now === null) return isEased() ? { risk: null, change: 'over' } : { risk: before, change: null };
  const risk = {
    since: before.since,
    stations: Math.max(before.stations, now.stations),
    messages: Math.max(before.messages, now.messages),
    oldest: Math.min(before.oldest, now.oldest),
  };
  return { risk, change: null };
}
