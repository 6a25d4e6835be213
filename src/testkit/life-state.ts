/**
 * What a simulated station is: its traits, its state, what can happen to it and what it does.
 *
 * Pure: no socket, clock or timer. Time comes in with every event and randomness from the seed, so that real sockets and a simulated
 * network drive the same life.
 */
import type { OcppVersion } from '../protocol/version.ts';
import { createRandom, type Random, type Range } from './random.ts';

/** Everything that makes one station's life. Durations are in milliseconds of station time, and are divided by `speed`. */
export interface LifeOptions {
  readonly id: string;
  readonly seed: number;
  /** Subprotocols in order of preference; the first is what it speaks until a server chooses another. */
  readonly offers: readonly [OcppVersion, ...OcppVersion[]];
  readonly vendor: string;
  readonly model: string;
  readonly firmware: string;
  readonly connectors: number;
  /** Compresses the rhythm of life (everything below but `callTimeoutMs` and `answerDelayMs`): 60 makes a minute a second. */
  readonly speed: number;
  /** Between transactions on one connector. */
  readonly idleMs: Range;
  readonly chargingMs: Range;
  readonly meterIntervalMs: number;
  /** Mean time between power cuts; Infinity: never. */
  readonly powerCutEveryMs: number;
  readonly rebootMs: Range;
  /** First wait before a reconnect; it doubles up to `reconnectMaxMs`, with as much again at random. */
  readonly reconnectMs: number;
  readonly reconnectMaxMs: number;
  /** Wait before attempt n + 1 of a transaction message is n times this (OCPP 1.6 §3.7.1, OCPP 2.x E13). */
  readonly attemptIntervalMs: number;
  /** After so many failures while online a transaction message is thrown away, as real firmware does. */
  readonly attemptsMax: number;
  /** How long an answer is waited for. Real time: not divided by `speed`. */
  readonly callTimeoutMs: number;
  /** How long a command is thought about. Real time. */
  readonly answerDelayMs: Range;
  /** Message id of a repeated transaction message. */
  readonly retryIds: 'new' | 'same';
  /** `counter` starts again at 1 after each boot, as much firmware does. */
  readonly ids: 'uuid' | 'counter';
  /** How it writes JSON: a relay that writes it anew shows. */
  readonly spacing: 'compact' | 'spaced';
  /** `odd`: settings as in life-spelling.ts. */
  readonly spelling: 'plain' | 'odd';
  readonly bootsOnReconnect: boolean;
  /** What is left of a report when the link goes is told on the next one; else it is lost. */
  readonly goesOnReporting: boolean;
  /** 2.1: status by NotifyEvent instead of StatusNotification. */
  readonly statusByEvent: boolean;
  /** 2.1: opens an event stream and sends on it (SEND). */
  readonly streams: boolean;
  /** Messages kept while offline; above it meter readings are left out (OCPP 2.x E04.FR.07). */
  readonly queueMax: number;
}

const lifeDefaults = {
  vendor: 'Busbar Simulator',
  firmware: '1.0.0',
  connectors: 2,
  speed: 1,
  idleMs: [30_000, 600_000],
  chargingMs: [300_000, 3_600_000],
  meterIntervalMs: 60_000,
  powerCutEveryMs: 24 * 3_600_000,
  rebootMs: [5_000, 30_000],
  reconnectMs: 1_000,
  reconnectMaxMs: 60_000,
  attemptIntervalMs: 30_000,
  attemptsMax: 3,
  callTimeoutMs: 30_000,
  answerDelayMs: [0, 0],
  retryIds: 'new',
  spelling: 'plain',
  streams: true,
  goesOnReporting: false,
  queueMax: 1_000,
} as const satisfies Partial<LifeOptions>;

/** What must be named; the rest has defaults, and the traits of firmware that are not given follow from the seed. */
export type LifeSpec = Pick<LifeOptions, 'id' | 'seed' | 'offers'> & Partial<LifeOptions>;

export type LifeEvent =
  /** The link is up, with the subprotocol the server chose. */
  | { readonly type: 'opened'; readonly version: OcppVersion }
  /** The link is gone, or was never made (refused, no route, no common subprotocol). */
  | { readonly type: 'closed' }
  | { readonly type: 'text'; readonly text: string }
  /** `wakeAtMs` has come. */
  | { readonly type: 'tick' }
  /** The power fails: the link vanishes and the station boots some time later. */
  | { readonly type: 'power_cut' }
  /** It gets other firmware as soon as it has nothing to say any more, and boots with it. */
  | { readonly type: 'reflashed'; readonly version: OcppVersion }
  /** It says its boot once more, over the link that it has. */
  | { readonly type: 'boots_again' }
  /** No new transactions; open ones end now. See `isSettled`. */
  | { readonly type: 'wind_down' };

export type LifeEffect =
  | { readonly type: 'connect'; readonly offers: readonly OcppVersion[] }
  | { readonly type: 'send'; readonly text: string }
  /** Closing handshake; a `closed` event is expected to follow. */
  | { readonly type: 'close'; readonly code: number }
  /** Cut without a handshake; a `closed` event is expected to follow. */
  | { readonly type: 'terminate' }
  /** An answer to a call of the station came in time. */
  | {
      readonly type: 'answered';
      readonly action: string;
      readonly latencyMs: number;
      readonly isError: boolean;
    }
  /** A transaction message was thrown away after its last attempt. */
  | { readonly type: 'discarded'; readonly action: string; readonly serial: number; readonly text: string };

/** Monotonic time for durations, wall clock for timestamps on the wire. Both milliseconds. */
export interface LifeClock {
  readonly nowMs: number;
  readonly wallMs: number;
}

/** Why a transaction ends; each version spells it in its own way. */
export type EndReason =
  | 'local'
  | 'remote'
  | 'unplugged'
  | 'deauthorized'
  | 'power_loss'
  | 'hard_reset'
  | 'soft_reset';

/** One charging session of a station. */
export interface Transaction {
  readonly connector: number;
  readonly token: string;
  endAtMs: number;
  endReason: EndReason;
  meterAtMs: number;
  seqNo: number;
  /** 1.6: the backend's number once StartTransaction is answered. 2.x: the station's own text. */
  wireId: number | string | null;
  readonly remoteStartId: number | null;
}

type Connector =
  | { readonly phase: 'idle'; readonly plugInAtMs: number }
  | { readonly phase: 'authorizing'; readonly token: string }
  | { readonly phase: 'charging'; readonly transaction: Transaction };

export type Payload = Record<string, unknown>;

/** A message that is kept until it is answered, in order: transaction messages and security events. */
export interface Guaranteed {
  readonly action: string;
  /** The register's reading when it was made, which it carries. */
  readonly serial: number;
  readonly payload: Payload;
  /** 1.6: whose transaction id is filled in when the message is first sent. */
  readonly awaits: Transaction | null;
  /** 1.6: whose id the answer to this message gives. */
  readonly starts: Transaction | null;
  /** Payload as JSON, from the first attempt on. */
  body: string | null;
  id: string | null;
  /** Failed attempts while online. */
  attempts: number;
  notBeforeMs: number;
}

/** A call that is lost with its link. */
interface PlainCall {
  readonly action: string;
  readonly payload: Payload;
  /** Authorize: for which connector, from 1; else 0. */
  readonly connector: number;
}

export type Slot =
  | { readonly phase: 'free' }
  | {
      readonly phase: 'waiting';
      readonly id: string;
      readonly action: string;
      readonly guaranteed: Guaranteed | null;
      readonly connector: number;
      readonly sentAtMs: number;
      readonly deadlineMs: number;
    };

type LifeLink =
  | { readonly phase: 'down'; readonly connectAtMs: number }
  | { readonly phase: 'connecting' }
  | { readonly phase: 'open' }
  | { readonly phase: 'closing' };

/** What a command makes a station do once it has answered it. */
export type FollowUp =
  | { readonly type: 'reset'; readonly reason: 'hard_reset' | 'soft_reset' }
  | {
      readonly type: 'start';
      readonly connector: number;
      readonly token: string;
      readonly remoteStartId: number | null;
    }
  | { readonly type: 'stop'; readonly connector: number }
  /** Calls that tell the one that asked what came of it, in this order. */
  | {
      readonly type: 'report';
      readonly action: string;
      readonly payloads: readonly Readonly<Record<string, unknown>>[];
    }
  | { readonly type: 'boot' | 'heartbeat' | 'status' | 'meter'; readonly connector: number };

interface Answer {
  readonly atMs: number;
  readonly text: string;
  readonly followUp: FollowUp | null;
}

/** Counters since birth. */
export interface LifeStats {
  callsSent: number;
  sendsSent: number;
  results: number;
  errors: number;
  /** CALLERRORs for transaction messages. */
  guaranteedErrors: number;
  timeouts: number;
  /** Answers that matched no open call. */
  strayAnswers: number;
  /** Texts that are no frame. */
  unreadable: number;
  commands: number;
  discarded: number;
  /** Meter readings left out because the offline queue was full. */
  skipped: number;
  /** Attempts to connect, and links opened. */
  connects: number;
  links: number;
  transactionsStarted: number;
  transactionsEnded: number;
  boots: number;
}

export interface StationLife {
  readonly options: LifeOptions;
  readonly random: Random;
  /** What its odd spelling is drawn from, apart from its life. */
  readonly spelling: Random;
  version: OcppVersion;
  /** What it asks for when it connects. */
  offers: readonly OcppVersion[];
  /** Of the firmware that it is to get; null: none. */
  nextVersion: OcppVersion | null;
  link: LifeLink;
  /** Connection attempts that failed in a row. */
  failures: number;
  registration: 'none' | 'pending' | 'rejected' | 'accepted';
  /** It was accepted once in its life, so that it may charge while offline. */
  wasAccepted: boolean;
  bootReason: 'PowerUp' | 'RemoteReset';
  /** No power until then. */
  offUntilMs: number;
  resetsWhenIdle: boolean;
  bootAtMs: number;
  heartbeatIntervalMs: number;
  heartbeatAtMs: number;
  powerCutAtMs: number;
  /** 2.1: when the next SEND of the event stream is due; Infinity: no stream is open. */
  streamAtMs: number;
  slot: Slot;
  readonly outbox: PlainCall[];
  /** What is left of reports whose link went. */
  readonly leftOver: PlainCall[];
  readonly queue: Guaranteed[];
  readonly answers: Answer[];
  readonly connectors: Connector[];
  /** Status last reported by connector, from 0, which is the station itself; '' where it has to be reported. */
  readonly reported: string[];
  /**
   * Energy registers by connector, Wh: each moves while its connector charges, never otherwise, so that sessions add up to what it moved. In place 0 a count for what is of no
   * connector: a reading makes the content of a message unique in its station.
   */
  readonly metersWh: number[];
  messageCount: number;
  eventCount: number;
  isWindingDown: boolean;
  /** Monotonic time of the next `tick` wanted, or Infinity. */
  wakeAtMs: number;
  readonly stats: LifeStats;
}

/** Between the first readings of two connectors: more than a simulated life charges, so that no two connectors ever show the same. */
const registerSpanWh = 20_000_000;

/** A new station, switched on at `nowMs`: its first effect follows on the first `tick`. */
export function createLife(spec: LifeSpec, nowMs: number): StationLife {
  const random = createRandom(spec.seed, spec.id);
  const options: LifeOptions = {
    ...lifeDefaults,
    model: `Sim-${spec.offers[0].slice(4)}`,
    ids: random.chance(0.3) ? 'counter' : 'uuid',
    spacing: random.chance(0.3) ? 'spaced' : 'compact',
    bootsOnReconnect: random.chance(0.2),
    statusByEvent: random.chance(0.5),
    ...spec,
  };
  const life: StationLife = {
    options,
    random,
    spelling: createRandom(spec.seed, `${spec.id}/spelling`),
    version: options.offers[0],
    offers: options.offers,
    nextVersion: null,
    link: { phase: 'down', connectAtMs: nowMs },
    failures: 0,
    registration: 'none',
    wasAccepted: false,
    bootReason: 'PowerUp',
    offUntilMs: nowMs,
    resetsWhenIdle: false,
    bootAtMs: nowMs,
    heartbeatIntervalMs: Infinity,
    heartbeatAtMs: Infinity,
    powerCutAtMs: Infinity,
    streamAtMs: Infinity,
    slot: { phase: 'free' },
    outbox: [],
    leftOver: [],
    queue: [],
    answers: [],
    connectors: [],
    reported: [],
    metersWh: [random.below(1_000_000)],
    messageCount: 0,
    eventCount: 0,
    isWindingDown: false,
    wakeAtMs: nowMs,
    stats: emptyStats(),
  };
  for (let connector = 1; connector <= options.connectors; connector += 1) {
    life.metersWh.push((life.metersWh[0] ?? 0) + connector * registerSpanWh);
    life.connectors.push({ phase: 'idle', plugInAtMs: nowMs + scaled(life, random.within(options.idleMs)) });
  }
  life.powerCutAtMs = nextPowerCut(life, nowMs);
  return life;
}

/** A duration of station time in real milliseconds. */
export function scaled(life: StationLife, durationMs: number): number {
  return durationMs / life.options.speed;
}

/** When the next power cut comes: exponential with the mean of the options. */
export function nextPowerCut(life: StationLife, nowMs: number): number {
  const mean = life.options.powerCutEveryMs;
  return mean === Infinity ? Infinity : nowMs - Math.log(1 - life.random.next()) * scaled(life, mean);
}

/** True once a station that winds down has nothing left to say: no transaction is open and every message is answered or discarded. */
export function isSettled(life: StationLife): boolean {
  return (
    life.isWindingDown &&
    life.queue.length === 0 &&
    life.slot.phase === 'free' &&
    life.connectors.every((connector) => connector.phase === 'idle')
  );
}

export function emptyStats(): LifeStats {
  return {
    callsSent: 0,
    sendsSent: 0,
    results: 0,
    errors: 0,
    guaranteedErrors: 0,
    timeouts: 0,
    strayAnswers: 0,
    unreadable: 0,
    commands: 0,
    discarded: 0,
    skipped: 0,
    connects: 0,
    links: 0,
    transactionsStarted: 0,
    transactionsEnded: 0,
    boots: 0,
  };
}
