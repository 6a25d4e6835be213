/**
 * The journal's writing thread: one message is one commit. Retention runs between them.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../std/assert.ts';
import { lockJournal } from './database.ts';
import type { FromWriter, ToWriter, WriterThreadData } from './thread-messages.ts';
import { createWriter, type WrittenBatch } from './writer.ts';

assert(parentPort !== null, 'the writer runs in a thread');
const port = parentPort;
const { file, retention: firstRetention } = workerData as WriterThreadData;
const writer = createWriter(file, undefined, (detail) => say({ type: 'troubled', detail }));
let retention = firstRetention;
let memory = new Uint8Array(new SharedArrayBuffer(0));
let sweepTimer: NodeJS.Timeout | null = null;
let isTidying = false;

/** Between sweeps when there was nothing left to delete, and when there was. */
const sweepPauseMs = 1_000;
const sweepSlicePauseMs = 20;

const lock = lockJournal(file);
const opened = lock.ok ? writer.open() : lock;
if (opened.ok) {
  port.on('message', receive);
  say({ type: 'opened', lastPosition: opened.value });
  sweepAfter(sweepPauseMs);
} else {
  say({ type: 'refused', fault: opened.fault });
  release();
}

function receive(message: ToWriter): void {
  switch (message.type) {
    case 'memory':
      memory = new Uint8Array(message.memory);
      return;
    case 'commit':
      say({ type: 'committed', fault: writer.commit(batchOf(message)) });
      tidy();
      return;
    case 'retain':
      retention = message.retention;
      return;
    case 'close':
      if (sweepTimer !== null) clearTimeout(sweepTimer);
      writer.close();
      release();
  }
}

function batchOf({ head, saved, kept, indexed, bytes }: Extract<ToWriter, { type: 'commit' }>): WrittenBatch {
  return { ...head, saved, kept, indexed, body: memory.subarray(0, bytes) };
}

function sweepAfter(pauseMs: number): void {
  sweepTimer = setTimeout(() => {
    const isMore = writer.sweep(retention, Date.now());
    tidy();
    sweepAfter(isMore ? sweepSlicePauseMs : sweepPauseMs);
  }, pauseMs);
}

/** Messages have their turn before what is left to tidy. */
function tidy(): void {
  if (!writer.tidy() || isTidying) return;
  isTidying = true;
  setImmediate(() => {
    isTidying = false;
    tidy();
  });
}

function release(): void {
  if (lock.ok) lock.value.close();
  port.close();
}

function say(message: FromWriter): void {
  port.postMessage(message);
}
