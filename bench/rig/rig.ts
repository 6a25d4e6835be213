/**
 * Starts what a bench measures: a process under test (the gateway, or the bare pipe A) and the load process beside it, each on a core of its own.
 *
 * Not pure. The gateway is the real command with a configuration file, its journal in a temporary folder, with the limits on a station's calls and connections off.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAuthority } from '../../src/testkit/certificates.ts';
import { nodeFlags } from '../../src/testkit/launch.ts';
import { messageClasses } from '../../src/protocol/message-class.ts';
import type { LoadManner } from './load-backend.ts';
import type { BackendTold, Connected, Driven, LoadAnswer, LoadOrder } from './load-protocol.ts';
import type { ProbeAnswer, ProbeQuestion, ProbeSample } from './probe.ts';

/** `pipe` is A. `direct`: nothing between, the stations' sockets end at the backend. */
export type Subject = 'gateway' | 'pipe' | 'direct';

export interface RigOptions {
  readonly subject: Subject;
  readonly isTls?: boolean;
  /** The backend has a process of its own: it answers even while its stations have their hands full with handshakes. */
  readonly isBackendApart?: boolean;
  /** Backends that listen in on every station of the gateway; the same load backend takes their links. */
  readonly observers?: number;
  /** Instead, one that listens in and is like this, in a process of its own that gives way to the load. `dead`: nothing listens at its port. */
  readonly observer?: LoadManner | 'dead';
  /** The limits on a station's calls, and on what backends send, are as they are by default. */
  readonly isLimited?: boolean;
  /** Where the backend is down, Busbar answers for it, and later delivers at this rate. */
  readonly drainRate?: string;
  /** Extra arguments for Node in the process under test, such as `--cpu-prof`. */
  readonly nodeArguments?: readonly string[];
}

/** What a stretch of load cost the process under test. */
export interface Measured extends Driven {
  readonly cpuMs: number;
  /** Microseconds of processor time, all threads, for each frame that crossed. */
  readonly cpuUsPerFrame: number;
}

export interface Rig {
  readonly subject: Subject;
  /** Connects until so many stations are up; `inFlight` of them at a time, null for all at once. Throws when one is refused. */
  connect(stations: number, inFlight: number | null): Promise<Connected>;
  drive(order: Extract<LoadOrder, { order: 'saturate' | 'pace' }>): Promise<Measured>;
  /** Has the backend go away or come back, or tell what it has got. */
  backend(is?: 'down' | 'up'): Promise<BackendTold>;
  probe(question: ProbeQuestion): Promise<ProbeSample>;
  /** Where the gateway's API is; '' for others. */
  readonly adminUrl: string;
  stop(): Promise<void>;
}

/** Cores that a bench uses: one for the process under test, one for its load. Nothing is pinned where there are fewer. */
export const isPinned = availableParallelism() >= 2 && spawnSync('taskset', ['-V']).status === 0;
const subjectCore = 0;
const loadCore = 1;
const leastPriority = 19;
const startMs = 20_000;
const answerMs = 180_000;
const here = import.meta.dirname;
const root = join(here, '../..');

/** Ends the command with exit 2 where this process may not open the sockets that so many stations need on both sides. */
export async function requireSockets(stations: number): Promise<void> {
  const needed = stations * 2 + 200;
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const allowed = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  if (allowed >= needed) return;
  process.stderr.write(
    `${stations} stations need ${needed} open files in one process, and ${allowed} are allowed. Raise the hard limit (ulimit -Hn), or ask for ${Math.floor((allowed - 200) / 2)} stations with --stations.\n`,
  );
  process.exit(2);
}

export async function startRig(options: RigOptions): Promise<Rig> {
  const { subject, isTls = false, isBackendApart = false } = options;
  const folder = await mkdtemp(join(tmpdir(), 'busbar-bench-'));
  const load = new Child('load process', loadCore, [join(here, 'load.ts')]);
  const { backendPort } = await load.hear<{ backendPort: number }>('backendPort', startMs);
  const stationLoad = isBackendApart
    ? new Child('load process', loadCore, [join(here, 'load.ts'), 'stations'])
    : load;
  if (isBackendApart) await stationLoad.hear<{ backendPort: number }>('backendPort', startMs);
  const certificate = isTls ? await issueCertificate(folder) : null;
  const ear = await startEar(options.observer);
  const ports = { backend: backendPort, observer: ear === null ? deadPort : ear.port };
  const tested = subject === 'direct' ? null : await startSubject(options, folder, ports, certificate);
  const port = tested?.port ?? backendPort;
  const linksEach = subject === 'gateway' ? 1 + (options.observers ?? 0) : 1;
  const ask = async <Answer extends Connected | Driven | BackendTold>(
    order: LoadOrder,
    of: Child = stationLoad,
  ): Promise<Answer> => {
    of.send(order);
    return await of.hear<Answer>('order', answerMs);
  };
  const probe = async (question: ProbeQuestion): Promise<ProbeSample> => {
    if (tested === null) return { cpuMs: 0, rssBytes: 0, stallMs: 0 };
    tested.child.send(question);
    return (await tested.child.hear<ProbeAnswer>('probe', answerMs)).probe;
  };
  return {
    subject,
    adminUrl: tested?.adminUrl ?? '',
    probe,
    connect: (stations, inFlight) =>
      ask<Connected>({ order: 'connect', port, isTls, stations, linksEach, inFlight }),
    backend: (is) => ask<BackendTold>({ order: 'backend', ...(is === undefined ? {} : { is }) }, load),
    async drive(order) {
      const before = await probe('sample');
      const driven = await ask<Driven>(order);
      const cpuMs = (await probe('sample')).cpuMs - before.cpuMs;
      return { ...driven, cpuMs, cpuUsPerFrame: (cpuMs * 1_000) / (driven.calls * 2) };
    },
    async stop() {
      await load.stop('SIGKILL');
      if (stationLoad !== load) await stationLoad.stop('SIGKILL');
      await ear?.child.stop('SIGKILL');
      await tested?.child.stop(options.nodeArguments === undefined ? 'SIGKILL' : 'SIGTERM');
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Milliseconds from the start of the gateway's process until it listens; the process is killed then. */
export async function timeStart(configuration: string): Promise<number> {
  const beganMs = performance.now();
  const child = new Child('gateway', subjectCore, [
    join(root, 'src/main.ts'),
    'serve',
    '--config',
    configuration,
  ]);
  await child.doors();
  const ms = performance.now() - beganMs;
  await child.stop('SIGKILL');
  return ms;
}

/** A port of the system's that nothing listens at. */
const deadPort = 1;

interface Ports {
  readonly backend: number;
  readonly observer: number;
}

interface Started {
  readonly child: Child;
  readonly port: number;
  readonly adminUrl: string;
}

/** On the load's core, but after it: what the observer does must not be taken for what it does to others. */
async function startEar(manner: RigOptions['observer']): Promise<Started | null> {
  if (manner === undefined || manner === 'dead') return null;
  const child = new Child('observer', loadCore, [join(here, 'observer.ts'), manner], leastPriority);
  const { backendPort: port } = await child.hear<{ backendPort: number }>('backendPort', startMs);
  return { child, port, adminUrl: '' };
}

/** What a process under test tells of itself. */
type Doors = Omit<Started, 'child'>;

interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Writes a server certificate with a P-256 key, and tells where. */
async function issueCertificate(folder: string): Promise<Certificate> {
  const authority = await createAuthority('Bench');
  const issued = await authority.issue({
    use: 'server',
    keyType: 'ecdsa',
    commonName: 'localhost',
    names: ['localhost', '127.0.0.1'],
  });
  const files = { cert: join(folder, 'server.pem'), key: join(folder, 'server.key') };
  await writeFile(files.cert, issued.cert);
  await writeFile(files.key, issued.key, { mode: 0o600 });
  return files;
}

async function startSubject(
  options: RigOptions,
  folder: string,
  ports: Ports,
  certificate: Certificate | null,
): Promise<Started> {
  const { subject, nodeArguments = [] } = options;
  // The pipe gets what Busbar is started with: less for garbage to do beside it is a gain for both.
  const node = [...nodeFlags(), '--expose-gc', '--import', join(here, 'probe.ts'), ...nodeArguments];
  let command: string[];
  if (subject === 'pipe') {
    const files = certificate === null ? [] : [certificate.cert, certificate.key];
    command = [join(here, 'bare-pipe.ts'), `ws://127.0.0.1:${ports.backend}`, ...files];
  } else {
    const file = join(folder, 'busbar.yaml');
    await writeFile(file, configurationFor(options, ports, certificate));
    command = [join(root, 'src/main.ts'), 'serve', '--config', file];
  }
  const child = new Child(subject, subjectCore, [...node, ...command]);
  return { child, ...(await child.doors()) };
}

function urlOf(port: number): string {
  return `"ws://127.0.0.1:${port}/ocpp/{station}"`;
}

function configurationFor(
  { observers = 0, observer, isLimited = false, drainRate }: RigOptions,
  ports: Ports,
  certificate: Certificate | null,
): string {
  const tls = certificate === null ? '' : `\n  tls: { cert: ${certificate.cert}, key: ${certificate.key} }`;
  const count = observer === undefined ? observers : 1;
  const names = Array.from({ length: count }, (_, at) => `ear-${at + 1}`);
  const earUrl = urlOf(observer === undefined ? ports.backend : ports.observer);
  const ears = names.map((name) => `\n  ${name}: { url: ${earUrl}, nonBilling: true }`).join('');
  const calls = isLimited ? '' : 'callsPerSecond: unlimited, ';
  const heard = names
    .map((name) => `{ backend: ${name}, receives: [${messageClasses.join(', ')}] }`)
    .join(', ');
  const pace = drainRate === undefined ? '' : `, redial: { from: 100ms, to: 2s }, drainRate: ${drainRate}`;
  const covers = drainRate === undefined ? '' : ', whenDown: cover';
  return `stations:
  listen: 127.0.0.1:0${tls}
admin:
  listen: 127.0.0.1:0
storage: sqlite:./busbar.db
backends:
  only: { url: ${urlOf(ports.backend)}${pace} }${ears}
routes:
  - { stations: "*", primary: only, observers: [${heard}]${covers} }
limits: { ${calls}connectsPerHour: unlimited }
`;
}

/** A child process that answers over the IPC channel. One question at a time. */
class Child {
  readonly #name: string;
  readonly #process: ChildProcess;
  #expected: {
    readonly key: string;
    readonly resolve: (message: object) => void;
    readonly reject: (error: Error) => void;
  } | null = null;
  /** Answers that came before they were waited for. */
  #early: object[] = [];
  /** The last of what it logged, for the one who has to find out why it ended. */
  #lastLines: string[] = [];
  #onStarted: ((doors: Doors) => void) | null = null;
  #isStopping = false;

  constructor(name: string, core: number, nodeArguments: readonly string[], niceness = 0) {
    this.#name = name;
    const command = [process.execPath, ...nodeArguments];
    const [file, ...rest] = isPinned ? ['taskset', '-c', String(core), ...command] : command;
    this.#process = spawn(file ?? '', rest, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    if (niceness > 0 && this.#process.pid !== undefined) setPriority(this.#process.pid, niceness);
    this.#process.on('message', (message) => this.#onMessage(message as object));
    this.#process.once('exit', (code, signal) => this.#onExit(`${code ?? signal}`));
    if (this.#process.stderr !== null)
      createInterface({ input: this.#process.stderr }).on('line', (line) => this.#onLine(line));
  }

  send(message: LoadOrder | ProbeQuestion): void {
    this.#process.send(message);
  }

  /** The next answer that has this key. */
  async hear<Answer extends LoadAnswer | ProbeAnswer>(key: string, timeoutMs: number): Promise<Answer> {
    const at = this.#early.findIndex((message) => key in message);
    if (at !== -1) return this.#early.splice(at, 1)[0] as Answer;
    const answer = Promise.withResolvers<object>();
    this.#expected = { key, resolve: answer.resolve, reject: answer.reject };
    return await this.#inTime(answer.promise as Promise<Answer>, `an answer (${key})`, timeoutMs);
  }

  /** What its line `started` tells: where stations connect, and where its API is. */
  async doors(): Promise<Doors> {
    const started = Promise.withResolvers<Doors>();
    this.#onStarted = started.resolve;
    return await this.#inTime(started.promise, 'to start', startMs);
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#isStopping = true;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => {
      this.#process.once('exit', () => resolve());
    });
    this.#process.kill(signal);
    await ended;
  }

  async #inTime<Value>(awaited: Promise<Value>, what: string, timeoutMs: number): Promise<Value> {
    const late = new AbortController();
    const deadline = sleep(timeoutMs, null, { signal: late.signal }).then(() => {
      throw new Error(
        `waited ${timeoutMs / 1_000} s for the ${this.#name} ${what}:\n${this.#lastLines.join('\n')}`,
      );
    });
    deadline.catch(() => {});
    try {
      return await Promise.race([awaited, deadline]);
    } finally {
      late.abort();
    }
  }

  #onMessage(message: object): void {
    if ('failure' in message) this.#onExit(String(message.failure));
    else if (this.#expected !== null && this.#expected.key in message) {
      const { resolve } = this.#expected;
      this.#expected = null;
      resolve(message);
    } else this.#early.push(message);
  }

  #onExit(why: string): void {
    if (this.#isStopping) return;
    const error = new Error(`the ${this.#name} ended (${why}):\n${this.#lastLines.join('\n')}`);
    if (this.#expected === null) throw error;
    this.#expected.reject(error);
  }

  #onLine(line: string): void {
    if (this.#onStarted !== null && line.includes('stationPort')) {
      this.#onStarted({
        port: Number(/"stationPort":(\d+)/.exec(line)?.[1]),
        adminUrl: /"adminUrl":"([^"]+)"/.exec(line)?.[1] ?? '',
      });
      this.#onStarted = null;
    }
    this.#lastLines.push(line);
    if (this.#lastLines.length > 20) this.#lastLines.shift();
  }
}
