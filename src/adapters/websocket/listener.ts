/**
 * The door for stations: plain or TLS, one port.
 *
 * Not pure. A socket goes through the gate (handshake-gate.ts), an HTTP server that never listens itself, the checks of its request, the gatekeeper,
 * and then waits as an arrival. The servers are made anew on a reload, so that new handshakes see new certificates and no
 * link is touched. Every refusal is told to the door.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import {
  createServer as createNetServer,
  type AddressInfo,
  type Server as NetServer,
  type Socket,
} from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Door, DoorRefusal, Gatekeeper, Listener, ListenerFault } from '../../ports/listener.ts';
import type { Log } from '../../ports/log.ts';
import type { LinkLimits, ListenerSettings } from '../../ports/settings.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { listenFaultText } from '../../std/listen-fault.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import { UpgradeArrival, type Doorstep } from './arrival.ts';
import type { ReaderBounds } from './frame-reader.ts';
import { HandshakeGate } from './handshake-gate.ts';
import { LinkYard, chunksMaxFor } from './link-yard.ts';
import { OwnCertificates } from './own-certificates.ts';
import { refuseUpgrade, retryAfter } from './refuse.ts';
import { peerCertificateOf, serverTlsOptions } from './server-tls.ts';
import { readUpgradeRequest } from './upgrade-request.ts';

/** Connections the system keeps before they are accepted, as many as Linux allows by default. One more is not refused but not heard: its station tries again after 1, 3, 7 and 15 seconds, which is what a storm takes then. */
const backlog = 4_096;
const sweepEveryMs = 250;
const retryAfterDrainS = 10;

/** Opens the port. A fault: the address is taken, or a certificate does not fit. */
export async function listen(
  settings: ListenerSettings,
  door: Door,
  gatekeeper: Gatekeeper,
  log: Log,
): Promise<Result<Listener, ListenerFault>> {
  const doorway = new Doorway(door, gatekeeper, log, settings);
  const front = doorway.update(settings);
  if (!front.ok) {
    await doorway.close();
    return front;
  }
  const bound = await doorway.bind(settings.host, settings.port);
  if (!bound.ok) await doorway.close();
  return bound.ok ? ok(doorway) : bound;
}

class Doorway implements Listener {
  readonly #door: Door;
  readonly #gatekeeper: Gatekeeper;
  readonly #log: Log;
  #settings: ListenerSettings;
  readonly #net: NetServer;
  readonly #gate: HandshakeGate;
  readonly #doorstep: Doorstep;
  readonly #certificates: OwnCertificates;
  readonly #sweep: NodeJS.Timeout;
  /** Speaks HTTP, or TLS and HTTP, on sockets that the gate hands it. */
  #front: HttpServer;
  #isAccepting = true;

  constructor(door: Door, gatekeeper: Gatekeeper, log: Log, settings: ListenerSettings) {
    this.#door = door;
    this.#gatekeeper = gatekeeper;
    this.#log = log;
    this.#settings = settings;
    this.#gate = new HandshakeGate(settings.limits, {
      onStart: (socket) => this.#start(socket),
      onCut: (peer, why) => this.#door.onRefused(why, 0, plainAddress(peer), null, null),
    });
    this.#doorstep = {
      readerBounds: readerBoundsOf(settings.limits),
      yard: new LinkYard(settings.limits),
      waiting: new Set(),
    };
    this.#certificates = new OwnCertificates(log);
    this.#front = createHttpServer();
    this.#net = createNetServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#gate.enter(socket),
    );
    this.#sweep = setInterval(() => this.#sweepTimes(), sweepEveryMs).unref();
  }

  get port(): number {
    return (this.#net.address() as AddressInfo | null)?.port ?? 0;
  }

  get certificatesEndMs(): number | null {
    return this.#certificates.endMs;
  }

  bind(host: string, port: number): Promise<Result<null, ListenerFault>> {
    return new Promise((resolve) => {
      const onError = (error: NodeJS.ErrnoException): void =>
        resolve(fail({ message: listenFaultText(host, port, error) }));
      this.#net.once('error', onError);
      this.#net.listen({ host, port, backlog }, () => {
        this.#net.removeListener('error', onError);
        // Past this point it reports single sockets that could not be accepted, such as for want of descriptors.
        this.#net.on('error', (error) => this.#log.error('accept_failed', { message: error.message }));
        resolve(ok(null));
      });
    });
  }

  update(settings: ListenerSettings): Result<null, ListenerFault> {
    const front = this.#makeFront(settings);
    if (!front.ok) return front;
    this.#front = front.value;
    this.#settings = settings;
    this.#certificates.use(settings.tls, Date.now());
    this.#gate.update(settings.limits);
    this.#doorstep.readerBounds = readerBoundsOf(settings.limits);
    this.#doorstep.yard.update(settings.limits);
    return ok(null);
  }

  stopAccepting(): void {
    this.#isAccepting = false;
  }

  async close(): Promise<void> {
    this.#isAccepting = false;
    clearInterval(this.#sweep);
    const isNetClosed = this.#net.listening
      ? new Promise<void>((resolve) => {
          this.#net.close(() => resolve());
        })
      : undefined;
    this.#gate.close();
    for (const arrival of this.#doorstep.waiting) arrival.giveUp();
    await this.#doorstep.yard.close();
    await isNetClosed;
  }

  #makeFront(settings: ListenerSettings): Result<HttpServer, ListenerFault> {
    const httpOptions = {
      maxHeaderSize: settings.limits.headerBytes,
      noDelay: true,
      keepAliveTimeout: 1,
      requireHostHeader: false,
    };
    let front: HttpServer;
    if (settings.tls === null) front = createHttpServer(httpOptions);
    else {
      const tls = serverTlsOptions(settings.tls, settings.auth === 'certificate');
      if (!tls.ok) return tls;
      front = createHttpsServer({ ...httpOptions, ...tls.value });
      front.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) =>
        this.#onTlsFault(error, socket),
      );
    }
    front.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket as Socket, head));
    front.on('request', (request, response) => this.#onPlainRequest(request, response));
    // Node would answer these itself, or not at all, and nobody would hear of it.
    front.on('checkExpectation', (request, response) => this.#onPlainRequest(request, response));
    front.on('connect', (request, socket, head) => this.#onUpgrade(request, socket as Socket, head));
    front.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#onClientError(error, socket));
    return ok(front);
  }

  #start(socket: Socket): void {
    // A half-closed connection may still be answered with a status, but nobody waits for the rest of a TLS handshake: its place is free at once.
    if (this.#settings.tls !== null) socket.allowHalfOpen = false;
    this.#front.emit('connection', socket);
    // The TLS server reads the socket through its own; the HTTP server waits for us.
    if (this.#settings.tls === null) socket.resume();
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', ignoreError);
    this.#gate.leave(socket);
    const peer = plainAddress(socket.remoteAddress ?? '');
    if (!this.#isAccepting) {
      this.#refuse(
        socket,
        'not_accepting',
        503,
        'The gateway is shutting down.',
        retryAfter(retryAfterDrainS),
        peer,
        null,
      );
      return;
    }
    const upgrade = readUpgradeRequest(request);
    if (!upgrade.ok) {
      const { refusal, status, reason, headers } = upgrade.fault;
      this.#refuse(socket, refusal, status, reason, headers, peer, null);
      return;
    }
    const { station, offered } = upgrade.value;
    const entry = this.#gatekeeper.admit({
      station,
      peer,
      authorization: request.headersDistinct.authorization ?? [],
      certificate:
        socket instanceof TLSSocket && this.#settings.auth === 'certificate'
          ? peerCertificateOf(socket)
          : null,
    });
    if (!entry.isAdmitted) {
      this.#refuse(
        socket,
        entry.refusal,
        entry.status,
        entry.reason,
        retryAfter(entry.retryAfterS),
        peer,
        station,
      );
      return;
    }
    const { isAuthenticated, credential } = entry;
    const facts = { station, offered, peer, isAuthenticated, credential };
    this.#door.onArrival(new UpgradeArrival(this.#doorstep, facts, request, head, performance.now()));
  }

  #refuse(
    socket: Duplex,
    refusal: DoorRefusal,
    status: number,
    reason: string,
    headers: readonly string[],
    peer: string,
    station: StationId | null,
  ): void {
    refuseUpgrade(socket, status, reason, headers);
    this.#door.onRefused(refusal, status, peer, station, reason);
  }

  #onPlainRequest(request: IncomingMessage, response: ServerResponse): void {
    this.#gate.leave(request.socket);
    const peer = plainAddress(request.socket.remoteAddress ?? '');
    response.writeHead(426, {
      Connection: 'close',
      Upgrade: 'websocket',
      'Content-Type': 'text/plain; charset=utf-8',
    });
    response.end('This port speaks OCPP over WebSocket.\n');
    this.#door.onRefused('bad_request', 426, peer, null, 'It is no upgrade to WebSocket.');
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const peer = plainAddress((socket as Socket).remoteAddress ?? '');
    socket.on('error', ignoreError);
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const isTooBig = error.code === 'HPE_HEADER_OVERFLOW';
    const status = isTooBig ? 431 : 400;
    const reason = isTooBig ? 'The request headers are too big.' : 'This is not an HTTP request.';
    this.#refuse(socket, 'bad_request', status, reason, [], peer, null);
  }

  #onTlsFault(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const peer = plainAddress(socket.remoteAddress ?? '');
    // A peer that went away in the middle, or that the gate cut, was not refused here.
    if (error.code !== 'ECONNRESET')
      this.#door.onRefused('bad_request', 0, peer, null, `TLS: ${error.code ?? error.message}`);
  }

  #sweepTimes(): void {
    const nowMs = performance.now();
    this.#gate.sweep(nowMs);
    this.#certificates.look(Date.now());
    for (const arrival of this.#doorstep.waiting) {
      if (nowMs - arrival.arrivedMs < this.#settings.limits.upgradeTimeoutMs) break;
      this.#door.onRefused('timed_out', 503, arrival.peer, arrival.station, null);
      arrival.expire();
    }
  }
}

function readerBoundsOf(limits: LinkLimits): ReaderBounds {
  return {
    messageBytesMax: limits.stationFrameBytes,
    fragmentsMax: limits.fragmentsMax,
    chunksMax: chunksMaxFor(limits.stationFrameBytes),
  };
}

/** An IPv4 peer of a dual-stack socket is shown as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** A socket that fails while it is refused: its `close` is enough. */
function ignoreError(): void {}
