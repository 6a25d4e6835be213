/**
 * How long a commit waits for company.
 *
 * A commit costs some 100 µs of processor time and a sync of the disk, whatever it holds. Below some 1,000 records a second nobody is made to wait. Above,
 * commits are spaced by a millisecond for every 1,000 records a second, up to seven: 140 commits a second, with hundreds of records each.
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
    const intervalMs = Math.min(this.#recordsPerMs, intervalMaxMs);
    return intervalMs < intervalMinMs ? 0 : Math.max(0, this.#lastStartMs + intervalMs - nowMs);
  }
}

const intervalMaxMs = 7;
/** Timers are no finer. */
const intervalMinMs = 1;
const shortestMs = 0.1;
/** How far one commit moves the rate: it follows a change within ten commits. */
const weight = 0.3;
