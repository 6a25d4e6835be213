/**
 * A migration as others see it: an immutable copy, made when asked for.
 *
 * Pure.
 */
import type { MigrationState, StationPhase, StationProgress } from '../core/migration/state.ts';
import type { MigrationSnapshot } from '../ports/migrations.ts';

export function snapshotOf({ head, byWave }: MigrationState): MigrationSnapshot {
  const copy = structuredClone(head);
  const waves = copy.waves.map((wave, at) => Object.assign(wave, { tally: tallyOf(byWave[at] ?? []) }));
  return { ...copy, waves };
}

function tallyOf(stations: readonly StationProgress[]): Record<StationPhase, number> {
  const tally: Record<StationPhase, number> = {
    planned: 0,
    attaching: 0,
    synced: 0,
    waiting: 0,
    moved: 0,
    verified: 0,
    failed: 0,
    'rolled-back': 0,
  };
  for (const { phase } of stations) tally[phase] += 1;
  return tally;
}
