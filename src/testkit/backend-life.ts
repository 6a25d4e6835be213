/**
 * The life of a simulated backend: what it answers, what it commands, and how it misbehaves when asked to.
 *
 * Pure and seeded, like station-life.ts: link events and time in, texts out. State is per station; several links of one station at a time
 * are not its concern: the newest is the one it talks on.
 */
import { errorCode } from '../protocol/error-code.ts';
import { isGuaranteed } from '../protocol/actions.ts';
import type { OcppVersion } from '../protocol/version.ts';
import { answerPayload, randomCommand, transactionChange } from './backend-answers.ts';
import type { LifeClock } from './life-state.ts';
import { createRandom, type Random, type Range } from './random.ts';
import { callText, contentOf, errorText, readMessage, resultText, type Message } from './wire.ts';

/**
 * What a backend may do wrong, each at a probability per answer: answer after `slowMs`; never answer; send a text that is no frame before
 * the answer; answer under another id; answer twice; answer after `lateMs`, when its peer has given up; close the link instead; send a
 * burst of commands at once; answer with a CALLERROR.
 */
export const misbehaviours = [
  'slow',
  'hang',
  'garbage',
  'wrong_id',
  'twice',
  'late',
  'close',
  'flood',
  'error',
] as const;
export type Misbehaviour = (typeof misbehaviours)[number];

/** How a backend misbehaves towards one station. */
export interface Misconduct {
  /** Probability of each, per answer. */
  readonly shares: Readonly<Partial<Record<Misbehaviour, number>>>;
  /** The calls that it is about; null: all. */
  readonly actions: ReadonlySet<string> | null;
}

export interface BackendOptions {
  readonly name: string;
  readonly seed: number;
  readonly versions: readonly OcppVersion[];
  readonly answerDelayMs: Range;
  /** Heartbeat interval it gives, and the wait for another boot. */
  readonly intervalS: number;
  /** Share of boots answered Pending or Rejected. */
  readonly bootsRefused: number;
  /** Share of tokens it does not accept. */
  readonly tokensRefused: number;
  /** Mean time between commands to one station; Infinity: none. */
  readonly commandEveryMs: number;
  readonly commandTimeoutMs: number;
  /** Actions it never asks for. */
  readonly neverCommands: readonly string[];
  readonly misbehave: Readonly<Partial<Record<Misbehaviour, number>>>;
  readonly slowMs: number;
  readonly lateMs: number;
  readonly floodCommands: number;
}

export const backendDefaults: BackendOptions = {
  name: 'backend',
  seed: 1,
  versions: ['ocpp1.6', 'ocpp2.0.1', 'ocpp2.1'],
  answerDelayMs: [0, 0],
  intervalS: 300,
  bootsRefused: 0,
  tokensRefused: 0,
  commandEveryMs: Infinity,
  commandTimeoutMs: 30_000,
  neverCommands: [],
  misbehave: {},
  slowMs: 2_000,
  lateMs: 35_000,
  floodCommands: 20,
};

/** One station, as a backend knows it; it outlives links and restarts of the backend. */
export interface BackendStation {
  readonly station: string;
  readonly options: BackendOptions;
  readonly random: Random;
  /** By the options at first; whoever runs it may change it at any time. */
  misconduct: Misconduct;
  version: OcppVersion;
  isOpen: boolean;
  /** Texts on their way, by due time; what is due when the link is gone is lost. */
  readonly outgoing: { readonly atMs: number; readonly text: string }[];
  command: { readonly id: string; readonly deadlineMs: number } | null;
  commandAtMs: number;
  transactions: (number | string)[];
  /** Content of the last StartTransactions and the numbers they got: a repeated one gets the same. */
  readonly numbers: Map<string, number>;
  nextNumber: number;
  wakeAtMs: number;
  readonly stats: BackendStats;
}

export interface BackendStats {
  calls: number;
  sends: number;
  commands: number;
  commandResults: number;
  commandErrors: number;
  commandTimeouts: number;
  strayAnswers: number;
  unreadable: number;
  misbehaved: number;
}

export type BackendEvent =
  | { readonly type: 'opened'; readonly version: OcppVersion }
  | { readonly type: 'closed' }
  | { readonly type: 'text'; readonly text: string }
  /** Someone wants this command sent now, whatever else is outstanding. */
  | {
      readonly type: 'command';
      readonly id: string;
      readonly action: string;
      readonly payload: Readonly<Record<string, unknown>>;
    }
  | { readonly type: 'tick' };

export type BackendEffect =
  | { readonly type: 'send'; readonly text: string }
  | { readonly type: 'close'; readonly code: number };

/** `firstNumber`: where this station's 1.6 transaction numbers begin; a backend gives stations disjoint ranges. */
export function createBackendStation(
  options: BackendOptions,
  station: string,
  firstNumber: number,
): BackendStation {
  return {
    station,
    options,
    random: createRandom(options.seed, `${options.name}/${station}`),
    misconduct: { shares: options.misbehave, actions: null },
    version: options.versions[0] ?? 'ocpp1.6',
    isOpen: false,
    outgoing: [],
    command: null,
    commandAtMs: Infinity,
    transactions: [],
    numbers: new Map(),
    nextNumber: firstNumber,
    wakeAtMs: Infinity,
    stats: {
      calls: 0,
      sends: 0,
      commands: 0,
      commandResults: 0,
      commandErrors: 0,
      commandTimeouts: 0,
      strayAnswers: 0,
      unreadable: 0,
      misbehaved: 0,
    },
  };
}

/** Lives through one event; the effects are to be carried out in order on the station's open link. */
export function stepBackend(
  peer: BackendStation,
  event: BackendEvent,
  clock: LifeClock,
): readonly BackendEffect[] {
  const effects: BackendEffect[] = [];
  switch (event.type) {
    case 'opened':
      peer.version = event.version;
      peer.isOpen = true;
      loseLink(peer);
      peer.commandAtMs = nextCommand(peer, clock.nowMs);
      break;
    case 'closed':
      peer.isOpen = false;
      loseLink(peer);
      break;
    case 'text':
      if (peer.isOpen) onText(peer, event.text, clock, effects);
      break;
    case 'command':
      peer.stats.commands += 1;
      peer.command = { id: event.id, deadlineMs: clock.nowMs + peer.options.commandTimeoutMs };
      post(peer, clock.nowMs, callText(event.id, event.action, JSON.stringify(event.payload), 'compact'));
      break;
    case 'tick':
      break;
  }
  advance(peer, clock, effects);
  peer.wakeAtMs = nextWakeMs(peer);
  return effects;
}

function loseLink(peer: BackendStation): void {
  peer.outgoing.length = 0;
  peer.command = null;
  if (!peer.isOpen) peer.commandAtMs = Infinity;
}

function onText(peer: BackendStation, text: string, clock: LifeClock, effects: BackendEffect[]): void {
  const message = readMessage(text);
  if (message === null) peer.stats.unreadable += 1;
  else if (message.type === 2) onCall(peer, message, text, clock, effects);
  else if (message.type === 6) peer.stats.sends += 1;
  else if (message.type === 3 || message.type === 4) onCommandAnswered(peer, message, clock);
}

function onCommandAnswered(peer: BackendStation, message: Message, clock: LifeClock): void {
  if (peer.command?.id !== message.id) {
    peer.stats.strayAnswers += 1;
    return;
  }
  if (message.type === 3) peer.stats.commandResults += 1;
  else peer.stats.commandErrors += 1;
  peer.command = null;
  peer.commandAtMs = Math.max(peer.commandAtMs, clock.nowMs);
}

function onCall(
  peer: BackendStation,
  message: Message,
  text: string,
  clock: LifeClock,
  effects: BackendEffect[],
): void {
  const { random, options } = peer;
  peer.stats.calls += 1;
  const answer = answerText(peer, message, text, clock);
  const dueMs = clock.nowMs + random.within(options.answerDelayMs);
  const wrong = misbehaviourNow(peer, message.action);
  switch (wrong) {
    case null:
      post(peer, dueMs, answer);
      return;
    case 'slow':
      post(peer, dueMs + options.slowMs, answer);
      return;
    case 'late':
      post(peer, dueMs + options.lateMs, answer);
      return;
    case 'hang':
      return;
    case 'garbage':
      post(peer, dueMs, `[3,${JSON.stringify(message.id)},{"status":`);
      post(peer, dueMs, answer);
      return;
    case 'wrong_id':
      post(peer, dueMs, resultText(random.uuid(), '{}'));
      return;
    case 'twice':
      post(peer, dueMs, answer);
      post(peer, dueMs, answer);
      return;
    case 'close':
      effects.push({ type: 'close', code: 1011 });
      peer.isOpen = false;
      loseLink(peer);
      return;
    case 'flood':
      post(peer, dueMs, answer);
      for (let count = 0; count < options.floodCommands; count += 1)
        post(peer, dueMs, commandText(peer).text);
      return;
    case 'error':
      post(
        peer,
        dueMs,
        errorText(message.id, errorCode(peer.version, 'internal'), 'The simulated backend was told to fail.'),
      );
  }
}

function misbehaviourNow(peer: BackendStation, action: string): Misbehaviour | null {
  const { shares, actions } = peer.misconduct;
  if (actions?.has(action) === false) return null;
  for (const kind of misbehaviours) {
    const probability = shares[kind] ?? 0;
    if (probability > 0 && peer.random.chance(probability)) {
      peer.stats.misbehaved += 1;
      return kind;
    }
  }
  return null;
}

function answerText(peer: BackendStation, message: Message, text: string, clock: LifeClock): string {
  const { random, options, version } = peer;
  const { action, payload } = message;
  const result = answerPayload(version, action, payload, {
    wallMs: clock.wallMs,
    bootStatus: random.chance(options.bootsRefused)
      ? random.pick(['Pending', 'Rejected'] as const)
      : 'Accepted',
    intervalS: options.intervalS,
    tokenStatus: random.chance(options.tokensRefused) ? 'Invalid' : 'Accepted',
    transactionId: action === 'StartTransaction' ? numberFor(peer, contentOf(text)) : 0,
  });
  if (result === null) {
    return errorText(
      message.id,
      errorCode(version, 'not_implemented'),
      'The simulated backend does not know the action.',
    );
  }
  if (isGuaranteed(version, action)) noteTransaction(peer, action, payload, result);
  return resultText(message.id, JSON.stringify(result));
}

const numbersKept = 8;

function numberFor(peer: BackendStation, content: string): number {
  const known = peer.numbers.get(content);
  if (known !== undefined) return known;
  const number = peer.nextNumber;
  peer.nextNumber += 1;
  peer.numbers.set(content, number);
  const oldest = peer.numbers.keys().next().value;
  if (peer.numbers.size > numbersKept && oldest !== undefined) peer.numbers.delete(oldest);
  return number;
}

function noteTransaction(
  peer: BackendStation,
  action: string,
  payload: Message['payload'],
  result: Readonly<Record<string, unknown>>,
): void {
  const change = transactionChange(action, payload, result);
  if (change === null) return;
  if ('opened' in change) {
    if (!peer.transactions.includes(change.opened)) peer.transactions.push(change.opened);
  } else peer.transactions = peer.transactions.filter((id) => id !== change.ended);
}

/** Keeps the order of texts that are due at the same time. */
function post(peer: BackendStation, atMs: number, text: string): void {
  let at = peer.outgoing.length;
  while (at > 0 && (peer.outgoing[at - 1]?.atMs ?? 0) > atMs) at -= 1;
  peer.outgoing.splice(at, 0, { atMs, text });
}

function commandText(peer: BackendStation): { id: string; text: string } {
  const { random, transactions, version, options } = peer;
  peer.stats.commands += 1;
  const context = {
    random,
    transactions,
    requestId: peer.stats.commands,
    neverCommands: options.neverCommands,
  };
  const { action, payload } = randomCommand(version, context);
  const id = random.uuid();
  return { id, text: callText(id, action, JSON.stringify(payload), 'compact') };
}

function advance(peer: BackendStation, clock: LifeClock, effects: BackendEffect[]): void {
  const { nowMs } = clock;
  if (!peer.isOpen) return;
  if (peer.command !== null && peer.command.deadlineMs <= nowMs) {
    peer.command = null;
    peer.stats.commandTimeouts += 1;
  }
  if (peer.command === null && peer.commandAtMs <= nowMs) {
    const { id, text } = commandText(peer);
    peer.command = { id, deadlineMs: nowMs + peer.options.commandTimeoutMs };
    peer.commandAtMs = nextCommand(peer, nowMs);
    effects.push({ type: 'send', text });
  }
  while (peer.outgoing[0] !== undefined && peer.outgoing[0].atMs <= nowMs) {
    effects.push({ type: 'send', text: peer.outgoing[0].text });
    peer.outgoing.shift();
  }
}

function nextCommand(peer: BackendStation, nowMs: number): number {
  const mean = peer.options.commandEveryMs;
  return mean === Infinity ? Infinity : nowMs - Math.log(1 - peer.random.next()) * mean;
}

function nextWakeMs(peer: BackendStation): number {
  if (!peer.isOpen) return Infinity;
  const next = peer.outgoing[0]?.atMs ?? Infinity;
  return Math.min(next, peer.command === null ? peer.commandAtMs : peer.command.deadlineMs);
}
