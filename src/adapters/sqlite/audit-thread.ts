/**
 * The audit's thread: its own small connection to the journal's file, one transaction an entry.
 *
 * A thread of its own, since a write waits for the disk and operators must not stand in a frame's way. Its table is the writer's to make (database.ts).
 * As there, a connection that failed once is given up, and the next request opens a new one.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { AuditEntry, AuditFault, AuditOutcome } from '../../ports/audit.ts';
import { assert } from '../../std/assert.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import type { AuditAnswer, AuditRequest, AuditThreadData, FromAudit, ToAudit } from './audit-messages.ts';
import { fullCode, messageOf, openBeside, resultCodeOf } from './database.ts';

assert(parentPort !== null, 'the audit runs in a thread');
const port = parentPort;
const { file, entriesMax } = workerData as AuditThreadData;
let database: DatabaseSync | null = null;

port.on('message', (message: ToAudit) => {
  if (message.type === 'close') {
    database?.close();
    port.close();
    return;
  }
  const answer: FromAudit = { id: message.id, answer: answerTo(message.request) };
  port.postMessage(answer);
});

function answerTo(request: AuditRequest): Result<AuditAnswer, AuditFault> {
  if (database === null) {
    const opened = openBeside(file);
    if (!opened.ok) return fail({ fault: 'unavailable', detail: opened.fault.detail });
    database = opened.value;
  }
  try {
    return ok(perform(database, request));
  } catch (error) {
    giveUp(database);
    database = null;
    const isFull = resultCodeOf(error) === fullCode;
    return fail({ fault: isFull ? 'disk_full' : 'unavailable', detail: messageOf(error) });
  }
}

function giveUp(failed: DatabaseSync): void {
  // Closing rolls back. Its own failure says nothing new.
  try {
    failed.close();
  } catch {}
}

function perform(open: DatabaseSync, request: AuditRequest): AuditAnswer {
  switch (request.type) {
    case 'begin': {
      const { at, ...intent } = request.intent;
      open.exec('BEGIN IMMEDIATE');
      const { lastInsertRowid } = open
        .prepare('INSERT INTO audit (at, intent) VALUES (?, ?)')
        .run(at, JSON.stringify(intent));
      const entry = Number(lastInsertRowid);
      open.prepare('DELETE FROM audit WHERE id <= ?').run(entry - entriesMax);
      open.exec('COMMIT');
      return { type: 'begun', entry };
    }
    case 'settle':
      open
        .prepare('UPDATE audit SET outcome = ? WHERE id = ?')
        .run(JSON.stringify(request.outcome), request.entry);
      return { type: 'settled' };
    case 'list': {
      const rows = open
        .prepare('SELECT id, at, intent, outcome FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?')
        .all(request.before ?? Number.MAX_SAFE_INTEGER, request.limit);
      return { type: 'listed', entries: rows.map(entryOf) };
    }
  }
}

function entryOf({ id, at, intent, outcome }: Record<string, SQLOutputValue>): AuditEntry {
  const asked = JSON.parse(String(intent)) as Omit<AuditEntry, 'id' | 'at'>;
  const came = outcome === null ? unknown : (JSON.parse(String(outcome)) as AuditOutcome);
  return { ...asked, ...came, id: Number(id), at: Number(at) };
}

const unknown = { outcome: 'unknown', detail: null, before: null, after: null } as const;
