import { expect, test } from 'vitest';
import type { DialRequest } from '../../ports/dialer.ts';
import type { BackendSettings } from '../../ports/settings.ts';
import { checkStationId } from '../../protocol/station-id.ts';
import { Secret } from '../../std/secret.ts';
import { planDial, type DialPlan } from './dial-plan.ts';

function plan(url: string, changes: Partial<BackendSettings> = {}): DialPlan {
  const station = checkStationId('CP-1');
  if (!station.ok) throw new Error('not an identity');
  const backend: BackendSettings = {
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
  const request: DialRequest = {
    station: station.value,
    known: null,
    backend,
    version: 'ocpp1.6',
    forwarded: null,
  };
  const planned = planDial(request, new WeakMap());
  if (!planned.ok) throw new Error(planned.fault);
  return planned.value;
}

function headersOf({ request }: DialPlan): ReadonlyMap<string, string> {
  const [, ...lines] = request.trimEnd().split('\r\n');
  return new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
}

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

test('the request is that of RFC 6455 §4.1, for exactly one subprotocol and no extension', () => {
  const planned = plan('ws://csms.example/ocpp/{station}?v=1');
  expect(planned.request).toMatch(
    /^GET \/ocpp\/CP-1\?v=1 HTTP\/1\.1\r\nHost: csms\.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: [+/0-9A-Za-z]{22}==\r\nSec-WebSocket-Protocol: ocpp1\.6\r\n\r\n$/,
  );
  const again = plan('ws://csms.example/ocpp/{station}?v=1');
  expect(again.acceptKey).not.toBe(planned.acceptKey);
});

test.each([
  ['ws://csms.example/{station}', 'csms.example', 80, 'csms.example', false],
  ['wss://csms.example/{station}', 'csms.example', 443, 'csms.example', true],
  ['ws://csms.example:443/{station}', 'csms.example', 443, 'csms.example:443', false],
  ['wss://CSMS.example:9000/{station}', 'csms.example', 9_000, 'csms.example:9000', true],
  ['ws://[2001:db8::1]:81/{station}', '2001:db8::1', 81, '[2001:db8::1]:81', false],
])('%s is taken apart', (url, host, port, hostHeader, isTls) => {
  const planned = plan(url);
  expect([planned.host, planned.port, headersOf(planned).get('host')]).toEqual([host, port, hostHeader]);
  expect(planned.secureContext !== null).toBe(isTls);
});

test('the password of this backend wins over one in a header, and that over one in the URL', () => {
  const url = 'ws://us%20er:p%3Aw@csms.example/{station}';
  expect(headersOf(plan(url)).get('authorization')).toBe(basic('us er:p:w'));
  const headers = new Map([['authorization', 'Bearer x']]);
  expect(headersOf(plan(url, { headers })).get('authorization')).toBe('Bearer x');
  const credentials = { kind: 'password', password: new Secret(Buffer.from('own')) } as const;
  expect(headersOf(plan(url, { headers, credentials })).get('authorization')).toBe(basic('CP-1:own'));
  expect(plan(url, { headers, credentials }).request.match(/authorization/gi)).toHaveLength(1);
});

test('a configured header cannot change the handshake, nor bring in lines of its own', () => {
  const headers = new Map([
    ['UPGRADE', 'h2c'],
    ['sec-websocket-version', '8'],
    ['Sec-WebSocket-Protocol', 'ocpp9'],
    ['X-Umlaut', 'ä'],
  ]);
  const sent = headersOf(plan('ws://csms.example/', { headers }));
  expect([
    sent.get('upgrade'),
    sent.get('sec-websocket-version'),
    sent.get('sec-websocket-protocol'),
  ]).toEqual(['websocket', '13', 'ocpp1.6']);
  expect(sent.get('x-umlaut')).toBe('ä');
  for (const [name, value] of [
    ['X', 'a\r\nY: b'],
    ['X', 'a\nb'],
    ['X', '€'],
    ['X Y', 'a'],
    ['X:', 'a'],
  ] as const)
    expect(() => plan('ws://csms.example/', { headers: new Map([[name, value]]) })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_INVALID_/) }) as Error,
    );
});

test.each(['http://csms.example/', 'ws://csms.example/#here', 'nonsense', 'ws://'])(
  '%s is no address',
  (url) => {
    expect(() => plan(url)).toThrow();
  },
);
