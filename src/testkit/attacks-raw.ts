/**
 * A peer that speaks TCP, TLS and WebSocket by hand, so that it can do what no library does.
 *
 * Shell, for tests of what hostile peers can do. Everything an attack counts is in its `Tally`; nothing here decides whether a defence held.
 */
import { randomBytes } from 'node:crypto';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Where the attacked station port is, and what an admitted station shows there. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** PEM of the authority; null: plain. */
  readonly ca: string | null;
  /** Password of every listed station; null where none is asked for. */
  readonly password: string | null;
}

/** What an attack did and got. */
export interface Tally {
  connects: number;
  /** Sockets that got 101. */
  admitted: number;
  /** Octets and frames it managed to send, as far as it counts them. */
  frames: number;
  /** Sockets that ended before the attack was over, other than by itself. */
  cut: number;
  /** HTTP statuses other than 101, and WebSocket close codes: how often each. */
  readonly answers: Record<string, number>;
  /** Text frames that came. */
  texts: number;
}

export function newTally(): Tally {
  return { connects: 0, admitted: 0, frames: 0, cut: 0, answers: {}, texts: 0 };
}

export function count(tally: Tally, answer: number | string): void {
  tally.answers[answer] = (tally.answers[answer] ?? 0) + 1;
}

/** A TCP or TLS connection that never throws: what became of it shows by `close`. */
export function openSocket(target: Target, localAddress = '127.0.0.1'): Socket {
  const { host, port, ca } = target;
  const socket =
    ca === null
      ? connectPlain({ host, port, localAddress })
      : connectTls({ socket: connectPlain({ host, port, localAddress }), ca, servername: 'localhost' });
  socket.on('error', ignoreError);
  return socket;
}

/** A TCP connection, whatever the port speaks. */
export function openTcp(target: Target, localAddress = '127.0.0.1'): Socket {
  return openSocket({ ...target, ca: null }, localAddress);
}

/** An upgrade request as octets. */
export function upgradeRequest(
  identity: string,
  version: string,
  password: string | null,
  further: readonly string[] = [],
): string {
  const credentials =
    password === null
      ? []
      : [`Authorization: Basic ${Buffer.from(`${identity}:${password}`).toString('base64')}`];
  return [
    `GET /ocpp/${identity} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    `Sec-WebSocket-Protocol: ${version}`,
    ...credentials,
    ...further,
    '',
    '',
  ].join('\r\n');
}

export interface FrameTraits {
  readonly isFinal?: boolean;
  /** The three reserved bits, as they stand in the first octet: 0x40, 0x20, 0x10. */
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** Length that the header claims; that of the payload otherwise. */
  readonly declared?: bigint;
}

/** One WebSocket frame, right or wrong. A mask of zeros leaves the payload as it is. */
export function rawFrame(opcode: number, payload: string | Uint8Array, traits: FrameTraits = {}): Buffer {
  const body = Buffer.from(payload);
  const { isFinal = true, reserved = 0, isMasked = true, declared = BigInt(body.length) } = traits;
  const first = (isFinal ? 0x80 : 0) | reserved | opcode;
  const mask = isMasked ? 0x80 : 0;
  let header: Buffer;
  if (declared < 126n) header = Buffer.from([first, mask | Number(declared)]);
  else if (declared < 65_536n) {
    header = Buffer.from([first, mask | 126, 0, 0]);
    header.writeUInt16BE(Number(declared), 2);
  } else {
    header = Buffer.from([first, mask | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    header.writeBigUInt64BE(declared, 2);
  }
  return Buffer.concat([header, ...(isMasked ? [Buffer.alloc(4)] : []), body]);
}

/** Reads what a server sends: the HTTP answer, then frames. Counts into the tally. */
export class ServerReader {
  readonly #tally: Tally;
  readonly #onAdmitted: () => void;
  readonly #onText: (text: string) => void;
  #buffered: Buffer = Buffer.alloc(0);
  #isUpgraded = false;

  constructor(tally: Tally, onAdmitted: () => void, onText: (text: string) => void = ignoreText) {
    this.#tally = tally;
    this.#onAdmitted = onAdmitted;
    this.#onText = onText;
  }

  read(chunk: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    if (!this.#isUpgraded && !this.#readHead()) return;
    while (this.#readFrame());
  }

  #readHead(): boolean {
    const end = this.#buffered.indexOf('\r\n\r\n');
    if (end === -1) return false;
    const status = this.#buffered.toString('latin1', 9, 12);
    this.#buffered = this.#buffered.subarray(end + 4);
    if (status !== '101') {
      count(this.#tally, status);
      return false;
    }
    this.#isUpgraded = true;
    this.#tally.admitted += 1;
    this.#onAdmitted();
    return true;
  }

  #readFrame(): boolean {
    const buffered = this.#buffered;
    if (buffered.length < 2) return false;
    const short = (buffered[1] ?? 0) & 0x7f;
    const headerLength = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (buffered.length < headerLength) return false;
    const length =
      short === 126 ? buffered.readUInt16BE(2) : short === 127 ? Number(buffered.readBigUInt64BE(2)) : short;
    if (buffered.length < headerLength + length) return false;
    const payload = buffered.subarray(headerLength, headerLength + length);
    this.#buffered = buffered.subarray(headerLength + length);
    const opcode = (buffered[0] ?? 0) & 0x0f;
    if (opcode === 8) count(this.#tally, payload.length < 2 ? 'closed' : payload.readUInt16BE(0));
    if (opcode === 1) {
      this.#tally.texts += 1;
      this.#onText(payload.toString());
    }
    return true;
  }
}

/** Writes the same octets again and again as fast as the peer takes them, until the socket is gone. */
export function flood(socket: Socket, octets: Buffer, framesEach: number, tally: Tally): void {
  const pour = (): void => {
    for (let turn = 0; turn < 16 && socket.writable; turn += 1) {
      tally.frames += framesEach;
      if (socket.write(octets)) continue;
      socket.once('drain', pour);
      return;
    }
    if (socket.writable) setImmediate(pour);
  };
  pour();
}

function ignoreError(): void {}

function ignoreText(): void {}
