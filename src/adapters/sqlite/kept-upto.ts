/**
 * Up to which position the rows of held messages, learned tokens and billing at risk tell all, and what the batches behind it tell.
 */
import type { DatabaseSync } from 'node:sqlite';
import { decodeRecords } from '../../core/journal/codec.ts';
import { isKept, KeptChanges } from '../../core/journal/kept-changes.ts';
import { batchColumns, placeOf, readBatch, storedBatchOf, type UnreadableBatch } from './stored-batch.ts';

export interface KeptUpto {
  /** 0 where it cannot be trusted: everything is read then, and comes to the same. */
  read(): number;
  /** What the batches behind this position tell of rows. `unreadable` is told of every batch that cannot be trusted. */
  changesBehind(position: number, unreadable: (batch: UnreadableBatch) => void): KeptChanges;
}

export function prepareKeptUpto(database: DatabaseSync): KeptUpto {
  const upto = database.prepare('SELECT position, complement FROM kept_upto');
  const behind = database.prepare(`SELECT ${batchColumns} FROM batch WHERE first > ? ORDER BY first`);
  upto.setReadBigInts(true);
  return {
    read() {
      const row = upto.get();
      if (row === undefined) return 0;
      const position = row['position'] as bigint;
      const isWhole = position + (row['complement'] as bigint) === -1n;
      return isWhole ? Number(position) : 0;
    },
    changesBehind(position, unreadable) {
      const changes = new KeptChanges(true);
      for (const row of behind.iterate(position)) {
        const batch = storedBatchOf(row);
        const records = readBatch(batch, (body) => decodeRecords(body, batch.first));
        if (records === null) unreadable(placeOf(batch));
        for (const { record } of records ?? []) if (isKept(record)) changes.add(record);
      }
      return changes;
    },
  };
}

/** Sets how far rows tell all, inside the transaction that is open. */
export function prepareSettingUpto(database: DatabaseSync): (position: number) => void {
  const set = database.prepare('INSERT OR REPLACE INTO kept_upto VALUES (1, ?, ?)');
  return (position) => void set.run(position, -1 - position);
}
