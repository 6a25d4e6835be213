/**
 * A backend with moods: every way in which one can be down, on one port, and healthy again when a test says so. It writes down what it heard.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { IssuedCertificate } from '../../src/testkit/certificates.ts';

export type Mood =
  | { readonly is: 'healthy' }
  /** Nobody listens. */
  | { readonly is: 'gone' }
  /** Listens for so long, is gone for so long, and so on. */
  | { readonly is: 'flapping'; readonly everyMs: number }
  | { readonly is: 'untrusted'; readonly certificate: IssuedCertificate }
  /** Answers the upgrade with this HTTP status. */
  | { readonly is: 'refusing'; readonly status: number }
  /** Takes the link and ends it; without a code by a reset. */
  | { readonly is: 'closing'; readonly code: number | null }
  | { readonly is: 'silent' }
  | { readonly is: 'slow'; readonly afterMs: number }
  | { readonly is: 'erring'; readonly code: string }
  /** Takes every call and answers the boot with Pending. */
  | { readonly is: 'hesitant' };

export interface HeardText {
  readonly id: string;
  readonly action: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** How often it was healed before. */
  readonly era: number;
  isTaken: boolean;
}

export class MoodyBackend {
  /** By station, in the order it came. */
  readonly heard = new Map<string, HeardText[]>();
  readonly #certificate: IssuedCertificate | null;
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #connections = new Set<Duplex>();
  #server: Server | null = null;
  #mood: Mood = { is: 'healthy' };
  #port = 0;
  #era = 0;
  #number = 5_000;
  #flap: NodeJS.Timeout | null = null;

  /** With a certificate it serves wss. */
  constructor(certificate: IssuedCertificate | null = null) {
    this.#certificate = certificate;
    this.#sockets.on('connection', (socket: WebSocket, request: { url?: string }) =>
      this.#onLink(socket, decodeURIComponent((request.url ?? '').split('/').at(-1) ?? '')),
    );
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `${this.#certificate === null ? 'ws' : 'wss'}://127.0.0.1:${this.#port}/csms`;
  }

  async start(): Promise<void> {
    await this.#listen(this.#certificate);
  }

  /** Whatever was connected before is cut off. */
  async be(mood: Mood): Promise<void> {
    this.#mood = mood;
    if (mood.is === 'healthy') this.#era += 1;
    if (this.#flap !== null) clearInterval(this.#flap);
    this.#flap = null;
    await this.#close();
    if (mood.is === 'gone') return;
    await this.#listen(mood.is === 'untrusted' ? mood.certificate : this.#certificate);
    if (mood.is !== 'flapping') return;
    let isUp = true;
    this.#flap = setInterval(() => {
      isUp = !isUp;
      void (isUp ? this.#listen(this.#certificate) : this.#close());
    }, mood.everyMs);
  }

  async stop(): Promise<void> {
    if (this.#flap !== null) clearInterval(this.#flap);
    await this.#close();
  }

  heardOf(station: string): HeardText[] {
    const known = this.heard.get(station);
    if (known !== undefined) return known;
    const made: HeardText[] = [];
    this.heard.set(station, made);
    return made;
  }

  async #listen(certificate: IssuedCertificate | null): Promise<void> {
    const server: Server = certificate === null ? createHttpServer() : createHttpsServer({ ...certificate });
    server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#connections.delete(socket));
    });
    server.on('upgrade', (request, socket: Duplex, head) => {
      const mood = this.#mood;
      if (mood.is === 'refusing') {
        socket.end(`HTTP/1.1 ${mood.status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (link) =>
        this.#sockets.emit('connection', link, request),
      );
    });
    this.#server = server;
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const link of this.#sockets.clients) link.terminate();
    for (const connection of this.#connections) connection.destroy();
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #onLink(link: WebSocket, station: string): void {
    link.on('error', () => undefined);
    const mood = this.#mood;
    if (mood.is === 'closing') {
      if (mood.code !== null) link.close(mood.code);
      else for (const connection of this.#connections) (connection as Socket).resetAndDestroy();
      return;
    }
    link.on('message', (data: Buffer) => this.#onText(link, station, data.toString()));
  }

  #onText(link: WebSocket, station: string, text: string): void {
    const [type, id, action, payload] = JSON.parse(text) as [number, string, string, HeardText['payload']];
    if (type !== 2) return;
    const mood = this.#mood;
    const heard: HeardText = { id, action, payload, text, era: this.#era, isTaken: false };
    this.heardOf(station).push(heard);
    if (mood.is === 'silent') return;
    if (mood.is === 'erring') {
      link.send(`[4,"${id}","${mood.code}","no",{}]`);
      return;
    }
    const isHesitant = mood.is === 'hesitant' && action === 'BootNotification';
    const answer = isHesitant ? { ...bootAnswer(), status: 'Pending' } : this.#answerTo(action, payload);
    const send = (): void => {
      if (link.readyState !== link.OPEN) return;
      heard.isTaken = true;
      link.send(JSON.stringify([3, id, answer]));
    };
    if (mood.is === 'slow') setTimeout(send, mood.afterMs);
    else send();
  }

  #answerTo(action: string, payload: HeardText['payload']): object {
    switch (action) {
      case 'BootNotification':
        return bootAnswer();
      case 'Heartbeat':
        return { currentTime: new Date().toISOString() };
      case 'Authorize':
        return 'idTag' in payload
          ? { idTagInfo: { status: verdictOn(payload['idTag']) } }
          : { idTokenInfo: { status: verdictOn(payload['idToken']) } };
      case 'StartTransaction':
        this.#number += 1;
        return { transactionId: this.#number, idTagInfo: { status: 'Accepted' } };
      case 'TransactionEvent':
        return 'idToken' in payload ? { idTokenInfo: { status: 'Accepted' } } : {};
      default:
        return {};
    }
  }
}

function bootAnswer(): object {
  return { status: 'Accepted', currentTime: new Date().toISOString(), interval: 300 };
}

function verdictOn(token: unknown): string {
  return JSON.stringify(token).includes('KNOWN') ? 'Accepted' : 'Invalid';
}
