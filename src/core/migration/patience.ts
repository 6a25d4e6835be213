/**
 * How long a station may be in the way of its wave.
 *
 * Pure. Time counts while the migration runs: not in a pause, and not while Busbar is down. An open transaction is waited for with a patience of its own, and neither counts
 * against the other.
 */
import type { StationProgress } from './state.ts';
import { explain, touch, type Turn } from './turn.ts';

type Blocked = NonNullable<StationProgress['blocked']>;

/** Something is in its way. */
export function block(turn: Turn, progress: StationProgress, by: Blocked['by'], reason: string): void {
  explain(turn, progress, reason);
  if (progress.blocked?.by === by) return;
  unblock(turn, progress);
  progress.blocked = { by, fromMs: turn.state.head.ranMs };
  touch(turn, progress);
}

/** Nothing is, or it is not its turn. */
export function unblock(turn: Turn, progress: StationProgress): void {
  const { blocked } = progress;
  if (blocked === null) return;
  progress.waitedMs[blocked.by] += turn.state.head.ranMs - blocked.fromMs;
  progress.blocked = null;
  touch(turn, progress);
}

/** What is in its way has been there for longer than the plan allows, or than that many milliseconds. */
export function isOverdue(
  { state }: Turn,
  { blocked, waitedMs }: StationProgress,
  allowedMs: number | null = null,
): boolean {
  if (blocked === null) return false;
  const { plan, ranMs } = state.head;
  const maxMs = allowedMs ?? (blocked.by === 'transaction' ? plan.waitUpToMs : plan.giveUpAfterMs);
  return waitedMs[blocked.by] + ranMs - blocked.fromMs >= maxMs;
}
