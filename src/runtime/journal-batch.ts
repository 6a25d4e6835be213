/**
 * The batch being gathered. Once it is sealed nothing is added, and a store gets it as the `JournalBatch` it is.
 */
import { KeptChanges, type KeptChange } from '../core/journal/kept-changes.ts';
import { positionsOf, type DurableStation, type JournalRecord } from '../core/journal/record.ts';
import type { JournalBatch } from '../ports/journal-store.ts';
import type { StationId } from '../protocol/station-id.ts';
import { BatchBody } from './batch-body.ts';

export class GatheringBatch implements JournalBatch {
  readonly first: number;
  last: number;
  records = 0;
  /** Answers that leave once it is on disk. */
  awaited = 0;
  atFrom = Infinity;
  atTo = -Infinity;
  readonly stations = new Set<StationId>();
  readonly saved = new Map<StationId, string | null>();
  /** Of what is saved. */
  savedCharacters = 0;
  readonly #body: BatchBody;
  /** Made for the first record that needs it: few batches do. */
  #kept: KeptChanges | null = null;

  /** Whoever gave the memory may use it again once the batch is on disk. */
  constructor(first: number, memory: Buffer) {
    this.first = first;
    this.last = first - 1;
    this.#body = new BatchBody(memory);
  }

  /** Of the body. */
  get bytes(): number {
    return this.#body.length;
  }

  get body(): Uint8Array {
    return this.#body.bytes;
  }

  get memory(): Buffer {
    return this.#body.memory;
  }

  /** Keeps no more memory than it needs. Returns what it had. */
  shrink(): Buffer {
    return this.#body.shrink();
  }

  get isEmpty(): boolean {
    return this.records === 0 && this.saved.size === 0;
  }

  get kept(): readonly KeptChange[] {
    return this.#kept?.list() ?? none;
  }

  /** Takes a record in its encoded form; returns its first position. */
  add(record: JournalRecord, encoded: string): number {
    const position = this.last + 1;
    this.last += positionsOf(record);
    this.records += 1;
    this.#body.add(encoded);
    if (record.at < this.atFrom) this.atFrom = Math.floor(record.at);
    if (record.at > this.atTo) this.atTo = Math.ceil(record.at);
    switch (record.type) {
      // First, since nearly all are one of these.
      case 'frame':
      case 'sent':
        this.stations.add(record.station);
        break;
      case 'held':
      case 'delivery':
      case 'learned':
        this.stations.add(record.station);
        this.#kept ??= new KeptChanges();
        this.#kept.add(record);
        break;
      case 'billing':
        this.#kept ??= new KeptChanges();
        this.#kept.add(record);
        break;
      case 'gap':
        break;
      default:
        this.stations.add(record.station);
    }
    return position;
  }

  save(station: StationId, durable: DurableStation): void {
    this.#put(station, JSON.stringify(durable));
  }

  forget(station: StationId): void {
    this.#put(station, null);
  }

  #put(station: StationId, text: string | null): void {
    this.savedCharacters += (text?.length ?? 0) - (this.saved.get(station)?.length ?? 0);
    this.saved.set(station, text);
  }
}

const none: readonly KeptChange[] = [];
