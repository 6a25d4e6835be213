/**
 * A station and a CSMS that nobody here wrote (`ocpp-rpc`), with every text that crosses their sockets on record.
 *
 * ocpp-rpc checks each message in strict mode against its own copy of the schemas. It ships those of 2.1 under names that its own strict mode
 * does not look for; here they get the names it wants.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createValidator, RPCClient, RPCServer } from 'ocpp-rpc';
import type { OcppVersion } from '../../src/protocol/version.ts';

const require = createRequire(import.meta.url);

/** One text on a peer's socket. */
export interface TappedText {
  readonly isSent: boolean;
  readonly text: string;
}

/** Whichever side: it calls, and answers what it is called with by `answer`. */
export interface RpcPeer {
  readonly protocol: string;
  /** On a CSMS: the Basic password that the other end's handshake showed. */
  readonly shownPassword: Buffer | null;
  readonly tapped: TappedText[];
  /** What the peer refused although it came through: strict mode at work. */
  readonly refused: string[];
  /** Makes the reply to the next calls; throw an RPCError for a CALLERROR. */
  answer: (action: string, payload: unknown) => unknown;
  call(action: string, payload: unknown): Promise<unknown>;
  close(): Promise<void>;
}

export interface RpcCsms {
  /** Where a gateway dials; `{station}` is left to be filled in. */
  readonly url: string;
  /** The peer at the other end of the next link, or of one that is open already. */
  peerOf(station: string): Promise<RpcPeer>;
  /** Told of every link before anything comes through it. */
  onPeer: (station: string, peer: RpcPeer) => void;
  close(): Promise<void>;
}

export interface StationAccess {
  readonly password?: string | Buffer;
  /** PEM texts: what the station trusts, and what it shows. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Connects a station; rejects when it is refused, with the HTTP status in `code` where there was one. */
export async function connectRpcStation(
  endpoint: string,
  identity: string,
  version: OcppVersion,
  access: StationAccess = {},
): Promise<RpcPeer> {
  const { password, ...wsOpts } = access;
  const options = {
    identity,
    endpoint,
    protocols: [version],
    strictMode: true,
    strictModeValidators: [validator21()],
    reconnect: false,
    pingIntervalMs: 0,
    callTimeoutMs: 10_000,
    ...(password === undefined ? {} : { password }),
    wsOpts,
  };
  const client = new RPCClient(options as unknown as ConstructorParameters<typeof RPCClient>[0]);
  const peer = peerFor(client);
  await client.connect();
  return peer;
}

/** Starts a CSMS on loopback; with `tls` it serves wss. `listenOn`: 0, or the port of one that was closed. */
export async function startRpcCsms(
  versions: readonly OcppVersion[],
  tls: { readonly cert: string; readonly key: string } | null = null,
  listenOn = 0,
): Promise<RpcCsms> {
  const server = new RPCServer({
    protocols: [...versions],
    strictMode: true,
    strictModeValidators: [validator21()],
    pingIntervalMs: 0,
    callTimeoutMs: 10_000,
  });
  const peers = new Map<string, RpcPeer>();
  const waiting = new Map<string, (peer: RpcPeer) => void>();
  server.on('client', (client: RPCClient) => {
    const identity = String(client.identity);
    const peer = peerFor(client);
    peers.set(identity, peer);
    csms.onPeer(identity, peer);
    waiting.get(identity)?.(peer);
    waiting.delete(identity);
  });
  const http: Server =
    tls === null ? createHttpServer() : createHttpsServer({ cert: tls.cert, key: tls.key });
  http.on('upgrade', (request, socket, head) => void server.handleUpgrade(request, socket as never, head));
  http.listen(listenOn, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const csms: RpcCsms = {
    url: `${tls === null ? 'ws' : 'wss'}://127.0.0.1:${port}/csms/{station}`,
    peerOf: async (station) => peers.get(station) ?? new Promise((resolve) => waiting.set(station, resolve)),
    onPeer: () => {},
    close: async () => {
      await server.close({ force: true });
      http.closeAllConnections();
      http.close();
    },
  };
  return csms;
}

function peerFor(client: RPCClient): RpcPeer {
  const tapped: TappedText[] = [];
  const refused: string[] = [];
  client.on('message', ({ message, outbound }: { message: string | Buffer; outbound: boolean }) => {
    tapped.push({ isSent: outbound, text: message.toString() });
  });
  client.on('strictValidationFailure', ({ error }: { error: Error }) => refused.push(error.message));
  client.on('badMessage', ({ error }: { error: Error }) => refused.push(error.message));
  const peer: RpcPeer = {
    get protocol() {
      return client.protocol ?? '';
    },
    get shownPassword() {
      return (client as { handshake?: { password?: Buffer } }).handshake?.password ?? null;
    },
    tapped,
    refused,
    answer: () => ({}),
    call: (action, payload) => client.call(action, payload),
    close: async () => {
      await client.close({ force: true });
    },
  };
  client.handle(async ({ method, params }) => peer.answer(method ?? '', params) as Record<string, unknown>);
  return peer;
}

let made21: ReturnType<typeof createValidator> | null = null;

function validator21(): ReturnType<typeof createValidator> {
  if (made21 !== null) return made21;
  const text = JSON.stringify(require('ocpp-rpc/lib/schemas/ocpp2_1.json'));
  // `additionalProperties` on a string says nothing, and its Ajv prints a line for each.
  const schemas = JSON.parse(text, (_, node: Record<string, unknown> | null) => {
    if (node?.['type'] === 'string') delete node['additionalProperties'];
    if (typeof node?.['$id'] === 'string') {
      node['$id'] = node['$id'].replace(/Request$/, '.req').replace(/Response$/, '.conf');
    }
    return node;
  }) as Record<string, unknown>[];
  made21 = createValidator('ocpp2.1', schemas);
  return made21;
}
