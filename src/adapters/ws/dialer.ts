/**
 * Dials backends: one WebSocket a station and backend.
 *
 * Not pure. Exactly one subprotocol is offered and must be answered (OCPP 2.1 Part 4 §3.1.3); no redirects, since the configured address is the only one that may
 * see these credentials; names are resolved for every dial. Details of faults hold no secret: they name statuses and system codes,
 * never a URL or a header.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { DialFault } from '../../core/station/events.ts';
import type { Dialer, DialOutcome, DialRequest } from '../../ports/dialer.ts';
import type { LinkHandler } from '../../ports/link.ts';
import type { LinkLimits } from '../../ports/settings.ts';
import { assert } from '../../std/assert.ts';
import { planDial, type SecureContexts } from './dial-options.ts';
import { LinkYard } from './link.ts';

export interface WsDialer extends Dialer {
  /** Dials use these from now on, and open links those that are not fixed when a link opens (frame sizes are). */
  update(limits: LinkLimits): void;
  /** Abandons dials and cuts links; done when every owner of a link was told. */
  close(): Promise<void>;
}

export function createDialer(limits: LinkLimits): WsDialer {
  return new DirectDialer(limits);
}

class DirectDialer implements WsDialer {
  limits: LinkLimits;
  readonly yard: LinkYard;
  readonly dials = new Set<Dial>();
  readonly contexts: SecureContexts = new WeakMap();

  constructor(limits: LinkLimits) {
    this.limits = limits;
    this.yard = new LinkYard(limits);
  }

  update(limits: LinkLimits): void {
    this.limits = limits;
    this.yard.update(limits);
  }

  close(): Promise<void> {
    for (const dial of this.dials) dial.abandon();
    return this.yard.close();
  }

  dial<Owner>(
    request: DialRequest,
    handler: LinkHandler<Owner>,
    outcome: DialOutcome<Owner>,
    owner: Owner,
  ): () => void {
    const dial = new Dial(this, request, handler, outcome, owner);
    dial.start(request);
    return () => dial.abandon();
  }
}

const dialKey = Symbol('dial');
type Dialling = WebSocket & { [dialKey]?: Dial | undefined };

/** One attempt. It ends once: opened, refused or abandoned. */
class Dial {
  readonly #dialer: DirectDialer;
  readonly #version: string;
  readonly #handler: LinkHandler<unknown>;
  readonly #outcome: DialOutcome<unknown>;
  readonly #owner: unknown;
  #webSocket: Dialling | null = null;
  #socket: Socket | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** What was learnt of the failure before `ws` reports it. */
  #fault: readonly [DialFault, string] | null = null;

  constructor(
    dialer: DirectDialer,
    request: DialRequest,
    handler: LinkHandler<unknown>,
    outcome: DialOutcome<unknown>,
    owner: unknown,
  ) {
    this.#dialer = dialer;
    this.#version = request.version;
    this.#handler = handler;
    this.#outcome = outcome;
    this.#owner = owner;
    dialer.dials.add(this);
  }

  start(request: DialRequest): void {
    const webSocket = this.#open(request);
    if (webSocket === null) {
      queueMicrotask(() => this.#fail());
      return;
    }
    this.#webSocket = webSocket;
    webSocket[dialKey] = this;
    webSocket.on('upgrade', onUpgrade);
    webSocket.on('unexpected-response', onResponse);
    webSocket.on('error', onError);
    webSocket.on('open', onOpen);
    this.#timer = setTimeout(onTimeout, this.#dialer.limits.handshakeTimeoutMs, this);
  }

  abandon(): void {
    const webSocket = this.#webSocket;
    if (this.#settle()) webSocket?.terminate();
  }

  onTimeout(): void {
    this.#fault = ['timed_out', 'the handshake was not answered in time'];
    this.#webSocket?.terminate();
  }

  onUpgrade(response: IncomingMessage): void {
    this.#socket = response.socket;
    const answered = response.headers['sec-websocket-protocol'];
    if (answered === this.#version) return;
    const answer = answered === undefined ? 'no subprotocol' : 'another subprotocol';
    this.#fault = ['no_subprotocol', `${this.#version} was offered, ${answer} was answered`];
  }

  onResponse(status: number): void {
    this.#fault = ['refused_status', `HTTP ${status}`];
    this.#webSocket?.terminate();
  }

  onError(error: NodeJS.ErrnoException): void {
    this.#fault ??= faultOf(error);
    this.#fail();
  }

  onOpen(): void {
    const webSocket = this.#webSocket;
    const socket = this.#socket;
    if (!this.#settle()) return;
    assert(webSocket !== null && socket !== null, 'a dial that opened was upgraded before');
    webSocket.removeListener('error', ignoreError);
    const link = this.#dialer.yard.add(webSocket, socket, this.#handler, this.#owner);
    this.#outcome.onOpened(this.#owner, link);
  }

  /** Null, and the fault noted, when the settings of this backend cannot be dialled with. */
  #open(request: DialRequest): Dialling | null {
    const { limits, contexts } = this.#dialer;
    try {
      const plan = planDial(request, limits, contexts);
      if (plan.ok) return new WebSocket(plan.value.url, [request.version], plan.value.options);
      this.#fault = ['misconfigured', plan.fault];
    } catch (error) {
      // The texts of these errors may quote the URL or a header; their codes do not.
      const code = (error as NodeJS.ErrnoException).code ?? 'invalid address';
      this.#fault = ['misconfigured', `the address, headers or certificates cannot be used: ${code}`];
    }
    return null;
  }

  #fail(): void {
    const [fault, detail] = this.#fault ?? ['connect_failed', 'unknown'];
    if (this.#settle()) this.#outcome.onRefused(this.#owner, fault, detail);
  }

  /** Ends the dial: its timer and listeners go. False when it had ended before. */
  #settle(): boolean {
    if (!this.#dialer.dials.delete(this)) return false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const webSocket = this.#webSocket;
    if (webSocket === null) return true;
    webSocket.removeListener('upgrade', onUpgrade);
    webSocket.removeListener('unexpected-response', onResponse);
    webSocket.removeListener('open', onOpen);
    webSocket.removeListener('error', onError);
    // A terminated handshake reports an error that nobody waits for any more.
    webSocket.on('error', ignoreError);
    webSocket[dialKey] = undefined;
    this.#webSocket = null;
    return true;
  }
}

/** Which fault an error is, by its code; an error of `ws` has none, and a text that holds nothing of ours. */
function faultOf(error: NodeJS.ErrnoException): readonly [DialFault, string] {
  const code = error.code ?? error.message;
  if (code === 'ETIMEDOUT') return ['timed_out', code];
  return [tlsCode.test(code) ? 'tls_failed' : 'connect_failed', code];
}

/** Codes of Node's TLS and OpenSSL's certificate verification. */
const tlsCode =
  /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|EPROTO|CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_(?:CA|PURPOSE)|PATH_LENGTH)/;

function onUpgrade(this: Dialling, response: IncomingMessage): void {
  this[dialKey]?.onUpgrade(response);
}

function onResponse(this: Dialling, _request: unknown, response: IncomingMessage): void {
  this[dialKey]?.onResponse(response.statusCode ?? 0);
}

function onError(this: Dialling, error: Error): void {
  this[dialKey]?.onError(error);
}

function onOpen(this: Dialling): void {
  this[dialKey]?.onOpen();
}

function onTimeout(dial: Dial): void {
  dial.onTimeout();
}

function ignoreError(): void {}
