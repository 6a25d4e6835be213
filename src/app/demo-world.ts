/**
 * What the demo consists of: a folder with a configuration and certificates, a Busbar on it, two backends and a third that listens in later, a fleet.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { createLog } from '../adapters/pino/log.ts';
import { createClient, type Client, type ClientFault } from '../api/client.ts';
import type { Station } from '../api/schemas.ts';
import { loadConfiguration } from '../control/configuration/load.ts';
import { formatProblem, type ConfigurationProblem } from '../control/configuration/problem.ts';
import { ocppVersions, type OcppVersion } from '../protocol/version.ts';
import { ok, type Result } from '../std/result.ts';
import { checkDelivered } from '../testkit/checkers.ts';
import { createAuthority, type CertificateAuthority } from '../testkit/certificates.ts';
import type { Ledger } from '../testkit/ledger.ts';
import { isSettled } from '../testkit/life-state.ts';
import { SimulatedBackend } from '../testkit/simulated-backend.ts';
import { SimulatedStation } from '../testkit/simulated-station.ts';
import { until } from '../testkit/until.ts';
import type { JournalEntry } from '../testkit/journal-checkers.ts';
import type { Settings } from '../ports/settings.ts';
import { startBusbar, type Busbar } from './busbar.ts';
import type { Outage } from './demo-outage.ts';

const stationsPerVersion = 12;
/** A minute of station time is this many times shorter: transactions of minutes last seconds. */
const speed = 100;
/** How long the API's view may take to show what is waited for. */
const viewTimeoutMs = 20_000;
/** How long what is held may take when nothing new is said. */
const deliveryTimeoutMs = 20_000;

export interface DemoWorld {
  readonly busbar: Busbar;
  readonly stationUrl: string;
  readonly stations: readonly SimulatedStation[];
  /** Those that decide. */
  readonly backends: ReadonlyMap<string, SimulatedBackend>;
  /** The one that listens in, once it is attached. */
  readonly observer: SimulatedBackend;
  /** When every station was known to the observer, by the clock of the ledgers; Infinity before. */
  readonly attachedAtMs: number;
  /** Makes the fleet and switches it on. */
  connect(): void;
  connectedCount(): number;
  /** The API's client, at the Busbar of this moment. */
  api(): Client;
  /** Links ever opened by the stations. */
  linkCount(): number;
  versionCounts(): string;
  lifeLine(): string;
  live(ms: number): Promise<void>;
  /** Serial number of the certificate that a new handshake gets. */
  servedSerial(): Promise<string>;
  renewCertificates(): Promise<void>;
  /** Writes the observer into the configuration, has it reloaded and waits until it knows every station. */
  attachObserver(): Promise<void>;
  /** A 1.6 transaction that is open and known to the observer, by the API. */
  openTransaction(): Promise<KnownTransaction>;
  /** When the backends were last away; null before. */
  readonly outage: Outage | null;
  /** Both that decide vanish for so long: one is stood in for, the other is not. */
  cutBackends(downMs: number): Promise<void>;
  /** The stations of a backend that decides, as the routes say. */
  stationsOf(backend: string): readonly SimulatedStation[];
  windDown(): Promise<void>;
  drain(): Promise<boolean>;
  journalEntries(): Promise<readonly JournalEntry[]>;
  reopen(): Promise<void>;
  close(): Promise<void>;
}

/** One transaction, and what everyone calls it. */
export interface KnownTransaction {
  readonly station: string;
  readonly stationId: string;
  readonly backends: readonly { readonly backend: string; readonly role: string; readonly id: string }[];
}

/** The observer's name in the configuration. */
export const observerName = 'watch';

export async function openDemoWorld(folder: string): Promise<DemoWorld> {
  const authority = await createAuthority('Busbar demo CA');
  await issueCertificates(folder, authority);
  const [old, next, observer] = await Promise.all([startBackend(1), startBackend(2), startBackend(3)]);
  const backends = new Map([
    ['old', old],
    ['new', next],
  ]);
  const world = new World(folder, authority, backends, observer);
  await world.reopen();
  return world;
}

/** All alike, so that they also number transactions alike; the observer commands as the others do, and must not be obeyed. */
async function startBackend(seed: number): Promise<SimulatedBackend> {
  // A ClearCache, once accepted, makes Busbar forget every card too: nobody could charge while the backends are away.
  const neverCommands = ['Reset', 'ClearCache'];
  const backend = new SimulatedBackend(
    { seed, versions: ocppVersions, commandEveryMs: 2_000, neverCommands },
    { keepsLedgers: true },
  );
  await backend.start();
  return backend;
}

class World implements DemoWorld {
  readonly #folder: string;
  readonly #authority: CertificateAuthority;
  readonly backends: ReadonlyMap<string, SimulatedBackend>;
  readonly observer: SimulatedBackend;
  #busbar: Busbar | null = null;
  #fleets = 0;
  #isObserved = false;
  attachedAtMs = Infinity;
  outage: Outage | null = null;
  stations: readonly SimulatedStation[] = [];

  constructor(
    folder: string,
    authority: CertificateAuthority,
    backends: ReadonlyMap<string, SimulatedBackend>,
    observer: SimulatedBackend,
  ) {
    this.#folder = folder;
    this.#authority = authority;
    this.backends = backends;
    this.observer = observer;
  }

  get busbar(): Busbar {
    if (this.#busbar === null) throw new Error('the demo has no Busbar before reopen()');
    return this.#busbar;
  }

  get stationUrl(): string {
    return `wss://127.0.0.1:${this.busbar.stationPort}/ocpp`;
  }

  async reopen(): Promise<void> {
    const file = await this.#writeConfiguration();
    const settings = orThrow(await readSettings(file));
    const log = createLog({ level: 'error', destination: process.stderr });
    const started = await startBusbar({ settings, log, readAgain: () => readSettings(file) });
    if (!started.ok) throw new Error(`${started.fault.where}: ${started.fault.reason}`);
    this.#busbar = started.value;
  }

  connect(): void {
    const url = this.stationUrl;
    const ca = this.#authority.cert;
    this.#fleets += 1;
    this.stations = ocppVersions.flatMap((version) =>
      Array.from({ length: stationsPerVersion }, (_, index) => {
        const id = `${index % 2 === 0 ? 'O' : 'N'}-${version.slice(4)}-${this.#fleets}${index}`;
        const pace = {
          speed,
          powerCutEveryMs: Infinity,
          idleMs: [30_000, 240_000],
          chargingMs: [120_000, 600_000],
        } as const;
        const spec = { id, seed: index + 1, offers: [version] as const, callTimeoutMs: 20_000, ...pace };
        return new SimulatedStation({ ...spec, offers: [version] }, { url, ca }, { keepsLedger: true });
      }),
    );
  }

  connectedCount(): number {
    return this.stations.filter((station) => station.isOpen).length;
  }

  linkCount(): number {
    return this.stations.reduce((sum, { ledger }) => sum + (ledger?.links ?? 0), 0);
  }

  versionCounts(): string {
    const count = (version: OcppVersion): number =>
      this.stations.filter(({ life }) => life.version === version).length;
    return ocppVersions.map((version) => `${version.slice(4)} (${count(version)})`).join(', ');
  }

  lifeLine(): string {
    const ended = this.stations.reduce((sum, { life }) => sum + life.stats.transactionsEnded, 0);
    const sent = this.stations.reduce((sum, { ledger }) => sum + (ledger?.entries.length ?? 0), 0);
    return `${sent} frames seen by the stations, ${ended} transactions ended`;
  }

  live(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  servedSerial(): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(
        { host: '127.0.0.1', port: this.busbar.stationPort, ca: this.#authority.cert },
        () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        },
      );
      socket.once('error', reject);
    });
  }

  async renewCertificates(): Promise<void> {
    await issueCertificates(this.#folder, this.#authority);
    answered(await this.api().reloadConfiguration('certificates are renewed'));
  }

  async attachObserver(): Promise<void> {
    this.#isObserved = true;
    await this.#writeConfiguration();
    answered(await this.api().reloadConfiguration('a third backend listens in'));
    await this.#seen('the observer knows every station', (stations) =>
      stations.length >= this.stations.length && stations.every(isObserverSynced) ? true : null,
    );
    this.attachedAtMs = performance.now();
  }

  async openTransaction(): Promise<KnownTransaction> {
    return await this.#seen(
      'the observer knows an open transaction',
      (stations) => stations.flatMap((station) => knownTransactionOf(station) ?? [])[0] ?? null,
    );
  }

  async cutBackends(downMs: number): Promise<void> {
    const backends = [...this.backends.values()];
    const downAtMs = performance.now();
    await Promise.all(backends.map((backend) => backend.stop('cut')));
    await this.live(downMs);
    const upAtMs = performance.now();
    await Promise.all(backends.map((backend) => backend.start()));
    this.outage = { downAtMs, upAtMs };
  }

  stationsOf(backend: string): readonly SimulatedStation[] {
    return this.stations.filter(({ id }) => (id.startsWith('N-') ? 'new' : 'old') === backend);
  }

  async windDown(): Promise<void> {
    for (const station of this.stations) station.windDown();
    await until(
      'every station has nothing left to say',
      () => this.stations.every(({ life }) => isSettled(life)),
      60_000,
    );
    // What is missing after that, the verdict says.
    const deadlineMs = performance.now() + deliveryTimeoutMs;
    while (!this.#isDelivered() && performance.now() < deadlineMs) await this.live(100);
    // Copies wait for nobody, and a drain does not wait for copies.
    await this.#seen('every copy is sent', (stations) =>
      stations.every(({ backends }) => backends.every(({ laneDepth }) => laneDepth === 0)) ? true : null,
    );
  }

  #isDelivered(): boolean {
    const evidence = { stations: ledgersOf(this.stations), backends: ledgersByBackend(this) };
    return checkDelivered(evidence).length === 0;
  }

  async drain(): Promise<boolean> {
    // Stations that are switched off would not come back, as those of a real drain do; the ledgers end here.
    const drained = this.busbar.drain(500, 10_000);
    await until('every link is closed', () => this.connectedCount() === 0, 15_000);
    await Promise.all(this.stations.map((station) => station.stop()));
    return drained;
  }

  async journalEntries(): Promise<readonly JournalEntry[]> {
    await this.reopen();
    const entries: JournalEntry[] = [];
    for (let after: number | null = 0; after !== null;) {
      const page: Awaited<ReturnType<Busbar['store']['reader']['records']>> =
        await this.busbar.store.reader.records(after, 5_000);
      entries.push(...page.records);
      after = page.next;
    }
    await this.busbar.drain(0, 1_000);
    this.#busbar = null;
    return entries;
  }

  async close(): Promise<void> {
    await Promise.all(this.stations.map((station) => station.stop()));
    await this.#busbar?.drain(0, 5_000);
    await Promise.all([...this.backends.values(), this.observer].map((backend) => backend.stop()));
  }

  async #writeConfiguration(): Promise<string> {
    const file = join(this.#folder, 'busbar.yaml');
    await writeFile(file, configurationText(this.backends, this.#isObserved ? this.observer : null));
    return file;
  }

  api(): Client {
    return createClient({ url: this.busbar.adminUrl, token: null, timeoutMs: 5_000, reconnectMs: 5_000 });
  }

  /** What `find` finds in the API's view of all stations, as soon as it is there. */
  async #seen<Found>(what: string, find: (stations: readonly Station[]) => Found | null): Promise<Found> {
    const client = this.api();
    const deadlineMs = performance.now() + viewTimeoutMs;
    for (;;) {
      const found = find(answered(await client.stations({ limit: 100 })).items);
      if (found !== null) return found;
      if (performance.now() > deadlineMs) throw new Error(`not so within ${viewTimeoutMs} ms: ${what}`);
      await this.live(50);
    }
  }
}

function isObserverSynced({ backends }: Station): boolean {
  return backends.some(({ backend, state }) => backend === observerName && state === 'synced');
}

/** The first open 1.6 transaction that the observer and the primary of this station have both given their number. */
function knownTransactionOf({ id, version, primary, backends }: Station): KnownTransaction | null {
  const observer = backends.find(({ backend }) => backend === observerName);
  if (version !== 'ocpp1.6' || observer === undefined) return null;
  for (const { stationId } of observer.transactions) {
    if (stationId === null) continue;
    const names = backends.flatMap(({ backend, role, transactions }) =>
      transactions.flatMap((transaction) =>
        transaction.stationId === stationId && transaction.id !== null
          ? [{ backend, role, id: transaction.id }]
          : [],
      ),
    );
    const isNamedBy = (name: string | null): boolean => names.some(({ backend }) => backend === name);
    if (isNamedBy(primary) && isNamedBy(observerName)) return { station: id, stationId, backends: names };
  }
  return null;
}

async function issueCertificates(folder: string, authority: CertificateAuthority): Promise<void> {
  for (const keyType of ['rsa', 'ecdsa'] as const) {
    const issued = await authority.issue({
      use: 'server',
      keyType,
      commonName: 'localhost',
      names: ['localhost', '127.0.0.1'],
    });
    await writeFile(join(folder, `${keyType}.pem`), issued.cert);
    await writeFile(join(folder, `${keyType}.key`), issued.key, { mode: 0o600 });
  }
}

function configurationText(
  backends: ReadonlyMap<string, SimulatedBackend>,
  observer: SimulatedBackend | null,
): string {
  const urls = [...backends].map(([name, backend]) => backendLine(name, backend, ', drainRate: 500/s'));
  if (observer !== null) urls.push(backendLine(observerName, observer, ', nonBilling: true'));
  const receives = '[registration, liveness, state, transactions, meter]';
  const observers =
    observer === null ? '' : `, observers: [{ backend: ${observerName}, receives: ${receives} }]`;
  return `stations:
  listen: 127.0.0.1:0
  tls: { cert: [rsa.pem, ecdsa.pem], key: [rsa.key, ecdsa.key] }
admin:
  listen: 127.0.0.1:0
storage: sqlite:./busbar.db
backends:
${urls.join('\n')}
groups:
  moved: { stations: ["N-*"] }
routes:
  - { group: moved, primary: new${observers} }
  - { stations: "*", primary: old, whenDown: cover${observers} }
limits: { callsPerSecond: 100, connectsPerHour: 600 }
`;
}

function backendLine(name: string, backend: SimulatedBackend, more: string): string {
  return `  ${name}: { url: "${backend.url}/{station}", redial: { from: 200ms, to: 2s }${more} }`;
}

async function readSettings(file: string): Promise<Result<Settings, readonly ConfigurationProblem[]>> {
  const loaded = await loadConfiguration(file, process.env);
  return loaded.ok ? ok(loaded.value.settings) : loaded;
}

function orThrow<Value>(result: Result<Value, readonly ConfigurationProblem[]>): Value {
  if (result.ok) return result.value;
  throw new Error(result.fault.map(formatProblem).join('\n'));
}

/** The answer; a refusal ends the demo. */
export function answered<Value>(result: Result<Value, ClientFault>): Value {
  if (result.ok) return result.value;
  throw new Error(result.fault.message);
}

export function ledgersOf(stations: readonly SimulatedStation[]): ReadonlyMap<string, Ledger> {
  return new Map(stations.flatMap(({ id, ledger }) => (ledger === null ? [] : [[id, ledger] as const])));
}

/** Of those that decide. */
export function ledgersByBackend({
  backends,
}: Pick<DemoWorld, 'backends'>): Map<string, ReadonlyMap<string, Ledger>> {
  return new Map([...backends].map(([name, backend]) => [name, backend.ledgers]));
}
