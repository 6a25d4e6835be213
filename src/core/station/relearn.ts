/**
 * How a station last said that it is, where its process ended before that was saved.
 *
 * Pure. A change of the image or the inventory alone is saved seconds later, with whatever else is: saving it at once would cost more than relaying what it was learnt
 * from. Its record is on disk at once. So what the last seconds' records say is learnt again at a start; learning it twice changes nothing.
 */
import type { DurableStation, JournalRecord, StationRecord } from '../journal/record.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { applyRecord, isTelling } from './apply-record.ts';

/** A change of the image or the inventory is saved within this time, milliseconds. */
export const saveWithinMs = 10_000;

/** What was recorded so long before the last record may not be saved yet, milliseconds. A commit, and a clock that is set, may take their part. */
export const relearntMs = 2 * saveWithinMs;

/** Learns again what `records`, in order, say of these stations. Returns those that are otherwise than they were saved. */
export function relearn(
  stations: Pick<ReadonlyMap<StationId, DurableStation>, 'get'>,
  records: Iterable<JournalRecord>,
): ReadonlySet<StationId> {
  const changed = new Set<StationId>();
  const boots = new Map<StationId, DurableStation['image']['boot']>();
  for (const record of sinceLinks(records)) {
    const durable = stations.get(record.station);
    if (durable === undefined) continue;
    if (!boots.has(record.station)) boots.set(record.station, durable.image.boot);
    if (applyRecord(durable, record)) changed.add(record.station);
  }
  // Boots are counted, and a verdict says which it was about.
  for (const [station, saved] of boots) {
    const image = stations.get(station)?.image;
    if (saved !== null && image?.boot?.payload === saved.payload && image.boot.version === saved.version)
      image.boot = saved;
  }
  return changed;
}

/** What was said over the last link of each station. All before it was saved with that, and may be in the words of another version. */
function sinceLinks(records: Iterable<JournalRecord>): Iterable<StationRecord> {
  const since = new Map<StationId, StationRecord[]>();
  for (const record of records) {
    if (!isRelearnt(record)) continue;
    const said = since.get(record.station);
    if (record.type === 'link') since.delete(record.station);
    else if (said === undefined) since.set(record.station, [record]);
    else said.push(record);
  }
  return [...since.values()].flat();
}

/** Links tell where to begin. */
export function isRelearnt(record: JournalRecord): record is StationRecord {
  switch (record.type) {
    case 'frame':
      return isTelling(record);
    case 'changed':
      return record.change.what === 'inventory';
    case 'link':
      return record.link === 'station';
    default:
      return false;
  }
}
