import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Clock } from '../ports/clock.ts';
import { startTimerWheel, type Sleeper, type TimerWheel } from './timer-wheel.ts';

/** Wakes up when it is told to, and may want to be woken again. */
class Napper implements Sleeper {
  scheduledAtMs = Infinity;
  wakeAtMs: number;
  readonly wokenAtMs: number[] = [];
  readonly #clock: Clock;
  readonly #onWake: (napper: Napper) => void;

  constructor(clock: Clock, wakeAtMs: number, onWake: (napper: Napper) => void = () => {}) {
    this.#clock = clock;
    this.wakeAtMs = wakeAtMs;
    this.#onWake = onWake;
  }

  wake(): void {
    this.wokenAtMs.push(this.#clock.nowMs());
    this.wakeAtMs = Infinity;
    this.#onWake(this);
  }
}

let nowMs = 0;
const clock: Clock = { wallMs: () => nowMs, nowMs: () => nowMs };
let wheel: TimerWheel;

/** Time passes in steps that are longer than a slot: the timer is always late, as in a busy process. */
function pass(ms: number, tickMs = 50): void {
  for (const endMs = nowMs + ms; nowMs < endMs;) {
    nowMs = Math.min(nowMs + tickMs, endMs);
    vi.advanceTimersByTime(50);
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'] });
});

afterEach(() => {
  wheel.stop();
  vi.useRealTimers();
});

describe('a timer wheel', () => {
  test('wakes everyone at its time or up to two slots later, wherever its start and theirs lie', () => {
    for (const startMs of [0, 10, 1_049.9, 123_456.789]) {
      for (const tickMs of [50, 51, 63]) {
        nowMs = startMs;
        wheel = startTimerWheel(clock);
        const nappers = Array.from(
          { length: 400 },
          (_, index) => new Napper(clock, startMs + 60 + index * 7.3),
        );
        for (const napper of nappers) wheel.schedule(napper);
        const wanted = nappers.map((napper) => napper.wakeAtMs);
        pass(4_000, tickMs);
        for (const [index, { wokenAtMs }] of nappers.entries()) {
          expect(wokenAtMs).toHaveLength(1);
          const lateMs = (wokenAtMs[0] ?? NaN) - (wanted[index] ?? NaN);
          expect(lateMs).toBeGreaterThanOrEqual(0);
          expect(lateMs).toBeLessThanOrEqual(50 + tickMs);
        }
        wheel.stop();
      }
    }
  });

  test('an earlier time overtakes a later one, and each time wakes once', () => {
    nowMs = 17;
    wheel = startTimerWheel(clock);
    const napper = new Napper(clock, 30_000);
    wheel.schedule(napper);
    napper.wakeAtMs = 1_000;
    wheel.schedule(napper);
    pass(2_000);
    expect(napper.wokenAtMs).toHaveLength(1);
    napper.wakeAtMs = 40_000;
    wheel.schedule(napper);
    pass(45_000);
    expect(napper.wokenAtMs).toHaveLength(2);
    expect(napper.wokenAtMs[1]).toBeGreaterThanOrEqual(40_000);
  });

  test('who puts off its time after it was scheduled is not woken before it', () => {
    nowMs = 3;
    wheel = startTimerWheel(clock);
    const napper = new Napper(clock, 500);
    wheel.schedule(napper);
    napper.wakeAtMs = 5_000;
    wheel.schedule(napper);
    pass(4_900);
    expect(napper.wokenAtMs).toEqual([]);
    pass(300);
    expect(napper.wokenAtMs).toHaveLength(1);
  });

  test('a time beyond one turn of the wheel is kept, and so is one in the past', () => {
    nowMs = 40;
    wheel = startTimerWheel(clock);
    const far = new Napper(clock, 400_000);
    const past = new Napper(clock, -1_000);
    wheel.schedule(far);
    wheel.schedule(past);
    pass(200);
    expect(past.wokenAtMs).toHaveLength(1);
    pass(399_000);
    expect(far.wokenAtMs).toEqual([]);
    pass(1_500);
    expect(far.wokenAtMs).toHaveLength(1);
  });

  test('after a pause of the whole process everyone who is due is woken, also beyond a turn', () => {
    nowMs = 25;
    wheel = startTimerWheel(clock);
    const nappers = [100, 5_000, 101_000, 150_000, 900_000].map((atMs) => new Napper(clock, atMs));
    for (const napper of nappers) wheel.schedule(napper);
    nowMs = 800_000;
    vi.advanceTimersByTime(50);
    pass(200);
    expect(nappers.map(({ wokenAtMs }) => wokenAtMs.length)).toEqual([1, 1, 1, 1, 0]);
    pass(101_000);
    expect(nappers.at(-1)?.wokenAtMs).toHaveLength(1);
  });

  test('nobody is lost when thousands are due and time goes on between the slices', () => {
    nowMs = 5;
    // Waking costs time: the next slots come due while slices of this one are still to be woken.
    const slow = (): void => void (nowMs += 0.5);
    wheel = startTimerWheel(clock);
    const nappers = Array.from(
      { length: 5_000 },
      (_, index) => new Napper(clock, 100 + (index % 40) * 10, slow),
    );
    for (const napper of nappers) wheel.schedule(napper);
    pass(5_000);
    expect(nappers.filter(({ wokenAtMs }) => wokenAtMs.length !== 1)).toEqual([]);
  });

  test('one who wants to be woken at once again and again does so once a slot, and holds up nobody', () => {
    nowMs = 0;
    wheel = startTimerWheel(clock);
    const restless = new Napper(clock, 10, (napper) => {
      napper.wakeAtMs = 0;
      wheel.schedule(napper);
    });
    wheel.schedule(restless);
    pass(1_000);
    expect(restless.wokenAtMs.length).toBeLessThanOrEqual(20);
    expect(restless.wokenAtMs.length).toBeGreaterThanOrEqual(10);
  });

  test('nobody is woken after the stop', () => {
    nowMs = 0;
    wheel = startTimerWheel(clock);
    const napper = new Napper(clock, 100);
    wheel.schedule(napper);
    wheel.stop();
    pass(1_000);
    expect(napper.wokenAtMs).toEqual([]);
  });
});
