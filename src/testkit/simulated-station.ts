/**
 * A simulated station on a real socket: drives station-life.ts over real time with `ws`.
 *
 * Shell, and lean: thousands live in one process, with one timer each and no closure that is not needed. `ws` and `wss`, HTTP Basic,
 * client certificates, lists of subprotocols (OCPP-J §3, security profiles 1 to 3).
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { performance } from 'node:perf_hooks';
import { WebSocket, type ClientOptions } from 'ws';
import { isOcppVersion } from '../protocol/version.ts';
import { connectFault } from './connect-fault.ts';
import { createLedger, stepWithLedger, type Ledger } from './ledger.ts';
import {
  createLife,
  type LifeEffect,
  type LifeEvent,
  type LifeSpec,
  type StationLife,
} from './life-state.ts';
import { stepLife } from './station-life.ts';

export interface StationConnection {
  /** The endpoint without the identity: `ws://host:9220/ocpp`. The station's id is appended, percent-encoded. */
  readonly url: string;
  /** HTTP Basic password (security profile 1 or 2); the user name is the id. */
  readonly password?: string | Uint8Array;
  /** PEM: what the server's certificate is checked against, and the station's own (security profile 3). */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly handshakeTimeoutMs?: number;
}

export interface StationWatch {
  onAnswered?(station: SimulatedStation, effect: Extract<LifeEffect, { type: 'answered' }>): void;
  onDiscarded?(station: SimulatedStation, effect: Extract<LifeEffect, { type: 'discarded' }>): void;
}

/** One running station. It lives from construction until `stop`. */
export class SimulatedStation {
  readonly life: StationLife;
  /** Null where none is kept: it grows with every frame. */
  readonly ledger: Ledger | null;
  /** Why the last connection attempt failed, for people. */
  lastError: string | null = null;
  readonly #connection: StationConnection;
  readonly #watch: StationWatch;
  #socket: WebSocket | null = null;
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Infinity;
  #isStopped = false;

  constructor(
    spec: LifeSpec,
    connection: StationConnection,
    options: { readonly keepsLedger?: boolean; readonly watch?: StationWatch } = {},
  ) {
    this.life = createLife(spec, performance.now());
    this.ledger = options.keepsLedger === true ? createLedger(spec.id, spec.offers[0]) : null;
    this.#connection = connection;
    this.#watch = options.watch ?? {};
    this.#arm();
  }

  get id(): string {
    return this.life.options.id;
  }

  get isOpen(): boolean {
    return this.life.link.phase === 'open';
  }

  /** The power fails now. */
  cutPower(): void {
    this.step({ type: 'power_cut' });
  }

  /** No new transactions; open ones end. */
  windDown(): void {
    this.step({ type: 'wind_down' });
  }

  /** Ends the life. The link is closed cleanly, or cut when `closeMs` has passed. Resolves once it is gone. */
  async stop(closeMs = 1_000): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket === null || socket.readyState === WebSocket.CLOSED) return;
    const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    if (socket.readyState === WebSocket.OPEN) socket.close(1000);
    else socket.terminate();
    const cut = setTimeout(() => socket.terminate(), closeMs);
    await gone;
    clearTimeout(cut);
  }

  /** One event of this station; called by its socket and its timer. */
  step(event: LifeEvent): void {
    if (this.#isStopped && event.type !== 'closed') return;
    const clock = { nowMs: performance.now(), wallMs: Date.now() };
    const effects =
      this.ledger === null
        ? stepLife(this.life, event, clock)
        : stepWithLedger(this.life, this.ledger, event, clock);
    for (const effect of effects) this.#carryOut(effect);
    this.#arm();
  }

  #carryOut(effect: LifeEffect): void {
    switch (effect.type) {
      case 'connect':
        this.#connect(effect.offers);
        return;
      case 'send':
        if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(effect.text);
        return;
      case 'close':
        this.#socket?.close(effect.code);
        return;
      case 'terminate':
        this.#socket?.terminate();
        return;
      case 'answered':
        this.#watch.onAnswered?.(this, effect);
        return;
      case 'discarded':
        this.#watch.onDiscarded?.(this, effect);
    }
  }

  #connect(offers: readonly string[]): void {
    const { url, password, ca, cert, key, handshakeTimeoutMs } = this.#connection;
    const options: ClientOptions = {
      perMessageDeflate: false,
      handshakeTimeout: handshakeTimeoutMs ?? 10_000,
      skipUTF8Validation: true,
      ...(password === undefined ? {} : { headers: { Authorization: basicHeader(this.id, password) } }),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    };
    const socket = new WebSocket(
      `${url.replace(/\/+$/, '')}/${encodeURIComponent(this.id)}`,
      [...offers],
      options,
    );
    this.#socket = socket;
    owners.set(socket, this);
    socket.on('open', onOpen);
    socket.on('message', onMessage);
    socket.on('error', onError);
    socket.on('unexpected-response', onRefused);
    socket.on('close', onClose);
  }

  /** True while this is the station's present socket: one that is being cut says nothing any more. */
  owns(socket: WebSocket): boolean {
    return this.#socket === socket;
  }

  opened(socket: WebSocket): void {
    if (!isOcppVersion(socket.protocol)) {
      this.lastError = `the server chose no subprotocol that was offered (${socket.protocol === '' ? 'none' : socket.protocol})`;
      socket.terminate();
      return;
    }
    this.lastError = null;
    this.step({ type: 'opened', version: socket.protocol });
  }

  closed(): void {
    this.#socket = null;
    this.step({ type: 'closed' });
  }

  #arm(): void {
    const { wakeAtMs } = this.life;
    if (this.#isStopped || wakeAtMs === this.#timerAtMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerAtMs = wakeAtMs;
    if (wakeAtMs === Infinity) return;
    const waitMs = Math.min(Math.max(0, Math.ceil(wakeAtMs - performance.now())), timerMaxMs);
    this.#timer = setTimeout(wake, waitMs, this);
  }

  woke(): void {
    this.#timer = null;
    this.#timerAtMs = Infinity;
    this.step({ type: 'tick' });
  }
}

/** The longest wait that a timer takes. */
const timerMaxMs = 2 ** 31 - 1;

/** One set of listeners serves every socket: a station costs no closures. */
const owners = new WeakMap<WebSocket, SimulatedStation>();

function wake(station: SimulatedStation): void {
  station.woke();
}

function onOpen(this: WebSocket): void {
  const owner = owners.get(this);
  if (owner?.owns(this) === true) owner.opened(this);
}

function onMessage(this: WebSocket, data: Buffer | ArrayBuffer | Buffer[]): void {
  const owner = owners.get(this);
  if (owner?.owns(this) === true) owner.step({ type: 'text', text: (data as Buffer).toString('utf8') });
}

/** `close` follows and is what the life hears of; the reason is kept for people. */
function onError(this: WebSocket, error: Error): void {
  const owner = owners.get(this);
  if (owner !== undefined) owner.lastError = connectFault(error, this.url);
}

/** Keeps what the server said, then lets go as `ws` does by itself. */
function onRefused(this: WebSocket, _request: ClientRequest, response: IncomingMessage): void {
  let said: string | null = '';
  const finish = (): void => {
    if (said === null) return;
    const owner = owners.get(this);
    const sentence = said.trim().split('\n')[0]?.slice(0, sentenceMax) ?? '';
    said = null;
    this.removeListener('error', onError);
    this.on('error', ignoreError);
    this.terminate();
    if (owner !== undefined)
      owner.lastError = `the server answered ${response.statusCode}${sentence === '' ? '' : `: ${sentence}`}`;
  };
  response.on('error', finish);
  response.on('end', finish);
  // Pages are for browsers.
  if (response.headers['content-type']?.startsWith('text/plain') !== true) return finish();
  response.setEncoding('utf8').on('data', (text: string) => {
    if (said === null) return;
    said += text;
    if (said.length >= sentenceMax) finish();
  });
}

const sentenceMax = 200;

function ignoreError(): void {
  // It was told of already.
}

function onClose(this: WebSocket): void {
  const owner = owners.get(this);
  if (owner?.owns(this) === true) owner.closed();
}

function basicHeader(id: string, password: string | Uint8Array): string {
  const bytes = Buffer.concat([Buffer.from(`${id}:`), Buffer.from(password)]);
  return `Basic ${bytes.toString('base64')}`;
}
