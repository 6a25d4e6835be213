/** One 1.6 station and three backends, all of them `ocpp-rpc`, which nobody here wrote and which checks every message strictly. The backends number alike on purpose. */
import { afterEach, expect, test } from 'vitest';
import { until } from '../../src/testkit/until.ts';
import { connectRpcStation } from '../conformance/rpc-peers.ts';
import { startFixture } from './busbar-fixture.ts';
import { payloadsOf, startHeardBackend, type HeardBackend, type HeardCall } from './rpc-world.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const named = (calls: readonly HeardCall[], action: string): unknown[] =>
  payloadsOf(calls, action).map(({ transactionId }) => transactionId);

test('each backend sees a station of its own, and only its own numbers', async () => {
  const backends = await Promise.all([1, 2, 3].map(() => startHeardBackend('ocpp1.6')));
  for (const backend of backends) cleanups.push(() => backend.close());
  const [old, next, watch] = backends as [HeardBackend, HeardBackend, HeardBackend];
  const fixture = await startFixture(`stations: { listen: "127.0.0.1:0" }
admin: { listen: "127.0.0.1:0" }
storage: sqlite:./busbar.db
backends:
  old: { url: "${old.url}" }
  new: { url: "${next.url}", nonBilling: true }
  watch: { url: "${watch.url}" }
routes:
  - stations: "*"
    primary: old
    observers:
      - { backend: new, receives: [registration, liveness, state, transactions, meter] }
      - { backend: watch }
`);
  cleanups.push(() => fixture.close());
  const station = await connectRpcStation(
    fixture.stationUrl('CP-1').replace(/\/CP-1$/, ''),
    'CP-1',
    'ocpp1.6',
  );
  cleanups.push(() => station.close());
  const commanded: string[] = [];
  station.answer = (action) => {
    commanded.push(action);
    return { status: 'Accepted' };
  };
  const [oldLink, nextLink, watchLink] = await Promise.all([old.link(), next.link(), watch.link()]);

  await station.call('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
  const since = '2025-12-31T23:00:00Z';
  await station.call('StatusNotification', {
    connectorId: 1,
    errorCode: 'NoError',
    status: 'Available',
    timestamp: since,
  });
  const start = (connectorId: number): Promise<unknown> =>
    station.call('StartTransaction', {
      connectorId,
      idTag: 'T',
      meterStart: 0,
      timestamp: `2026-01-01T00:00:0${connectorId}Z`,
    });
  const first = (await start(1)) as { transactionId: number };
  const second = (await start(2)) as { transactionId: number };
  // The same message once more, under another id: the first answer, and nobody is told again.
  expect(await start(2)).toEqual(second);
  expect(first.transactionId).toBe(1);
  expect(second.transactionId).toBeGreaterThanOrEqual(0x4000_0000);
  for (const { transactionId } of [second, first])
    await station.call('StopTransaction', { transactionId, meterStop: 5, timestamp: '2026-01-01T01:00:00Z' });

  await until('the observer has heard both ends', () => named(next.calls, 'StopTransaction').length === 2);
  for (const { calls } of [old, next]) {
    expect(named(calls, 'StopTransaction')).toEqual([1, 1]);
    expect(named(calls, 'StartTransaction')).toHaveLength(2);
  }
  expect(watch.calls.map(({ action }) => action)).toContain('StatusNotification');
  expect(named(watch.calls, 'StartTransaction')).toEqual([]);
  for (const { calls } of [next, watch]) {
    expect(calls[0]?.action).toBe('BootNotification');
    expect(calls.find(({ action }) => action === 'StatusNotification')?.payload['timestamp']).toBe(since);
  }

  expect(await nextLink.call('Reset', { type: 'Hard' })).toEqual({ status: 'Rejected' });
  for (const key of ['SecurityProfile', 'AuthorizationKey', 'CentralSystemURL'])
    expect(await oldLink.call('ChangeConfiguration', { key, value: '1' })).toEqual({ status: 'Rejected' });
  expect(await oldLink.call('ClearCache', {})).toEqual({ status: 'Accepted' });
  expect(commanded).toEqual(['ClearCache']);
  for (const peer of [station, oldLink, nextLink, watchLink]) expect(peer.refused).toEqual([]);
});
