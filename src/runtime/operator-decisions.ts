/**
 * Decisions about a station on their way to its machine, and through it to the disk: one number each, so that an outcome finds who waits for it.
 *
 * Not pure: each decision that waits has a timer. A disk that stalls is what it is for.
 */

export interface OperatorDecisions<Outcome> {
  /** Hands the decision's number, unique among these, to `deliver`, and waits until it is settled; null: it was not in time. */
  decide(deliver: (requestId: number) => void): Promise<Outcome | null>;
  /** What the machine says of it. One that nobody waits for any more is forgotten. */
  settle(requestId: number, outcome: Outcome): void;
}

/** The machine decides at once; the rest is the commit's time. Less than the API's clients wait. */
export const decisionDeadlineMs = 5_000;

export function createOperatorDecisions<Outcome>(): OperatorDecisions<Outcome> {
  const waiting = new Map<number, (outcome: Outcome | null) => void>();
  let lastId = 0;

  const end = (requestId: number, outcome: Outcome | null): void => {
    const resolve = waiting.get(requestId);
    waiting.delete(requestId);
    resolve?.(outcome);
  };

  return {
    settle: end,
    async decide(deliver) {
      lastId += 1;
      const requestId = lastId;
      const outcome = Promise.withResolvers<Outcome | null>();
      waiting.set(requestId, outcome.resolve);
      const deadline = setTimeout(() => end(requestId, null), decisionDeadlineMs);
      // Nobody keeps a process for it.
      deadline.unref();
      // The machine may settle it before `deliver` returns.
      deliver(requestId);
      const settled = await outcome.promise;
      clearTimeout(deadline);
      return settled;
    },
  };
}
