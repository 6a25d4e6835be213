/** The dialer against plain WebSocket servers: addresses, credentials, the one subprotocol, and every way to fail. */
import dns from 'node:dns';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createNetServer, type AddressInfo, type Server as NetServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { createDialer, type WebSocketDialer } from '../../src/adapters/websocket/dialer.ts';
import type { DialFault } from '../../src/core/station/events.ts';
import type { DialOutcome, DialRequest } from '../../src/ports/dialer.ts';
import type { Link } from '../../src/ports/link.ts';
import type { BackendSettings, LinkLimits } from '../../src/ports/settings.ts';
import { Secret } from '../../src/std/secret.ts';
import { newStory, stationId, storyHandler, testLimits, until, type LinkStory } from './edge-harness.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

interface Backend {
  readonly port: number;
  readonly requests: { readonly url: string; readonly headers: IncomingHttpHeaders }[];
  readonly webSockets: WebSocketServer;
  readonly http: Server;
}

/** `answer` decides the subprotocol; by default the first one offered. */
async function startBackend(answer?: (offered: Set<string>) => string | false): Promise<Backend> {
  const http = createServer((_request, response) => response.writeHead(404).end());
  const webSockets = new WebSocketServer({
    server: http,
    ...(answer === undefined ? {} : { handleProtocols: answer }),
  });
  const requests: Backend['requests'] = [];
  webSockets.on('headers', (_headers, request) =>
    requests.push({ url: request.url ?? '', headers: request.headers }),
  );
  await listening(http);
  closers.push(() => {
    for (const client of webSockets.clients) client.terminate();
    http.close();
  });
  return { port: (http.address() as AddressInfo).port, requests, webSockets, http };
}

function listening(server: NetServer): Promise<void> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
}

function backendAt(url: string, changes: Partial<BackendSettings> = {}): BackendSettings {
  return {
    name: 'old',
    url,
    identity: '{station}',
    versions: ['ocpp1.6'],
    credentials: { kind: 'none' },
    headers: new Map(),
    tls: { ca: null, cert: null, key: null },
    callTimeoutMs: 30_000,
    redialFromMs: 1_000,
    redialToMs: 60_000,
    connectsPerSecond: Infinity,
    deliveriesPerSecond: Infinity,
    ...changes,
  };
}

function requestTo(backend: BackendSettings, changes: Partial<DialRequest> = {}): DialRequest {
  return {
    station: stationId('CP-1'),
    known: null,
    backend,
    version: 'ocpp1.6',
    forwarded: null,
    ...changes,
  };
}

interface Attempt {
  link: Link | null;
  refused: { readonly fault: DialFault; readonly detail: string } | null;
  readonly story: LinkStory;
  calls: number;
}

const attemptOutcome: DialOutcome<Attempt> = {
  onOpened(attempt, link) {
    attempt.calls += 1;
    attempt.link = link;
  },
  onRefused(attempt, fault, detail) {
    attempt.calls += 1;
    attempt.refused = { fault, detail };
  },
};

function dialerWith(limits: Partial<LinkLimits> = {}): WebSocketDialer {
  const dialer = createDialer({ ...testLimits, ...limits });
  closers.push(() => dialer.close());
  return dialer;
}

function start(dialer: WebSocketDialer, request: DialRequest): { attempt: Attempt; abandon: () => void } {
  const attempt: Attempt = { link: null, refused: null, story: newStory(), calls: 0 };
  const attemptHandler = {
    onText: (owner: Attempt, text: string) => storyHandler.onText(owner.story, text),
    onPong: (owner: Attempt) => storyHandler.onPong(owner.story),
    onDrained: (owner: Attempt) => storyHandler.onDrained(owner.story),
    onClosed: (owner: Attempt, code: number | null, reason: string) =>
      storyHandler.onClosed(owner.story, code, reason),
  };
  const abandon = dialer.dial(request, attemptHandler, attemptOutcome, attempt);
  expect(attempt.calls).toBe(0);
  return { attempt, abandon };
}

async function dialled(request: DialRequest, limits: Partial<LinkLimits> = {}): Promise<Attempt> {
  const { attempt } = start(dialerWith(limits), request);
  await until(() => attempt.calls > 0, 'the dial ended');
  return attempt;
}

test('a station is dialled under the name its backend knows, with exactly its version', async () => {
  const backend = await startBackend();
  const attempt = await dialled(
    requestTo(
      backendAt(`ws://127.0.0.1:${backend.port}/cpo/{station}?v=1`, {
        identity: 'DE-{station}',
        headers: new Map([['X-Forwarded-Proto', 'https']]),
        credentials: { kind: 'password', password: new Secret(Buffer.from([0, 0x3a, 0xff, 1])) },
      }),
      {
        known: {
          password: null,
          certificate: null,
          tags: [],
          site: null,
          identities: new Map([['old', 'Säule/1:x']]),
        },
      },
    ),
  );
  expect(attempt.link).not.toBeNull();
  const [request] = backend.requests;
  expect(request?.url).toBe('/cpo/S%C3%A4ule%2F1%3Ax?v=1');
  expect(request?.headers['sec-websocket-protocol']).toBe('ocpp1.6');
  expect(request?.headers['sec-websocket-extensions']).toBeUndefined();
  expect(request?.headers['x-forwarded-proto']).toBe('https');
  const token = Buffer.from(request?.headers.authorization?.slice('Basic '.length) ?? '', 'base64');
  expect(token).toEqual(Buffer.concat([Buffer.from('Säule/1:x:'), Buffer.from([0, 0x3a, 0xff, 1])]));
});

test('the template names the station where its entry says nothing', async () => {
  const backend = await startBackend();
  await dialled(
    requestTo(backendAt(`ws://127.0.0.1:${backend.port}/{station}`, { identity: 'DE-{station}' })),
  );
  expect(backend.requests[0]?.url).toBe('/DE-CP-1');
  expect(backend.requests[0]?.headers.authorization).toBeUndefined();
});

test('the station’s own password goes only to the backend that says forward', async () => {
  const backend = await startBackend();
  const url = `ws://127.0.0.1:${backend.port}/{station}`;
  const forwarded = new Secret(Buffer.from('station-secret'));
  await dialled(requestTo(backendAt(url), { forwarded }));
  await dialled(requestTo(backendAt(url, { credentials: { kind: 'forward' } }), { forwarded }));
  expect(backend.requests.map(({ headers }) => headers.authorization)).toEqual([
    undefined,
    `Basic ${Buffer.from('CP-1:station-secret').toString('base64')}`,
  ]);
});

test('texts pass both ways, and a link closes once', async () => {
  const backend = await startBackend();
  backend.webSockets.on('connection', (socket) => {
    socket.send('early');
    socket.on('message', (data: Buffer) => socket.send(`echo ${data.toString()}`));
  });
  const attempt = await dialled(requestTo(backendAt(`ws://127.0.0.1:${backend.port}/{station}`)));
  attempt.link?.send('[2,"1","Heartbeat",{}]');
  attempt.link?.ping();
  await until(() => attempt.story.texts.length === 2 && attempt.story.pongs === 1, 'echo and pong');
  expect(attempt.story.texts).toEqual(['early', 'echo [2,"1","Heartbeat",{}]']);
  attempt.link?.close(1000, 'drain');
  await until(() => attempt.story.closed !== null, 'closed');
  expect(attempt.story.closed).toEqual({ code: 1000, reason: 'drain' });
  expect(attempt.calls).toBe(1);
});

test.each([
  ['no subprotocol', () => false as const, 'ocpp1.6 was offered, no subprotocol was answered'],
  ['another subprotocol', () => 'ocpp2.0.1', 'ocpp1.6 was offered, another subprotocol was answered'],
])('a backend that answers %s is refused', async (_name, answer, detail) => {
  const backend = await startBackend(answer);
  const attempt = await dialled(requestTo(backendAt(`ws://127.0.0.1:${backend.port}/{station}`)));
  expect(attempt.refused).toEqual({ fault: 'no_subprotocol', detail });
});

test('redirects are not followed, and statuses are named', async () => {
  const target = await startBackend();
  const http = createServer();
  http.on('upgrade', (_request, socket) => {
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${target.port}/\r\nContent-Length: 0\r\n\r\n`);
  });
  await listening(http);
  closers.push(() => http.close());
  const port = (http.address() as AddressInfo).port;
  const attempt = await dialled(requestTo(backendAt(`ws://user:hidden@127.0.0.1:${port}/{station}`)));
  expect(attempt.refused).toEqual({ fault: 'refused_status', detail: 'HTTP 302' });
  expect(target.requests).toEqual([]);
});

test('a port where nobody listens, a name nobody has, and a server that is silent are told apart', async () => {
  const silent = createNetServer(() => {});
  await listening(silent);
  const port = (silent.address() as AddressInfo).port;
  const timedOut = await dialled(requestTo(backendAt(`ws://127.0.0.1:${port}/{station}`)), {
    handshakeTimeoutMs: 50,
  });
  expect(timedOut.refused).toEqual({ fault: 'timed_out', detail: 'the handshake was not answered in time' });
  silent.close();
  const refused = await dialled(requestTo(backendAt('ws://127.0.0.1:1/{station}')));
  expect(refused.refused).toEqual({ fault: 'connect_failed', detail: 'ECONNREFUSED' });
  const noName = await dialled(requestTo(backendAt('ws://does-not-exist.invalid/{station}')));
  expect(noName.refused?.fault).toBe('connect_failed');
});

test('an address that takes longer to answer than Node would wait is not given up for another one', async () => {
  const backend = await startBackend();
  // Under the second address nobody listens.
  const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
  const lookup = vi.spyOn(dns, 'lookup');
  closers.push(() => lookup.mockRestore());
  lookup.mockImplementation(((_name: string, _options: unknown, done: (...found: unknown[]) => void) => {
    done(null, addresses);
    // The answer to the connect comes after as long as this.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
  }) as unknown as typeof dns.lookup);
  // From here the event loop looks at timers before it looks at sockets.
  await setImmediate();
  const attempt = await dialled(requestTo(backendAt(`ws://far.example:${backend.port}/{station}`)));
  expect(attempt.refused).toBeNull();
  expect(attempt.link).not.toBeNull();
});

test('dials that wait for the same name have it looked up once, whether they are still wanted or not', async () => {
  const backend = await startBackend();
  const answers: ((...found: unknown[]) => void)[] = [];
  const lookup = vi.spyOn(dns, 'lookup');
  closers.push(() => lookup.mockRestore());
  lookup.mockImplementation(
    ((_name: string, _options: unknown, done: (typeof answers)[number]) =>
      void answers.push(done)) as unknown as typeof dns.lookup,
  );
  const dialer = dialerWith();
  const request = requestTo(backendAt(`ws://slow.example:${backend.port}/{station}`));
  for (let dial = 0; dial < 50; dial += 1) start(dialer, request).abandon();
  const { attempt } = start(dialer, request);
  expect(answers).toHaveLength(1);
  answers[0]?.(null, [{ address: '127.0.0.1', family: 4 }]);
  await until(() => attempt.calls > 0, 'the dial ended');
  expect(attempt.link).not.toBeNull();
  expect(backend.requests).toHaveLength(1);

  const { attempt: refused } = start(dialer, request);
  expect(answers).toHaveLength(2);
  answers[1]?.(Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' }));
  await until(() => refused.calls > 0, 'the dial ended');
  expect(refused.refused).toEqual({ fault: 'connect_failed', detail: 'EAI_AGAIN' });
});

test('an unusable address, header or password is a fault that quotes no secret', async () => {
  const badUrl = await dialled(requestTo(backendAt('ws://user:hidden@[nowhere/{station}')));
  const badHeader = await dialled(
    requestTo(backendAt('ws://127.0.0.1:1/', { headers: new Map([['X-Key', 'hidden\n']]) })),
  );
  const noPassword = await dialled(
    requestTo(backendAt('ws://127.0.0.1:1/', { credentials: { kind: 'password', password: new Map() } })),
  );
  for (const attempt of [badUrl, badHeader, noPassword]) {
    expect(attempt.refused?.fault).toBe('misconfigured');
    expect(attempt.refused?.detail).not.toContain('hidden');
  }
});

test('an abandoned dial tells nobody anything, at whatever point it is abandoned', async () => {
  const backend = await startBackend();
  const dialer = dialerWith();
  const url = `ws://127.0.0.1:${backend.port}/{station}`;
  const atOnce = start(dialer, requestTo(backendAt(url)));
  atOnce.abandon();
  const unusable = start(dialer, requestTo(backendAt('nonsense')));
  unusable.abandon();
  const nobody = start(dialer, requestTo(backendAt('ws://127.0.0.1:1/')));
  nobody.abandon();
  nobody.abandon();
  const witness = start(dialer, requestTo(backendAt(url)));
  await until(() => witness.attempt.calls === 1, 'a later dial ended');
  expect([atOnce.attempt.calls, unusable.attempt.calls, nobody.attempt.calls]).toEqual([0, 0, 0]);
});
