/**
 * Which sessions began and ended since a wave's first station moved, and at which backend, told from the journal's records of transactions and placements.
 *
 * Pure, but for what it is handed to count into.
 */
import type { SessionCounts } from '../core/migration/state.ts';
import type { ChangedRecord } from '../core/journal/record.ts';
import type { StationId } from '../protocol/station-id.ts';

/** What is known of one migration's stations while it is followed. */
export interface SessionWatch {
  readonly from: string;
  readonly to: string;
  /** Waves of which a station has moved. */
  readonly moved: Set<number>;
  /** Whether a station is at the new backend, by the last decision that was seen of it: sooner than the migration itself knows. */
  readonly isThere: Map<StationId, boolean>;
}

/** A station of a wave, as the migration has it. */
interface Member {
  readonly wave: number;
  readonly isMoved: boolean;
}

export function countSessions(
  watch: SessionWatch,
  { at, station, change }: ChangedRecord,
  { wave, isMoved }: Member,
  countsOf: () => SessionCounts,
): void {
  const { from, to, moved, isThere } = watch;
  if (change.what === 'placed') {
    // Without a placement it is where its route says, which is for the migration to find out.
    if (change.placement === null) return void isThere.delete(station);
    const isNew = change.placement.primary === to;
    isThere.set(station, isNew);
    if (!isNew || moved.has(wave)) return;
    moved.add(wave);
    countsOf().since = at;
    return;
  }
  if (change.what !== 'ids' || !moved.has(wave)) return;
  const told = change.change;
  switch (told.type) {
    case 'transaction_opened':
      if (!told.isBeginning) return;
      if (told.owner === from) countsOf().begunAtOld += 1;
      if (told.owner === to) countsOf().begunAtNew += 1;
      return;
    case 'transaction_handed':
      if (told.to === to) countsOf().handedOver += 1;
      return;
    case 'transaction_ended':
      if (told.owner === to) countsOf().endedAtNew += 1;
      if (told.owner !== from) return;
      countsOf().endedAtOld += 1;
      if (isThere.get(station) ?? isMoved) countsOf().crossed += 1;
      return;
    default:
  }
}
