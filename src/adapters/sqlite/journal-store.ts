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
import { PageStations } from './page-stations.ts';
import { beyondLinks } from './place.ts';
import { closing, startThread } from './thread.ts';
import type { FromWriter, ToWriter, WriterThreadData } from './thread-messages.ts';
import type { BatchHead } from './stored-batch.ts';

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
  const { log } = options;
  let { retention } = options;
  const file = beyondLinks(options.file);
  const first = await startWriter({ file, retention }, log);
  if (!first.ok) return first;
  const reader = startReader(file, log);
  let writer: WriterThread | null = first.value;
  let isClosed = false;
  let restarting: Promise<CommitFault | null> | null = null;

  const restart = async (): Promise<CommitFault | null> => {
    log.warn('journal_thread_restarted', { file });
    const started = await startWriter({ file, retention }, log);
    writer = started.ok ? started.value : null;
    // Whoever closed meanwhile knows only of the one before.
    if (isClosed && started.ok) {
      await started.value.close();
      return { fault: 'store_stopped', detail: 'the journal is closed' };
    }
    return started.ok ? null : { fault: 'store_stopped', detail: started.fault.detail };
  };

  return ok({
    lastPosition: first.value.lastPosition,
    async commit(batch) {
      assert(!isClosed, 'nothing is committed to a closed store');
      if (writer === null || writer.hasEnded()) {
        restarting = restart();
        const fault = await restarting;
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
      await closing(Promise.all([writer?.close(), restarting, reader.close()]));
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

function startWriter(data: WriterThreadData, log: Log): Promise<Result<WriterThread, OpenFault>> {
  const started = Promise.withResolvers<Result<WriterThread, OpenFault>>();
  let committed: ((fault: CommitFault | null) => void) | null = null;
  let hasEnded = false;

  const settle = (fault: CommitFault | null): void => {
    const resolve = committed;
    committed = null;
    resolve?.(fault);
  };
  const thread = startThread<ToWriter, FromWriter>(new URL('./writer-thread.ts', import.meta.url), data);
  const pageStations = new PageStations();
  const share = sharedBody((memory) => thread.send({ type: 'memory', memory }));
  const writerOf = (lastPosition: number): WriterThread => ({
    lastPosition,
    hasEnded: () => hasEnded,
    commit(batch) {
      assert(committed === null, 'one commit runs at a time');
      const { body, saved, kept } = batch;
      share(body);
      const indexed = pageStations.tell(batch);
      thread.send({
        type: 'commit',
        head: headOf(batch),
        saved: [...saved],
        kept,
        indexed,
        bytes: body.length,
      });
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
        if (message.fault !== null) pageStations.forget();
        settle(message.fault);
        return;
      case 'troubled':
        log.warn('journal_disk_trouble', { file: data.file, detail: message.detail });
    }
  });
  thread.onEnd((detail) => {
    hasEnded = true;
    started.resolve(fail({ fault: 'cannot_open', detail }));
    settle({ fault: 'store_stopped', detail });
  });
  return started.promise;
}

function headOf({ first, last, atFrom, atTo, records, stations }: JournalBatch): BatchHead {
  return { first, last, atFrom, atTo, records, stations: `\n${[...stations].join('\n')}\n` };
}

/** Enough for a sealed batch. */
const sharedBytes = 512 * 1024;

/**
 * Copies bodies into memory that both threads see: one commit runs at a time, so one piece is enough, and it is used again. Memory that is new for
 * every batch costs more than all the rest, because the system hands it out page by page.
 */
function sharedBody(replaced: (memory: SharedArrayBuffer) => void): (body: Uint8Array) => void {
  let shared: Uint8Array = new Uint8Array(0);
  grow(sharedBytes);
  return (body) => {
    if (body.length > shared.length) grow(body.length);
    shared.set(body);
  };

  function grow(bytes: number): void {
    const memory = new SharedArrayBuffer(bytes);
    shared = new Uint8Array(memory);
    replaced(memory);
  }
}

export type { OpenFault } from './database.ts';
