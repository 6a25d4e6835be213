/**
 * The journal's reading thread: its own connection, so that no reader stands in the writer's way.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../std/assert.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import { messageOf, openForReading } from './database.ts';
import type { UnreadableRow } from './kept-rows.ts';
import { createReader, type Reader } from './reader.ts';
import type { UnreadableBatch } from './stored-batch.ts';
import type { FromReader, ReadAnswer, ReaderThreadData, ReadRequest, ToReader } from './thread-messages.ts';

assert(parentPort !== null, 'the reader runs in a thread');
const port = parentPort;
const { file } = workerData as ReaderThreadData;
let connection: Connection | null = null;

interface Connection {
  readonly reader: Reader;
  readonly close: () => void;
}

port.on('message', (message: ToReader) => {
  if (message.type === 'close') {
    connection?.close();
    port.close();
  } else void serve(message.id, message.request);
});

/** Never rejects: what goes wrong is the answer. */
async function serve(id: number, request: ReadRequest): Promise<void> {
  const unreadable: (UnreadableBatch | UnreadableRow)[] = [];
  const used = connected();
  const answer = used.ok ? await answerOver(used.value, request, unreadable) : used;
  const message: FromReader = answer.ok
    ? { type: 'answer', id, answer: answer.value, unreadable }
    : { type: 'failed', id, detail: answer.fault };
  port.postMessage(message);
}

/** A disk that fails a read may serve the next one: that one gets a new connection. */
async function answerOver(
  used: Connection,
  request: ReadRequest,
  unreadable: (UnreadableBatch | UnreadableRow)[],
): Promise<Result<ReadAnswer, string>> {
  try {
    return ok(await answerOf(used.reader, request, unreadable));
  } catch (error) {
    if (connection === used) {
      connection = null;
      used.close();
    }
    return fail(messageOf(error));
  }
}

function connected(): Result<Connection, string> {
  if (connection !== null) return ok(connection);
  const database = openForReading(file);
  if (!database.ok) return fail(database.fault.detail);
  connection = { reader: createReader(database.value), close: () => database.value.close() };
  return ok(connection);
}

async function answerOf(
  reader: Reader,
  request: ReadRequest,
  unreadable: (UnreadableBatch | UnreadableRow)[],
): Promise<ReadAnswer> {
  const note = (place: UnreadableBatch | UnreadableRow): void => {
    unreadable.push(place);
  };
  switch (request.type) {
    case 'frames':
      return { type: 'frames', frames: await reader.frames(request.query, note) };
    case 'records':
      return { type: 'records', page: await reader.records(request.after, request.limit, note) };
    case 'recent':
      return { type: 'recent', records: reader.recent(note) };
    case 'stations':
      return { type: 'stations', stations: reader.stations(note) };
    case 'held':
      return { type: 'held', rows: reader.held(note) };
    case 'tokens':
      return { type: 'tokens', rows: reader.tokens(note) };
    case 'risks':
      return { type: 'risks', rows: reader.risks(note) };
  }
}
