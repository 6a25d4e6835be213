/**
 * A station that says what a script tells it, one call at a time, and keeps a ledger. A thousand of them in one process leave room for what they are to load.
 *
 * Shell. It never repeats itself and never reconnects: a link that is lost is a failure of the run.
 */
import { WebSocket } from 'ws';
import { createLedger, noteClosed, noteOpened, noteText, type Ledger } from '../../src/testkit/ledger.ts';
import { readMessage, record } from '../../src/testkit/wire.ts';

export type ScriptedVersion = 'ocpp1.6' | 'ocpp2.0.1';

type Payload = Readonly<Record<string, unknown>>;

interface Line {
  readonly action: string;
  /** Made when it is sent: only then may its transaction have a number. */
  readonly payload: () => Payload;
  /** The session that it starts. */
  readonly session: Session | null;
}

interface Session {
  /** 1.6: what the answer to its start says. */
  id: number | string | null;
  events: number;
}

export class ScriptedStation {
  readonly ledger: Ledger;
  readonly version: ScriptedVersion;
  readonly #url: string;
  readonly #lines: Line[] = [];
  #socket: WebSocket | null = null;
  #open: Line | null = null;
  #calls = 0;
  #sessions = 0;
  #session: Session | null = null;
  #meterWh = 0;

  constructor(id: string, version: ScriptedVersion, url: string) {
    this.ledger = createLedger(id, version);
    this.version = version;
    this.#url = `${url}/${id}`;
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Nothing is left to say, and all was answered. */
  get isQuiet(): boolean {
    return this.#open === null && this.#lines.length === 0;
  }

  connect(): Promise<void> {
    const socket = new WebSocket(this.#url, [this.version], { perMessageDeflate: false });
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#onText(data.toString('utf8')));
    socket.on('close', () => noteClosed(this.ledger, performance.now()));
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('open', () => {
        noteOpened(this.ledger, performance.now(), this.version);
        resolve();
      });
    });
  }

  close(): void {
    this.#socket?.terminate();
  }

  boot(): void {
    const names = { chargePointVendor: 'Busbar', chargePointModel: 'Scripted' };
    const v2 = { reason: 'PowerUp', chargingStation: { vendorName: 'Busbar', model: 'Scripted' } };
    this.#say('BootNotification', () => (this.version === 'ocpp1.6' ? names : v2));
  }

  beat(): void {
    this.#say('Heartbeat', () => ({}));
  }

  begin(): void {
    this.#sessions += 1;
    const session: Session = { id: null, events: 0 };
    this.#session = session;
    if (this.version === 'ocpp1.6') {
      const payload = (): Payload => ({
        connectorId: 1,
        idTag: 'DRIVER-1',
        meterStart: this.#nextWh(),
        timestamp: now(),
      });
      this.#say('StartTransaction', payload, session);
      return;
    }
    session.id = `${this.ledger.station}/${this.#sessions}`;
    this.#sayEvent(session, 'Started', 'Authorized');
  }

  reading(): void {
    const session = this.#session;
    if (session === null) return;
    if (this.version === 'ocpp1.6')
      this.#say('MeterValues', () => ({
        connectorId: 1,
        transactionId: session.id,
        meterValue: this.#meterValue(),
      }));
    else this.#sayEvent(session, 'Updated', 'MeterValuePeriodic');
  }

  end(): void {
    const session = this.#session;
    this.#session = null;
    if (session === null) return;
    if (this.version === 'ocpp1.6')
      this.#say('StopTransaction', () => ({
        transactionId: session.id,
        meterStop: this.#nextWh(),
        timestamp: now(),
      }));
    else this.#sayEvent(session, 'Ended', 'EVDeparted');
  }

  #sayEvent(session: Session, eventType: string, triggerReason: string): void {
    const seqNo = session.events;
    session.events += 1;
    this.#say('TransactionEvent', () => ({
      eventType,
      timestamp: now(),
      triggerReason,
      seqNo,
      transactionInfo: { transactionId: session.id },
      ...(eventType === 'Started' ? { idToken: { idToken: 'DRIVER-1', type: 'ISO14443' } } : {}),
      meterValue: this.#meterValue(),
    }));
  }

  #meterValue(): readonly Payload[] {
    const value = this.#nextWh();
    return [
      { timestamp: now(), sampledValue: [{ value: this.version === 'ocpp1.6' ? String(value) : value }] },
    ];
  }

  /** No two readings of a station are the same: a message can be told from all others. */
  #nextWh(): number {
    this.#meterWh += 10;
    return this.#meterWh;
  }

  #say(action: string, payload: () => Payload, session: Session | null = null): void {
    this.#lines.push({ action, payload, session });
    this.#next();
  }

  #next(): void {
    if (this.#open !== null) return;
    const line = this.#lines.shift();
    if (line === undefined) return;
    this.#open = line;
    this.#calls += 1;
    const text = JSON.stringify([2, `c${this.#calls}`, line.action, line.payload()]);
    noteText(this.ledger, 'sent', performance.now(), text);
    this.#socket?.send(text);
  }

  #onText(text: string): void {
    noteText(this.ledger, 'received', performance.now(), text);
    const message = readMessage(text);
    if (message === null || message.type === 2) return;
    const { transactionId } = record(message.payload);
    const session = this.#open?.session ?? null;
    if (session !== null) session.id = Number(transactionId);
    this.#open = null;
    this.#next();
  }
}

function now(): string {
  return new Date().toISOString();
}
