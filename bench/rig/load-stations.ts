/**
 * The stations of a bench: sockets that send prepared frames and note when the answer came.
 *
 * Not pure. Connections leave from several loopback addresses, since one has no more than 28,000 ports.
 */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { bootOf, messagesOf, renumber, startOf, type Message, type Mix } from './messages.ts';
import { byteAt, clientFrame, opcode, readFrames, textOf, type FrameInPlace } from './wire.ts';

/** What a load run wants to hear. */
export interface Listener {
  onAnswered(station: LoadStation, roundTripMs: number): void;
}

export interface Door {
  readonly port: number;
  readonly isTls: boolean;
}

const sourceAddresses = 8;
const firstByte = { call: 0x32, result: 0x33, error: 0x34 } as const;

export class LoadStation {
  readonly number: number;
  #socket: Socket | null = null;
  #kept: Buffer | null = null;
  #state: 'connecting' | 'up' | 'refused' = 'connecting';
  readonly #messages = new Map<Mix, readonly Message[]>();
  #count = 0;
  /** What it calls its transaction; null: it has none yet. */
  #transaction: number | null = null;
  #isStarting = false;
  #sentAtMs = 0;
  #settled: ((refusal: string | null) => void) | null = null;
  isWaiting = false;
  /** Its place in the mixes of a paced run. */
  mixAt = 0;
  listener: Listener | null = null;

  constructor(number: number) {
    this.number = number;
  }

  /** Null once it is up; else why it was refused. */
  connect({ port, isTls }: Door): Promise<string | null> {
    const options = {
      host: '127.0.0.1',
      port,
      localAddress: `127.0.0.${2 + (this.number % sourceAddresses)}`,
    };
    const socket = isTls ? connectTls({ ...options, rejectUnauthorized: false }) : connectPlain(options);
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once(isTls ? 'secureConnect' : 'connect', () => {
      socket.write(
        `GET /ocpp/BENCH-${10_000 + this.number} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n`,
      );
    });
    socket.on('data', (chunk) => this.#onData(chunk as Buffer));
    socket.on('error', (error) => this.#settle(error.message));
    socket.on('close', () => this.#onClose());
    return new Promise((resolve) => {
      this.#settled = resolve;
    });
  }

  /** Says its boot; the listener hears of the answer as of any other. */
  boot(): void {
    this.#send(bootOf(this.number));
  }

  /** Begins the transaction that its meter values are of, unless it has one. */
  start(): void {
    if (this.#transaction !== null) return;
    this.#isStarting = true;
    this.#send(startOf(this.number));
  }

  sendNext(mix: Mix): void {
    let messages = this.#messages.get(mix);
    if (messages === undefined) {
      messages = messagesOf(this.number, mix, this.#transaction ?? 0);
      this.#messages.set(mix, messages);
    }
    const message = messages[this.#count % messages.length];
    if (message !== undefined) this.#send(message);
  }

  #send(message: Message): void {
    this.#count += 1;
    this.isWaiting = true;
    this.#sentAtMs = performance.now();
    this.#socket?.write(renumber(message, this.#count));
  }

  #onData(chunk: Buffer): void {
    if (this.#state === 'connecting') {
      const head = chunk.toString('latin1');
      this.#settle(head.startsWith('HTTP/1.1 101 ') ? null : head.replaceAll(/\s+/g, ' '));
      return;
    }
    this.#kept = readFrames(this.#kept, chunk, onFrame, this);
  }

  onFrame(frame: FrameInPlace): void {
    if (frame.code === opcode.text) this.#onText(frame);
    else if (frame.code === opcode.ping) this.#socket?.write(pong);
  }

  #onText(frame: FrameInPlace): void {
    const roundTripMs = performance.now() - this.#sentAtMs;
    if (byteAt(frame, 1) !== firstByte.result)
      throw new Error(`${this.number} got something else than a result`);
    this.isWaiting = false;
    if (this.#isStarting) this.#noteStart(textOf(frame));
    this.listener?.onAnswered(this, roundTripMs);
  }

  #noteStart(answer: string): void {
    this.#isStarting = false;
    const [, , { transactionId }] = JSON.parse(answer) as [3, string, { transactionId: number }];
    this.#transaction = transactionId;
  }

  #settle(refusal: string | null): void {
    if (this.#state !== 'connecting') return;
    this.#state = refusal === null ? 'up' : 'refused';
    this.#settled?.(refusal);
  }

  #onClose(): void {
    this.#settle('closed without an answer');
    if (this.#state === 'up') throw new Error(`station ${this.number} was disconnected`);
  }
}

const pong = clientFrame('', opcode.pong);

function onFrame(station: LoadStation, frame: FrameInPlace): void {
  station.onFrame(frame);
}
