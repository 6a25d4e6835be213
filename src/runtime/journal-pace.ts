/**
 * How long a commit waits for company.
 *
 * A commit costs 300 to 500 µs of processor time and a sync of the disk, whatever it holds. Up to some 450 answers a second that wait for one, nobody is made to wait
 * longer. Above, commits are spaced: by a little over a millisecond at 500 answers a second, by six at 1,500, and never by more than fifteen. So a gateway at its limit,
 * where its processor time is what every station waits for, makes 70 commits a second with hundreds of records each. What nobody waits for does not count: a backend
 * that floods would otherwise slow every station's answers.
 */
export class JournalPace {
  #lastStartMs = -Infinity;
  #answersPerMs = 0;

  /** A commit that so many answers wait for starts now. */
  started(nowMs: number, answers: number): void {
    const rate = answers / Math.max(nowMs - this.#lastStartMs, shortestMs);
    this.#answersPerMs += (rate - this.#answersPerMs) * weight;
    this.#lastStartMs = nowMs;
  }

  /** Milliseconds until the next commit may start; 0 for at once. */
  waitMs(nowMs: number): number {
    const intervalMs = Math.min((this.#answersPerMs - freeAnswersPerMs) * spacingMs, intervalMaxMs);
    return intervalMs < intervalMinMs ? 0 : Math.max(0, this.#lastStartMs + intervalMs - nowMs);
  }
}

/** So many are not counted. */
const freeAnswersPerMs = 0.25;
/** Between commits, for every answer more in a millisecond. */
const spacingMs = 5;
const intervalMaxMs = 15;
/** Timers are no finer. */
const intervalMinMs = 1;
const shortestMs = 0.1;
/** How far one commit moves the rate: it follows a change within ten commits. */
const weight = 0.3;
