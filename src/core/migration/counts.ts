/**
 * What was counted of a wave's stations, and what it comes to.
 *
 * Pure. Counts are only ever added to, so that they can be kept, and added to again after a restart.
 */
import { answerBoundsMs, type Counts, type SessionCounts } from './state.ts';

export function noCounts(): Counts {
  return {
    answered: 0,
    errors: 0,
    unanswered: 0,
    asked: 0,
    accepted: 0,
    drops: 0,
    watchedMs: 0,
    answers: answerBoundsMs.map(() => 0).concat(0),
  };
}

export function addCounts(to: Counts, more: Counts): void {
  to.answered += more.answered;
  to.errors += more.errors;
  to.unanswered += more.unanswered;
  to.asked += more.asked;
  to.accepted += more.accepted;
  to.drops += more.drops;
  to.watchedMs += more.watchedMs;
  for (const [at, count] of more.answers.entries()) to.answers[at] = (to.answers[at] ?? 0) + count;
}

export function noSessions(): SessionCounts {
  return {
    since: null,
    begunAtOld: 0,
    begunAtNew: 0,
    endedAtOld: 0,
    endedAtNew: 0,
    crossed: 0,
    handedOver: 0,
  };
}

export function addSessions(to: SessionCounts, more: Readonly<SessionCounts>): void {
  if (more.since !== null) to.since = Math.min(to.since ?? Infinity, more.since);
  to.begunAtOld += more.begunAtOld;
  to.begunAtNew += more.begunAtNew;
  to.endedAtOld += more.endedAtOld;
  to.endedAtNew += more.endedAtNew;
  to.crossed += more.crossed;
  to.handedOver += more.handedOver;
}

/** Counts one answer that took so long, milliseconds. */
export function countAnswer(counts: Counts, tookMs: number): void {
  let at = 0;
  while (at < answerBoundsMs.length && tookMs > (answerBoundsMs[at] as number)) at += 1;
  counts.answers[at] = (counts.answers[at] ?? 0) + 1;
}

/** null: nothing to divide by. */
export function shareOf(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** What stands for an answer that took longer than all bounds, milliseconds: a number that JSON has. */
const beyondMs = 2 * (answerBoundsMs.at(-1) as number);

/** The bound within which 95 % of the answers came, milliseconds; null: there was none. */
export function p95Of({ answers }: Counts): number | null {
  const total = answers.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = Math.ceil(total * 0.95);
  for (const [at, count] of answers.entries()) {
    left -= count;
    if (left <= 0) return answerBoundsMs[at] ?? beyondMs;
  }
  return beyondMs;
}

const hourMs = 3_600_000;

/** For each of so many stations and hour. The first hour of each counts whole: one link that ends in the first minute is no sixty an hour, and two of forty no two. */
export function dropsPerHourOf({ drops, watchedMs }: Counts, stations: number): number | null {
  return watchedMs === 0 ? null : drops / Math.max(1, stations, watchedMs / hourMs);
}
