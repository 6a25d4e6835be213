import { describe, expect, test } from 'vitest';
import type { DurableStation } from '../core/journal/record.ts';
import { createStation, durableStation } from '../core/station/state.ts';
import { checkStationId, type StationId } from '../protocol/station-id.ts';
import type { HeldEntry } from '../core/hold/held-lane.ts';
import { forgetDriver, rememberedMax, type Driver } from './data-plane.ts';

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
