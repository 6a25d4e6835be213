import { expect, test } from 'vitest';
import { frameRecord } from '../../test/contract/journal-samples.ts';
import type { DurableStation } from '../core/journal/record.ts';
import type { Placement } from '../core/routing/placement.ts';
import { relearn } from '../core/station/relearn.ts';
import { durableStation } from '../core/station/state.ts';
import { Bench } from '../testkit/station-bench.ts';
import type { StationId } from '../protocol/station-id.ts';
import { Remembered, stationsKnownMax, trimRemembered } from './remembered.ts';
import type { Sleeper } from './timer-wheel.ts';

const nobody = new Set<StationId>();

function idOf(text: string): StationId {
  return text as StationId;
}

function seen(lastSeenAt: number | null, placement: Placement | null = null) {
  return durableStation({ lastSeenAt, placement });
}

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

test('who was seen longest ago is let go of first, whatever the order on disk', () => {
  const restored = new Map([
    [idOf('A'), seen(7)],
    [idOf('B'), seen(3)],
    [idOf('C'), seen(null)],
  ]);
  const remembered = new Remembered(restored, nobody, nobody);
  remembered.add(idOf('B'), seen(9));
  expect(Array.from({ length: 4 }, () => remembered.letGo())).toEqual(['C', 'A', 'B', undefined]);
  expect(remembered.size).toBe(0);
});

test('who is decided about, held for or configured goes after all others', () => {
  const restored = new Map(
    ['A', 'B', 'C', 'D'].map((id, at) => [idOf(id), seen(at, id === 'A' ? placement : null)]),
  );
  const remembered = new Remembered(restored, new Set([idOf('B')]), new Set([idOf('C')]));
  remembered.add(idOf('E'), seen(9));
  expect(Array.from({ length: 5 }, () => remembered.letGo())).toEqual(['D', 'E', 'A', 'B', 'C']);
});

test('so does one that charges: what its stop is called is known here alone', () => {
  const bench = new Bench();
  bench.connect();
  bench.fromStation(
    '[2,"s","StartTransaction",{"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"2023-11-14T22:13:20Z"}]',
  );
  const remembered = new Remembered(new Map([[idOf('A'), bench.state.durable]]), nobody, nobody);
  remembered.add(idOf('B'), seen(9));
  expect(Array.from({ length: 2 }, () => remembered.letGo())).toEqual(['B', 'A']);
});

test('another configuration says anew who goes first', () => {
  const restored = new Map(['A', 'B'].map((id, at) => [idOf(id), seen(at)]));
  const remembered = new Remembered(restored, nobody, new Set([idOf('B')]));
  remembered.update(new Set([idOf('A')]));
  expect([...remembered].map(([id]) => id)).toEqual(['B', 'A']);
  expect(remembered.letGo()).toBe('B');
});

test('what a start finds beyond the bound is let go of little by little, once those who come back are back', () => {
  const [tooMany, stranger] = [250, seen(1)];
  const restored = new Map(
    Array.from({ length: stationsKnownMax + tooMany }, (_, at) => [idOf(`S${at}`), stranger]),
  );
  const forgotten: StationId[] = [];
  const journal = { isWritable: true, forgetStation: (id: StationId) => void forgotten.push(id) };
  const sleepers: Sleeper[] = [];
  const plane = {
    drivers: new Map(),
    remembered: new Remembered(restored, nobody, nobody),
    journal,
    clock: { nowMs: () => 0, wallMs: () => 0 },
    wheel: { schedule: (sleeper: Sleeper) => void sleepers.push(sleeper), stop: () => {} },
  };
  trimRemembered(plane);
  expect([sleepers[0]?.wakeAtMs, forgotten.length]).toEqual([600_000, 0]);
  journal.isWritable = false;
  sleepers[0]?.wake();
  expect([sleepers[0]?.wakeAtMs, forgotten.length]).toEqual([1_000, 0]);
  journal.isWritable = true;
  const counts = Array.from({ length: 4 }, () => {
    sleepers[0]?.wake();
    return forgotten.length;
  });
  expect([counts, sleepers[0]?.wakeAtMs]).toEqual([[100, 200, 251, 251], Infinity]);
  expect([forgotten[0], forgotten.at(-1), plane.remembered.size]).toEqual([
    'S0',
    'S250',
    stationsKnownMax - 1,
  ]);
});

test('what an older program saved without all of it is complete, and can be learnt of again', () => {
  const placed = { routed: 'old', primary: 'new', before: 'old', at: 5, keepWarmMs: 5, ready: [] };
  const older = { boot: null, version: 'ocpp1.6', lastSeenAt: 1 };
  const restored = new Map<StationId, object>([
    [idOf('A'), older],
    [idOf('B'), { ...older, placement: placed }],
  ]) as unknown as ReadonlyMap<StationId, DurableStation>;
  const remembered = new Remembered(restored, nobody, nobody);
  const payload = '{"connectorId":1,"errorCode":"NoError","status":"Available"}';
  const status = {
    ...frameRecord({ station: idOf('A') }),
    action: 'StatusNotification',
    text: `[2,"1","StatusNotification",${payload}]`,
  };
  expect(relearn(remembered, [status])).toEqual(new Set(['A']));
  expect(remembered.get(idOf('A'))?.image.statuses).toHaveLength(1);
  expect(remembered.get(idOf('B'))?.placement).toEqual({ ...placed, observers: null, observersBefore: null });
  expect([remembered.letGo(), remembered.letGo()]).toEqual(['A', 'B']);
});
