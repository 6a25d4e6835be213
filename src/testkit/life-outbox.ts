/**
 * What a simulated station says, and when: one call outstanding, transaction messages kept in order until answered, the rest lost with
 * the link.
 *
 * Pure. OCPP 1.6 §3.7 and §3.7.1, OCPP 2.x E04 and E13: offline does not count as a failed attempt, an error or silence does, and after
 * the last attempt the message is thrown away.
 */
import { assert } from '../std/assert.ts';
import {
  scaled,
  type Guaranteed,
  type LifeClock,
  type LifeEffect,
  type Payload,
  type Slot,
  type StationLife,
  type Transaction,
} from './life-state.ts';
import { bodyText, callText } from './wire.ts';

export type Waiting = Extract<Slot, { phase: 'waiting' }>;

/** Moves a register on and gives its reading: the serial of the message that will carry it. `connector` 0: what is of no connector. */
export function nextReading(life: StationLife, connector: number): number {
  const reading = (life.metersWh[connector] ?? 0) + 1 + life.random.below(100);
  life.metersWh[connector] = reading;
  return reading;
}

/** The reading of a connector that does not charge: it stands still. */
export function standingReading(life: StationLife, connector: number): number {
  // A number is drawn as for any other reading: a seed means the same life whoever meters.
  life.random.below(100);
  return life.metersWh[connector] ?? 0;
}

export interface Keeping {
  readonly awaits?: Transaction;
  readonly starts?: Transaction;
  /** May be left out when the queue is full. */
  readonly isOptional?: boolean;
}

/** Queues a message that must be answered; `serial` is the reading it carries. */
export function keep(
  life: StationLife,
  action: string,
  serial: number,
  payload: Payload,
  how: Keeping,
): void {
  if (how.isOptional === true && life.queue.length >= life.options.queueMax) {
    life.stats.skipped += 1;
    return;
  }
  life.queue.push({
    action,
    serial,
    payload,
    awaits: how.awaits ?? null,
    starts: how.starts ?? null,
    body: null,
    id: null,
    attempts: 0,
    notBeforeMs: 0,
  });
}

/** Queues a call that is lost with the link. `connector` 0: the station itself. */
export function say(life: StationLife, action: string, payload: Payload, connector: number): void {
  life.outbox.push({ action, payload, connector });
}

/** Sends the next call if the slot is free. Before the boot is accepted nothing but the boot is in the outbox. */
export function pump(life: StationLife, clock: LifeClock, effects: LifeEffect[]): void {
  if (life.link.phase !== 'open' || life.slot.phase !== 'free') return;
  const head = life.queue[0];
  const isHeadDue = head !== undefined && life.registration === 'accepted' && head.notBeforeMs <= clock.nowMs;
  if (isHeadDue && (life.outbox.length === 0 || life.random.chance(0.5))) {
    sendKept(life, head, clock, effects);
    return;
  }
  const call = life.outbox.shift();
  if (call === undefined) return;
  const id = nextMessageId(life);
  sendCall(life, id, call.action, bodyText(call.payload, life.options.spacing), effects);
  occupy(life, id, call.action, null, call.connector, clock);
}

function sendKept(life: StationLife, message: Guaranteed, clock: LifeClock, effects: LifeEffect[]): void {
  message.body ??= writeKept(life, message);
  if (message.id === null || life.options.retryIds === 'new') message.id = nextMessageId(life);
  sendCall(life, message.id, message.action, message.body, effects);
  occupy(life, message.id, message.action, message, 0, clock);
}

/** The content is fixed at the first attempt: a retry is equal but for its id. */
function writeKept(life: StationLife, message: Guaranteed): string {
  // A StartTransaction that was thrown away leaves its transaction without a number: -1 (1.6 errata 3.18).
  if (message.awaits !== null) message.payload['transactionId'] = message.awaits.wireId ?? -1;
  return bodyText(message.payload, life.options.spacing);
}

function sendCall(life: StationLife, id: string, action: string, body: string, effects: LifeEffect[]): void {
  effects.push({ type: 'send', text: callText(id, action, body, life.options.spacing) });
  life.stats.callsSent += 1;
}

function occupy(
  life: StationLife,
  id: string,
  action: string,
  guaranteed: Guaranteed | null,
  connector: number,
  clock: LifeClock,
): void {
  const deadlineMs = clock.nowMs + life.options.callTimeoutMs;
  life.slot = { phase: 'waiting', id, action, guaranteed, connector, sentAtMs: clock.nowMs, deadlineMs };
}

/** A fresh message id in this firmware's style. */
export function nextMessageId(life: StationLife): string {
  life.messageCount += 1;
  return life.options.ids === 'counter' ? String(life.messageCount) : life.random.uuid();
}

/** Takes the call that this id answers, or null (and counts) when there is none. */
export function takeAnswered(life: StationLife, id: string): Waiting | null {
  const { slot } = life;
  if (slot.phase === 'free' || slot.id !== id) {
    life.stats.strayAnswers += 1;
    return null;
  }
  life.slot = { phase: 'free' };
  return slot;
}

/** The message at the head of the queue was answered with a result. */
export function forget(life: StationLife, message: Guaranteed): void {
  assert(life.queue[0] === message, 'a station has only the head of its queue outstanding');
  life.queue.shift();
}

/** An error or silence: another attempt later, or the end of the message. */
export function countFailure(
  life: StationLife,
  message: Guaranteed,
  clock: LifeClock,
  effects: LifeEffect[],
): void {
  message.attempts += 1;
  if (message.attempts < life.options.attemptsMax) {
    message.notBeforeMs = clock.nowMs + scaled(life, message.attempts * life.options.attemptIntervalMs);
    return;
  }
  forget(life, message);
  life.stats.discarded += 1;
  const { action, serial, id, body } = message;
  const text = callText(id ?? '', action, body ?? '', life.options.spacing);
  effects.push({ type: 'discarded', action, serial, text });
}

const reports: ReadonlySet<string> = new Set([
  'NotifyReport',
  'NotifyMonitoringReport',
  'NotifyCustomerInformation',
  'LogStatusNotification',
  'DiagnosticsStatusNotification',
]);

/** The link is gone: what was not kept is lost. */
export function loseLink(life: StationLife): void {
  if (life.options.goesOnReporting)
    life.leftOver.push(...life.outbox.filter(({ action }) => reports.has(action)));
  for (const call of life.outbox) forgetReport(life, call.action, call.connector);
  if (life.slot.phase === 'waiting') forgetReport(life, life.slot.action, life.slot.connector);
  life.outbox.length = 0;
  life.answers.length = 0;
  life.slot = { phase: 'free' };
}

/** Goes on with the reports that the last link did not carry. */
export function sayLeftOver(life: StationLife): void {
  life.outbox.push(...life.leftOver.splice(0));
}

/** A status that was not delivered has to be reported again. */
export function forgetReport(life: StationLife, action: string, connector: number): void {
  if (action === 'StatusNotification' || action === 'NotifyEvent') life.reported[connector] = '';
}
