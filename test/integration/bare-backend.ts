/**
 * A backend that does only what a test tells it: every link is a bare peer.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { until } from '../../src/testkit/until.ts';
import { BarePeer } from './busbar-fixture.ts';

export class BareBackend {
  /** Links in the order they came, by station. */
  readonly links = new Map<string, BarePeer[]>();
  /** Answers every call with an empty result at once. */
  answers = true;
  /** Payloads for those actions that an empty result does not do for. */
  readonly results = new Map<string, string>();
  /** Actions that it answers with an error. */
  readonly refuses = new Set<string>();
  #server: Server | null = null;
  #port = 0;

  get url(): string {
    return `ws://127.0.0.1:${this.#port}/csms`;
  }

  async start(): Promise<void> {
    const server = createServer();
    const sockets = new WebSocketServer({ server, perMessageDeflate: false });
    sockets.on('connection', (socket, request) => {
      const station = decodeURIComponent((request.url ?? '').split('/').at(-1) ?? '');
      const peer = new BarePeer(socket);
      this.links.set(station, [...(this.links.get(station) ?? []), peer]);
      socket.on('message', (data: Buffer) => {
        const [type, id, action] = JSON.parse(data.toString()) as [number, string, string];
        if (!this.answers || type !== 2) return;
        if (this.refuses.has(action)) socket.send(`[4,"${id}","InternalError","",{}]`);
        else socket.send(`[3,"${id}",${this.results.get(action) ?? '{}'}]`);
      });
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Goes away without a word. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const peers of this.links.values()) for (const { socket } of peers) socket.terminate();
    if (server === null) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** The newest link of a station. */
  async linkOf(station: string): Promise<BarePeer> {
    await until(`${station} is linked`, () => (this.links.get(station)?.length ?? 0) > 0);
    return this.links.get(station)?.at(-1) as BarePeer;
  }

  linkCount(station: string): number {
    return this.links.get(station)?.length ?? 0;
  }
}
