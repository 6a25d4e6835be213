/**
 * A gateway's API over real HTTP, with its ports given as values: a registry of stations, and a journal in memory.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { startApi, type Api } from '../../src/api/api.ts';
import type { Reload } from '../../src/api/config-routes.ts';
import type { Readiness } from '../../src/api/system-routes.ts';
import { createMemoryDisk, openMemoryJournal } from '../../src/adapters/memory/journal-store.ts';
import type { FrameRecord, StationRecord } from '../../src/core/journal/record.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import type { JournalReader } from '../../src/ports/journal.ts';
import type { Log, LogFields } from '../../src/ports/log.ts';
import type { BackendSnapshot, JournalFeed, Registry, StationSnapshot } from '../../src/ports/registry.ts';
import type { AdminToken } from '../../src/ports/settings.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { createJournalFeed } from '../../src/runtime/journal-feed.ts';
import { createJournal } from '../../src/runtime/journal-writer.ts';
import { ok } from '../../src/std/result.ts';
import { keepAll } from '../contract/journal-stores.ts';

export const tokens = {
  viewer: 'viewer-token-1',
  operator: 'operator-token-1',
  admin: 'admin-token-1',
} as const;

export const tokenSettings: readonly AdminToken[] = (['viewer', 'operator', 'admin'] as const).map(
  (role) => ({
    name: `${role}-of-the-day`,
    role,
    hash: createHash('sha256').update(tokens[role]).digest('hex'),
  }),
);

interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

export interface World {
  readonly api: Api;
  readonly journal: TestJournal;
  readonly log: LogLine[];
  readonly readiness: { -readonly [Key in keyof Readiness]: Readiness[Key] };
  /** What the next reload answers. */
  reload: Reload;
}

/** Starts an API on an ephemeral port. Close it with `world.api.close()`. */
export async function startWorld(
  given: { tokens?: readonly AdminToken[]; port?: number; journal?: TestJournal } = {},
): Promise<World> {
  const log: LogLine[] = [];
  const journal = given.journal ?? createTestJournal();
  const parts = {
    journal,
    log,
    readiness: { storageWritable: true, listenerOpen: true, draining: false },
    reload: (() => Promise.resolve(ok({ changed: true }))) as Reload,
  };
  const started = await startApi({
    settings: { host: '127.0.0.1', port: given.port ?? 0, tokens: given.tokens ?? [] },
    registry,
    reader: journal.reader,
    feed: journal.feed,
    reload: () => world.reload(),
    readiness: () => parts.readiness,
    metrics: { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve('busbar_up 1\n') },
    log: collectLines(log),
  });
  if (!started.ok) throw new Error(started.fault.detail);
  const world: World = { ...parts, api: started.value };
  return world;
}

export interface TestJournal {
  readonly reader: JournalReader;
  readonly feed: JournalFeed;
  /** Appends the records; done when they are on disk and the feed's listeners were told. */
  commit(...records: readonly StationRecord[]): Promise<void>;
  readonly listenerCount: number;
}

/**
 * The gateway's journal, over a disk in memory unless told. Time passes before and after the moment that a read shows, as with a reader in a thread of its own:
 * records committed meanwhile are told to listeners and are not in the answer.
 */
export function createTestJournal(given?: JournalStore): TestJournal {
  const clock = { wallMs: () => Date.now(), nowMs: () => performance.now() };
  const log = collectLines([]);
  const store = given ?? openMemoryJournal(createMemoryDisk(), keepAll, clock.wallMs);
  const feed = createJournalFeed(log);
  const journal = createJournal({ store, feed, clock, log });
  let listenerCount = 0;
  return {
    reader: {
      ...store.reader,
      frames: async (query) => {
        await setImmediate();
        const page = await store.reader.frames(query);
        await setImmediate();
        return page;
      },
    },
    feed: {
      subscribe: (listener) => {
        const unsubscribe = feed.subscribe(listener);
        let isSubscribed = true;
        listenerCount += 1;
        return () => {
          if (isSubscribed) listenerCount -= 1;
          isSubscribed = false;
          unsubscribe();
        };
      },
    },
    commit: async (...records) => {
      for (const record of records) journal.append(record);
      if (!(await journal.flush(5_000))) throw new Error('the journal did not take the records in time');
    },
    get listenerCount() {
      return listenerCount;
    },
  };
}

/** A Heartbeat of a station, relayed to backend `old`: two frames. `serial` makes its id. */
export function heartbeat(station: string, serial: number, at = 1_700_000_000_000 + serial): FrameRecord {
  const id = `"id-${serial}"`;
  return {
    type: 'frame',
    at,
    station: station as StationId,
    link: 'station',
    kind: 'call',
    action: 'Heartbeat',
    text: `[2,${id},"Heartbeat",{}]`,
    idStart: 3,
    idEnd: 3 + id.length,
    outcome: 'relayed',
    relayedTo: 'backend:old',
    relayedIdToken: `"x-${serial}"`,
    latencyMs: null,
  };
}

function stationOf(id: string, given: Partial<StationSnapshot> = {}): StationSnapshot {
  return {
    id: id as StationId,
    connected: true,
    version: 'ocpp1.6',
    vendor: 'ABB',
    model: 'Terra 54',
    firmware: '1.8.2',
    group: 'berlin',
    site: 'berlin-1',
    tags: ['pilot'],
    primary: 'old',
    lastSeenAt: '2026-11-20T10:00:00.000Z',
    backends: [{ backend: 'old', role: 'primary', link: 'open', laneDepth: 0, lastError: null }],
    ...given,
  };
}

const never = {
  connected: false,
  version: null,
  vendor: null,
  model: null,
  firmware: null,
  group: null,
  site: null,
  tags: [],
} as const;

const fleet: readonly StationSnapshot[] = [
  stationOf('CP-3', { vendor: 'Alfen', model: 'Eve', group: null, tags: [] }),
  stationOf('CP-1'),
  stationOf('CP-2', {
    ...never,
    primary: 'new',
    lastSeenAt: null,
    backends: [
      {
        backend: 'new',
        role: 'primary',
        link: 'idle',
        laneDepth: 3,
        lastError: 'connect_failed: ECONNREFUSED',
      },
    ],
  }),
];

export const backends: readonly BackendSnapshot[] = ['old', 'new'].map((name) => ({
  name,
  url: `wss://csms.${name}.example/ocpp/{station}`,
  versions: ['ocpp1.6', 'ocpp2.0.1'],
  linksOpen: 2,
  linksDialling: 0,
  linksWaiting: 1,
  stationsPrimary: 3,
  lastError: null,
}));

const registry: Registry = {
  station: (id) => fleet.find((station) => station.id === id) ?? null,
  stations: () => fleet.values(),
  backends: () => [...backends],
  connectedCount: 2,
};

function collectLines(lines: LogLine[]): Log {
  const at =
    (level: LogLine['level']) =>
    (event: string, fields: LogFields = {}): void => {
      lines.push({ level, event, fields });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
