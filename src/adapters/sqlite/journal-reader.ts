/**
 * The reader's end in the main thread: requests out, answers in, matched by number.
 */
import type { BillingRisk } from '../../core/hold/billing-risk.ts';
import type { Delivery, HeldMessage, LearnedToken } from '../../core/hold/held-message.ts';
import type { DurableStation } from '../../core/journal/record.ts';
import type { HeldEntry } from '../../core/hold/held-lane.ts';
import type { JournalReader } from '../../ports/journal.ts';
import type { Log } from '../../ports/log.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { assert } from '../../std/assert.ts';
import type { HeldRow } from './kept-rows.ts';
import { startThread, type Thread } from './thread.ts';
import type { FromReader, ReadAnswer, ReaderThreadData, ReadRequest, ToReader } from './thread-messages.ts';

interface Waiting {
  readonly resolve: (answer: ReadAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** A read that cannot be done rejects with an error whose `code` is a `ReadFault`. The next read starts a thread that has died. */
export function startReader(file: string, log: Log): JournalReader {
  const waiting = new Map<number, Waiting>();
  let thread: Thread<ToReader, FromReader> | null = null;
  let lastId = 0;
  let isClosed = false;

  const received = (message: FromReader): void => {
    const request = waiting.get(message.id);
    assert(request !== undefined, 'every answer belongs to one request');
    waiting.delete(message.id);
    if (message.type === 'failed') {
      log.error('journal_unreadable', { file, detail: message.detail });
      request.reject(unavailable(message.detail));
      return;
    }
    for (const place of message.unreadable) log.error('journal_corrupt', { file, ...place });
    request.resolve(message.answer);
  };
  const ended = (detail: string): void => {
    thread = null;
    for (const request of waiting.values()) request.reject(unavailable(detail));
    waiting.clear();
  };
  const start = (): Thread<ToReader, FromReader> => {
    const data: ReaderThreadData = { file };
    const started = startThread<ToReader, FromReader>(new URL('./reader-thread.ts', import.meta.url), data);
    started.onMessage(received);
    started.onEnd(ended);
    return started;
  };

  const ask = (request: ReadRequest): Promise<ReadAnswer> => {
    if (isClosed) return Promise.reject(unavailable('the journal is closed'));
    thread ??= start();
    lastId += 1;
    const answer = Promise.withResolvers<ReadAnswer>();
    waiting.set(lastId, answer);
    thread.send({ type: 'read', id: lastId, request });
    return answer.promise;
  };

  return {
    async frames(query) {
      const answer = await ask({ type: 'frames', query });
      assert(answer.type === 'frames', "an answer is of its request's type");
      return answer.frames;
    },
    async records(after, limit) {
      const answer = await ask({ type: 'records', after, limit });
      assert(answer.type === 'records', "an answer is of its request's type");
      return answer.page;
    },
    async recent() {
      const answer = await ask({ type: 'recent' });
      assert(answer.type === 'recent', "an answer is of its request's type");
      return answer.records;
    },
    async stations() {
      const answer = await ask({ type: 'stations' });
      assert(answer.type === 'stations', "an answer is of its request's type");
      return new Map(
        answer.stations.map(([id, state]) => [id as StationId, JSON.parse(state) as DurableStation]),
      );
    },
    async held() {
      const answer = await ask({ type: 'held' });
      assert(answer.type === 'held', "an answer is of its request's type");
      return entriesOf(answer.rows);
    },
    async tokens() {
      const answer = await ask({ type: 'tokens' });
      assert(answer.type === 'tokens', "an answer is of its request's type");
      return new Map(answer.rows.map(({ token, learned }) => [token, JSON.parse(learned) as LearnedToken]));
    },
    async risks() {
      const answer = await ask({ type: 'risks' });
      assert(answer.type === 'risks', "an answer is of its request's type");
      return new Map(answer.rows.map(({ backend, risk }) => [backend, JSON.parse(risk) as BillingRisk]));
    },
    async close() {
      isClosed = true;
      const closing = thread;
      closing?.send({ type: 'close' });
      await closing?.ended;
    },
  };
}

function entriesOf(rows: readonly HeldRow[]): Map<StationId, HeldEntry[]> {
  const held = new Map<StationId, HeldEntry[]>();
  for (const { station, message, delivery } of rows) {
    const entry = { message: JSON.parse(message) as HeldMessage, delivery: JSON.parse(delivery) as Delivery };
    const entries = held.get(station as StationId);
    if (entries === undefined) held.set(station as StationId, [entry]);
    else entries.push(entry);
  }
  return held;
}

function unavailable(detail: string): Error {
  return Object.assign(new Error(detail), { code: 'storage_unavailable' as const });
}
