/**
 * What the tests of hostile peers share: Busbar in a process of its own with default limits, 500 good stations on two good backends, an attacker in a
 * thread of its own, and what is measured of Busbar from outside.
 */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ocppVersions } from '../../src/protocol/version.ts';
import { attackerCount, attacks, backendBehaviours, type AttackName } from '../../src/testkit/attacks.ts';
import type { Tally, Target } from '../../src/testkit/attacks-raw.ts';
import { createAuthority } from '../../src/testkit/certificates.ts';
import type { Evidence } from '../../src/testkit/checkers.ts';
import type { Ledger } from '../../src/testkit/ledger.ts';
import { SimulatedBackend } from '../../src/testkit/simulated-backend.ts';
import { SimulatedStation } from '../../src/testkit/simulated-station.ts';
import { BusbarProcess, freePorts } from './busbar-process.ts';
import type { AttackReport } from './hostile-attacker.ts';

export const goodCount = 500;
const newcomerMax = 100;
const password = 'correct horse battery';

export interface WorldOptions {
  /** Plain without credentials, or TLS with HTTP Basic (security profile 2). */
  readonly security: 'plain' | 'tls';
  /** Further lines of the configuration. */
  readonly limits?: string;
}

export interface HostileWorld {
  readonly busbar: BusbarProcess;
  readonly target: Target;
  readonly adminPort: number;
  readonly backends: ReadonlyMap<string, SimulatedBackend>;
  /** Lines of Busbar's log by event, and those that are none of ours. */
  readonly events: Map<string, number>;
  readonly strangeLines: string[];
  station(id: string, index: number, onAnswered?: (latencyMs: number) => void): SimulatedStation;
  attack(name: AttackName, seconds: number): Promise<Tally>;
  close(): Promise<void>;
}

export async function startWorld(options: WorldOptions): Promise<HostileWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-hostile-'));
  const isTls = options.security === 'tls';
  const ca = isTls ? await writeCertificates(folder) : null;
  const worker = new Worker(new URL('hostile-attacker.ts', import.meta.url), { execArgv: [] });
  const [ready] = (await once(worker, 'message')) as [AttackReport];
  const hostilePort = ready.type === 'ready' ? ready.backendPort : 0;
  const backends = await startBackends();
  const [stationPort = 0, adminPort = 0] = await freePorts(2);
  if (isTls) await writeKnown(folder);
  const config = join(folder, 'busbar.yaml');
  await writeFile(config, configurationText(options, backends, { stationPort, adminPort, hostilePort }));
  process.env['HOSTILE_PASSWORD'] = password;
  const events = new Map<string, number>();
  const strangeLines: string[] = [];
  const busbar = new BusbarProcess(config, (line) => noteLine(line, events, strangeLines));
  await busbar.start();
  const target = { host: '127.0.0.1', port: stationPort, ca, password: isTls ? password : null };
  return {
    busbar,
    target,
    adminPort,
    backends,
    events,
    strangeLines,
    station: (id, index, onAnswered) => goodStation(target, id, index, onAnswered),
    attack: async (name, seconds) => {
      worker.postMessage({ name, target, seconds }, []);
      const [report] = (await once(worker, 'message')) as [AttackReport];
      if (report.type !== 'done') throw new Error('the attacker answered out of turn');
      return report.tally;
    },
    close: async () => {
      await busbar.stop('SIGKILL');
      await worker.terminate();
      for (const backend of backends.values()) await backend.stop('cut');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What the good stations and the good backends wrote down, of good stations only. */
export function evidenceOf(
  stations: readonly SimulatedStation[],
  backends: ReadonlyMap<string, SimulatedBackend>,
): Evidence {
  const ids = new Set(stations.map(({ id }) => id));
  return {
    stations: new Map(stations.map(({ id, ledger }) => [id, ledger as Ledger])),
    backends: new Map(
      [...backends].map(([name, { ledgers }]) => [
        name,
        new Map([...ledgers].filter(([station]) => ids.has(station))),
      ]),
    ),
  };
}

/** Samples of the process from outside, until stopped: resident memory and how long `/livez` takes, asked for at fixed times. */
export class Probe {
  readonly #pid: number;
  readonly #livez: string;
  readonly #timer: NodeJS.Timeout;
  rssMb = 0;
  rssPeakMb = 0;
  livezMs: number[] = [];
  livezFailures = 0;

  constructor({ busbar, adminPort }: HostileWorld) {
    this.#pid = busbar.pid;
    this.#livez = `http://127.0.0.1:${adminPort}/livez`;
    this.#timer = setInterval(() => void this.#sample(), 100);
  }

  /** Forgets the peak and the times. */
  reset(): void {
    this.rssPeakMb = 0;
    this.livezMs = [];
  }

  /** The level that memory has when nothing hostile happens: the lowest of two seconds. */
  async settled(): Promise<number> {
    let lowest = Infinity;
    for (let sample = 0; sample < 20; sample += 1) {
      await delay(100);
      if (this.rssMb > 0) lowest = Math.min(lowest, this.rssMb);
    }
    return lowest;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #sample(): Promise<void> {
    this.rssMb = await residentMb(this.#pid).catch(() => 0);
    this.rssPeakMb = Math.max(this.rssPeakMb, this.rssMb);
    const sinceMs = performance.now();
    try {
      const { ok } = await fetch(this.#livez, { signal: AbortSignal.timeout(5_000) });
      if (!ok) this.livezFailures += 1;
      this.livezMs.push(performance.now() - sinceMs);
    } catch {
      this.livezFailures += 1;
    }
  }
}

export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function noteLine(line: string, events: Map<string, number>, strangeLines: string[]): void {
  const event = /"event":"([a-z_]+)"/.exec(line)?.[1];
  const level = /"level":"(\w+)"/.exec(line)?.[1];
  if (event === undefined || level === 'error') strangeLines.push(line.slice(0, 500));
  else events.set(event, (events.get(event) ?? 0) + 1);
}

function goodStation(
  target: Target,
  id: string,
  index: number,
  onAnswered: (latencyMs: number) => void = () => {},
): SimulatedStation {
  const { host, port, ca } = target;
  const spec = {
    id,
    seed: index,
    offers: [ocppVersions[index % ocppVersions.length] ?? 'ocpp1.6'] as const,
    speed: 30,
    idleMs: [10_000, 60_000],
    chargingMs: [120_000, 600_000],
    callTimeoutMs: 20_000,
    powerCutEveryMs: Infinity,
  } as const;
  const connection = {
    url: `${ca === null ? 'ws' : 'wss'}://${host === '127.0.0.1' && ca !== null ? 'localhost' : host}:${port}/ocpp`,
    ...(ca === null ? {} : { ca }),
    ...(target.password === null ? {} : { password: target.password }),
  };
  const watch = {
    onAnswered: (_station: SimulatedStation, { latencyMs }: { readonly latencyMs: number }) =>
      onAnswered(latencyMs),
  };
  return new SimulatedStation(spec, connection, { keepsLedger: true, watch });
}

async function startBackends(): Promise<Map<string, SimulatedBackend>> {
  const backends = new Map<string, SimulatedBackend>();
  for (const [index, name] of ['old', 'new'].entries()) {
    const backend = new SimulatedBackend({
      seed: index + 1,
      versions: ocppVersions,
      commandEveryMs: 20_000,
      neverCommands: ['Reset'],
    });
    await backend.start();
    backends.set(name, backend);
  }
  return backends;
}

async function writeCertificates(folder: string): Promise<string> {
  const authority = await createAuthority('Hostile Test CA');
  const server = await authority.issue({
    use: 'server',
    keyType: 'ecdsa',
    commonName: 'localhost',
    names: ['localhost', '127.0.0.1'],
  });
  await writeFile(join(folder, 'server.pem'), server.cert);
  await writeFile(join(folder, 'server.key'), server.key, { mode: 0o600 });
  return authority.cert;
}

function numbered(prefix: string, many: number): string[] {
  return Array.from({ length: many }, (_, at) => `${prefix}-${at}`);
}

/** Everybody is known and has the same password: the attackers are insiders too. */
async function writeKnown(folder: string): Promise<void> {
  const ids = [
    ...numbered('G', goodCount),
    ...numbered('N', newcomerMax),
    ...numbered('A', attackerCount),
    'A-storm',
    ...backendBehaviours.flatMap((behaviour) => numbered(`X-${behaviour}`, attackerCount)),
  ];
  const lines = ids.map((id) => `${id}: { password: { env: HOSTILE_PASSWORD } }`);
  await writeFile(join(folder, 'known.yaml'), lines.join('\n'));
}

function configurationText(
  { security, limits = '' }: WorldOptions,
  backends: ReadonlyMap<string, SimulatedBackend>,
  ports: { readonly stationPort: number; readonly adminPort: number; readonly hostilePort: number },
): string {
  const entries = [...backends].map(([name, { url }]) => `  ${name}: { url: "${url}/{station}" }`);
  const tls =
    security === 'tls'
      ? ', auth: basic, admit: listed, knownFrom: known.yaml, tls: { cert: server.pem, key: server.key }'
      : '';
  return `stations: { listen: "127.0.0.1:${ports.stationPort}"${tls} }
admin: { listen: "127.0.0.1:${ports.adminPort}" }
storage: sqlite:./busbar.db
backends:
${entries.join('\n')}
  hostile: { url: "ws://127.0.0.1:${ports.hostilePort}/{station}" }
routes:
  - { stations: "X-*", primary: hostile }
  - { stations: ["N-*", "*1", "*3", "*5", "*7", "*9"], primary: new }
  - { stations: "*", primary: old }
${limits}`;
}

/** Attacks that fit a port: half a TLS handshake means nothing to a plain one, and nobody guesses where no password is asked for. */
export function attacksOn(security: WorldOptions['security']): AttackName[] {
  const names = Object.keys(attacks) as AttackName[];
  return names.filter((name) => security === 'tls' || (name !== 'halfTls' && name !== 'guessing'));
}
