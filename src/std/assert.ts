/**
 * Checks of what only a bug of ours can break. They stay on in production.
 *
 * Pure. Whoever drives a station catches the BugError, stops that one station and reports it; the process goes on.
 */
export class BugError extends Error {
  override readonly name = 'BugError';
}

/** Throws a {@link BugError} unless the condition holds. `claim` is the invariant, as a sentence. */
export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new BugError(`invariant broken: ${claim}`);
}

/** Marks the end of a `switch` over a union: it does not compile while a case is missing. */
export function unreachable(value: never, claim: string): never {
  throw new BugError(`invariant broken: ${claim}: ${String(value)}`);
}
