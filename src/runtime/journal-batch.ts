/**
 * The batch being gathered. Once it is sealed nothing is added, and a store gets it as the `JournalBatch` it is.
 */
import { positionsOf, type DurableStation, type JournalRecord } from '../core/journal/record.ts';
import type { JournalBatch } from '../ports/journal-store.ts';
import type { StationId } from '../protocol/station-id.ts';

export class GatheringBatch implements JournalBatch {
  readonly first: number;
  last: number;
  records = 0;
  /** Answers that leave once it is on disk. */
  awaited = 0;
  atFrom = Infinity;
  atTo = -Infinity;
  body = '';
  readonly stations = new Set<StationId>();
  readonly saved = new Map<StationId, string>();

  constructor(first: number) {
    this.first = first;
    this.last = first - 1;
  }

  get isEmpty(): boolean {
    return this.records === 0 && this.saved.size === 0;
  }

  /** Takes a record in its encoded form; returns its first position. */
  add(record: JournalRecord, encoded: string): number {
    const position = this.last + 1;
    this.last += positionsOf(record);
    this.records += 1;
    this.body += encoded;
    if (record.at < this.atFrom) this.atFrom = Math.floor(record.at);
    if (record.at > this.atTo) this.atTo = Math.ceil(record.at);
    if (record.type !== 'gap') this.stations.add(record.station);
    return position;
  }

  save(station: StationId, durable: DurableStation): void {
    this.saved.set(station, JSON.stringify(durable));
  }
}
