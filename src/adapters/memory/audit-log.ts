/**
 * An audit that lasts as long as the process: for a gateway whose storage does, and for tests.
 */
import type { AuditEntry, AuditFault, AuditLog } from '../../ports/audit.ts';
import { fail, ok } from '../../std/result.ts';

export interface MemoryAuditOptions {
  readonly entriesMax: number;
  /** Asked before every write: what the disk would say. */
  readonly faultOfDisk?: () => AuditFault | null;
}

export function createMemoryAudit({ entriesMax, faultOfDisk = sound }: MemoryAuditOptions): AuditLog {
  const entries: AuditEntry[] = [];
  let lastId = 0;
  return {
    begin: (intent) => {
      const fault = faultOfDisk();
      if (fault !== null) return Promise.resolve(fail(fault));
      lastId += 1;
      entries.push({ ...intent, id: lastId, outcome: 'unknown', detail: null, before: null, after: null });
      if (entries.length > entriesMax) entries.shift();
      return Promise.resolve(ok(lastId));
    },
    settle: (id, outcome) => {
      const fault = faultOfDisk();
      if (fault !== null) return Promise.resolve(fault);
      const at = entries.findIndex((entry) => entry.id === id);
      const entry = entries[at];
      if (entry !== undefined) entries[at] = { ...entry, ...outcome };
      return Promise.resolve(null);
    },
    list: (before, limit) =>
      Promise.resolve(
        ok(
          entries
            .filter(({ id }) => before === null || id < before)
            .toReversed()
            .slice(0, limit),
        ),
      ),
    close: () => Promise.resolve(),
  };
}

function sound(): null {
  return null;
}
