/** What every audit promises. */
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createMemoryAudit } from '../../src/adapters/memory/audit-log.ts';
import { createSqliteAudit } from '../../src/adapters/sqlite/audit-log.ts';
import type { AuditIntent, AuditLog } from '../../src/ports/audit.ts';
import { openFile, temporaryFolder } from './journal-stores.ts';

const disposals: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0).toReversed()) await dispose();
});

const kinds: readonly { name: string; make: (entriesMax: number) => Promise<AuditLog> }[] = [
  { name: 'in memory', make: (entriesMax) => Promise.resolve(createMemoryAudit({ entriesMax })) },
  {
    name: 'in SQLite',
    make: async (entriesMax) => {
      const folder = await temporaryFolder();
      disposals.push(() => folder.remove());
      const file = join(folder.path, 'journal.db');
      const journal = await openFile(file);
      disposals.push(() => journal.close());
      const audit = createSqliteAudit({ file, entriesMax });
      disposals.push(() => audit.close());
      return audit;
    },
  },
];

function intentOf(serial: number): AuditIntent {
  return {
    at: 1_700_000_000_000 + serial,
    who: 'ops',
    action: 'station.command',
    target: 'CP-1',
    request: { action: 'Reset', payload: { type: 'Soft', note: 'ü \u0000 "' } },
    reason: serial % 2 === 0 ? null : 'it hangs',
  };
}

async function begin(audit: AuditLog, serial: number): Promise<number> {
  const begun = await audit.begin(intentOf(serial));
  if (!begun.ok) throw new Error(begun.fault.detail);
  return begun.value;
}

const listed = async (audit: AuditLog, before: number | null, limit: number) => {
  const page = await audit.list(before, limit);
  if (!page.ok) throw new Error(page.fault.detail);
  return page.value;
};

describe.each(kinds)('an audit $name', ({ make }) => {
  test('shows what was begun, with an unknown outcome until it is settled', async () => {
    const audit = await make(10);
    const id = await begin(audit, 1);
    const unknown = { outcome: 'unknown', detail: null, before: null, after: null };
    expect(await listed(audit, null, 10)).toEqual([{ ...intentOf(1), id, ...unknown }]);
    const outcome = { outcome: 'done', detail: null, before: null, after: { status: 'Accepted' } } as const;
    expect(await audit.settle(id, outcome)).toBeNull();
    expect(await listed(audit, null, 10)).toEqual([{ ...intentOf(1), id, ...outcome }]);
  });

  test('is listed newest first, page by page', async () => {
    const audit = await make(10);
    const ids: number[] = [];
    for (let serial = 0; serial < 5; serial += 1) ids.push(await begin(audit, serial));
    const first = await listed(audit, null, 2);
    expect(first.map(({ id }) => id)).toEqual([ids[4], ids[3]]);
    const rest = await listed(audit, first.at(-1)?.id ?? 0, 10);
    expect(rest.map(({ id }) => id)).toEqual([ids[2], ids[1], ids[0]]);
    expect(await listed(audit, ids[0] ?? 0, 10)).toEqual([]);
  });

  test('keeps the newest entries, and never gives an id twice', async () => {
    const audit = await make(3);
    for (let serial = 0; serial < 5; serial += 1) await begin(audit, serial);
    expect((await listed(audit, null, 10)).map(({ id }) => id)).toEqual([5, 4, 3]);
    expect(
      await audit.settle(1, { outcome: 'done', detail: null, before: null, after: null }),
      'one that is gone is no fault',
    ).toBeNull();
    expect(await listed(audit, null, 10)).toHaveLength(3);
  });

  test('takes many at once, each with an id of its own', async () => {
    const audit = await make(100);
    const ids = await Promise.all(Array.from({ length: 30 }, (_, serial) => begin(audit, serial)));
    expect(new Set(ids).size).toBe(30);
  });
});

describe('an audit in SQLite', () => {
  test('outlives the process, and the journal is written beside it', async () => {
    const folder = await temporaryFolder();
    disposals.push(() => folder.remove());
    const file = join(folder.path, 'journal.db');
    const journal = await openFile(file);
    const audit = createSqliteAudit({ file, entriesMax: 10 });
    const id = await begin(audit, 1);
    await audit.close();
    await journal.close();
    const again = await openFile(file);
    const reopened = createSqliteAudit({ file, entriesMax: 10 });
    expect((await listed(reopened, null, 10)).map((entry) => entry.id)).toEqual([id]);
    expect(await begin(reopened, 2)).toBe(id + 1);
    await reopened.close();
    await again.close();
  });

  test('without its file is a fault, and closed too', async () => {
    const audit = createSqliteAudit({ file: '/nowhere/at/all/journal.db', entriesMax: 10 });
    expect(await audit.begin(intentOf(1))).toMatchObject({ ok: false, fault: { fault: 'unavailable' } });
    await audit.close();
    expect(await audit.begin(intentOf(1))).toMatchObject({ ok: false, fault: { fault: 'unavailable' } });
  });
});
