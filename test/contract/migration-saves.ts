/** What is saved of migrations, for tests of their stores: small, and as the machine makes it. */
import { createMigration, freshStation } from '../../src/core/migration/create.ts';
import { noSideEffects, planDefaults, type MigrationPlan } from '../../src/core/migration/plan.ts';
import type { MigrationHead, StationProgress } from '../../src/core/migration/state.ts';
import type { MigrationSave } from '../../src/ports/migrations.ts';
import type { StationId } from '../../src/protocol/station-id.ts';

const savedAtMs = 1_700_000_000_000;

const plan: MigrationPlan = {
  ...planDefaults,
  name: 'leave-old',
  from: 'old',
  to: 'new',
  waves: [],
  gates: [],
  approve: false,
  also: noSideEffects,
};

export function headOf(id: string, given: Partial<MigrationHead> = {}): MigrationHead {
  return { ...createMigration(id, plan, savedAtMs).head, phase: 'ready', ...given };
}

export function progressOf(station: string, given: Partial<StationProgress> = {}): StationProgress {
  return { ...freshStation(station as StationId, 0, savedAtMs), ...given };
}

export function saveOf(head: MigrationHead, given: Partial<MigrationSave> = {}): MigrationSave {
  return { head, stations: [], isReplaced: false, evidence: [], ...given };
}
