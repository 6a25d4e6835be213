import { expect, test } from 'vitest';
import { heldStop, Hands, idOf, settingsWith, stationId } from '../testkit/data-plane-bench.ts';
import type { Arrival } from '../ports/listener.ts';
import type { KnownStation } from '../ports/settings.ts';
import type { StationId } from '../protocol/station-id.ts';
import { Secret } from '../std/secret.ts';
import { stationsMax } from './gateway.ts';

/** One that is refused at once, so that its station is idle. */
function passing(station: string): Arrival {
  return {
    station: station as StationId,
    offered: ['mqtt'],
    peer: '127.0.0.1',
    isAuthenticated: true,
    credential: null,
    onGone: null,
    accept: () => null,
    refuse: () => {},
  };
}

/** So many stations that the oldest idle one is forgotten. */
function crowd(hands: Hands): void {
  for (let at = 0; at < stationsMax; at += 1) hands.gateway.onArrival(passing(`X-${at}`));
}

test('what is held for a station that is away is delivered once and counted right, however many others there are', () => {
  const hands = new Hands({}, [heldStop()]);
  const { station, backend } = hands.connect();
  station.closes();
  hands.pass(5_000);
  backend.closes();
  crowd(hands);
  const before = hands.dialer.dials.length;
  for (let second = 0; second < 200; second += 1) hands.pass(1_000);
  const link = hands.dialer.dials[before]?.opens();
  hands.journal.commit();
  link?.says(`[3,"${idOf(link.did.find((text) => text.includes('StopTransaction')))}",{}]`);
  const delivered = hands.journal.records.filter(({ type }) => type === 'delivery');
  expect(delivered.at(-1)).toMatchObject({ outcome: 'delivered', number: 5 });
  expect(hands.gateway.deliveries.heldByBackend()).toEqual(new Map());
  // Whoever comes back has nothing to deliver any more.
  hands.pass(60_000);
  const again = hands.connect();
  hands.journal.commit();
  expect(again.backend.did).toEqual([]);
});

test('who is refused before there is a machine for it is counted like any other', async () => {
  const hands = new Hands();
  const drained = hands.gateway.drain(0, 0);
  const arrival = hands.arrive();
  expect(arrival.refusedWith).toBe(503);
  expect(hands.refusals).toEqual(['Busbar is shutting down.']);
  await drained;
});

test('who is refused because all stations are in use is counted too', () => {
  const hands = new Hands();
  for (let at = 0; at < stationsMax; at += 1)
    hands.gateway.onArrival({ ...passing(`X-${at}`), offered: ['ocpp1.6'] });
  hands.gateway.onArrival(passing('X-last'));
  expect(hands.refusals).toEqual(['Busbar knows too many stations.']);
});

test('no delivery for a station that is away begins while it drains: its link would be cut before the answer', async () => {
  const hands = new Hands({}, [heldStop()]);
  const { station, backend } = hands.connect();
  station.closes();
  hands.pass(5_000);
  backend.closes();
  const before = hands.dialer.dials.length;
  const drained = hands.gateway.drain(5_000, 20_000);
  for (let second = 0; second < 120; second += 1) hands.pass(1_000);
  expect(hands.dialer.dials.length).toBe(before);
  expect(await drained).toBe(true);
});

const expected = {
  password: new Secret(Buffer.from('x')),
  certificate: null,
  tags: [],
  site: null,
  identities: new Map(),
};

test.each([
  ['taken off the list', { auth: 'none', admit: 'listed' }, null],
  ['unknown where a password is needed', { auth: 'basic', admit: 'any' }, null],
  ['left without a password', { auth: 'basic', admit: 'any' }, { ...expected, password: null }],
  ['unknown where a certificate is needed', { auth: 'certificate', admit: 'any' }, null],
] as const)('a reload closes the link of a station that is %s, and of no other', (_why, changes, entry) => {
  const hands = new Hands();
  const { station, backend } = hands.connect();
  const settings = settingsWith({});
  const reloadWith = (known: KnownStation | null): void => {
    const all = new Map(known === null ? [] : [[stationId, known]]);
    hands.gateway.reload({ ...settings, listener: { ...settings.listener, ...changes, known: all } });
    hands.journal.commit();
  };
  reloadWith(expected);
  expect([station.did, backend.did]).toEqual([[], []]);
  const newcomer = hands.arrive('secret', false);
  reloadWith(entry);
  expect(station.did).toEqual(['ping', 'close 1008 not_admitted']);
  expect(backend.did).toEqual(['close 1001 station_gone']);
  expect([newcomer.link, hands.gateway.registry.connectedCount]).toEqual([null, 0]);
});
