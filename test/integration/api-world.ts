/**
 * A gateway's API over real HTTP, with its ports given as values: a registry of stations, and a journal in memory.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { startApi, type Api } from '../../src/api/api.ts';
import type { Reload } from '../../src/api/config-routes.ts';
import type { Readiness } from '../../src/api/system-routes.ts';
import { createMemoryAudit } from '../../src/adapters/memory/audit-log.ts';
import { createMemoryDisk, openMemoryJournal } from '../../src/adapters/memory/journal-store.ts';
import type { PlacedMessage, PlacedProfile, PlacedTariff } from '../../src/core/commands/placed-object.ts';
import type { HeldEntry } from '../../src/core/hold/held-lane.ts';
import type { Delivery, HeldMessage } from '../../src/core/hold/held-message.ts';
import type { FrameRecord, StationRecord } from '../../src/core/journal/record.ts';
import type { Assignments } from '../../src/ports/assignments.ts';
import type { AuditFault } from '../../src/ports/audit.ts';
import type { Deliveries } from '../../src/ports/deliveries.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import type { JournalReader } from '../../src/ports/journal.ts';
import type { Log, LogFields } from '../../src/ports/log.ts';
import type {
  BackendSnapshot,
  JournalFeed,
  Registry,
  StationBackendSnapshot,
  StationSnapshot,
} from '../../src/ports/registry.ts';
import type { AdminToken } from '../../src/ports/settings.ts';
import type { Migrations } from '../../src/ports/migrations.ts';
import type { StationCommander } from '../../src/ports/station-commander.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { createDeliveries } from '../../src/runtime/deliveries.ts';
import { createJournalFeed } from '../../src/runtime/journal-feed.ts';
import { createJournal } from '../../src/runtime/journal-writer.ts';
import { createOperatorDecisions } from '../../src/runtime/operator-decisions.ts';
import { fail, ok } from '../../src/std/result.ts';
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
  /** What the next command gets. */
  command: StationCommander['command'];
  /** What the next decision about a delivery gets. */
  decide: Deliveries['decide'];
  /** What the next decision about a station's backend gets. */
  assign: Assignments['decide'];
  /** Of an audit that cannot be written. */
  auditFault: AuditFault | null;
}

/** Starts an API on an ephemeral port. Close it with `world.api.close()`. */
export async function startWorld(
  given: {
    tokens?: readonly AdminToken[];
    port?: number;
    registry?: Registry;
    migrations?: Migrations;
    journal?: TestJournal;
    /** In the order in which they were held; see {@link heldEntry}. */
    held?: Readonly<Record<string, readonly HeldEntry[]>>;
  } = {},
): Promise<World> {
  const deliveries = createDeliveries(
    {
      drivers: new Map(),
      held: new Map(Object.entries(given.held ?? {}) as [StationId, HeldEntry[]][]),
      clock: { wallMs: () => Date.now(), nowMs: () => performance.now() },
      decisions: createOperatorDecisions(),
    },
    () => null,
  );
  const log: LogLine[] = [];
  const journal = given.journal ?? createTestJournal();
  const parts = {
    journal,
    log,
    readiness: { journalTrouble: null, listenerOpen: true, draining: false },
    reload: (() =>
      Promise.resolve(ok({ changed: true, before: { routes: 1 }, after: { routes: 2 } }))) as Reload,
    command: (() => Promise.resolve({ kind: 'result', payload: '{}' })) as World['command'],
    decide: ((key) => {
      const found = deliveries.find(key);
      return Promise.resolve({ kind: 'done', before: found, after: found });
    }) as World['decide'],
    assign: (() =>
      Promise.resolve({ kind: 'done', isChanged: true, before: null, after: null })) as World['assign'],
    auditFault: null,
  };
  const started = await startApi({
    settings: { host: '127.0.0.1', port: given.port ?? 0, tokens: given.tokens ?? [] },
    registry: given.registry ?? registry,
    reader: journal.reader,
    feed: journal.feed,
    reload: () => world.reload(),
    commander: { command: (command) => world.command(command) },
    deliveries: { ...deliveries, decide: (key, decision) => world.decide(key, decision) },
    assignments: { decide: (station, decision) => world.assign(station, decision) },
    migrations: given.migrations ?? noMigrations,
    audit: createMemoryAudit({ entriesMax: 1_000, faultOfDisk: () => world.auditFault }),
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

/** A message that is held, the first `at` milliseconds after the others began. */
export function heldEntry(at: number, given: Partial<HeldMessage & Delivery> = {}): HeldEntry {
  const {
    state = 'waiting',
    attempts = 0,
    retryAt = 0,
    lastError = null,
    possiblyDuplicate,
    ...message
  } = given;
  const number = 1_700_000_000_000 + at;
  return {
    message: {
      number,
      backend: 'old',
      key: `k${at}`,
      version: 'ocpp1.6',
      action: 'StopTransaction',
      transaction: null,
      hasLeft: false,
      answer: '{}',
      isWorded: true,
      text: `[2,"s${at}","StopTransaction",{"idTag":"T-1","meterStop":${at}}]`,
      since: number,
      ...message,
    },
    delivery: {
      state,
      attempts,
      retryAt,
      lastError,
      ...(possiblyDuplicate === undefined ? {} : { possiblyDuplicate }),
    },
  };
}

export function stationBackend(
  backend: string,
  given: Partial<StationBackendSnapshot> = {},
): StationBackendSnapshot {
  return {
    backend,
    role: 'primary',
    link: 'idle',
    state: null,
    laneDepth: 0,
    held: 0,
    parked: 0,
    heldBytes: 0,
    dropped: 0,
    lastError: null,
    clockSkewMs: null,
    asked: [],
    transactions: [],
    ...given,
  };
}

const placedProfile: PlacedProfile = {
  kind: 'profile',
  id: '7',
  family: 'v16',
  backend: 'old',
  connector: 1,
  purpose: 'TxDefaultProfile',
  stackLevel: 0,
  endsAt: Date.UTC(2027, 0, 1),
  payload: '{"connectorId":1}',
  asideAt: null,
};

const shared = { family: 'v2', connector: 0, payload: null, asideAt: Date.UTC(2026, 0, 1) } as const;

const placedMessage: PlacedMessage = {
  ...shared,
  kind: 'displayMessage',
  id: '8',
  backend: '@operator',
  priority: 'InFront',
  endsAt: null,
};

const placedTariff: PlacedTariff = {
  ...shared,
  kind: 'tariff',
  id: 'T',
  backend: 'old',
  currency: 'EUR',
  validFrom: Date.UTC(2027, 0, 1),
  endsAt: null,
};

export function stationOf(id: string, given: Partial<StationSnapshot> = {}): StationSnapshot {
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
    placement: null,
    lastSeenAt: '2026-11-20T10:00:00.000Z',
    backends: [stationBackend('old', { link: 'open', state: 'synced' })],
    objects: { rows: [placedProfile, placedMessage, placedTariff], more: ['profile'] },
    placing: null,
    recentCommands: [],
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
      stationBackend('new', {
        laneDepth: 3,
        lastError: 'connect_failed: ECONNREFUSED',
        asked: [{ component: null, key: 'LogTarget', value: 'ftp://u:hunter2@files.example/' }],
      }),
    ],
  }),
];

/** One with several backends: not in the list, but there when it is asked for. */
const crowded = stationOf('CP-4', {
  vendor: 'x'.repeat(200),
  backends: [
    stationBackend('old', {
      link: 'open',
      state: 'synced',
      clockSkewMs: -412,
      transactions: [
        { id: '7', stationId: '7', connector: 1, startedAt: '2026-11-20T10:00:00.000Z' },
        {
          id: '1073741824',
          stationId: '0c9f1d3e-6b1a-4a2b-9f9e-1d3e6b1a4a2b',
          connector: null,
          startedAt: '2026-11-20T10:00:00.000Z',
        },
      ],
    }),
    stationBackend('a-backend-with-a-name-of-sixty-three-characters-which-is-longest', {
      role: 'observer',
      link: 'dialling',
      state: 'priming',
      laneDepth: 1_000,
      dropped: 123_456,
      lastError: `refused_status: 503 ${'x'.repeat(150)}`,
      clockSkewMs: 6_200,
    }),
  ],
  recentCommands: [
    {
      at: '2026-11-20T10:00:00.000Z',
      from: 'operator',
      action: 'RemoteStartTransaction',
      outcome: 'result',
      tookMs: 412,
    },
    {
      at: '2026-11-20T09:59:00.000Z',
      from: 'a-backend-with-a-name-of-sixty-three-characters-which-is-longest',
      action: 'NotifyAllowedEnergyTransferAndMore',
      outcome: 'expired',
      tookMs: 25_000,
    },
  ],
});

export const backends: readonly BackendSnapshot[] = ['old', 'new'].map((name) => ({
  name,
  url: `wss://csms.${name}.example/ocpp/{station}`,
  versions: ['ocpp1.6', 'ocpp2.0.1'],
  linksOpen: 2,
  linksDialling: 0,
  linksWaiting: 1,
  stationsPrimary: 3,
  held: 2,
  parked: 1,
  heldBytes: 300,
  billingAtRisk:
    name === 'new'
      ? null
      : {
          since: '2026-11-20T10:00:00.000Z',
          stations: 2,
          messages: 7,
          oldest: '2026-11-20T09:00:00.000Z',
        },
  lastError: null,
}));

export const registry: Registry = {
  station: (id) => [...fleet, crowded].find((station) => station.id === id) ?? null,
  stations: () => fleet.values(),
  backends: () => [...backends],
  groups: () => ['berlin', 'empty'],
  connectedCount: 2,
};

const unknown = { fault: 'unknown', detail: 'There is none.' } as const;
export const noMigrations: Migrations = {
  preview: () => Promise.resolve({ waves: [], problems: [], canaries: [] }),
  create: () => Promise.resolve(fail(unknown)),
  replan: () => Promise.resolve(fail(unknown)),
  decide: () => Promise.resolve(fail(unknown)),
  list: () => [],
  find: () => null,
  waveOf: () => null,
  stations: () => null,
  claimOf: () => null,
  evidence: () => Promise.resolve(fail(unknown)),
};

function collectLines(lines: LogLine[]): Log {
  const at =
    (level: LogLine['level']) =>
    (event: string, fields: LogFields = {}): void => {
      lines.push({ level, event, fields });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
