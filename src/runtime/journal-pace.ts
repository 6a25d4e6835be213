/**
 * How long a commit waits for company.
 *
 * A commit costs 300 to 500 µs of processor time and a sync of the disk, whatever it holds. Up to some 900 records a second nobody is made to wait. Above, commits are
 * spaced: by a little over a millisecond at 1,000 records a second, by six at 3,000, and never by more than fifteen. So a gateway at its limit, where its processor
 * time is what every station waits for, makes 70 commits a second with hundreds of records each.
 */
export class JournalPace {
  #lastStartMs = -Infinity;
  #recordsPerMs = 0;

  /** A commit of so many records starts now. */
  started(nowMs: number, records: number): void {
    const rate = records / Math.max(nowMs - this.#lastStartMs, shortestMs);
    this.#recordsPerMs += (rate - this.#recordsPerMs) * weight;
    this.#lastStartMs = nowMs;
  }

  /** Milliseconds until the next commit may start; 0 for at once. */
  waitMs(nowMs: number): number {
    const intervalMs = Math.min((this.#recordsPerMs - freeRecordsPerMs) * spacingMs, intervalMaxMs);
    return intervalMs < intervalMinMs ? 0 : Math.max(0, this.#lastStartMs + intervalMs - nowMs);
  }
}

/** So many are not counted. */
const freeRecordsPerMs = 0.5;
/** Between commits, for every record more that comes in a millisecond. */
const spacingMs = 2.5;
const intervalMaxMs = 15;
/** Timers are no finer. */
const intervalMinMs = 1;
const shortestMs = 0.1;
/** How far one commit moves the rate: it follows a change within ten commits. */
const weight = 0.3;
