/**
 * The one place where what outlives the process changes: live, at restart and in the simulator.
 *
 * Pure.
 */
import type { DurableStation, StationRecord } from '../journal/record.ts';

/** Changes the durable part of a station by a record of it. True when there was something to change. */
export function applyRecord(durable: DurableStation, record: StationRecord): boolean {
  switch (record.type) {
    case 'booted':
      durable.boot = record.boot;
      return true;
    case 'link':
      if (record.link !== 'station') return false;
      if (record.version !== null) durable.version = record.version;
      durable.lastSeenAt = record.at;
      return true;
    case 'frame':
    case 'sent':
    case 'dropped':
      return false;
  }
}
