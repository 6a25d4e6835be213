/**
 * Busbar put together: journal, data plane, listener, migrations and API, started in that order and stopped in the other.
 *
 * The composition root. Nothing is decided here; `serve`, the demo and the tests start the same thing.
 */
import { hash, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createMemoryAudit } from '../adapters/memory/audit-log.ts';
import { createMemoryDisk, openMemoryJournal } from '../adapters/memory/journal-store.ts';
import { createMemoryMigrationStore } from '../adapters/memory/migration-store.ts';
import { createMetricsPage } from '../adapters/prometheus/metrics.ts';
import { createSqliteAudit } from '../adapters/sqlite/audit-log.ts';
import { openSqliteJournal } from '../adapters/sqlite/journal-store.ts';
import { faultOfPlace } from '../adapters/sqlite/place.ts';
import { createSqliteMigrationStore } from '../adapters/sqlite/migration-store.ts';
import { createDialer, type WebSocketDialer } from '../adapters/websocket/dialer.ts';
import { listen } from '../adapters/websocket/listener.ts';
import { startApi, type Api, type ApiOptions } from '../api/api.ts';
import type { Reloaded } from '../api/config-routes.ts';
import type { ConfigurationProblem } from '../control/configuration/problem.ts';
import { areSameSettings } from '../control/configuration/same-settings.ts';
import { startMigrator, type Migrator } from '../control/migrator.ts';
import type { AuditLog } from '../ports/audit.ts';
import type { Clock } from '../ports/clock.ts';
import type { Journal } from '../ports/journal.ts';
import type { JournalStore } from '../ports/journal-store.ts';
import type { Door, Gatekeeper, Listener } from '../ports/listener.ts';
import type { Log } from '../ports/log.ts';
import type { MigrationStore, Migrations } from '../ports/migrations.ts';
import type { JournalFeed } from '../ports/registry.ts';
import type { Settings } from '../ports/settings.ts';
import { createDialPacer, type DialPacer } from '../runtime/dial-pacer.ts';
import { createGatekeeper } from '../runtime/gatekeeper.ts';
import { createGateway, type Gateway, type GatewayPorts } from '../runtime/gateway.ts';
import { createJournalFeed } from '../runtime/journal-feed.ts';
import { createJournal } from '../runtime/journal-writer.ts';
import { createTrafficMetrics, type TrafficMetrics } from '../runtime/metrics-from-records.ts';
import { gatewayMetrics } from '../runtime/metrics-of-gateway.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { createObserver } from './observer.ts';
import { warnOfRemoved } from './removed-backends.ts';
import { busbarVersion } from './version.ts';

/** Where something is wrong, and what; one line each for the operator. */
export interface StartFault {
  readonly where: string;
  readonly reason: string;
}

export interface BusbarOptions {
  readonly settings: Settings;
  readonly log: Log;
  /** Reads the configuration anew, for a reload. */
  readonly readAgain: () => Promise<Result<Settings, readonly ConfigurationProblem[]>>;
}

export interface Busbar {
  /** Ports actually bound. */
  readonly stationPort: number;
  readonly adminPort: number;
  readonly adminUrl: string;
  readonly gateway: Gateway;
  readonly journal: Journal;
  readonly store: JournalStore;
  /** Applies the configuration as a whole, or not at all. */
  reload(): Promise<Reloaded>;
  /**
   * Not ready, station links closed spread over `spreadMs` after their calls in flight, journal flushed, everything closed. False when something was still open at
   * the deadline and had to be cut.
   */
  drain(spreadMs: number, deadlineMs: number): Promise<boolean>;
}

/** How long the last commit may take when everything else is closed. */
const flushMs = 5_000;

// `performance` is imported: the global of that name is a getter, and every frame reads the clock.
const clock: Clock = { wallMs: () => Date.now(), nowMs: () => performance.now() };

export async function startBusbar(options: BusbarOptions): Promise<Result<Busbar, StartFault>> {
  const { settings, log } = options;
  const opened = await openStore(settings, log);
  if (!opened.ok) return opened;
  const restored = await readBack(opened.value);
  if (!restored.ok) {
    await opened.value.close();
    return restored;
  }
  const plane = startPlane(settings, opened.value, restored.value, log);
  const listener = await listen(settings.listener, plane.door, plane.gatekeeper, log);
  if (!listener.ok) {
    await stopPlane(plane);
    return fail({ where: 'stations.listen', reason: listener.fault.message });
  }
  const house = new House(options, plane, listener.value, openAudit(settings));
  const migrator = await startMigrations(plane, () => house.settings, log);
  if (!migrator.ok) {
    await listener.value.close();
    await stopPlane(plane);
    return migrator;
  }
  const api = await startApi(house.apiOptions(migrator.value));
  if (!api.ok) {
    await listener.value.close();
    await migrator.value.close();
    await stopPlane(plane);
    return fail({ where: 'admin.listen', reason: api.fault.detail });
  }
  house.open(migrator.value, api.value);
  return ok(house);
}

/** Those that were going on go on. */
async function startMigrations(
  { gateway, feed }: Plane,
  settings: () => Settings,
  log: Log,
): Promise<Result<Migrator, StartFault>> {
  const { registry, assignments, commander } = gateway;
  const started = await startMigrator({
    store: openMigrations(settings(), log),
    registry,
    assignments,
    commander,
    feed,
    clock,
    log,
    settings,
    newId: () => `m-${randomBytes(6).toString('hex')}`,
  });
  if (started.ok) return started;
  const reason = `the migrations of the last process cannot be read: ${started.fault.detail}`;
  return fail({ where: 'storage', reason });
}

/** The data plane and what it stands on. */
interface Plane {
  readonly store: JournalStore;
  readonly feed: JournalFeed;
  readonly journal: Journal;
  readonly traffic: TrafficMetrics;
  readonly dialer: WebSocketDialer;
  readonly pacer: DialPacer;
  readonly gateway: Gateway;
  readonly gatekeeper: Gatekeeper;
  readonly door: Door;
}

type Restored = Pick<GatewayPorts, 'restored' | 'recent' | 'held' | 'tokens' | 'risks'>;

/** What outlived the last process. A reader rejects where its storage is broken: then Busbar does not start on half of it. */
async function readBack({ reader }: JournalStore): Promise<Result<Restored, StartFault>> {
  try {
    return ok({
      restored: await reader.stations(),
      recent: await reader.recent(),
      held: await reader.held(),
      tokens: await reader.tokens(),
      risks: await reader.risks(),
    });
  } catch (error) {
    const { message } = error as Error;
    const reason = `what the last process left in the journal cannot be read: ${message}`;
    return fail({ where: 'storage', reason });
  }
}

function startPlane(settings: Settings, store: JournalStore, restored: Restored, log: Log): Plane {
  const feed = createJournalFeed(log);
  const journal = createJournal({ store, feed, clock, log });
  const traffic = createTrafficMetrics();
  const dialer = createDialer(settings.links);
  const pacer = createDialPacer(dialer, clock);
  const gateway = createGateway(settings, {
    clock,
    journal,
    reader: store.reader,
    dialer: pacer,
    log,
    observer: createObserver(traffic, log),
    random: Math.random,
    digest: (text) => hash('sha256', text).slice(0, 32),
    randomPrefix: () => randomBytes(8).readBigUInt64BE().toString(36).slice(0, 12),
    ...restored,
  });
  const gatekeeper = createGatekeeper(settings.listener, clock);
  const door: Door = {
    onArrival: (arrival) => gateway.onArrival(arrival),
    onRefused: (reason, status, peer, station, detail) => {
      traffic.refused(reason);
      log.info('station_refused', { reason, status, peer, station, detail });
    },
  };
  return { store, feed, journal, traffic, dialer, pacer, gateway, gatekeeper, door };
}

async function stopPlane({ gateway, pacer, dialer, journal }: Plane): Promise<boolean> {
  gateway.stop();
  pacer.close();
  await dialer.close();
  const isFlushed = await journal.flush(flushMs);
  await journal.close();
  return isFlushed;
}

/** A running Busbar. */
class House implements Busbar {
  readonly #options: BusbarOptions;
  readonly #plane: Plane;
  readonly #listener: Listener;
  readonly #audit: AuditLog;
  #settings: Settings;
  #isDraining = false;
  /** The last reload that was asked for. */
  #reloaded: Promise<unknown> = Promise.resolve();
  #migrator: Migrator | null = null;
  #api: Api | null = null;

  constructor(options: BusbarOptions, plane: Plane, listener: Listener, audit: AuditLog) {
    this.#options = options;
    this.#plane = plane;
    this.#listener = listener;
    this.#audit = audit;
    this.#settings = options.settings;
  }

  /** Before anyone gets to see the house. */
  open(migrator: Migrator, api: Api): void {
    this.#migrator = migrator;
    this.#api = api;
  }

  /** Those of this moment. */
  get settings(): Settings {
    return this.#settings;
  }

  get stationPort(): number {
    return this.#listener.port;
  }

  get adminPort(): number {
    return this.#api?.port ?? 0;
  }

  get adminUrl(): string {
    return this.#api?.url ?? '';
  }

  get gateway(): Gateway {
    return this.#plane.gateway;
  }

  get store(): JournalStore {
    return this.#plane.store;
  }

  get journal(): Journal {
    return this.#plane.journal;
  }

  apiOptions(migrations: Migrations): ApiOptions {
    const { gateway, journal, store, feed, traffic } = this.#plane;
    const versions = { busbar: busbarVersion, node: process.versions.node };
    const families = gatewayMetrics({
      traffic,
      registry: gateway.registry,
      deliveries: gateway.deliveries,
      migrations,
      journal: journal.stats,
      listener: this.#listener,
      versions,
    });
    return {
      settings: this.#settings.admin,
      registry: gateway.registry,
      reader: store.reader,
      feed,
      reload: () => this.reload(),
      commander: gateway.commander,
      deliveries: gateway.deliveries,
      assignments: gateway.assignments,
      migrations,
      audit: this.#audit,
      readiness: () => ({
        journalTrouble: journal.trouble,
        listenerOpen: !this.#isDraining,
        draining: this.#isDraining,
      }),
      metrics: createMetricsPage({ families, withProcess: true }),
      log: this.#options.log,
    };
  }

  /** One after the other: a slow read of an older file must not undo a newer one. */
  reload(): Promise<Reloaded> {
    const reloaded = this.#reloaded.then(() => this.#reload());
    this.#reloaded = reloaded.catch(() => null);
    return reloaded;
  }

  async #reload(): Promise<Reloaded> {
    const next = await this.#options.readAgain();
    // It may have begun to drain while the file was read.
    if (this.#isDraining) return fail({ kind: 'shutting_down' });
    if (!next.ok) return fail({ kind: 'invalid', problems: next.fault });
    const fixed = findFixed(this.#settings, next.value);
    if (fixed.length > 0) return fail({ kind: 'invalid', problems: fixed });
    if (areSameSettings(this.#settings, next.value)) {
      const same = summaryOf(this.#settings);
      return ok({ changed: false, before: same, after: same });
    }
    const { listener, links, retention, admin } = next.value;
    const updated = this.#listener.update(listener);
    if (!updated.ok)
      return fail({ kind: 'invalid', problems: [problemAt('stations.tls', updated.fault.message)] });
    const { gatekeeper, dialer, store, gateway } = this.#plane;
    const before = summaryOf(this.#settings);
    const removed = new Set(
      [...this.#settings.backends.keys()].filter((name) => !next.value.backends.has(name)),
    );
    this.#settings = next.value;
    gatekeeper.update(listener);
    dialer.update(links);
    store.retain(retention);
    this.#api?.update(admin);
    gateway.reload(next.value);
    const { registry, deliveries } = gateway;
    warnOfRemoved(removed, { registry, deliveries, migrations: this.#migrator, log: this.#options.log });
    return ok({ changed: true, before, after: summaryOf(next.value) });
  }

  async drain(spreadMs: number, deadlineMs: number): Promise<boolean> {
    this.#isDraining = true;
    this.#listener.stopAccepting();
    // What was ordered of stations is settled by their machines, at the latest when these are closed.
    const [isClean] = await Promise.all([
      this.#plane.gateway.drain(spreadMs, deadlineMs),
      this.#migrator?.close(),
    ]);
    await this.#listener.close();
    const isFlushed = await stopPlane(this.#plane);
    await this.#api?.close();
    await this.#audit.close();
    return isClean && isFlushed;
  }
}

async function openStore(settings: Settings, log: Log): Promise<Result<JournalStore, StartFault>> {
  const { file } = settings.storage;
  if (file === ':memory:')
    return ok(openMemoryJournal(createMemoryDisk(), settings.retention, () => clock.wallMs()));
  try {
    mkdirSync(dirname(file), { recursive: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = faultOfPlace(dirname(file), code) ?? `${message}; name another place`;
    return fail({ where: 'storage', reason: `the folder ${dirname(file)} cannot be made: ${reason}` });
  }
  const opened = await openSqliteJournal({ file, retention: settings.retention, log });
  return opened.ok ? opened : fail({ where: 'storage', reason: opened.fault.detail });
}

/** Entries of the audit that are kept. */
const auditEntriesMax = 100_000;

/** The audit lies in the journal's file, which is open by now. */
function openAudit({ storage }: Settings): AuditLog {
  return storage.file === ':memory:'
    ? createMemoryAudit({ entriesMax: auditEntriesMax })
    : createSqliteAudit({ file: storage.file, entriesMax: auditEntriesMax });
}

/** Migrations lie there too. */
function openMigrations({ storage }: Settings, log: Log): MigrationStore {
  return storage.file === ':memory:'
    ? createMemoryMigrationStore()
    : createSqliteMigrationStore({ file: storage.file, log });
}

/** A configuration in a few words, for the audit. */
function summaryOf({ backends, routing, listener }: Settings): object {
  return {
    backends: [...backends.keys()],
    routes: routing.routes.length,
    groups: [...routing.groups.keys()],
    knownStations: listener.known.size,
  };
}

/** What a running process cannot change: each is refused, so that a reload never half-applies. */
function findFixed(before: Settings, after: Settings): ConfigurationProblem[] {
  const found: ConfigurationProblem[] = [];
  const needsRestart = (where: string, isChanged: boolean): void => {
    if (isChanged) found.push(problemAt(where, 'cannot change while Busbar runs; restart it to apply this'));
  };
  const { listener, admin, storage } = before;
  needsRestart(
    'stations.listen',
    listener.host !== after.listener.host || listener.port !== after.listener.port,
  );
  needsRestart('admin.listen', admin.host !== after.admin.host || admin.port !== after.admin.port);
  needsRestart('storage', storage.file !== after.storage.file);
  return found;
}

/** A problem that the file alone does not show. */
function problemAt(key: string, text: string): ConfigurationProblem {
  return { file: 'configuration', line: null, key, text };
}
