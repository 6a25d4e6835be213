/**
 * A whole data plane in a test's hands: links, dials, upgrades, the disk and the clock move when it says so.
 *
 * Not pure.
 */
import { routing } from './station-bench.ts';
import { plainAssignment, type Assignment } from '../core/routing/table.ts';
import type { BillingRisk } from '../core/hold/billing-risk.ts';
import { freshDelivery } from '../core/hold/fresh-delivery.ts';
import type { HeldEntry } from '../core/hold/held-lane.ts';
import type { WrittenRecord } from '../core/journal/record.ts';
import type { DialOutcome, DialRequest, Dialer } from '../ports/dialer.ts';
import type { Journal, JournalPressure } from '../ports/journal.ts';
import type { Link, LinkHandler } from '../ports/link.ts';
import type { Arrival } from '../ports/listener.ts';
import type { BackendSettings, LinkLimits, Settings } from '../ports/settings.ts';
import { checkStationId, type StationId } from '../protocol/station-id.ts';
import { Secret } from '../std/secret.ts';
import type { Observer } from '../runtime/data-plane.ts';
import { createGateway, type Gateway } from '../runtime/gateway.ts';
import type { Sleeper } from '../runtime/timer-wheel.ts';

export const congestedBytes = 1_000;

/** One end of a link whose peer is the test. */
export class HandLink implements Link {
  bufferedBytes = 0;
  isPaused = false;
  readonly did: string[] = [];
  readonly #handler: LinkHandler<unknown>;
  readonly #owner: unknown;

  constructor(handler: LinkHandler<unknown>, owner: unknown) {
    this.#handler = handler;
    this.#owner = owner;
  }

  send(text: string): boolean {
    this.did.push(text);
    return true;
  }

  close(code: number, reason: string): void {
    this.did.push(`close ${code} ${reason}`);
    this.isPaused = false;
  }

  terminate(): void {
    this.did.push('terminate');
  }

  ping(): void {
    this.did.push('ping');
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  says(text: string): void {
    this.#handler.onText(this.#owner, text);
  }

  drains(): void {
    this.bufferedBytes = 0;
    this.#handler.onDrained(this.#owner);
  }

  closes(code: number | null = 1006, reason = 'gone'): void {
    this.#handler.onClosed(this.#owner, code, reason);
  }
}

export class HandJournal implements Journal {
  readonly records: WrittenRecord[] = [];
  isWritable = true;
  readonly trouble = null;
  pressure: JournalPressure = 'none';
  committedPosition = 0;
  /** Makes the `append` of the next such record throw: a bug of ours. */
  breaksAt: ((record: WrittenRecord) => boolean) | null = null;
  readonly stats = {
    commits: 0,
    records: 0,
    recordsMissed: 0,
    pendingBytes: 0,
    pendingRecords: 0,
    onCommit: () => {},
  };
  #waiting: { position: number; run: () => void }[] = [];
  #writable: (isWritable: boolean) => void = () => {};
  #pressed: () => void = () => {};

  append(record: WrittenRecord): number {
    if (this.breaksAt?.(record) === true) {
      this.breaksAt = null;
      throw new Error('our own');
    }
    this.records.push(record);
    return this.records.length;
  }

  afterCommit<Owner, Task>(
    position: number,
    done: (owner: Owner, task: Task) => void,
    owner: Owner,
    task: Task,
  ): void {
    this.#waiting.push({ position, run: () => done(owner, task) });
  }

  commit(): void {
    this.committedPosition = this.records.length;
    const done = this.#waiting;
    this.#waiting = [];
    for (const { run } of done) run();
  }

  turn(isWritable: boolean): void {
    this.isWritable = isWritable;
    this.#writable(isWritable);
  }

  press(pressure: JournalPressure): void {
    this.pressure = pressure;
    this.#pressed();
  }

  saveStation(): void {}

  forgetStation(): void {}

  onWritableChange(listener: (isWritable: boolean) => void): void {
    this.#writable = listener;
  }

  onPressureChange(listener: () => void): void {
    this.#pressed = listener;
  }

  flush(): Promise<boolean> {
    return Promise.resolve(true);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export interface Dial {
  readonly request: DialRequest;
  readonly opens: () => HandLink;
  readonly refuses: () => void;
  isAbandoned: boolean;
}

export class HandDialer implements Dialer {
  readonly dials: Dial[] = [];

  dial<Owner>(
    request: DialRequest,
    handler: LinkHandler<Owner>,
    outcome: DialOutcome<Owner>,
    owner: Owner,
  ): () => void {
    const dial: Dial = {
      request,
      isAbandoned: false,
      opens: () => {
        const link = new HandLink(handler, owner);
        outcome.onOpened(owner, link);
        return link;
      },
      refuses: () => outcome.onRefused(owner, 'connect_failed', 'refused'),
    };
    this.dials.push(dial);
    return () => {
      dial.isAbandoned = true;
    };
  }

  get last(): Dial {
    const dial = this.dials.at(-1);
    if (dial === undefined) throw new Error('nothing was dialled');
    return dial;
  }
}

export class HandArrival implements Arrival {
  readonly station = stationId;
  readonly offered = ['ocpp1.6'];
  readonly peer = '127.0.0.1';
  readonly isAuthenticated: boolean;
  readonly credential: Secret | null;
  onGone: (() => void) | null = null;
  link: HandLink | null = null;
  refusedWith: number | null = null;
  /** The peer is gone when the upgrade is to be completed. */
  isGone = false;

  constructor(password: string | null, isAuthenticated: boolean) {
    this.credential = password === null ? null : new Secret(new TextEncoder().encode(password));
    this.isAuthenticated = isAuthenticated;
  }

  accept<Owner>(_version: string, handler: LinkHandler<Owner>, owner: Owner): Link | null {
    if (this.isGone) return null;
    this.link = new HandLink(handler, owner);
    return this.link;
  }

  refuse(status: number): void {
    this.refusedWith = status;
  }
}

export const stationId = ((): StationId => {
  const parsed = checkStationId('CP-1');
  if (!parsed.ok) throw new Error('unreachable');
  return parsed.value;
})();

const silent = (): void => {};

export function backendNamed(name: string): BackendSettings {
  return {
    name,
    url: 'ws://127.0.0.1/{station}',
    identity: '{station}',
    versions: ['ocpp1.6'],
    credentials: { kind: 'forward' },
    headers: new Map(),
    tls: { ca: null, cert: null, key: null },
    callTimeoutMs: 30_000,
    redialFromMs: 1_000,
    redialToMs: 60_000,
    connectsPerSecond: Infinity,
    deliveriesPerSecond: Infinity,
  };
}

export function settingsWith(assignment: Partial<Assignment>): Settings {
  const limits = { congestedBytes } as LinkLimits;
  const table = routing([{ ...plainAssignment(0, 'old'), ...assignment }], ['ocpp1.6']);
  return {
    listener: {
      host: '',
      port: 0,
      tls: null,
      admit: 'any',
      hideUnknown: false,
      auth: 'none',
      known: new Map(),
      limits,
    },
    admin: { host: '', port: 0, tokens: [] },
    storage: { kind: 'sqlite', file: ':memory:' },
    retention: { framesMs: Infinity, bytesMax: Infinity },
    backends: new Map(['old', 'new', 'vendor'].map((name) => [name, backendNamed(name)])),
    routing: table,
    station: {
      answerWithinMs: 8_000,
      heldMax: 100,
      heldCharactersMax: 64_000_000,
      heldInAllMax: 256_000_000,
      callTimeoutMs: 30_000,
      pingIntervalMs: 60_000,
      pongTimeoutMs: 20_000,
      callsPerSecond: Infinity,
      connectsPerHour: Infinity,
    },
    links: limits,
  };
}

/** A gateway between hand-made ports. */
export class Hands {
  nowMs = 1_000;
  readonly journal = new HandJournal();
  readonly dialer = new HandDialer();
  readonly bugs: unknown[] = [];
  readonly notices: string[] = [];
  readonly refusals: string[] = [];
  readonly sleepers = new Set<Sleeper>();
  /** False: what is to be done after a turn of the event loop is kept in `afterTurn` instead of done at once. */
  endsTurns = true;
  readonly afterTurn: (() => void)[] = [];
  readonly gateway: Gateway;

  constructor(
    assignment: Partial<Assignment> = {},
    held: readonly HeldEntry[] = [],
    risks: ReadonlyMap<string, BillingRisk> = new Map(),
  ) {
    const observer: Observer = {
      onRecord: () => {},
      onSent: () => {},
      onNotice: (_station, notice) => this.notices.push(notice),
      onRefusal: (_station, _status, reason) => void this.refusals.push(reason),
      onBug: (_station, bug) => this.bugs.push(bug),
    };
    this.gateway = createGateway(settingsWith(assignment), {
      clock: { wallMs: () => 1_700_000_000_000 + this.nowMs, nowMs: () => this.nowMs },
      journal: this.journal,
      dialer: this.dialer,
      log: { debug: silent, info: silent, warn: silent, error: silent },
      observer,
      random: () => 0.5,
      digest: (text) => text.length.toString(16).padStart(32, '0'),
      randomPrefix: () => 'p',
      restored: new Map(),
      recent: [],
      held: new Map(held.length === 0 ? [] : [[stationId, held]]),
      tokens: new Map(),
      risks: new Map(risks),
      afterTurn: (run) => (this.endsTurns ? run() : this.afterTurn.push(run)),
      wheel: { schedule: (sleeper) => void this.sleepers.add(sleeper), stop: () => {} },
    });
  }

  arrive(password: string | null = 'secret', isAuthenticated = true): HandArrival {
    const arrival = new HandArrival(password, isAuthenticated);
    this.gateway.onArrival(arrival);
    return arrival;
  }

  connect(isAuthenticated = true): { station: HandLink; backend: HandLink } {
    const arrival = this.arrive('secret', isAuthenticated);
    const backend = this.dialer.last.opens();
    if (arrival.link === null) throw new Error('not let in');
    return { station: arrival.link, backend };
  }

  pass(ms: number): void {
    this.nowMs += ms;
    for (const sleeper of this.sleepers) if (sleeper.wakeAtMs <= this.nowMs) sleeper.wake();
  }

  get isConnected(): boolean {
    return this.gateway.registry.connectedCount === 1;
  }
}

export const stop = (id: string): string => `[2,"${id}","StopTransaction",{"transactionId":1}]`;
export const idOf = (text: string | undefined): string => (JSON.parse(text ?? '[]') as string[])[1] ?? '';

/** A StopTransaction of an earlier process that backend `old` has yet to get. */
export const heldStop = (): HeldEntry => ({
  message: {
    number: 5,
    backend: 'old',
    key: 'k',
    version: 'ocpp1.6',
    action: 'StopTransaction',
    transaction: 't',
    hasLeft: false,
    answer: '{}',
    isWorded: true,
    text: stop('1'),
    since: 5,
  },
  delivery: freshDelivery,
});
