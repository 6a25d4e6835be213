import { expect, test } from 'vitest';
import type { KnownStation } from '../ports/settings.ts';
import type { StationId } from '../protocol/station-id.ts';
import { backendNamed, Hands, idOf, settingsWith, stationId } from '../testkit/data-plane-bench.ts';

const start =
  '[2,"s1","StartTransaction",{"connectorId":1,"idTag":"T-1","meterStart":5,"timestamp":"2026-11-24T02:10:00.000Z"}]';

test('an open transaction has no number before its backend has given it one', () => {
  const hands = new Hands();
  const { station, backend } = hands.connect();
  const transactions = (): unknown =>
    hands.gateway.registry.station(stationId)?.backends.map((link) => link.transactions);
  station.says(start);
  hands.journal.commit();
  const row = { connector: 1, startedAt: '2026-11-24T02:10:00.000Z' };
  expect(transactions()).toEqual([[{ ...row, id: null, stationId: null }]]);
  backend.says(`[3,"${idOf(backend.did.at(-1))}",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]`);
  hands.journal.commit();
  expect(transactions()).toEqual([[{ ...row, id: '7', stationId: '7' }]]);
});

test('a station is last seen with its last frame, and once it is gone with the end of its link', () => {
  const hands = new Hands();
  const lastSeenAt = (): string | null | undefined => hands.gateway.registry.station(stationId)?.lastSeenAt;
  const { station } = hands.connect();
  const connected = Date.parse(lastSeenAt() ?? '');
  hands.pass(20_000);
  station.says('[2,"1","Heartbeat",{}]');
  hands.pass(7_000);
  expect(Date.parse(lastSeenAt() ?? '') - connected).toBe(20_000);
  station.closes();
  hands.pass(2_000);
  expect(Date.parse(lastSeenAt() ?? '') - connected).toBe(27_000);
});

test('who walks over all stations with pauses meets each once, also those that come and go meanwhile', () => {
  const hands = new Hands();
  const settings = settingsWith({});
  const unnamed: KnownStation = {
    password: null,
    certificate: null,
    tags: [],
    site: null,
    identities: new Map(),
  };
  const others = ['A', 'B'] as StationId[];
  const reload = (ids: readonly StationId[]): void => {
    const known = new Map(ids.map((id) => [id, unnamed]));
    hands.gateway.reload({ ...settings, listener: { ...settings.listener, known } });
  };
  reload([...others, stationId]);
  const walk = hands.gateway.registry.stations();
  const met = [walk.next().value?.id];
  // It has a machine from now on; before, it was configured only.
  hands.connect();
  reload([stationId, ...others]);
  for (const { id } of walk) met.push(id);
  expect(met).toEqual([...others, stationId]);
});

test('a backend’s address is shown without what its query holds', () => {
  const hands = new Hands();
  const url = 'wss://csms.example/{station}?token=s3cret';
  hands.gateway.reload({
    ...settingsWith({}),
    backends: new Map([['old', { ...backendNamed('old'), url }]]),
  });
  expect(hands.gateway.registry.backends().map((backend) => backend.url)).toEqual([
    'wss://csms.example/{station}?token=***',
  ]);
});

test('why a backend’s link is gone is shown without the password that the backend repeats', () => {
  const hands = new Hands();
  const { backend } = hands.connect();
  backend.closes(1008, 'no: Authorization: Basic Q1AtMTpodW50ZXIy');
  expect(hands.gateway.registry.backends()[0]?.lastError).toBe('no: Authorization: ***');
});
