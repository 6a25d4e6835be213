import { expect, test } from 'vitest';
import type { KnownStation } from '../ports/settings.ts';
import type { StationId } from '../protocol/station-id.ts';
import { createSimulatedFleet } from '../testkit/simulated-fleet.ts';
import { readFleet, viewOf } from './migration-fleet.ts';

test('a backend that is in the configuration no more is said to be, and not to have yet to be told', () => {
  const { registry } = createSimulatedFleet({ count: 1, primary: 'old', decisionMs: 0 });
  const snapshot = registry.station('CP-1' as StationId);
  expect(snapshot).not.toBeNull();
  expect(viewOf(snapshot, 'new', true).sync).toBeNull();
  expect(viewOf(snapshot, 'new', false).sync).toBe('it is not in the configuration');
});

test.each([
  ['listed', 'none', ['CP-1', 'CP-3']],
  ['any', 'basic', ['CP-1', 'CP-3']],
  ['any', 'none', ['CP-1', 'CP-2', 'CP-3']],
] as const)(
  'admit: %s, auth: %s: of CP-2, which is away and listed no more, the fleet is %j',
  async (admit, auth, ids) => {
    const { registry, stations } = createSimulatedFleet({ count: 3, primary: 'old', decisionMs: 0 });
    for (const id of ['CP-2', 'CP-3']) {
      const station = stations.get(id as StationId);
      if (station !== undefined) station.isConnected = false;
    }
    const known = new Map([['CP-3' as StationId, {} as KnownStation]]);
    const routing = { groups: new Map(), routes: [], backends: new Map() };
    const settings = { backends: new Map(), routing, listener: { admit, auth, known } };
    const fleet = await readFleet(registry, settings, { next: () => undefined });
    expect(fleet.stations.map(({ station }) => station)).toEqual(ids);
  },
);
