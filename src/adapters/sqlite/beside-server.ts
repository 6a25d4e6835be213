/**
 * The thread's end: its own small connection to the journal's file.
 *
 * A thread of its own, since a write waits for the disk and operators must not stand in a frame's way. The tables are the writer's to make (database.ts). As there, a
 * connection that failed once is given up, and the next request opens a new one. What the writer would not write any more, since its files were taken away, is not written here either.
 */
import type { DatabaseSync } from 'node:sqlite';
import { parentPort } from 'node:worker_threads';
import { assert } from '../../std/assert.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import type { BesideFault, BesidePlace, FromBeside, ToBeside } from './beside-asker.ts';
import { fullCode, messageOf, openBeside, resultCodeOf } from './database.ts';
import { areInPlace, takenAway, walAt } from './own-files.ts';

/** Answers every request of this thread with what `perform` gives; what it throws is a fault, and undone. The asker names the types of both. */
export function serveBeside(
  { file, own }: BesidePlace,
  perform: (open: DatabaseSync, request: never) => unknown,
): void {
  assert(parentPort !== null, 'it runs in a thread');
  const port = parentPort;
  let database: DatabaseSync | null = null;
  let ownWal: string | null = null;

  const answerTo = (request: unknown): Result<unknown, BesideFault> => {
    // The writer has it open: where there is none, opening would make another.
    if (database === null) ownWal = walAt(file);
    if (!areInPlace(file, own) || ownWal === null || walAt(file) !== ownWal)
      return fail({ fault: 'unavailable', detail: takenAway(file).detail });
    if (database === null) {
      const opened = openBeside(file);
      if (!opened.ok) return fail({ fault: 'unavailable', detail: opened.fault.detail });
      database = opened.value;
    }
    try {
      return ok(perform(database, request as never));
    } catch (error) {
      giveUp(database);
      database = null;
      const isFull = resultCodeOf(error) === fullCode;
      return fail({ fault: isFull ? 'disk_full' : 'unavailable', detail: messageOf(error) });
    }
  };

  port.on('message', (message: ToBeside<unknown>) => {
    if (message.type === 'close') {
      database?.close();
      port.close();
      return;
    }
    const answer: FromBeside<unknown> = { id: message.id, answer: answerTo(message.request) };
    port.postMessage(answer);
  });
}

function giveUp(failed: DatabaseSync): void {
  // Closing rolls back. Its own failure says nothing new.
  try {
    failed.close();
  } catch {}
}
