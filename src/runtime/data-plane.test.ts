import { describe, expect, test } from 'vitest';
import { learnedTokensMax } from '../core/cover/learned-tokens.ts';
import type { DurableStation } from '../core/journal/record.ts';
import { createStation, durableStation } from '../core/station/state.ts';
import { checkStationId, type StationId } from '../protocol/station-id.ts';
import type { HeldEntry } from '../core/hold/held-lane.ts';
import type { LearnedToken } from '../core/hold/held-message.ts';
import { forgetDriver, learnToken, rememberedMax, tokensFound, type Driver } from './data-plane.ts';

function idOf(text: string): StationId {
  const id = checkStationId(text);
  if (!id.ok) throw new Error('unreachable');
  return id.value;
}

const nothing = (): void => {};

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
  remembered: Map<StationId, DurableStation>;
  held: Map<StationId, readonly HeldEntry[]>;
  heldCharacters: number;
} {
  return {
    drivers: new Map(drivers.map((driver) => [driver.state.id, driver])),
    remembered: new Map(),
    held: new Map(),
    heldCharacters: 0,
  };
}

describe('a driver that is let go of', () => {
  test('leaves what its station said, if that was ever seen', () => {
    const [seen, unseen] = [driverOf('CP-1', 7), driverOf('CP-2', null)];
    const plane = planeWith(seen, unseen);
    forgetDriver(plane, seen);
    forgetDriver(plane, unseen);
    expect([...plane.drivers]).toEqual([]);
    expect([...plane.remembered.values()]).toEqual([seen.state.durable]);
  });

  test('does not take its successor with it', () => {
    const [old, next] = [driverOf('CP-1', 7), driverOf('CP-1', 8)];
    const plane = planeWith(next);
    forgetDriver(plane, old);
    expect(plane.drivers.get(next.state.id)).toBe(next);
    expect(plane.remembered.size).toBe(0);
  });

  test('is remembered up to a bound, the oldest making room', () => {
    const plane = planeWith();
    for (let count = 0; count < rememberedMax; count += 1)
      plane.remembered.set(idOf(`S${count}`), durableStation({ lastSeenAt: 1 }));
    const driver = driverOf('CP-1', 7);
    plane.drivers.set(driver.state.id, driver);
    forgetDriver(plane, driver);
    expect(plane.remembered.size).toBe(rememberedMax);
    expect([plane.remembered.has(idOf('S0')), plane.remembered.has(driver.state.id)]).toEqual([false, true]);
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
