/** What the tests of listener and dialer share: settings, a door and a handler that remember, and waits with a deadline. */
import { connect, type Socket } from 'node:net';
import { WebSocket, type ClientOptions } from 'ws';
import { listen } from '../../src/adapters/websocket/listener.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Link, LinkHandler } from '../../src/ports/link.ts';
import type { Arrival, Door, DoorRefusal, Gatekeeper, Listener } from '../../src/ports/listener.ts';
import type { Log } from '../../src/ports/log.ts';
import type { KnownStation, LinkLimits, ListenerSettings } from '../../src/ports/settings.ts';
import { checkStationId, type StationId } from '../../src/protocol/station-id.ts';
import { negotiateVersion, ocppVersions } from '../../src/protocol/version.ts';
import { createGatekeeper } from '../../src/runtime/gatekeeper.ts';
import { Secret } from '../../src/std/secret.ts';

export const testLimits: LinkLimits = {
  stationFrameBytes: 131_072,
  backendFrameBytes: 1_048_576,
  fragmentsMax: 64,
  messageTimeoutMs: 30_000,
  controlFramesPerSecond: 10,
  handshakesMax: 200,
  handshakeTimeoutMs: 10_000,
  upgradeTimeoutMs: 15_000,
  headerBytes: 8_192,
  closeTimeoutMs: 2_000,
  failuresPerMinute: 1_000,
  congestedBytes: 262_144,
  bufferedBytesMax: 1_048_576,
};

export function settingsWith(
  changes: Partial<Omit<ListenerSettings, 'limits'>> & { readonly limits?: Partial<LinkLimits> } = {},
): ListenerSettings {
  return {
    host: '127.0.0.1',
    port: 0,
    tls: null,
    admit: 'any',
    hideUnknown: false,
    auth: 'none',
    known: new Map(),
    ...changes,
    limits: { ...testLimits, ...changes.limits },
  };
}

export function stationId(text: string): StationId {
  const id = checkStationId(text);
  if (!id.ok) throw new Error(`not an identity: ${text}`);
  return id.value;
}

export function known(
  entries: Readonly<Record<string, { password?: Uint8Array | string; commonName?: string }>>,
): ReadonlyMap<StationId, KnownStation> {
  return new Map(
    Object.entries(entries).map(([id, { password, commonName }]) => [
      stationId(id),
      {
        password: password === undefined ? null : new Secret(Buffer.from(password)),
        certificate: commonName === undefined ? null : { commonName },
        tags: [],
        site: null,
        identities: new Map(),
      },
    ]),
  );
}

export const clock: Clock = { wallMs: () => Date.now(), nowMs: () => performance.now() };
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** What one link told its owner, in order. */
export interface LinkStory {
  readonly texts: string[];
  pongs: number;
  drained: number;
  closed: { readonly code: number | null; readonly reason: string } | null;
  /** Anything that came after `onClosed`. */
  after: number;
}

export function newStory(): LinkStory {
  return { texts: [], pongs: 0, drained: 0, closed: null, after: 0 };
}

export const storyHandler: LinkHandler<LinkStory> = {
  onText(story, text) {
    if (story.closed !== null) story.after += 1;
    story.texts.push(text);
  },
  onPong(story) {
    story.pongs += 1;
  },
  onDrained(story) {
    story.drained += 1;
  },
  onClosed(story, code, reason) {
    if (story.closed !== null) story.after += 1;
    story.closed = { code, reason };
  },
};

export interface Accepted {
  readonly arrival: Arrival;
  readonly link: Link;
  readonly story: LinkStory;
}

export interface RefusalSeen {
  readonly refusal: DoorRefusal;
  readonly status: number;
  readonly station: string | null;
}

export interface OpenDoor extends Door {
  readonly arrivals: Arrival[];
  readonly accepted: Accepted[];
  readonly refusals: RefusalSeen[];
  /** What was told of each of them besides. */
  readonly details: (string | null)[];
  /** Decides what becomes of an arrival; by default the first version both know is accepted at once. */
  decide: (arrival: Arrival) => void;
}

export function openDoor(): OpenDoor {
  const door: OpenDoor = {
    arrivals: [],
    accepted: [],
    refusals: [],
    details: [],
    decide: (arrival) => acceptArrival(door, arrival),
    onArrival(arrival) {
      door.arrivals.push(arrival);
      door.decide(arrival);
    },
    onRefused(refusal, status, _peer, station, detail) {
      door.details.push(detail);
      door.refusals.push({ refusal, status, station });
    },
  };
  return door;
}

export function acceptArrival(door: OpenDoor, arrival: Arrival): void {
  const version = negotiateVersion(arrival.offered, ocppVersions);
  if (version === null) {
    arrival.refuse(400, 'No common subprotocol.', null);
    return;
  }
  const story = newStory();
  const link = arrival.accept(version, storyHandler, story);
  if (link !== null) door.accepted.push({ arrival, link, story });
}

export interface TestListener {
  readonly listener: Listener;
  readonly door: OpenDoor;
  readonly gatekeeper: Gatekeeper;
  readonly port: number;
}

export async function startListener(settings: ListenerSettings, log: Log = silentLog): Promise<TestListener> {
  const door = openDoor();
  const gatekeeper = createGatekeeper(settings, clock);
  const listener = await listen(settings, door, gatekeeper, log);
  if (!listener.ok) throw new Error(listener.fault.message);
  return { listener: listener.value, door, gatekeeper, port: listener.value.port };
}

/** Waits until the condition holds; fails loudly after `withinMs`. */
export async function until(condition: () => boolean, what: string, withinMs = 5_000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`not in ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** How a WebSocket handshake ended: open, refused with a status, or broken off. */
export type Knock =
  | { readonly kind: 'open'; readonly socket: WebSocket }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly body: string;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
    }
  | { readonly kind: 'broken'; readonly message: string };

export function knock(
  url: string,
  protocols: string[] = ['ocpp1.6'],
  options: ClientOptions = {},
): Promise<Knock> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    socket.on('open', () => resolve({ kind: 'open', socket }));
    socket.on('error', (error) => resolve({ kind: 'broken', message: error.message }));
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ kind: 'refused', status: response.statusCode ?? 0, body, headers: response.headers }),
      );
    });
  });
}

export function basic(user: string, password: Uint8Array | string): string {
  return `Basic ${Buffer.concat([Buffer.from(`${user}:`), Buffer.from(password)]).toString('base64')}`;
}

/** A plain TCP client that remembers what it got. */
export interface RawClient {
  readonly socket: Socket;
  /** Everything received, as latin1 text. */
  received: string;
  isEnded: boolean;
}

export function rawClient(port: number, host = '127.0.0.1', localAddress?: string): Promise<RawClient> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, ...(localAddress === undefined ? {} : { localAddress }) });
    const client: RawClient = { socket, received: '', isEnded: false };
    socket.on('data', (chunk: Buffer) => {
      client.received += chunk.toString('latin1');
    });
    socket.on('close', () => {
      client.isEnded = true;
    });
    socket.on('connect', () => resolve(client));
    socket.on('error', reject);
  });
}

/** An upgrade request as text; further headers as whole lines. */
export function upgradeText(
  path: string,
  lines: readonly string[] = ['Sec-WebSocket-Protocol: ocpp1.6'],
): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: keep-alive, Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...lines,
    '',
    '',
  ].join('\r\n');
}

/** One masked client frame. `opcode` 1 text, 2 binary, 0 continuation, 9 ping. */
export function clientFrame(opcode: number, payload: string | Uint8Array, isFinal = true): Buffer {
  const body = Buffer.from(payload);
  const header =
    body.length < 126
      ? Buffer.from([(isFinal ? 0x80 : 0) | opcode, 0x80 | body.length])
      : Buffer.from([(isFinal ? 0x80 : 0) | opcode, 0x80 | 126, body.length >> 8, body.length & 0xff]);
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([header, Buffer.alloc(4), body]);
}
