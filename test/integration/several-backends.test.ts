/** One 1.6 station and three backends, all of them `ocpp-rpc`, which nobody here wrote and which checks every message strictly. The backends number alike on purpose. */
import { afterEach, expect, test } from 'vitest';
import { until } from '../../src/testkit/until.ts';
import { connectRpcStation, startRpcCsms, type RpcCsms, type RpcPeer } from '../conformance/rpc-peers.ts';
import { startFixture } from './busbar-fixture.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

interface Call {
  readonly action: string;
  readonly payload: Record<string, unknown>;
}

/** A backend's link to CP-1, and the calls it got, answered as backends do; `number` is what it calls every transaction. */
async function heardBy(
  csms: RpcCsms,
  number: number,
): Promise<{ readonly peer: RpcPeer; readonly calls: Call[] }> {
  const peer = await csms.peerOf('CP-1');
  const calls: Call[] = [];
  peer.answer = (action, payload) => {
    calls.push({ action, payload: payload as Call['payload'] });
    if (action === 'BootNotification')
      return { status: 'Accepted', currentTime: '2026-01-01T00:00:00Z', interval: 300 };
    if (action === 'Heartbeat') return { currentTime: '2026-01-01T00:00:00Z' };
    if (action === 'StartTransaction') return { transactionId: number, idTagInfo: { status: 'Accepted' } };
    return {};
  };
  return { peer, calls };
}

const named = (calls: readonly Call[], action: string): unknown[] =>
  calls.filter((call) => call.action === action).map(({ payload }) => payload['transactionId']);

test('each backend sees a station of its own, and only its own numbers', async () => {
  const servers = await Promise.all([1, 2, 3].map(() => startRpcCsms(['ocpp1.6'])));
  const [oldCsms, newCsms, watchCsms] = servers as [RpcCsms, RpcCsms, RpcCsms];
  for (const server of servers) cleanups.push(() => server.close());
  const fixture = await startFixture(`stations: { listen: "127.0.0.1:0" }
admin: { listen: "127.0.0.1:0" }
storage: sqlite:./busbar.db
backends:
  old: { url: "${oldCsms.url}" }
  new: { url: "${newCsms.url}", nonBilling: true }
  watch: { url: "${watchCsms.url}" }
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
  const [old, next, watch] = await Promise.all([
    heardBy(oldCsms, 1),
    heardBy(newCsms, 1),
    heardBy(watchCsms, 1),
  ]);

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

  expect(await next.peer.call('Reset', { type: 'Hard' })).toEqual({ status: 'Rejected' });
  for (const key of ['SecurityProfile', 'AuthorizationKey', 'CentralSystemURL'])
    expect(await old.peer.call('ChangeConfiguration', { key, value: '1' })).toEqual({ status: 'Rejected' });
  expect(await old.peer.call('ClearCache', {})).toEqual({ status: 'Accepted' });
  expect(commanded).toEqual(['ClearCache']);
  for (const peer of [station, old.peer, next.peer, watch.peer]) expect(peer.refused).toEqual([]);
});
