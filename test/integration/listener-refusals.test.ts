/** Every answer of the station port other than 101: who gets which, word for word. The table for readers is docs/reference/refusals.md. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  acceptArrival,
  basic,
  knock,
  known,
  rawClient,
  settingsWith,
  startListener,
  until,
  upgradeText,
  type TestListener,
} from './edge-harness.ts';

let plain: TestListener;

beforeAll(async () => {
  plain = await startListener(settingsWith());
});

beforeEach(() => {
  plain.door.arrivals.length = 0;
  plain.door.refusals.length = 0;
});

afterAll(() => plain.listener.close());

interface Answer {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** Sends bytes as they are and reads until the gateway closes, which it must. */
async function exchange(port: number, request: string | Buffer): Promise<Answer> {
  const client = await rawClient(port);
  client.socket.write(request);
  await until(() => client.isEnded, 'the gateway closed the connection');
  const [headers = '', body = ''] = client.received.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(headers)?.[1] ?? 0), headers, body };
}

const longHeader = `X-Long: ${'x'.repeat(10_000)}`;

test.each([
  ['a plain GET', 'GET /CP-1 HTTP/1.1\r\nHost: x\r\n\r\n', 426, 'This port speaks OCPP over WebSocket.'],
  [
    'a POST',
    'POST /CP-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx',
    426,
    'This port speaks OCPP over WebSocket.',
  ],
  [
    'another protocol',
    upgradeText('/CP-1').replace('Upgrade: websocket', 'Upgrade: h2c'),
    426,
    'This port speaks OCPP over WebSocket.',
  ],
  [
    'an upgrade that is no GET',
    upgradeText('/CP-1').replace('GET', 'PUT'),
    405,
    'A WebSocket handshake is a GET request.',
  ],
  [
    'an old WebSocket version',
    upgradeText('/CP-1').replace('Version: 13', 'Version: 8'),
    426,
    'This port speaks WebSocket version 13.',
  ],
  [
    'no WebSocket version',
    upgradeText('/CP-1').replace(/Sec-WebSocket-Version.*\r\n/, ''),
    426,
    'This port speaks WebSocket version 13.',
  ],
  [
    'no key',
    upgradeText('/CP-1').replace(/Sec-WebSocket-Key.*\r\n/, ''),
    400,
    'The Sec-WebSocket-Key header is missing or malformed.',
  ],
  [
    'a short key',
    upgradeText('/CP-1').replace(/Key: .*\r\n/, 'Key: abc=\r\n'),
    400,
    'The Sec-WebSocket-Key header is missing or malformed.',
  ],
  [
    'two keys',
    upgradeText('/CP-1', ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']),
    400,
    'The Sec-WebSocket-Key header is missing or malformed.',
  ],
  [
    'seventeen subprotocols',
    upgradeText('/CP-1', [`Sec-WebSocket-Protocol: ${'a,'.repeat(16)}b`]),
    400,
    'The Sec-WebSocket-Protocol header names too many subprotocols.',
  ],
  ['headers beyond the bound', upgradeText('/CP-1', [longHeader]), 431, 'The request headers are too big.'],
  ['what is no HTTP', 'hello\r\n\r\n', 400, 'This is not an HTTP request.'],
  ['a TLS hello', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]), 400, 'This is not an HTTP request.'],
])('%s gets a bad_request and its status', async (_name, request, status, reason) => {
  const answer = await exchange(plain.port, request);
  expect([answer.status, answer.body.replace(/^[\da-f]+\r\n|\r\n0$/g, '').trim()]).toEqual([status, reason]);
  expect(answer.headers).toMatch(/\r\nConnection: close(\r\n|$)/i);
  expect(answer.headers).toMatch(/\r\nContent-Type: text\/plain/i);
  expect(plain.door.refusals).toEqual([{ refusal: 'bad_request', status, station: null }]);
  expect(plain.door.arrivals).toEqual([]);
});

test.each([['http://evil.example'], ['null'], ['']])(
  'a browser, which sends Origin %o, gets 403',
  async (origin) => {
    const browser = 'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
    const answer = await exchange(plain.port, upgradeText('/CP-1', [`Origin: ${origin}`, browser]));
    expect([answer.status, answer.body]).toEqual([403, 'Web pages may not connect to this port.\n']);
    expect(plain.door.refusals).toEqual([{ refusal: 'origin_not_allowed', status: 403, station: null }]);
  },
);

test.each([['Accept-Language: en'], ['Sec-Fetch-Site: cross-site']])(
  'so does one that goes by another name, by its %s',
  async (line) => {
    const answer = await exchange(plain.port, upgradeText('/CP-1', ['Origin: http://evil.example', line]));
    expect(answer.status).toBe(403);
  },
);

test.each([
  ['libwebsockets', ['Origin: http://gateway.example']],
  ['arduinoWebSockets', ['User-Agent: arduino-WebSocket-Client', 'Origin: file://']],
  [
    'TinyWebsockets',
    ['User-Agent: TinyWebsockets Client', 'Origin: https://github.com/gilmaimon/TinyWebsockets'],
  ],
])('a station whose library names an Origin is no browser: %s', async (_library, lines) => {
  const client = await rawClient(plain.port);
  client.socket.write(upgradeText('/CP-1', lines));
  await until(() => plain.door.arrivals.length + plain.door.refusals.length === 1, 'the arrival');
  client.socket.destroy();
  expect(plain.door.arrivals.map(({ station }) => station)).toEqual(['CP-1']);
});

const notAllowed = 'The identity in the URL holds a character that is not allowed.';
const missing = 'The URL ends without the identity of a station.';

test.each([
  ['/', missing],
  ['///', missing],
  ['/?id=CP-1', missing],
  ['/ocpp/..', notAllowed],
  ['/ocpp/%2e%2e', notAllowed],
  ['/ocpp/..%2f..%2fetc', notAllowed],
  ['/ocpp/CP%2F1', notAllowed],
  ['/ocpp/CP%5C1', notAllowed],
  ['/ocpp/CP%001', notAllowed],
  ['/ocpp/CP%0d%0aX', notAllowed],
  ['/ocpp/%E2%80%AE1-PC', notAllowed],
  ['/ocpp/%EF%BC%A3P-1', notAllowed],
  ['/ocpp/CP%25311', notAllowed],
  ["/ocpp/CP';%20DROP", notAllowed],
  ['/ocpp/CP%3E', notAllowed],
  ['/ocpp/CP%3A1', 'The identity in the URL holds a colon.'],
  ['/ocpp/CP:1', 'The identity in the URL holds a colon.'],
  ['/ocpp/CP%', 'The identity in the URL is not percent-encoded UTF-8.'],
  ['/ocpp/%C0%AE%C0%AE', 'The identity in the URL is not percent-encoded UTF-8.'],
  [`/ocpp/${'x'.repeat(49)}`, 'The identity in the URL is longer than 48 characters.'],
])('the URL %s names no station: 404', async (path, reason) => {
  const answer = await exchange(plain.port, upgradeText(path));
  expect([answer.status, answer.body]).toEqual([404, `${reason}\n`]);
  expect(plain.door.refusals).toEqual([{ refusal: 'bad_identity', status: 404, station: null }]);
});

test.each([
  ['/CP-1', 'CP-1'],
  ['/ocpp/CP-1', 'CP-1'],
  ['/any/prefix/of/any/depth/CP-1', 'CP-1'],
  ['//ocpp//CP-1', 'CP-1'],
  ['/ocpp/CP-1/', 'CP-1'],
  ['/ocpp/CP-1///', 'CP-1'],
  ['/ocpp/CP-1?token=x/y', 'CP-1'],
  ['/ocpp/../CP-1', 'CP-1'],
  ['/ocpp/%43P%2D1', 'CP-1'],
  ['/ocpp/DE*BER*E1', 'DE*BER*E1'],
  ['/ocpp/a%40b%7Cc%2Bd', 'a@b|c+d'],
  [`/${'x'.repeat(48)}`, 'x'.repeat(48)],
])('the URL %s names %s', async (path, station) => {
  const client = await rawClient(plain.port);
  client.socket.write(upgradeText(path));
  await until(() => plain.door.arrivals.length === 1, 'the arrival');
  expect(plain.door.arrivals[0]?.station).toBe(station);
  client.socket.destroy();
});

test.each([
  ['Sec-WebSocket-Protocol: ocpp1.6', ['ocpp1.6']],
  ['Sec-WebSocket-Protocol:   ocpp2.0.1 ,ocpp1.6,  ', ['ocpp2.0.1', 'ocpp1.6']],
  ['Sec-WebSocket-Protocol: ocpp2.1\r\nSec-WebSocket-Protocol: ocpp1.6', ['ocpp2.1', 'ocpp1.6']],
  ['Sec-WebSocket-Protocol: OCPP1.6', ['OCPP1.6']],
  ['X-None: 1', []],
])('%j is read as an offer in the station’s order', async (header, offered) => {
  const client = await rawClient(plain.port);
  client.socket.write(upgradeText('/CP-1', [header]));
  await until(() => plain.door.arrivals.length === 1, 'the arrival');
  expect(plain.door.arrivals[0]?.offered).toEqual(offered);
  client.socket.destroy();
});

test('a listed station enters, an unknown one gets 404, or 401 as everyone does when that is hidden', async () => {
  const admitted = settingsWith({ admit: 'listed', known: known({ 'CP-1': {} }) });
  const started = await startListener(admitted);
  expect((await knock(`ws://127.0.0.1:${started.port}/CP-1`)).kind).toBe('open');
  const unknown = await knock(`ws://127.0.0.1:${started.port}/CP-2`);
  expect(unknown).toMatchObject({ status: 404, body: 'No station of this identity is known here.\n' });
  started.gatekeeper.update({ ...admitted, hideUnknown: true });
  const hidden = await knock(`ws://127.0.0.1:${started.port}/CP-2`);
  expect(hidden).toMatchObject({ status: 401, body: 'The credentials are missing or wrong.\n' });
  expect(hidden).not.toMatchObject({ headers: { 'www-authenticate': expect.anything() as string } });
  expect(started.door.refusals).toEqual([
    { refusal: 'unknown_station', status: 404, station: 'CP-2' },
    { refusal: 'bad_credentials', status: 401, station: 'CP-2' },
  ]);
  await started.listener.close();
});

test('the one an arrival waits for may refuse it, with a time to come again', async () => {
  const started = await startListener(settingsWith());
  started.door.decide = (arrival) => {
    arrival.refuse(503, 'The backend is not reachable.', 2.5);
    arrival.refuse(409, 'never seen', null);
    acceptArrival(started.door, arrival);
  };
  const answer = await knock(`ws://127.0.0.1:${started.port}/CP-1`);
  expect(answer).toMatchObject({
    status: 503,
    body: 'The backend is not reachable.\n',
    headers: { 'retry-after': '3' },
  });
  expect(started.door.accepted).toEqual([]);
  await started.listener.close();
});

test('a station whose arrival nobody answers gets 503 in time, and its waiter is told once', async () => {
  const started = await startListener(settingsWith({ limits: { upgradeTimeoutMs: 100 } }));
  let gone = 0;
  started.door.decide = (arrival) => {
    arrival.onGone = () => {
      gone += 1;
    };
  };
  const answer = await knock(`ws://127.0.0.1:${started.port}/CP-1`);
  expect(answer).toMatchObject({ status: 503 });
  expect(gone).toBe(1);
  expect(started.door.refusals).toEqual([{ refusal: 'timed_out', status: 503, station: 'CP-1' }]);
  acceptArrival(started.door, started.door.arrivals[0] ?? expect.fail('no arrival'));
  expect(started.door.accepted).toEqual([]);
  await started.listener.close();
});

test.each([['end'], ['resetAndDestroy']] as const)(
  'a station that leaves (%s) before its answer is told to its waiter',
  async (how) => {
    const started = await startListener(settingsWith());
    let gone = 0;
    started.door.decide = (arrival) => {
      arrival.onGone = () => {
        gone += 1;
      };
    };
    const client = await rawClient(started.port);
    client.socket.write(upgradeText('/CP-1'));
    await until(() => started.door.arrivals.length === 1, 'the arrival');
    client.socket[how]();
    await until(() => gone === 1, 'its waiter was told');
    expect(
      started.door.arrivals[0]?.accept(
        'ocpp1.6',
        { onText() {}, onPong() {}, onDrained() {}, onClosed() {} },
        null,
      ),
    ).toBeNull();
    await started.listener.close();
  },
);

test('while the gateway goes down, new stations get 503 with a time, and open links stay', async () => {
  const started = await startListener(settingsWith());
  const first = await knock(`ws://127.0.0.1:${started.port}/CP-1`);
  started.listener.stopAccepting();
  expect(await knock(`ws://127.0.0.1:${started.port}/CP-2`)).toMatchObject({
    status: 503,
    headers: { 'retry-after': '10' },
  });
  expect(started.door.refusals).toEqual([{ refusal: 'not_accepting', status: 503, station: null }]);
  expect(first.kind).toBe('open');
  expect(started.door.accepted[0]?.story.closed).toBeNull();
  await started.listener.close();
  expect(started.door.accepted[0]?.story.closed).not.toBeNull();
});

test('a taken port is a fault that names it', async () => {
  const settings = settingsWith({ port: plain.port });
  await expect(startListener(settings)).rejects.toThrow(`127.0.0.1:${plain.port}: the port is taken`);
});

const key = Buffer.from([0, 0x3a, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x3a]);

test.each([
  ['no header', []],
  ['another scheme', ['Authorization: Bearer abc']],
  ['the header twice', [`Authorization: ${basic('CP-1', key)}`, `Authorization: ${basic('CP-1', key)}`]],
  ['an empty password', [`Authorization: ${basic('CP-1', '')}`]],
  ['no colon', [`Authorization: Basic ${Buffer.from('CP-1').toString('base64')}`]],
  ['no base64', ['Authorization: Basic %%%%']],
  ['nothing after the scheme', ['Authorization: Basic']],
  ['an oversized header', [`Authorization: ${basic('CP-1', 'x'.repeat(4_000))}`]],
  ['a wrong password', [`Authorization: ${basic('CP-1', 'wrong')}`]],
  ['a password cut at its zero', [`Authorization: ${basic('CP-1', key.subarray(0, 1))}`]],
  ['the right password under another name', [`Authorization: ${basic('CP-2', key)}`]],
  ['the password of another station', [`Authorization: ${basic('CP-1', 'password of CP-2')}`]],
])('security profile 1: %s is 401, and the same 401', async (_name, lines) => {
  const settings = settingsWith({
    auth: 'basic',
    known: known({ 'CP-1': { password: key }, 'CP-2': { password: 'password of CP-2' } }),
  });
  plain.gatekeeper.update(settings);
  const answer = await exchange(
    plain.port,
    upgradeText('/ocpp/CP-1', ['Sec-WebSocket-Protocol: ocpp1.6', ...lines]),
  );
  expect([answer.status, answer.body]).toEqual([401, 'The credentials are missing or wrong.\n']);
  expect(plain.door.refusals).toEqual([{ refusal: 'bad_credentials', status: 401, station: 'CP-1' }]);
  expect(plain.door.arrivals).toEqual([]);
  const right = upgradeText('/ocpp/CP-1', [`authorization: ${basic('CP-1', key).replace('Basic', 'BASIC')}`]);
  const client = await rawClient(plain.port);
  client.socket.write(right);
  await until(() => plain.door.arrivals.length === 1, 'the right password enters');
  expect(plain.door.arrivals[0]?.isAuthenticated).toBe(true);
  expect(plain.door.arrivals[0]?.credential?.reveal()).toEqual(Uint8Array.from(key));
  client.socket.destroy();
});

test('guessing at one identity is stopped with 429, and its real station enters from elsewhere', async () => {
  const settings = settingsWith({
    auth: 'basic',
    known: known({ 'CP-1': { password: key } }),
    limits: { failuresPerMinute: 20 },
  });
  const started = await startListener({ ...settings, host: '0.0.0.0' });
  const statuses: number[] = [];
  for (let guess = 0; guess < 25; guess += 1) {
    const answer = await knock(`ws://127.0.0.1:${started.port}/CP-1`, ['ocpp1.6'], {
      headers: { Authorization: basic('CP-1', `guess ${guess}`) },
      localAddress: '127.0.9.9',
    });
    statuses.push(answer.kind === 'refused' ? answer.status : 0);
    if (guess === 24)
      expect(answer).toMatchObject({
        status: 429,
        headers: { 'retry-after': expect.stringMatching(/^[1-3]$/) as string },
      });
  }
  expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 401));
  expect(statuses.slice(20).every((status) => status === 429)).toBe(true);
  const right = { headers: { Authorization: basic('CP-1', key) } };
  expect(
    (await knock(`ws://127.0.0.1:${started.port}/CP-1`, ['ocpp1.6'], { ...right, localAddress: '127.0.1.1' }))
      .kind,
  ).toBe('open');
  await started.listener.close();
});
