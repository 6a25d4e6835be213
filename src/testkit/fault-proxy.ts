/**
 * A TCP proxy that breaks things on purpose: latency, bandwidth, slices, cuts, half-open connections, refusals, garbage.
 *
 * Shell, controlled in-process. It knows nothing of WebSocket or TLS: what it does is what a network does. Faults set with `set` count from then
 * on, for open pipes too.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { assert } from '../std/assert.ts';

export interface Faults {
  /** Delay of every chunk, each way. */
  readonly latencyMs: number;
  /** Each way, per pipe; Infinity: no limit. */
  readonly bytesPerSecond: number;
  /** Bytes are passed on in pieces of at most this size, each in a turn of its own; Infinity: as they come. */
  readonly sliceBytes: number;
  /**
   * What becomes of new connections: passed on; reset at once; accepted and closed; accepted and then left without a word; accepted and
   * sent bytes that are no HTTP.
   */
  readonly onConnect: 'pass' | 'reset' | 'accept_then_close' | 'hang' | 'garbage';
}

const noFaults: Faults = { latencyMs: 0, bytesPerSecond: Infinity, sliceBytes: Infinity, onConnect: 'pass' };

/** One proxied connection. */
interface Pipe {
  readonly client: Socket;
  readonly server: Socket | null;
  /** Bytes and closes are swallowed both ways; both ends believe that all is well. */
  isFrozen: boolean;
}

/** Unread bytes in one direction above which the sender is not read any more. */
const heldBytesMax = 1_048_576;

/** One proxy in front of one address. */
export class FaultProxy {
  /** Connections accepted since birth. */
  accepted = 0;
  readonly #target: { readonly host: string; readonly port: number };
  #faults = noFaults;
  #server: Server | null = null;
  readonly #pipes = new Set<Pipe>();

  constructor(target: { readonly host?: string; readonly port: number }) {
    this.#target = { host: target.host ?? '127.0.0.1', port: target.port };
  }

  /** Opens a free loopback port and returns it. */
  async start(): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#onClient(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', () => resolve());
    });
    return this.port;
  }

  get port(): number {
    const server = this.#server;
    assert(server !== null, 'a fault proxy is asked for its port while it runs');
    return (server.address() as AddressInfo).port;
  }

  get openCount(): number {
    return this.#pipes.size;
  }

  /** Changes some faults; the others stay. */
  set(faults: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /** No faults from now on; frozen pipes stay frozen. */
  heal(): void {
    this.#faults = noFaults;
  }

  /** Ends pipes, all or those chosen by their place in the order of arrival: `rst` at once, `fin` in an orderly way. Gives their number. */
  cut(how: 'rst' | 'fin', chooses: (place: number) => boolean = () => true): number {
    const chosen = [...this.#pipes].filter((_, place) => chooses(place));
    for (const { client, server } of chosen) {
      for (const socket of [client, server]) {
        if (how === 'rst') socket?.resetAndDestroy();
        else socket?.end();
      }
    }
    return chosen.length;
  }

  /** Makes pipes half-open, all or those chosen: from now on nothing passes and neither end hears of the other. */
  freeze(chooses: (place: number) => boolean = () => true): number {
    const chosen = [...this.#pipes].filter((_, place) => chooses(place));
    for (const pipe of chosen) pipe.isFrozen = true;
    return chosen.length;
  }

  /** Puts bytes that nobody sent into every open pipe. */
  inject(to: 'client' | 'server', bytes: Uint8Array): void {
    for (const pipe of this.#pipes) (to === 'client' ? pipe.client : pipe.server)?.write(bytes);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const { client, server: other } of this.#pipes) {
      client.destroy();
      other?.destroy();
    }
    await closed;
  }

  #onClient(client: Socket): void {
    this.accepted += 1;
    const { onConnect } = this.#faults;
    if (onConnect === 'reset') {
      client.resetAndDestroy();
      return;
    }
    const server =
      onConnect === 'pass' ? connect({ ...this.#target, allowHalfOpen: true, noDelay: true }) : null;
    const pipe: Pipe = { client, server, isFrozen: false };
    this.#pipes.add(pipe);
    this.#watch(pipe, client, server);
    if (server !== null) {
      this.#watch(pipe, server, client);
      this.#carry(pipe, client, server);
      this.#carry(pipe, server, client);
      return;
    }
    client.resume();
    if (onConnect === 'accept_then_close') client.end();
    if (onConnect === 'garbage') client.end(Buffer.from([0x00, 0xff, 0x16, 0x03, 0x0a, 0x5b, 0x32, 0x2c]));
  }

  /** An end that breaks breaks the other, unless the pipe is frozen: then nobody hears of it. */
  #watch(pipe: Pipe, socket: Socket, other: Socket | null): void {
    socket.on('error', () => {
      if (!pipe.isFrozen) other?.resetAndDestroy();
    });
    socket.on('close', () => {
      if (!pipe.isFrozen && other !== null && !other.destroyed) other.end();
      if (other === null || other.destroyed) this.#pipes.delete(pipe);
    });
  }

  /** Carries bytes one way, in order: each chunk leaves when its latency and its share of the bandwidth are over. */
  #carry(pipe: Pipe, from: Socket, to: Socket): void {
    const held: { readonly atMs: number; readonly chunk: Buffer | null }[] = [];
    let heldBytes = 0;
    let freeAtMs = 0;
    let isWaiting = false;
    const passOn = (): void => {
      isWaiting = false;
      const [next] = held;
      if (next === undefined) return;
      if (next.atMs > performance.now()) {
        wait(next.atMs);
        return;
      }
      held.shift();
      heldBytes -= next.chunk?.length ?? 0;
      if (heldBytes < heldBytesMax) from.resume();
      if (!pipe.isFrozen && !to.destroyed) {
        if (next.chunk === null) to.end();
        else to.write(next.chunk);
      }
      if (held[0] !== undefined) wait(held[0].atMs);
    };
    const wait = (atMs: number): void => {
      if (isWaiting) return;
      isWaiting = true;
      const waitMs = atMs - performance.now();
      if (waitMs > 0) setTimeout(passOn, Math.ceil(waitMs));
      else setImmediate(passOn);
    };
    const hold = (chunk: Buffer | null): void => {
      const { latencyMs, bytesPerSecond } = this.#faults;
      const bytes = chunk?.length ?? 0;
      freeAtMs = Math.max(freeAtMs, performance.now()) + (bytes / bytesPerSecond) * 1_000;
      // The first-in chunk stays the first out, even if the latency was lowered meanwhile.
      const atMs = Math.max(freeAtMs + latencyMs, held.at(-1)?.atMs ?? 0);
      held.push({ atMs, chunk });
      heldBytes += bytes;
      if (heldBytes >= heldBytesMax) from.pause();
      wait(held[0]?.atMs ?? atMs);
    };
    from.on('data', (data: Buffer) => {
      const { sliceBytes } = this.#faults;
      for (let at = 0; at < data.length; at += sliceBytes)
        hold(data.subarray(at, Math.min(data.length, at + sliceBytes)));
    });
    from.on('end', () => hold(null));
  }
}
