import { expect, test } from 'vitest';
import type { Entry, EntryRequest } from '../ports/listener.ts';
import type { KnownStation, ListenerSettings } from '../ports/settings.ts';
import type { StationId } from '../protocol/station-id.ts';
import { Secret } from '../std/secret.ts';
import { createGatekeeper } from './gatekeeper.ts';

const key = Buffer.from('00ff3a0102030405060708090a0b0c0d', 'hex');

function settingsOf(
  passwords: Readonly<Record<string, Uint8Array | string>>,
  changes: Partial<ListenerSettings> = {},
): ListenerSettings {
  const known = new Map<StationId, KnownStation>();
  for (const [id, password] of Object.entries(passwords)) {
    known.set(id as StationId, {
      password: new Secret(Buffer.from(password)),
      certificate: null,
      tags: [],
      site: null,
      identities: new Map(),
    });
  }
  const limits = { failuresPerMinute: 10 } as ListenerSettings['limits'];
  return {
    host: '',
    port: 0,
    tls: null,
    admit: 'any',
    hideUnknown: false,
    auth: 'basic',
    known,
    limits,
    ...changes,
  };
}

function stoppedClock() {
  return { ms: 0, wallMs: () => 1_800_000_000_000, nowMs: () => clock.ms };
}
const clock = stoppedClock();

function request(station: string, password: Uint8Array | string | null, peer = '192.0.2.1'): EntryRequest {
  const token = Buffer.concat([Buffer.from(`${station}:`), Buffer.from(password ?? '')]).toString('base64');
  const authorization = password === null ? [] : [`Basic ${token}`];
  return { station: station as StationId, peer, authorization, certificate: null };
}

function statusOf(entry: Entry): number {
  return entry.isAdmitted ? 101 : entry.status;
}

test.each([
  ['text', 'correct horse battery', 'correct horse battery', true],
  ['octets', key, key, true],
  ['digits configured, octets sent', key.toString('hex'), key, true],
  ['capital digits configured, octets sent', key.toString('hex').toUpperCase(), key, true],
  ['octets configured, digits sent', key, key.toString('hex'), true],
  ['octets configured, capital digits sent', key, key.toString('hex').toUpperCase(), true],
  ['digits configured and sent', key.toString('hex'), key.toString('hex'), true],
  ['digits of digits', key, Buffer.from(key.toString('hex')).toString('hex'), false],
  ['other octets', key, Buffer.alloc(16, 1), false],
  ['other digits', key, Buffer.alloc(16, 1).toString('hex'), false],
  ['a beginning', 'correct horse battery', 'correct horse batter', false],
  ['an addition', 'correct horse battery', 'correct horse battery ', false],
  ['another case', 'correct horse battery', 'Correct horse battery', false],
])('a password of %s is compared in its forms', (_name, stored, sent, isRight) => {
  const gatekeeper = createGatekeeper(settingsOf({ 'CP-1': stored }), clock);
  const entry = gatekeeper.admit(request('CP-1', sent));
  expect(entry.isAdmitted).toBe(isRight);
  if (entry.isAdmitted) expect(entry).toMatchObject({ isAuthenticated: true });
});

test('with basic, a station without a password, and one that nobody listed, do not enter', () => {
  const settings = settingsOf({ 'CP-1': 'secret' });
  const gatekeeper = createGatekeeper(settings, clock);
  expect(statusOf(gatekeeper.admit(request('CP-2', 'secret')))).toBe(401);
  const bare = new Map([
    ['CP-3' as StationId, { ...(settings.known.get('CP-1' as StationId) as KnownStation), password: null }],
  ]);
  gatekeeper.update({ ...settings, known: bare });
  expect(statusOf(gatekeeper.admit(request('CP-3', 'secret')))).toBe(401);
  expect(statusOf(gatekeeper.admit(request('CP-3', null)))).toBe(401);
});

test('hidden, an unknown identity and a wrong password get the same answer; not hidden, the unknown one gets 404', () => {
  const settings = settingsOf({ 'CP-1': 'secret' }, { admit: 'listed', hideUnknown: true });
  const gatekeeper = createGatekeeper(settings, clock);
  expect(gatekeeper.admit(request('CP-2', 'secret'))).toEqual(gatekeeper.admit(request('CP-1', 'wrong')));
  gatekeeper.update({ ...settings, hideUnknown: false });
  expect(statusOf(gatekeeper.admit(request('CP-2', 'secret')))).toBe(404);
});

test('hidden, an unknown identity costs the time of a wrong password', () => {
  const limits = { failuresPerMinute: 1_000_000 } as ListenerSettings['limits'];
  const settings = settingsOf(
    { 'CP-1': key.toString('hex') },
    { admit: 'listed', hideUnknown: true, limits },
  );
  const gatekeeper = createGatekeeper(settings, clock);
  const samples = { unknown: [] as number[], wrong: [] as number[] };
  for (let round = 0; round < 3_000; round += 1) {
    for (const [name, station] of [
      ['unknown', 'CP-2'],
      ['wrong', 'CP-1'],
    ] as const) {
      const knock = request(station, 'wrong password');
      const sinceMs = performance.now();
      gatekeeper.admit(knock);
      samples[name].push(performance.now() - sinceMs);
    }
  }
  const ratio = median(samples.unknown) / median(samples.wrong);
  expect(ratio).toBeGreaterThan(0.7);
  expect(ratio).toBeLessThan(1.4);
});

function median(values: number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0;
}

test('without authentication everyone enters, and a presented password is passed on but proves nothing', () => {
  const gatekeeper = createGatekeeper(settingsOf({}, { auth: 'none' }), clock);
  const entry = gatekeeper.admit(request('CP-1', key));
  expect(entry).toMatchObject({ isAdmitted: true, isAuthenticated: false });
  expect(entry.isAdmitted && entry.credential?.reveal()).toEqual(Uint8Array.from(key));
  const other = { ...request('CP-2', key), station: 'CP-1' as StationId };
  expect(gatekeeper.admit(other)).toEqual({ isAdmitted: true, isAuthenticated: false, credential: null });
  expect(gatekeeper.admit(request('CP-1', null))).toMatchObject({ isAdmitted: true, credential: null });
});

test('after too many failures of one station from one address its tries are not looked at, until a minute forgets them', () => {
  clock.ms = 0;
  const gatekeeper = createGatekeeper(settingsOf({ 'CP-1': 'right', 'CP-2': 'right' }), clock);
  for (let failure = 0; failure < 10; failure += 1)
    expect(statusOf(gatekeeper.admit(request('CP-1', 'wrong')))).toBe(401);
  const entry = gatekeeper.admit(request('CP-1', 'right'));
  expect(entry).toMatchObject({
    isAdmitted: false,
    refusal: 'too_many_attempts',
    status: 429,
    retryAfterS: 6,
  });
  expect(statusOf(gatekeeper.admit(request('CP-2', 'right')))).toBe(101);
  clock.ms = 6_000;
  expect(statusOf(gatekeeper.admit(request('CP-1', 'right')))).toBe(101);
});

test('ten thousand failures on one identity from everywhere do not keep the real station out', () => {
  clock.ms = 0;
  const gatekeeper = createGatekeeper(settingsOf({ 'CP-1': 'right' }), clock);
  for (let failure = 0; failure < 10_000; failure += 1) {
    gatekeeper.admit(
      request('CP-1', 'wrong', `127.${failure & 255}.${(failure >> 8) & 255}.${failure % 250}`),
    );
  }
  expect(statusOf(gatekeeper.admit(request('CP-1', 'right', '198.51.100.7')))).toBe(101);
});

test('a network that tries many identities is stopped, but not a station that proved itself from there before', () => {
  clock.ms = 0;
  const passwords = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`CP-${at}`, 'right']));
  const gatekeeper = createGatekeeper(settingsOf(passwords), clock);
  expect(statusOf(gatekeeper.admit(request('CP-0', 'right', '192.0.2.9')))).toBe(101);
  const statuses = Array.from({ length: 100 }, (_, at) =>
    statusOf(gatekeeper.admit(request(`CP-${at + 1}`, 'wrong', `192.0.2.${at}`))),
  );
  expect(statuses).toEqual([
    ...Array.from({ length: 50 }, () => 401),
    ...Array.from({ length: 50 }, () => 429),
  ]);
  expect(statusOf(gatekeeper.admit(request('CP-150', 'right', '192.0.2.200')))).toBe(429);
  expect(statusOf(gatekeeper.admit(request('CP-150', 'right', '192.0.3.200')))).toBe(101);
  expect(statusOf(gatekeeper.admit(request('CP-0', 'right', '192.0.2.9')))).toBe(101);
});

test('tries that are not looked at do not lengthen the wait', () => {
  clock.ms = 0;
  const gatekeeper = createGatekeeper(settingsOf({ 'CP-1': 'right' }), clock);
  for (let attempt = 0; attempt < 1_000; attempt += 1) gatekeeper.admit(request('CP-1', 'wrong'));
  clock.ms = 6_000;
  expect(statusOf(gatekeeper.admit(request('CP-1', 'right')))).toBe(101);
});
