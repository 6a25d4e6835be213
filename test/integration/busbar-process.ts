/**
 * Busbar as its own process, for tests that kill it.
 *
 * The ports are chosen once, so that stations find it again; every start reads the same configuration file and journal.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { busbarArguments } from '../../src/testkit/launch.ts';
import { armSignal, trapVariable, type Trap } from './kill-points.ts';

const preload = join(import.meta.dirname, 'kill-preload.ts');
const startMaxMs = 60_000;
/** Under load every point is passed many times a second. */
const trapMaxMs = 30_000;

export class BusbarProcess {
  readonly #config: string;
  readonly #onLine: (line: string) => void;
  #child: ChildProcess | null = null;
  #trap: Trap | null = null;
  /** Its log since the last start: what went wrong when a test fails. */
  log: string[] = [];

  /** `onLine` sees every line of its log, of which `log` keeps the first. */
  constructor(config: string, onLine: (line: string) => void = () => {}) {
    this.#config = config;
    this.#onLine = onLine;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Returns once it listens. `trap`: where `kill` has it kill itself. */
  async start(trap: Trap | null = null): Promise<void> {
    const imports = trap === null ? [] : ['--import', preload];
    const child = spawn(
      process.execPath,
      [...imports, ...busbarArguments(), 'serve', '--config', this.#config],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: {
          ...process.env,
          ...(trap === null ? {} : { [trapVariable]: JSON.stringify(trap) }),
        },
      },
    );
    this.#child = child;
    this.#trap = trap;
    this.log = [];
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`Busbar did not start\n${this.log.join('\n')}`)),
        startMaxMs,
      );
      child.once('exit', (code) => reject(new Error(`Busbar ended with ${code}\n${this.log.join('\n')}`)));
      createInterface({ input: child.stderr }).on('line', (line) => {
        if (this.log.length < 2_000) this.log.push(line);
        this.#onLine(line);
        if (!line.includes('"event":"started"')) return;
        clearTimeout(timer);
        resolve();
      });
    });
    child.removeAllListeners('exit');
  }

  /** kill -9: where its trap is, or here and now. Returns once it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    const trap = this.#trap;
    if (child === null || trap === null) {
      await this.stop('SIGKILL');
      return;
    }
    const gone = once(child, 'exit', { signal: AbortSignal.timeout(trapMaxMs) });
    child.kill(armSignal);
    await gone.catch(() => {
      throw new Error(`Busbar never came to ${trap.point}\n${this.log.join('\n')}`);
    });
    if (child.signalCode !== 'SIGKILL')
      throw new Error(`Busbar ended with ${child.signalCode ?? child.exitCode} instead of ${trap.point}`);
  }

  /** Returns once it is gone. */
  async stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null)
      return child?.exitCode ?? null;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
    return child.exitCode;
  }
}

/** Ports that are free now; nobody else in a test run asks for fixed ones. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  return ports;
}
