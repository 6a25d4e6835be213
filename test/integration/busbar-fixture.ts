/**
 * A whole Busbar in the test's own process, from a configuration text, and bare peers to talk to it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { startBusbar, type Busbar } from '../../src/app/busbar.ts';
import { loadConfiguration } from '../../src/control/configuration/load.ts';
import { formatProblem, type ConfigurationProblem } from '../../src/control/configuration/problem.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Settings } from '../../src/ports/settings.ts';
import { ok, type Result } from '../../src/std/result.ts';
import { until } from '../../src/testkit/until.ts';

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export interface BusbarFixture {
  readonly busbar: Busbar;
  readonly folder: string;
  /** Where a station connects. */
  readonly stationUrl: (station: string) => string;
  /** Writes the file anew; `busbar.reload()` reads it. */
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts Busbar on the text. `stations.listen` and `admin.listen` should name port 0; `secrets` become files beside it. */
export async function startFixture(
  text: string,
  secrets: Readonly<Record<string, string>> = {},
  log: Log = silentLog,
): Promise<BusbarFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-fixture-'));
  for (const [name, secret] of Object.entries(secrets))
    await writeFile(join(folder, name), secret, { mode: 0o600 });
  const file = join(folder, 'busbar.yaml');
  const write = (next: string): Promise<void> => writeFile(file, next);
  const read = async (): Promise<Result<Settings, readonly ConfigurationProblem[]>> => {
    const loaded = await loadConfiguration(file, {});
    return loaded.ok ? ok(loaded.value.settings) : loaded;
  };
  await write(text);
  const settings = await read();
  if (!settings.ok) throw new Error(settings.fault.map(formatProblem).join('\n'));
  const started = await startBusbar({ settings: settings.value, log, readAgain: read });
  if (!started.ok) throw new Error(`${started.fault.where}: ${started.fault.reason}`);
  const busbar = started.value;
  return {
    busbar,
    folder,
    write,
    stationUrl: (station) => `ws://127.0.0.1:${busbar.stationPort}/ocpp/${station}`,
    close: async () => {
      await busbar.drain(0, 3_000);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A peer that does nothing by itself but answer pings. */
export class BarePeer {
  readonly socket: WebSocket;
  readonly texts: string[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  /** The HTTP answer, when it was not 101. */
  refused: { readonly status: number; readonly headers: IncomingMessage['headers'] } | null = null;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => this.texts.push(data.toString()));
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    socket.on('unexpected-response', (_request, response) => {
      this.refused = { status: response.statusCode ?? 0, headers: response.headers };
      response.resume();
      socket.terminate();
    });
    socket.on('error', () => {
      // A refused upgrade is an error to `ws`; the tests look at `refused` and `closed`.
    });
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(text: string): void {
    this.socket.send(text);
  }

  /** Resolves once this many texts have come in all. */
  async received(count: number): Promise<readonly string[]> {
    await until(`${count} texts came`, () => this.texts.length >= count);
    return this.texts;
  }
}

/** Dials, and returns once the upgrade is answered one way or the other. */
export async function dialStation(
  url: string,
  options: {
    readonly protocols?: readonly string[];
    readonly password?: string;
    readonly autoPong?: boolean;
  } = {},
): Promise<BarePeer> {
  const { protocols = ['ocpp1.6'], password, autoPong = true } = options;
  const user = url.slice(url.lastIndexOf('/') + 1);
  const auth = password === undefined ? {} : { auth: `${user}:${password}` };
  const peer = new BarePeer(
    new WebSocket(url, [...protocols], { perMessageDeflate: false, autoPong, ...auth }),
  );
  await until(
    'the upgrade is answered',
    () => peer.isOpen || peer.refused !== null || peer.closed !== null,
    15_000,
  );
  return peer;
}
