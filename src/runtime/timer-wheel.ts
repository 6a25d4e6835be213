/**
 * One timer for all stations.
 *
 * Not pure: it owns the process's only repeating timer on the data plane. A wheel of slots; an entry waits in the slot of its time and is looked at when the
 * hand passes. Waking late by a slot is fine for every deadline there is. Work is cut into slices, so that thousands of stations due at the same moment
 * do not hold up frames.
 */
import type { Clock } from '../ports/clock.ts';

/** What can be woken. `scheduledAtMs` belongs to the wheel; Infinity when it holds no entry. */
export interface Sleeper {
  scheduledAtMs: number;
  /** When it wants to be woken now; Infinity: not at all. */
  readonly wakeAtMs: number;
  wake(): void;
}

export interface TimerWheel {
  /** Makes sure the sleeper is woken at its `wakeAtMs`. Cheap when that is later than what is scheduled already. */
  schedule(sleeper: Sleeper): void;
  stop(): void;
}

const slotMs = 50;
const slots = 2_048;
/** How many sleepers are woken before frames get their turn. */
const sliceMax = 256;

export function startTimerWheel(clock: Clock): TimerWheel {
  const wheel: Sleeper[][] = Array.from({ length: slots }, () => []);
  let handMs = clock.nowMs();
  let due: Sleeper[] = [];
  let isStopped = false;

  function schedule(sleeper: Sleeper): void {
    if (sleeper.wakeAtMs >= sleeper.scheduledAtMs || sleeper.wakeAtMs === Infinity) return;
    // At least one slot ahead of the hand, at most one turn: what lies further is scheduled again when the hand gets there.
    const atMs = Math.min(Math.max(sleeper.wakeAtMs, handMs + slotMs), handMs + slotMs * (slots - 1));
    sleeper.scheduledAtMs = atMs;
    slotAt(atMs).push(sleeper);
  }

  function slotAt(atMs: number): Sleeper[] {
    return wheel[Math.ceil(atMs / slotMs) % slots] as Sleeper[];
  }

  function turn(): void {
    const nowMs = clock.nowMs();
    while (handMs + slotMs <= nowMs) {
      handMs += slotMs;
      const index = Math.ceil(handMs / slotMs) % slots;
      const slot = wheel[index] as Sleeper[];
      if (slot.length === 0) continue;
      wheel[index] = [];
      due = due.length === 0 ? slot : due.concat(slot);
    }
    wakeSlice(nowMs);
  }

  function wakeSlice(nowMs: number): void {
    if (isStopped) return;
    for (const sleeper of due.splice(0, sliceMax)) {
      // An entry that was overtaken by an earlier one is stale.
      if (sleeper.scheduledAtMs > nowMs) continue;
      sleeper.scheduledAtMs = Infinity;
      if (sleeper.wakeAtMs <= nowMs) sleeper.wake();
      else schedule(sleeper);
    }
    if (due.length > 0) setImmediate(wakeSlice, nowMs);
  }

  const timer = setInterval(turn, slotMs);
  timer.unref();
  return {
    schedule,
    stop: () => {
      isStopped = true;
      clearInterval(timer);
    },
  };
}
