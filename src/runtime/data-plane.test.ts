import { beforeEach, describe, expect, test } from 'vitest';
import { learnedTokensMax } from '../core/cover/learned-tokens.ts';
import { createStation, durableStation } from '../core/station/state.ts';
import { checkStationId, type StationId } from '../protocol/station-id.ts';
import type { HeldEntry } from '../core/hold/held-lane.ts';
import type { Placement } from '../core/routing/placement.ts';
import type { LearnedToken } from '../core/hold/held-message.ts';
import {
  createForgetting,
  forgetDriver,
  learnToken,
  tokensFound,
  type DataPlane,
  type Driver,
} from './data-plane.ts';
import { Remembered, stationsKnownMax } from './remembered.ts';

function idOf(text: string): StationId {
  const id = checkStationId(text);
  if (!id.ok) throw new Error('unreachable');
  return id.value;
}

const nothing = (): void => {};

const placement: Placement = {
  routed: 'old',
  primary: 'new',
  before: 'old',
  observers: null,
  observersBefore: null,
  at: 1,
  keepWarmMs: 0,
  ready: [],
};

function driverOf(text: string, lastSeenAt: number | null): Driver {
  const state = createStation(idOf(text), durableStation({ lastSeenAt }), 'p');
  return {
    state,
    isIdle: true,
    arrive: nothing,
    handle: nothing,
    payCopies: nothing,
    applyPauses: nothing,
    onJournalFailing: nothing,
  };
}

function planeWith(...drivers: Driver[]): {
  drivers: Map<StationId, Driver>;
  remembered: Remembered;
  held: Map<StationId, readonly HeldEntry[]>;
  heldCharacters: number;
  journal: DataPlane['journal'];
} {
  const held = new Map<StationId, readonly HeldEntry[]>();
  return {
    drivers: new Map(drivers.map((driver) => [driver.state.id, driver])),
    remembered: new Remembered(new Map(), held, new Map()),
    held,
    heldCharacters: 0,
    journal: {
      forgetStation: (station) => void forgotten.push(station),
    } as Partial<DataPlane['journal']> as DataPlane['journal'],
  };
}

let forgotten: StationId[] = [];

beforeEach(() => {
  forgotten = [];
});

describe('room for a newcomer', () => {
  let looks = 0;

  /** Busy ones count how often they are looked at. */
  function crowd(size: number): { plane: Parameters<typeof createForgetting>[0]; now: { ms: number } } {
    const now = { ms: 0 };
    const drivers = Array.from({ length: size }, (_, at) => driverOf(`CP-${at}`, 7));
    for (const driver of drivers)
      Object.defineProperty(driver, 'isIdle', { configurable: true, get: () => (looks += 1) === 0 });
    looks = 0;
    const clock = { wallMs: () => 0, nowMs: () => now.ms };
    return { plane: { ...planeWith(...drivers), clock }, now };
  }

  test('is found by looking at each station in turn, not at all of them each time', () => {
    const { plane } = crowd(100);
    const forget = createForgetting(plane);
    for (let at = 0; at < 50; at += 1) {
      const newcomer = driverOf(`N-${at}`, 7);
      plane.drivers.set(newcomer.state.id, newcomer);
      expect(forget()).toBe(true);
    }
    expect(looks).toBe(100);
    expect(plane.drivers.size).toBe(100);
  });

  test('where there is none is looked for again after a second', () => {
    const { plane, now } = crowd(100);
    const forget = createForgetting(plane);
    expect([forget(), forget(), looks]).toEqual([false, false, 100]);
    now.ms = 1_000;
    expect([forget(), looks]).toEqual([false, 200]);
  });
});

describe('a driver that is let go of', () => {
  test('leaves what its station said, if that was ever seen', () => {
    const [seen, unseen] = [driverOf('CP-1', 7), driverOf('CP-2', null)];
    const plane = planeWith(seen, unseen);
    forgetDriver(plane, seen);
    forgetDriver(plane, unseen);
    expect([...plane.drivers]).toEqual([]);
    expect([...plane.remembered]).toEqual([[seen.state.id, seen.state.durable]]);
  });

  test('does not take its successor with it', () => {
    const [old, next] = [driverOf('CP-1', 7), driverOf('CP-1', 8)];
    const plane = planeWith(next);
    forgetDriver(plane, old);
    expect(plane.drivers.get(next.state.id)).toBe(next);
    expect(plane.remembered.size).toBe(0);
  });

  test('leaves what was decided about its station, also where that was never seen', () => {
    const driver = driverOf('CP-1', null);
    driver.state.durable.placement = placement;
    const plane = planeWith(driver);
    forgetDriver(plane, driver);
    expect(plane.remembered.get(driver.state.id)?.placement).toBe(placement);
  });

  test('is remembered up to a bound, the oldest making room in memory and in the journal', () => {
    const plane = planeWith();
    const durable = durableStation({ lastSeenAt: 1 });
    for (let count = 0; count < stationsKnownMax; count += 1)
      plane.remembered.add(idOf(`S${count}`), durable);
    const driver = driverOf('CP-1', 7);
    plane.drivers.set(driver.state.id, driver);
    forgetDriver(plane, driver);
    expect(plane.remembered.size).toBe(stationsKnownMax);
    expect([plane.remembered.has(idOf('S0')), plane.remembered.has(driver.state.id)]).toEqual([false, true]);
    expect(forgotten).toEqual(['S0']);
  });
});

function heardAt(at: number): LearnedToken {
  return { status: 'Accepted', group: null, expiresAt: null, learnedAt: at };
}

describe('tokens that a start finds', () => {
  test('are no more than are known at once, and make room in the order in which they were heard of', () => {
    const found = new Map(
      Array.from({ length: learnedTokensMax + 2 }, (_, at) => [`t-${at}`, heardAt(learnedTokensMax - at)]),
    );
    const tokens = tokensFound(found);
    expect(tokens.size).toBe(learnedTokensMax);
    const lastFound = `t-${learnedTokensMax - 1}`;
    expect(tokens.keys().next().value).toBe(lastFound);
    const record = { type: 'learned', at: 0, station: idOf('CP-1'), backend: 'old' } as const;
    learnToken({ tokens }, { ...record, token: 'new', learned: heardAt(learnedTokensMax) });
    expect([tokens.has(lastFound), tokens.has('t-0'), tokens.size]).toEqual([false, true, learnedTokensMax]);
  });
});
