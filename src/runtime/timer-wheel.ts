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

/** Fine enough that held messages which leave at a pace do not leave in heaps, whose answers would come in heaps and have live ones wait. */
const slotMs = 10;
const slots = 8_192;
/** How many sleepers are woken before frames get their turn. */
const sliceMax = 32;

export function startTimerWheel(clock: Clock): TimerWheel {
  const wheel: Sleeper[][] = Array.from({ length: slots }, () => []);
  /** The slot that was emptied last, counted from the clock's zero: slot n holds what is due after n - 1 and up to n times `slotMs`. */
  let hand = Math.floor(clock.nowMs() / slotMs);
  let due: Sleeper[] = [];
  let isSlicing = false;
  let isStopped = false;

  function schedule(sleeper: Sleeper): void {
    const { wakeAtMs, scheduledAtMs } = sleeper;
    if (wakeAtMs >= scheduledAtMs || wakeAtMs === Infinity) return;
    // At least one slot ahead of the hand, at most one turn: what lies further is scheduled again when the hand gets there.
    const slot = Math.min(Math.max(Math.ceil(wakeAtMs / slotMs), hand + 1), hand + slots - 1);
    if (slot * slotMs >= scheduledAtMs) return;
    sleeper.scheduledAtMs = slot * slotMs;
    (wheel[slot % slots] as Sleeper[]).push(sleeper);
  }

  function turn(): void {
    const now = Math.floor(clock.nowMs() / slotMs);
    // After a pause of the process longer than a turn every slot is emptied once.
    for (hand = Math.max(hand, now - slots); hand < now;) {
      hand += 1;
      const slot = wheel[hand % slots] as Sleeper[];
      if (slot.length === 0) continue;
      wheel[hand % slots] = [];
      due = due.length === 0 ? slot : due.concat(slot);
    }
    if (!isSlicing) wakeSlice();
  }

  function wakeSlice(): void {
    isSlicing = false;
    if (isStopped) return;
    // Read anew for each slice: what has become due since the last one is in `due` as well.
    const nowMs = clock.nowMs();
    for (const sleeper of due.splice(0, sliceMax)) {
      // An entry that was overtaken by an earlier one is stale.
      if (sleeper.scheduledAtMs > nowMs) continue;
      sleeper.scheduledAtMs = Infinity;
      if (sleeper.wakeAtMs <= nowMs) sleeper.wake();
      else schedule(sleeper);
    }
    if (due.length === 0) return;
    isSlicing = true;
    setImmediate(wakeSlice);
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
