/**
 * The audit's thread: one transaction an entry.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { workerData } from 'node:worker_threads';
import type { AuditEntry, AuditOutcome } from '../../ports/audit.ts';
import type { AuditAnswer, AuditRequest, AuditThreadData } from './audit-messages.ts';
import { serveBeside } from './beside-server.ts';

const { entriesMax, ...place } = workerData as AuditThreadData;
serveBeside(place, perform);

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
      return { type: 'begin', entry };
    }
    case 'settle':
      open
        .prepare('UPDATE audit SET outcome = ? WHERE id = ?')
        .run(JSON.stringify(request.outcome), request.entry);
      return { type: 'settle' };
    case 'list': {
      const rows = open
        .prepare('SELECT id, at, intent, outcome FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?')
        .all(request.before ?? Number.MAX_SAFE_INTEGER, request.limit);
      return { type: 'list', entries: rows.map(entryOf) };
    }
  }
}

function entryOf({ id, at, intent, outcome }: Record<string, SQLOutputValue>): AuditEntry {
  const asked = JSON.parse(String(intent)) as Omit<AuditEntry, 'id' | 'at'>;
  const came = outcome === null ? unknown : (JSON.parse(String(outcome)) as AuditOutcome);
  return { ...asked, ...came, id: Number(id), at: Number(at) };
}

const unknown = { outcome: 'unknown', detail: null, before: null, after: null } as const;
