/**
 * Whose a station is, decided by way of its machine and read from what outlives the process.
 *
 * Not pure only in that it hands on decisions. A station that has not come back since the start has no machine; it gets one when something is decided about it.
 */
import type { Placement } from '../core/routing/placement.ts';
import type { AssignmentMade, Assignments, PlacementSnapshot } from '../ports/assignments.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { DataPlane, Driver } from './data-plane.ts';

/** `driverOf` makes a driver where there is none; null: there is no room. */
export function createAssignments(
  plane: Pick<DataPlane, 'drivers' | 'remembered' | 'placements'>,
  driverOf: (station: StationId) => Driver | null,
): Assignments {
  const placementAt = (station: StationId): PlacementSnapshot | null =>
    placementSnapshot(
      (plane.drivers.get(station)?.state.durable ?? plane.remembered.get(station))?.placement ?? null,
    );
  return {
    async decide(station, decision): Promise<AssignmentMade> {
      const before = placementAt(station);
      const driver = driverOf(station);
      if (driver === null) {
        const detail = 'Busbar knows too many stations to take this one up now; try again later.';
        return { kind: 'refused', reason: 'too_many_stations', detail, before, after: before };
      }
      const settled = plane.placements.decide((requestId) =>
        driver.handle({ type: 'assignment_decided', requestId, decision }),
      );
      // The machine has decided by now; what is waited for is the disk.
      const after = placementAt(station);
      return { ...((await settled) ?? unsettled), before, after };
    },
  };
}

const unsettled = {
  kind: 'refused',
  reason: 'unknown_outcome',
  detail: 'It was decided, and is not known to be on disk; look at the station again once the storage works.',
} as const;

/** What was decided of a station, for people and programs. */
export function placementSnapshot(placement: Placement | null): PlacementSnapshot | null {
  if (placement === null) return null;
  const { routed, primary, before, observers, at, ready } = placement;
  return {
    routed,
    primary,
    before,
    observers,
    since: at === 0 ? null : new Date(at).toISOString(),
    ready: ready.map(({ backend, until }) => ({
      backend,
      until: until === null ? null : new Date(until).toISOString(),
    })),
  };
}
