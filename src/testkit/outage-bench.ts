/**
 * A station that is covered for, its one backend, and their time: what happens when the backend is gone, silent or refuses, in virtual time.
 *
 * Pure.
 */
import type { Effect, StationEvent } from '../core/station/events.ts';
import type { HeldEntry } from '../core/hold/held-lane.ts';
import type { StationRecord } from '../core/journal/record.ts';
import { createStation } from '../core/station/state.ts';
import type { OcppVersion } from '../protocol/version.ts';
import { assert } from '../std/assert.ts';
import { Bench } from './station-bench.ts';

/** A call that the backend heard. `atMs`: since the backend was back, or since the beginning. */
export interface Heard {
  readonly atMs: number;
  readonly id: string;
  readonly action: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export const result = (payload: object): string => `3|${JSON.stringify(payload)}`;
export const refusal = '4|"InternalError","no",{}';
export const silence = '';

function hashOf(text: string): string {
  let hash = 0;
  let other = 7;
  for (let at = 0; at < text.length; at += 1) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(at)) >>> 0;
    other = (Math.imul(other, 37) + text.charCodeAt(at)) >>> 0;
  }
  return `${hash.toString(16).padStart(8, '0')}${other.toString(16).padStart(8, '0')}`.repeat(2);
}

/** A station that is covered for, its backend, and their time: both clocks move together, and every wake is kept. */
export class Outage extends Bench {
  heard: Heard[] = [];
  /** All of them, oldest first. */
  readonly records: StationRecord[] = [];
  /** What the shell was told of that no record shows, oldest first. */
  readonly notices: string[] = [];
  /** Whether the backend takes links. */
  isUp = true;
  /** The backend's answer: `result(…)`, `refusal` or `silence`. */
  answer: (call: Heard) => string = (call) => this.usual(call);
  readonly version: OcppVersion;
  #answers: unknown[] = [];
  #sinceMs = 1_000;
  #number = 100;
  #count = 0;
  readonly #events: StationEvent[] = [];
  #isBusy = false;

  constructor(version: OcppVersion = 'ocpp1.6', held: readonly HeldEntry[] = []) {
    super({
      whenDown: { covers: true, untilMs: Infinity, untilMessages: Infinity },
      authorizeWhenDown: 'all',
    });
    this.version = version;
    this.context.digest = hashOf;
    this.context.settings = { ...this.context.settings, callsPerSecond: Infinity };
    if (held.length > 0) Object.assign(this.state, createStation(this.state.id, null, 'q', held));
  }

  override do(event: StationEvent): readonly Effect[] {
    const effects = super.do(event);
    this.records.push(...this.last.records);
    for (const effect of effects) this.#onEffect(effect);
    if (this.#isBusy) return effects;
    this.#isBusy = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.do(next);
    this.#isBusy = false;
    return effects;
  }

  /** Lets so much time pass, waking the station whenever it asks for it. */
  override pass(ms: number): readonly Effect[] {
    const endMs = this.context.nowMs + ms;
    for (;;) {
      const atMs = Math.max(this.context.nowMs, this.last.wakeAtMs);
      if (atMs > endMs) break;
      this.#moveTo(atMs);
      this.do({ type: 'tick' });
      assert(this.last.wakeAtMs > atMs, 'a wake moves time on');
    }
    this.#moveTo(endMs);
    return this.do({ type: 'tick' });
  }

  begin(): void {
    this.arrive(1, true, [this.version]);
    const boot =
      this.version === 'ocpp1.6'
        ? { chargePointVendor: 'V', chargePointModel: 'M' }
        : { reason: 'PowerUp', chargingStation: { vendorName: 'V', model: 'M' } };
    this.say('BootNotification', boot);
  }

  goDown(): void {
    this.isUp = false;
    const epoch = this.backendEpoch('old');
    this.do({ type: 'backend_lost', backend: 'old', epoch, code: 1006, reason: 'gone' });
  }

  /** Returns once the station's link to it is open again; what it hears is counted from there. */
  comeBack(): void {
    this.isUp = true;
    this.heard = [];
    this.#sinceMs = Infinity;
    for (let tries = 0; this.#sinceMs === Infinity && tries < 1_000; tries += 1) this.pass(100);
    assert(this.#sinceMs < Infinity, 'it is dialled again');
  }

  /** A call of the station. What it was answered at once, or null. */
  say(action: string, payload: object, id = `s${(this.#count += 1)}`): unknown {
    this.#answers = [];
    this.fromStation(`[2,"${id}","${action}",${JSON.stringify(payload)}]`);
    assert(this.#answers.length < 2, 'a call is answered once');
    return this.#answers[0] ?? null;
  }

  start(connector: number, minute = 0): number {
    const answer = this.say('StartTransaction', startOf(connector, minute)) as { transactionId: number };
    return answer.transactionId;
  }

  meter(connector: number, transactionId: number, minute: number): void {
    const sampledValue = [{ value: String(minute) }];
    const meterValue = [{ timestamp: minuteOf(minute), sampledValue }];
    this.say('MeterValues', { connectorId: connector, transactionId, meterValue });
  }

  stop(transactionId: number, minute: number): void {
    this.say('StopTransaction', { transactionId, meterStop: minute, timestamp: minuteOf(minute) });
  }

  usual({ action }: Heard): string {
    if (action === 'BootNotification')
      return result({ status: 'Accepted', interval: 86_400, currentTime: minuteOf(0) });
    if (action !== 'StartTransaction') return result({});
    return result({ transactionId: (this.#number += 1), idTagInfo: { status: 'Accepted' } });
  }

  get held(): HeldEntry[] {
    return this.state.held.flatMap((lane) => [...lane]);
  }

  /** What the backend heard of transactions. */
  get delivered(): Heard[] {
    return this.heard.filter(({ action }) => ofTransactions.has(action));
  }

  #moveTo(nowMs: number): void {
    this.context.wallMs += nowMs - this.context.nowMs;
    this.context.nowMs = nowMs;
  }

  #onEffect(effect: Effect): void {
    if (effect.type === 'dial') {
      const { backend, epoch } = effect;
      if (this.isUp && this.#sinceMs === Infinity) this.#sinceMs = this.context.nowMs;
      if (this.isUp) this.#events.push({ type: 'backend_opened', backend, epoch });
      else
        this.#events.push({ type: 'backend_refused', backend, epoch, fault: 'connect_failed', detail: '' });
    } else if (effect.type === 'ping' && effect.link.side === 'backend')
      this.#events.push({ type: 'backend_pong', backend: 'old', epoch: effect.link.epoch });
    else if (effect.type === 'ping') this.#events.push({ type: 'station_pong', epoch: effect.link.epoch });
    else if (effect.type === 'send' && effect.link.side === 'backend') this.#onCall(effect.text);
    else if (effect.type === 'notice') this.notices.push(effect.notice);
    else if (effect.type === 'send') this.#answers.push((JSON.parse(effect.text) as unknown[])[2]);
  }

  #onCall(text: string): void {
    const [type, id, action, payload] = JSON.parse(text) as [number, string, string, Heard['payload']];
    if (type !== 2) return;
    const call = { atMs: this.context.nowMs - this.#sinceMs, id, action, payload, text };
    this.heard.push(call);
    const [kind, rest] = this.answer(call).split('|');
    if (rest === undefined) return;
    const epoch = this.backendEpoch('old');
    this.#events.push({ type: 'backend_frame', backend: 'old', epoch, text: `[${kind},"${id}",${rest}]` });
  }
}

export const ofTransactions = new Set([
  'StartTransaction',
  'MeterValues',
  'StopTransaction',
  'TransactionEvent',
  'SecurityEventNotification',
]);

export function minuteOf(minute: number): string {
  return new Date(1_700_000_000_000 + minute * 60_000).toISOString();
}

export function startOf(connectorId: number, minute: number): object {
  return { connectorId, idTag: 'T', meterStart: 0, timestamp: minuteOf(minute) };
}

export function eventOf(name: string, seqNo: number, type: string): object {
  const triggerReason = type === 'Updated' ? 'MeterValuePeriodic' : 'RemoteStart';
  return {
    eventType: type,
    timestamp: minuteOf(seqNo),
    triggerReason,
    seqNo,
    transactionInfo: { transactionId: name },
  };
}
