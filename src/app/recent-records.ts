/**
 * The last seconds of the journal that the last process left: what a save may not have of a station is told by them.
 */
import type { JournalRecord } from '../core/journal/record.ts';
import { isRelearnt, relearntMs } from '../core/station/relearn.ts';
import type { JournalReader } from '../ports/journal.ts';

const pageRecords = 8_192;
/** Positions that are looked at, at most: beyond it a start would take too long, and the stations say the rest again. */
const positionsMax = 1_048_576;

/** The records of the last {@link relearntMs} up to `lastPosition` that stations are learnt from again, in order. */
export async function recentRecords(
  reader: Pick<JournalReader, 'records'>,
  lastPosition: number,
): Promise<JournalRecord[]> {
  const recent: JournalRecord[] = [];
  // A record may take two positions, and is found by its first.
  const last = (await reader.records(Math.max(0, lastPosition - 2), 2)).records.at(-1);
  if (last === undefined) return recent;
  const fromMs = last.record.at - relearntMs;
  let after: number | null = await positionBefore(reader, fromMs, lastPosition);
  while (after !== null) {
    const page = await reader.records(after, pageRecords);
    for (const { record } of page.records) if (record.at >= fromMs && isRelearnt(record)) recent.push(record);
    after = page.next;
  }
  return recent;
}

/** A position from which on there is everything since that time; found in strides, since a journal may be long. */
async function positionBefore(
  reader: Pick<JournalReader, 'records'>,
  fromMs: number,
  lastPosition: number,
): Promise<number> {
  for (let back = 1_024; back < Math.min(lastPosition, positionsMax); back *= 4) {
    const [first] = (await reader.records(lastPosition - back, 1)).records;
    if (first === undefined || first.record.at < fromMs) return lastPosition - back;
  }
  return Math.max(0, lastPosition - positionsMax);
}
