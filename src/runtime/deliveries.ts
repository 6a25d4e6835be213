/**
 * What is held for backends, over all stations: read from the lanes when asked for, and decided about by way of the stations' machines.
 *
 * Not pure only in that it reads live state and hands on decisions. A station that has not come back since the start has no machine; it gets one when something
 * is to be decided about what is held for it.
 */
import { riskAgeMs } from '../core/hold/billing-risk.ts';
import { HeldLane, type HeldEntry, type Standing } from '../core/hold/held-lane.ts';
import type {
  BackendHeld,
  Deliveries,
  DeliveryFilter,
  DeliveryKey,
  DeliverySnapshot,
} from '../ports/deliveries.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { DataPlane, Driver } from './data-plane.ts';

/** Characters of text beyond which a list ends early. */
const listCharactersMax = 8 * 1024 * 1024;

/** What of the data plane is needed here. */
export type DeliveriesPlane = Pick<DataPlane, 'drivers' | 'held' | 'clock' | 'decisions'>;

/** `driverOf` makes a driver where there is none; null: there is no room. */
export function createDeliveries(
  plane: DeliveriesPlane,
  driverOf: (station: StationId) => Driver | null,
): Deliveries {
  const find = ({ station, number }: DeliveryKey): DeliverySnapshot | null => {
    for (const lane of heldLanesOf(plane, station)) {
      if (lane.find(number) === null) continue;
      for (const standing of lane.standings())
        if (standing.entry.message.number === number) return snapshotOf(station, standing);
    }
    return null;
  };
  return {
    find,
    list: (filter) => cutShort(firstOf(plane, filter), filter.limit),
    heldByBackend: () => {
      const totals = new Map<string, BackendHeld>();
      for (const [, lanes] of allLanes(plane))
        for (const lane of lanes)
          totals.set(lane.backend, plus(totals.get(lane.backend), heldIn(plane, lane)));
      return totals;
    },
    decide: async (key, decision) => {
      const before = find(key);
      if (before === null) {
        const detail = `Nothing is held under the number ${key.number}.`;
        return { kind: 'refused', reason: 'unknown', detail, before, after: null };
      }
      const driver = driverOf(key.station);
      if (driver === null) {
        const detail = 'Busbar knows too many stations to take this one up now; try again later.';
        return { kind: 'refused', reason: 'too_many_stations', detail, before, after: before };
      }
      const { number } = key;
      const settled = plane.decisions.decide((requestId) =>
        driver.handle({ type: 'delivery_decided', requestId, number, decision }),
      );
      // The machine has decided by now; what is waited for is the disk.
      const after = find(key);
      const outcome = (await settled) ?? unsettled;
      return { ...outcome, before, after };
    },
  };
}

const unsettled = {
  kind: 'refused',
  reason: 'unknown_outcome',
  detail:
    'It was decided, and is not known to be on disk; look at the delivery again once the storage works.',
} as const;

/** What is held for a station, with a driver or without. */
export function heldLanesOf(
  plane: Pick<DataPlane, 'drivers' | 'held'>,
  station: StationId,
): readonly HeldLane[] {
  const state = plane.drivers.get(station)?.state;
  if (state !== undefined) return state.held;
  const entries = plane.held.get(station);
  return entries === undefined ? [] : lanesOf(entries);
}

/** How a lane stands now. */
export function heldIn({ clock }: Pick<DataPlane, 'clock'>, lane: HeldLane): BackendHeld {
  const { held, parked, atRisk } = lane.depth(clock.wallMs() - riskAgeMs);
  return { held, parked, billingAtRisk: atRisk, bytes: lane.characters };
}

function plus(one: BackendHeld | undefined, other: BackendHeld): BackendHeld {
  if (one === undefined) return other;
  return {
    held: one.held + other.held,
    parked: one.parked + other.parked,
    billingAtRisk: one.billingAtRisk + other.billingAtRisk,
    bytes: one.bytes + other.bytes,
  };
}

/** The lanes of stations without a driver, made once for the messages that they are made of, which do not change. */
const lanesMade = new WeakMap<readonly HeldEntry[], readonly HeldLane[]>();

function lanesOf(entries: readonly HeldEntry[]): readonly HeldLane[] {
  const known = lanesMade.get(entries);
  if (known !== undefined) return known;
  const made = new Map<string, HeldLane>();
  for (const entry of entries) {
    const { backend } = entry.message;
    const lane = made.get(backend) ?? new HeldLane(backend);
    made.set(backend, lane);
    lane.push(entry);
  }
  const lanes = [...made.values()];
  lanesMade.set(entries, lanes);
  return lanes;
}

/** Those of each station that something is held for. */
export function* allLanes(
  plane: Pick<DataPlane, 'drivers' | 'held'>,
  only?: StationId,
): Generator<readonly [StationId, readonly HeldLane[]], void, undefined> {
  if (only !== undefined) {
    yield [only, heldLanesOf(plane, only)];
    return;
  }
  for (const [station, { state }] of plane.drivers) if (state.held.length > 0) yield [station, state.held];
  for (const [station, entries] of plane.held)
    if (!plane.drivers.has(station)) yield [station, lanesOf(entries)];
}

/** The first ones that meet every condition, one more than the limit where there are so many. */
function firstOf(plane: DeliveriesPlane, filter: DeliveryFilter): DeliverySnapshot[] {
  const wanted = filter.limit + 1;
  let found: DeliverySnapshot[] = [];
  let last: DeliverySnapshot | null = null;
  const settle = (): void => {
    found.sort(compare);
    found = found.slice(0, wanted);
    last = found.length === wanted ? (found.at(-1) ?? null) : null;
  };
  for (const [station, lanes] of allLanes(plane, filter.station))
    for (const lane of lanes) {
      if (filter.backend !== undefined && lane.backend !== filter.backend) continue;
      for (const standing of lane.standings()) {
        const key = { station, number: standing.entry.message.number };
        if (filter.after !== undefined && compare(key, filter.after) <= 0) continue;
        // A lane is in order: nothing further on comes before what is found already.
        if (last !== null && compare(key, last) > 0) break;
        const snapshot = snapshotOf(station, standing);
        if (filter.state !== undefined && snapshot.state !== filter.state) continue;
        found.push(snapshot);
        if (found.length >= 2 * wanted) settle();
      }
    }
  settle();
  return found;
}

function cutShort(
  found: readonly DeliverySnapshot[],
  limit: number,
): { items: DeliverySnapshot[]; hasMore: boolean } {
  const items: DeliverySnapshot[] = [];
  let characters = 0;
  for (const delivery of found) {
    if (items.length === limit || characters > listCharactersMax) return { items, hasMore: true };
    items.push(delivery);
    characters += delivery.text.length;
  }
  return { items, hasMore: false };
}

function compare(one: DeliveryKey, other: DeliveryKey): number {
  if (one.number !== other.number) return one.number - other.number;
  if (one.station === other.station) return 0;
  return one.station < other.station ? -1 : 1;
}

function snapshotOf(
  station: StationId,
  { entry: { message, delivery }, behind }: Standing,
): DeliverySnapshot {
  const { number, backend, action, transaction, since, text } = message;
  const { state, attempts, lastError, possiblyDuplicate = false } = delivery;
  return {
    station,
    number,
    backend,
    state: state === 'parked' || behind !== null ? 'parked' : 'held',
    action,
    transaction,
    since,
    attempts,
    lastError,
    possiblyDuplicate,
    behind: behind?.message.number ?? null,
    text,
  };
}
