/**
 * A CSMS and a station of `ocpp-rpc`, which nobody here wrote, each with books of its own: what the sessions were, by either side.
 */
import { expect } from 'vitest';
import type { OcppVersion } from '../../src/protocol/version.ts';
import { startRpcCsms, type RpcCsms, type RpcPeer } from '../conformance/rpc-peers.ts';

/** One charging session, as either side has it. */
interface Session {
  readonly place: number;
  readonly token: string;
  readonly startedAt: string;
  readonly values: number[];
  stoppedAt: string | null;
  lastValue: number | null;
}

/** What a CSMS has on disk: it outlives its process. */
export class Books {
  readonly sessions = new Map<unknown, Session>();
  readonly heard: string[] = [];
  readonly statuses = new Map<number, unknown>();
  readonly faults: string[] = [];
  /** Cards it lets in; null: every one. */
  cards: ReadonlySet<string> | null = null;
  /** What it called the last transaction of 1.6. */
  number = 100;

  /** 1.6 and 2.0.1 in one: what a CSMS answers and writes down. */
  take(action: string, payload: Payload): object {
    this.heard.push(action);
    switch (action) {
      case 'BootNotification':
        return { status: 'Accepted', currentTime: new Date().toISOString(), interval: 300 };
      case 'Heartbeat':
        return { currentTime: new Date().toISOString() };
      case 'Authorize':
        return 'idTag' in payload
          ? { idTagInfo: { status: this.#statusOf(payload['idTag']) } }
          : { idTokenInfo: { status: this.#statusOf((payload['idToken'] as Payload)['idToken']) } };
      case 'StatusNotification':
        this.statuses.set(Number(payload['connectorId']), payload['status'] ?? payload['connectorStatus']);
        return {};
      case 'StartTransaction':
        this.number += 1;
        this.begin(this.number, Number(payload['connectorId']), String(payload['idTag']), payload);
        return { transactionId: this.number, idTagInfo: { status: 'Accepted' } };
      case 'MeterValues':
        this.add(payload['transactionId'], valuesIn(payload));
        return {};
      case 'StopTransaction':
        this.end(payload['transactionId'], payload, Number(payload['meterStop']));
        return {};
      case 'TransactionEvent':
        return this.#takeEvent(payload);
      default:
        return {};
    }
  }

  #statusOf(card: unknown): 'Accepted' | 'Invalid' {
    return this.cards === null || this.cards.has(String(card)) ? 'Accepted' : 'Invalid';
  }

  begin(id: unknown, place: number, token: string, { timestamp }: Payload): void {
    if (this.sessions.has(id)) this.faults.push(`${String(id)} begins twice`);
    this.sessions.set(id, {
      place,
      token,
      startedAt: String(timestamp),
      values: [],
      stoppedAt: null,
      lastValue: null,
    });
  }

  add(id: unknown, values: readonly number[]): void {
    const session = this.sessions.get(id);
    if (session === undefined || session.stoppedAt !== null)
      this.faults.push(`values of ${String(id)}, which is not under way`);
    session?.values.push(...values);
  }

  end(id: unknown, { timestamp }: Payload, lastValue: number): void {
    const session = this.sessions.get(id);
    if (session === undefined || session.stoppedAt !== null)
      this.faults.push(`an end of ${String(id)}, which is not under way`);
    if (session === undefined) return;
    session.stoppedAt = String(timestamp);
    session.lastValue = lastValue;
  }

  /** In the order of their beginnings. */
  get all(): Session[] {
    return [...this.sessions.values()];
  }

  #takeEvent(payload: Payload): object {
    const { transactionId } = payload['transactionInfo'] as { transactionId: string };
    const { idToken } = (payload['idToken'] ?? {}) as { idToken?: string };
    const { id } = (payload['evse'] ?? {}) as { id?: number };
    const values = valuesIn(payload);
    if (payload['eventType'] === 'Started') this.begin(transactionId, id ?? 0, idToken ?? '', payload);
    else if (payload['eventType'] === 'Updated') this.add(transactionId, values);
    else this.end(transactionId, payload, values[0] ?? 0);
    return idToken === undefined ? {} : { idTokenInfo: { status: 'Accepted' } };
  }
}

export type Payload = Readonly<Record<string, unknown>>;

function valuesIn(payload: Payload): number[] {
  const values = (payload['meterValue'] ?? []) as { sampledValue: { value: unknown }[] }[];
  return values.flatMap(({ sampledValue }) => sampledValue.map(({ value }) => Number(value)));
}

export function byStart(one: Session, other: Session): number {
  return one.startedAt < other.startedAt ? -1 : Number(one.startedAt > other.startedAt);
}

/** A CSMS that can be stopped and started on the same port and books. */
export class Csms {
  readonly books = new Books();
  readonly peers: RpcPeer[] = [];
  readonly #versions: readonly OcppVersion[];
  #running: RpcCsms | null = null;
  #port = 0;

  constructor(...versions: readonly OcppVersion[]) {
    this.#versions = versions;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/csms/{station}`;
  }

  async start(): Promise<void> {
    const running = await startRpcCsms(this.#versions, null, this.#port);
    this.#port = Number(new URL(running.url.replace('{station}', 'x')).port);
    this.#running = running;
    running.onPeer = (_station, peer) => {
      this.peers.push(peer);
      peer.answer = (action, payload) => this.books.take(action, payload as Payload);
    };
  }

  async stop(): Promise<void> {
    await this.#running?.close();
    this.#running = null;
  }
}

/** The station's side: it says what it does, and keeps books of its own. */
export class Charger {
  readonly own = new Books();
  #peer: RpcPeer;
  readonly #version: OcppVersion;
  readonly #numbers = new Map<string, unknown>();
  readonly #counts = new Map<string, number>();

  constructor(peer: RpcPeer, version: OcppVersion) {
    this.#peer = peer;
    this.#version = version;
  }

  /** It speaks on another link from now on. */
  use(peer: RpcPeer): void {
    this.#peer = peer;
  }

  get #isOne(): boolean {
    return this.#version === 'ocpp1.6';
  }

  async boot(): Promise<unknown> {
    return this.#peer.call(
      'BootNotification',
      this.#isOne
        ? { chargePointVendor: 'V', chargePointModel: 'M' }
        : { reason: 'PowerUp', chargingStation: { vendorName: 'V', model: 'M' } },
    );
  }

  async status(place: number, one: string, two: string): Promise<void> {
    const timestamp = timeOf(0);
    await this.#peer.call(
      'StatusNotification',
      this.#isOne
        ? { connectorId: place, errorCode: 'NoError', status: one, timestamp }
        : { evseId: place, connectorId: place, connectorStatus: two, timestamp },
    );
  }

  async begin(name: string, place: number, minute: number): Promise<void> {
    const timestamp = timeOf(minute);
    // One card charges at one connector at a time.
    const tag = `TAG${place}`;
    this.own.begin(name, place, tag, { timestamp });
    if (!this.#isOne) {
      const idToken = { idToken: tag, type: 'ISO14443' };
      await this.#event(name, 'Started', 'Authorized', minute, { idToken, evse: { id: place } });
      return;
    }
    const payload = { connectorId: place, idTag: tag, meterStart: 0, timestamp };
    const answer = (await this.#peer.call('StartTransaction', payload)) as Payload;
    expect(answer['idTagInfo']).toMatchObject({ status: 'Accepted' });
    this.#numbers.set(name, answer['transactionId']);
  }

  async meter(name: string, place: number, minute: number, value: number): Promise<void> {
    this.own.add(name, [value]);
    const meterValue = this.#values(minute, value);
    if (!this.#isOne) return this.#event(name, 'Updated', 'MeterValuePeriodic', minute, { meterValue });
    const transactionId = this.#numbers.get(name);
    await this.#peer.call('MeterValues', { connectorId: place, transactionId, meterValue });
  }

  async end(name: string, minute: number, value: number): Promise<void> {
    const timestamp = timeOf(minute);
    this.own.end(name, { timestamp }, value);
    const meterValue = this.#values(minute, value);
    if (!this.#isOne) return this.#event(name, 'Ended', 'EVCommunicationLost', minute, { meterValue });
    const transactionId = this.#numbers.get(name);
    await this.#peer.call('StopTransaction', { transactionId, meterStop: value, timestamp });
  }

  #values(minute: number, value: number): object[] {
    return [{ timestamp: timeOf(minute), sampledValue: [{ value: this.#isOne ? String(value) : value }] }];
  }

  async #event(
    transactionId: string,
    eventType: string,
    triggerReason: string,
    minute: number,
    more: object,
  ): Promise<void> {
    const seqNo = this.#counts.get(transactionId) ?? 0;
    this.#counts.set(transactionId, seqNo + 1);
    const timestamp = timeOf(minute);
    const transactionInfo = { transactionId };
    const payload = { eventType, timestamp, triggerReason, seqNo, transactionInfo, ...more };
    await this.#peer.call('TransactionEvent', payload);
  }
}

export function timeOf(minute: number): string {
  return new Date(Date.UTC(2026, 10, 20, 10, minute)).toISOString();
}
