/**
 * The OpenAPI document, without a running gateway: for the published file and its reference page.
 */
import { fail, ok } from '../std/result.ts';
import { buildApi } from './api.ts';

const nowhere = { fault: 'unavailable', detail: '' } as const;

const noMigration = { fault: 'unknown', detail: '' } as const;

/** The same document as `GET /api/v1/openapi.json` serves. */
export async function openApiDocument(): Promise<Readonly<Record<string, unknown>>> {
  const settings = { host: '127.0.0.1', port: 0, tokens: [] };
  const { app } = await buildApi(
    {
      settings,
      registry: {
        station: () => null,
        stations: () => [].values(),
        backends: () => [],
        groups: () => [],
        connectedCount: 0,
      },
      reader: {
        frames: () => Promise.resolve([]),
        records: () => Promise.resolve({ records: [], next: null }),
        recent: () => Promise.resolve([]),
        stations: () => Promise.resolve(new Map()),
        held: () => Promise.resolve(new Map()),
        tokens: () => Promise.resolve(new Map()),
        risks: () => Promise.resolve(new Map()),
        close: () => Promise.resolve(),
      },
      feed: { subscribe: () => silent },
      commander: {
        command: () => Promise.resolve({ kind: 'refused', reason: 'not_connected', detail: '' }),
      },
      deliveries: {
        list: () => ({ items: [], hasMore: false }),
        find: () => null,
        heldByBackend: () => new Map(),
        decide: () =>
          Promise.resolve({ kind: 'refused', reason: 'unknown', detail: '', before: null, after: null }),
      },
      assignments: {
        decide: () =>
          Promise.resolve({ kind: 'refused', reason: 'not_routed', detail: '', before: null, after: null }),
      },
      migrations: {
        preview: () => Promise.resolve({ waves: [], problems: [], canaries: [] }),
        create: () => Promise.resolve(fail(noMigration)),
        replan: () => Promise.resolve(fail(noMigration)),
        decide: () => Promise.resolve(fail(noMigration)),
        list: () => [],
        find: () => null,
        waveOf: () => null,
        stations: () => null,
        claimOf: () => null,
        evidence: () => Promise.resolve(fail(noMigration)),
      },
      audit: {
        begin: () => Promise.resolve(fail(nowhere)),
        settle: () => Promise.resolve(nowhere),
        list: () => Promise.resolve(ok([])),
        close: () => Promise.resolve(),
      },
      reload: () => Promise.resolve(fail({ kind: 'shutting_down' })),
      readiness: () => ({ journalTrouble: null, listenerOpen: false, draining: false }),
      metrics: { contentType: 'text/plain', text: () => Promise.resolve('') },
      log: { debug: silent, info: silent, warn: silent, error: silent },
    },
    () => settings,
  );
  const document = app.swagger();
  await app.close();
  return document as unknown as Readonly<Record<string, unknown>>;
}

function silent(): void {}
