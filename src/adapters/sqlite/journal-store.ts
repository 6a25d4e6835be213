/**
 * The journal in an SQLite file: one thread writes, another reads.
 *
 * A thread that dies is a fault like a failing disk: commits fail, and the next one starts it again.
 */
import type { CommitFault, JournalBatch, JournalStore, Retention } from '../../ports/journal-store.ts';
import type { Log } from '../../ports/log.ts';
import { assert } from '../../std/assert.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import type { OpenFault } from './database.ts';
import { startReader } from './journal-reader.ts';
import { startThread } from './thread.ts';
import type { FromWriter, ToWriter, WriterThreadData } from './thread-messages.ts';
import type { WrittenBatch } from './writer.ts';

export interface SqliteJournalOptions {
  /** Path of the database; its folder exists. */
  readonly file: string;
  readonly retention: Retention;
  readonly log: Log;
}

/** Opens the journal, and makes it where there is none. */
export async function openSqliteJournal(
  options: SqliteJournalOptions,
): Promise<Result<JournalStore, OpenFault>> {
  const { file, log } = options;
  let { retention } = options;
  const first = await startWriter({ file, retention });
  if (!first.ok) return first;
  const reader = startReader(file, log);
  let writer: WriterThread | null = first.value;
  let isClosed = false;

  const restart = async (): Promise<CommitFault | null> => {
    log.warn('journal_thread_restarted', { file });
    const started = await startWriter({ file, retention });
    writer = started.ok ? started.value : null;
    return started.ok ? null : { fault: 'store_stopped', detail: started.fault.detail };
  };

  return ok({
    lastPosition: first.value.lastPosition,
    async commit(batch) {
      assert(!isClosed, 'nothing is committed to a closed store');
      if (writer === null || writer.hasEnded()) {
        const fault = await restart();
        if (fault !== null) return fault;
      }
      assert(writer !== null, 'a writer that was started is there');
      return await writer.commit(batch);
    },
    retain(changed) {
      retention = changed;
      writer?.retain(changed);
    },
    reader,
    async close() {
      isClosed = true;
      await Promise.all([writer?.close(), reader.close()]);
    },
  });
}

interface WriterThread {
  readonly lastPosition: number;
  hasEnded(): boolean;
  commit(batch: JournalBatch): Promise<CommitFault | null>;
  retain(retention: Retention): void;
  close(): Promise<void>;
}

const encoder = new TextEncoder();

function startWriter(data: WriterThreadData): Promise<Result<WriterThread, OpenFault>> {
  const started = Promise.withResolvers<Result<WriterThread, OpenFault>>();
  let committed: ((fault: CommitFault | null) => void) | null = null;
  let hasEnded = false;

  const settle = (fault: CommitFault | null): void => {
    const resolve = committed;
    committed = null;
    resolve?.(fault);
  };
  const thread = startThread<ToWriter, FromWriter>(new URL('./writer-thread.ts', import.meta.url), data);
  const writerOf = (lastPosition: number): WriterThread => ({
    lastPosition,
    hasEnded: () => hasEnded,
    commit(batch) {
      assert(committed === null, 'one commit runs at a time');
      const message = writtenBatchOf(batch);
      thread.send({ type: 'commit', batch: message }, [message.body.buffer]);
      return new Promise((resolve) => {
        committed = resolve;
      });
    },
    retain: (retention) => thread.send({ type: 'retain', retention }),
    close() {
      thread.send({ type: 'close' });
      return thread.ended;
    },
  });
  thread.onMessage((message) => {
    switch (message.type) {
      case 'opened':
        started.resolve(ok(writerOf(message.lastPosition)));
        return;
      case 'refused':
        started.resolve(fail(message.fault));
        return;
      case 'committed':
        settle(message.fault);
    }
  });
  thread.onEnd((detail) => {
    hasEnded = true;
    started.resolve(fail({ fault: 'cannot_open', detail }));
    settle({ fault: 'store_stopped', detail });
  });
  return started.promise;
}

/** The batch as bytes of its own, which can be handed to the thread without a copy. The string stays here for another try. */
function writtenBatchOf(batch: JournalBatch): WrittenBatch & { readonly body: Uint8Array<ArrayBuffer> } {
  const { first, last, atFrom, atTo, records } = batch;
  return {
    first,
    last,
    atFrom,
    atTo,
    records,
    stations: `\n${[...batch.stations].join('\n')}\n`,
    body: encoder.encode(batch.body),
    saved: [...batch.saved],
  };
}

export type { OpenFault } from './database.ts';
