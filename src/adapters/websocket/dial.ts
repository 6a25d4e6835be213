/**
 * One attempt to open a backend link. It ends once: opened, refused or abandoned.
 *
 * Not pure. Names are resolved for every dial, once for those that are dialled together. Details of faults hold no secret: they name statuses and system codes, never a URL or a header.
 */
import { connect as connectPlain, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { DialFault } from '../../core/station/events.ts';
import type { DialOutcome, DialRequest } from '../../ports/dialer.ts';
import type { LinkHandler } from '../../ports/link.ts';
import type { LinkLimits } from '../../ports/settings.ts';
import { assert } from '../../std/assert.ts';
import type { Result } from '../../std/result.ts';
import { planDial, type DialPlan, type SecureContexts } from './dial-plan.ts';
import { GrowingBytes } from './growing-bytes.ts';
import { answerBytesMax, judgeAnswer, mayBeAnswer } from './handshake-answer.ts';
import { onReadFor, type Taker } from './lent-reading.ts';
import { chunksMaxFor, type LinkYard } from './link-yard.ts';
import { lookupShared } from './shared-lookup.ts';

/** What dials share. */
export interface DialHome {
  readonly limits: LinkLimits;
  readonly yard: LinkYard;
  /** Those that have not ended. */
  readonly dials: Set<Dial>;
  readonly contexts: SecureContexts;
}

const headEnd = Buffer.from('\r\n\r\n');

const dialKey = Symbol('dial');
type DialSocket = Socket & { [dialKey]?: Dial | undefined };

export class Dial {
  readonly #home: DialHome;
  readonly #version: string;
  readonly #handler: LinkHandler<unknown>;
  readonly #outcome: DialOutcome<unknown>;
  readonly #owner: unknown;
  readonly #answer = new GrowingBytes();
  readonly #reading: { taker: Taker };
  #plan: DialPlan | null = null;
  #socket: DialSocket | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    home: DialHome,
    request: DialRequest,
    handler: LinkHandler<unknown>,
    outcome: DialOutcome<unknown>,
    owner: unknown,
  ) {
    this.#home = home;
    this.#version = request.version;
    this.#handler = handler;
    this.#outcome = outcome;
    this.#owner = owner;
    this.#reading = { taker: this };
    home.dials.add(this);
  }

  start(request: DialRequest): void {
    const plan = this.#makePlan(request);
    if (!plan.ok) {
      queueMicrotask(() => this.fail('misconfigured', plan.fault));
      return;
    }
    this.#plan = plan.value;
    const { handshakeTimeoutMs } = this.#home.limits;
    const attemptMs = Math.max(handshakeTimeoutMs * attemptShare, attemptMinMs);
    const socket: DialSocket = open(plan.value, onReadFor(this.#reading), attemptMs);
    this.#socket = socket;
    socket[dialKey] = this;
    socket.setNoDelay(true);
    // Not before the certificate was checked.
    socket.once(plan.value.secureContext === null ? 'connect' : 'secureConnect', onConnect);
    socket.on('error', onError);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    this.#timer = setTimeout(onTimeout, handshakeTimeoutMs, this);
  }

  abandon(): void {
    const socket = this.#socket;
    if (this.#settle()) socket?.destroy();
  }

  fail(fault: DialFault, detail: string): void {
    const socket = this.#socket;
    if (!this.#settle()) return;
    socket?.destroy();
    this.#outcome.onRefused(this.#owner, fault, detail);
  }

  onConnect(): void {
    if (this.#plan !== null) this.#socket?.write(this.#plan.request, 'latin1');
  }

  /** A piece of the answer to the handshake, and perhaps the first frames behind it. */
  receive(chunk: Buffer): void {
    if (this.#socket === null) return;
    this.#answer.append(chunk, 0, chunk.length);
    const { bytes } = this.#answer;
    const end = bytes.indexOf(headEnd);
    if (end > answerBytesMax || (end === -1 && bytes.length > answerBytesMax))
      this.fail('connect_failed', 'the answer has too many headers');
    else if (end !== -1) this.#judge(bytes.toString('latin1', 0, end), bytes.subarray(end + headEnd.length));
    else if (!mayBeAnswer(bytes.toString('latin1', 0, 8)))
      this.fail('connect_failed', 'the answer is not HTTP');
  }

  #judge(head: string, rest: Buffer): void {
    const plan = this.#plan;
    const socket = this.#socket;
    assert(plan !== null && socket !== null, 'what is answered was asked');
    const judged = judgeAnswer(head, { acceptKey: plan.acceptKey, version: this.#version });
    if (!judged.ok) {
      this.fail(...judged.fault);
      return;
    }
    if (!this.#settle()) return;
    const { limits, yard } = this.#home;
    const bounds = {
      messageBytesMax: limits.backendFrameBytes,
      fragmentsMax: limits.fragmentsMax,
      chunksMax: chunksMaxFor(limits.backendFrameBytes),
    };
    const link = yard.add(socket, 'client', bounds, this.#handler, this.#owner);
    this.#reading.taker = link;
    this.#outcome.onOpened(this.#owner, link);
    if (rest.length > 0) link.receive(rest, false);
  }

  #makePlan(request: DialRequest): Result<DialPlan, string> {
    try {
      return planDial(request, this.#home.contexts);
    } catch (error) {
      // The texts of these errors may quote the URL or a header; their codes do not.
      const code = (error as NodeJS.ErrnoException).code ?? 'invalid address';
      return { ok: false, fault: `the address, headers or certificates cannot be used: ${code}` };
    }
  }

  /** Ends the dial: its timer and listeners go. False when it had ended before. */
  #settle(): boolean {
    if (!this.#home.dials.delete(this)) return false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket === null) return true;
    socket.removeListener('connect', onConnect);
    socket.removeListener('secureConnect', onConnect);
    socket.removeListener('error', onError);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', onEnd);
    // The `close` that follows an error is enough for whoever has the socket now.
    socket.on('error', ignoreError);
    socket[dialKey] = undefined;
    this.#socket = null;
    return true;
  }
}

/**
 * How long each address of a name is tried before it is given up for the next; the last one has what is left. Node's half second is no more than a round trip over a satellite or an old modem, and a
 * backend that only answers later would never be reached where its last address is none that this machine can reach.
 */
const attemptShare = 0.1;
const attemptMinMs = 500;

function open(
  { host, port, secureContext }: DialPlan,
  onread: OnReadOpts,
  autoSelectFamilyAttemptTimeout: number,
): Socket {
  const address = { host, port, lookup: lookupShared, autoSelectFamilyAttemptTimeout };
  if (secureContext === null) return connectPlain({ ...address, onread });
  const servername = isIP(host) === 0 ? host : '';
  // `tls.connect` takes `onread` too (its documentation says so, its types do not yet).
  const options = { ...address, secureContext, servername, ALPNProtocols: ['http/1.1'], onread };
  return connectTls(options as ConnectionOptions);
}

/** Which fault an error is, by its code; the text of one without a code is not ours to show. */
function faultOf(error: NodeJS.ErrnoException): readonly [DialFault, string] {
  const code = error.code ?? 'unknown';
  if (code === 'ETIMEDOUT') return ['timed_out', code];
  return [tlsCode.test(code) ? 'tls_failed' : 'connect_failed', code];
}

/** Codes of Node's TLS and OpenSSL's certificate verification. */
const tlsCode =
  /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH)/;

function onConnect(this: DialSocket): void {
  this[dialKey]?.onConnect();
}

function onError(this: DialSocket, error: Error): void {
  this[dialKey]?.fail(...faultOf(error));
}

/** The peer left without an answer. */
function onEnd(this: DialSocket): void {
  this[dialKey]?.fail('connect_failed', 'ECONNRESET');
}

function onTimeout(dial: Dial): void {
  dial.fail('timed_out', 'the handshake was not answered in time');
}

function ignoreError(): void {}
