/**
 * The live stream of what was committed.
 *
 * It costs nothing while nobody listens: a batch is decoded when it is on disk and someone wants it. So a listener gets everything that is committed
 * after it subscribed, also what was appended before.
 */
import { decodeRecords } from '../core/journal/codec.ts';
import type { JournalRecord } from '../core/journal/record.ts';
import type { JournalBatch } from '../ports/journal-store.ts';
import type { Log } from '../ports/log.ts';
import type { JournalFeed } from '../ports/registry.ts';
import { assert } from '../std/assert.ts';

type Listener = (record: JournalRecord, position: number) => void;

export interface PublishingFeed extends JournalFeed {
  /** Told of every batch once it is on disk, in order. */
  publish(batch: JournalBatch): void;
}

const utf8 = new TextDecoder();

export function createJournalFeed(log: Log): PublishingFeed {
  const listeners = new Set<Listener>();
  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    publish(batch) {
      if (listeners.size === 0 || batch.records === 0) return;
      const decoded = decodeRecords(utf8.decode(batch.body), batch.first);
      assert(decoded.ok, 'a batch holds what was encoded');
      for (const listener of listeners) {
        try {
          for (const { record, position } of decoded.value) listener(record, position);
        } catch (error) {
          // A listener that breaks is a bug of its own: it is let go, and the journal goes on.
          listeners.delete(listener);
          log.error('journal_listener_broken', { error: String(error) });
        }
      }
    },
  };
}
