/**
 * A CSMS and a station of `ocpp-rpc`, which nobody here wrote and which checks every message strictly: the CSMS is stopped in the middle of charging and started
 * again, and the sessions in its books are what the station did.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../src/testkit/until.ts';
import { connectRpcStation } from '../conformance/rpc-peers.ts';
import { startFixture } from './busbar-fixture.ts';
import { byStart, Charger, Csms } from './rpc-books.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

describe.each(['ocpp1.6', 'ocpp2.0.1'] as const)('%s', (version) => {
  test('the sessions of a CSMS that was away are what the station did', async () => {
    const csms = new Csms(version);
    await csms.start();
    cleanups.push(() => csms.stop());
    const fixture = await startFixture(`stations: { listen: "127.0.0.1:0" }
admin: { listen: "127.0.0.1:0" }
storage: sqlite:./busbar.db
backends:
  csms: { url: "${csms.url}", redial: { from: 50ms, to: 200ms }, holdDown: 200ms, drainRate: unlimited }
routes:
  - { stations: "*", primary: csms, whenDown: cover, authorizeWhenDown: known }
limits: { callsPerSecond: 1000 }
`);
    cleanups.push(() => fixture.close());
    const peer = await connectRpcStation(fixture.stationUrl('CP-1').replace(/\/CP-1$/, ''), 'CP-1', version);
    cleanups.push(() => peer.close());
    const charger = new Charger(peer, version);

    expect(await charger.boot()).toMatchObject({ status: 'Accepted' });
    await charger.status(1, 'Charging', 'Occupied');
    await charger.begin('A', 1, 1);
    await charger.meter('A', 1, 2, 100);
    await charger.begin('C', 2, 3);

    await csms.stop();
    // One that was open ends, one begins and ends, one begins and one stays open over all of it.
    await charger.meter('A', 1, 10, 200);
    await charger.end('A', 11, 250);
    await charger.status(1, 'Available', 'Available');
    await charger.begin('B', 1, 12);
    await charger.meter('C', 2, 13, 300);
    await charger.meter('B', 1, 14, 40);
    await charger.end('B', 15, 60);
    await charger.begin('D', 1, 16);
    await charger.meter('D', 1, 17, 5);
    await charger.status(1, 'Faulted', 'Faulted');
    expect(csms.books.heard.filter((action) => action === 'TransactionEvent')).toHaveLength(
      version === 'ocpp1.6' ? 0 : 3,
    );

    await csms.start();
    await charger.meter('C', 2, 20, 400);
    await charger.end('D', 21, 9);
    const ended = (): number => csms.books.all.filter(({ stoppedAt }) => stoppedAt !== null).length;
    await until('what ended is told', () => ended() === 3, 20_000);
    // What is said now goes straight to the CSMS.
    await charger.end('C', 30, 500);

    await until('the last session ends', () => ended() === 4);
    expect(csms.books.all.toSorted(byStart)).toEqual(charger.own.all.toSorted(byStart));
    expect(csms.books.faults).toEqual([]);
    expect(csms.books.statuses.get(1)).toBe('Faulted');
    // The boot was accepted before, and is not told again.
    expect(csms.books.heard.filter((action) => action === 'BootNotification')).toHaveLength(1);
    expect(peer.refused).toEqual([]);
    expect(csms.peers.flatMap(({ refused }) => refused)).toEqual([]);
  });
});
