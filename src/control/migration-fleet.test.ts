import { expect, test } from 'vitest';
import type { StationId } from '../protocol/station-id.ts';
import { createSimulatedFleet } from '../testkit/simulated-fleet.ts';
import { viewOf } from './migration-fleet.ts';

test('a backend that is in the configuration no more is said to be, and not to have yet to be told', () => {
  const { registry } = createSimulatedFleet({ count: 1, primary: 'old', decisionMs: 0 });
  const snapshot = registry.station('CP-1' as StationId);
  expect(snapshot).not.toBeNull();
  expect(viewOf(snapshot, 'new', true).sync).toBeNull();
  expect(viewOf(snapshot, 'new', false).sync).toBe('it is not in the configuration');
});
