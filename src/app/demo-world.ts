/**
 * What the demo consists of: a folder with a configuration and certificates, a Busbar on it, two backends, a fleet.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { createLog } from '../adapters/pino/log.ts';
import { loadConfiguration } from '../control/configuration/load.ts';
import { formatProblem, type ConfigurationProblem } from '../control/configuration/problem.ts';
import { ocppVersions, type OcppVersion } from '../protocol/version.ts';
import { ok, type Result } from '../std/result.ts';
import { createAuthority, type CertificateAuthority } from '../testkit/certificates.ts';
import type { Ledger } from '../testkit/ledger.ts';
import { isSettled } from '../testkit/life-state.ts';
import { SimulatedBackend } from '../testkit/simulated-backend.ts';
import { SimulatedStation } from '../testkit/simulated-station.ts';
import { until } from '../testkit/until.ts';
import type { JournalEntry } from '../testkit/journal-checkers.ts';
import type { Settings } from '../ports/settings.ts';
import { startBusbar, type Busbar } from './busbar.ts';

const stationsPerVersion = 12;
/** A minute of station time is this many times shorter: transactions of minutes last seconds. */
const speed = 100;

export interface DemoWorld {
  readonly busbar: Busbar;
  readonly stationUrl: string;
  readonly stations: readonly SimulatedStation[];
  readonly backends: ReadonlyMap<string, SimulatedBackend>;
  /** Makes the fleet and switches it on. */
  connect(): void;
  connectedCount(): number;
  /** Links ever opened by the stations. */
  linkCount(): number;
  versionCounts(): string;
  lifeLine(): string;
  live(ms: number): Promise<void>;
  /** Serial number of the certificate that a new handshake gets. */
  servedSerial(): Promise<string>;
  renewCertificates(): Promise<void>;
  restartBackend(downMs: number): Promise<void>;
  windDown(): Promise<void>;
  drain(): Promise<boolean>;
  journalEntries(): Promise<readonly JournalEntry[]>;
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export async function openDemoWorld(folder: string): Promise<DemoWorld> {
  const authority = await createAuthority('Busbar demo CA');
  await issueCertificates(folder, authority);
  const backends = new Map(
    await Promise.all(
      ['old', 'new'].map(async (name, index) => {
        const backend = new SimulatedBackend(
          { seed: index + 1, versions: ocppVersions, commandEveryMs: 2_000, allowsReset: false },
          { keepsLedgers: true },
        );
        await backend.start();
        return [name, backend] as const;
      }),
    ),
  );
  const world = new World(folder, authority, backends);
  await world.reopen();
  return world;
}

class World implements DemoWorld {
  readonly #folder: string;
  readonly #authority: CertificateAuthority;
  readonly backends: ReadonlyMap<string, SimulatedBackend>;
  #busbar: Busbar | null = null;
  #fleets = 0;
  stations: readonly SimulatedStation[] = [];

  constructor(
    folder: string,
    authority: CertificateAuthority,
    backends: ReadonlyMap<string, SimulatedBackend>,
  ) {
    this.#folder = folder;
    this.#authority = authority;
    this.backends = backends;
  }

  get busbar(): Busbar {
    if (this.#busbar === null) throw new Error('the demo has no Busbar before reopen()');
    return this.#busbar;
  }

  get stationUrl(): string {
    return `wss://127.0.0.1:${this.busbar.stationPort}/ocpp`;
  }

  async reopen(): Promise<void> {
    await writeFile(join(this.#folder, 'busbar.yaml'), configurationText(this.backends));
    const file = join(this.#folder, 'busbar.yaml');
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
    orThrow(await this.busbar.reload());
  }

  async restartBackend(downMs: number): Promise<void> {
    const backend = this.backends.get('old');
    await backend?.stop('cut');
    await this.live(downMs);
    await backend?.start();
  }

  async windDown(): Promise<void> {
    for (const station of this.stations) station.windDown();
    await until(
      'every station has nothing left to say',
      () => this.stations.every(({ life }) => isSettled(life)),
      60_000,
    );
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
    await Promise.all([...this.backends.values()].map((backend) => backend.stop()));
  }
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

function configurationText(backends: ReadonlyMap<string, SimulatedBackend>): string {
  const urls = [...backends].map(
    ([name, backend]) => `  ${name}: { url: "${backend.url}/{station}", redial: { from: 200ms, to: 2s } }`,
  );
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
  - { group: moved, primary: new }
  - { stations: "*", primary: old }
limits: { callsPerSecond: 100, connectsPerHour: 600 }
`;
}

async function readSettings(file: string): Promise<Result<Settings, readonly ConfigurationProblem[]>> {
  const loaded = await loadConfiguration(file, process.env);
  return loaded.ok ? ok(loaded.value.settings) : loaded;
}

function orThrow<Value>(result: Result<Value, readonly ConfigurationProblem[]>): Value {
  if (result.ok) return result.value;
  throw new Error(result.fault.map(formatProblem).join('\n'));
}

/** The ledgers of the fleet. */
export function stationLedgers(world: DemoWorld): ReadonlyMap<string, Ledger> {
  return new Map(
    world.stations.flatMap(({ id, ledger }) => (ledger === null ? [] : [[id, ledger] as const])),
  );
}
