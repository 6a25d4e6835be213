/**
 * A session that is open when its station is cut over ends where it began, whoever ends it: a CSMS and a station of `ocpp-rpc` on either side, the new one of which knows neither the
 * session nor the driver's card.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { checkStationId } from '../../src/protocol/station-id.ts';
import type { OcppVersion } from '../../src/protocol/version.ts';
import { until } from '../../src/testkit/until.ts';
import { connectRpcStation, type RpcPeer } from '../conformance/rpc-peers.ts';
import { startFixture, type BusbarFixture } from './busbar-fixture.ts';
import { Charger, Csms, type Payload } from './rpc-books.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const station = 'CP-1';

interface World {
  readonly version: OcppVersion;
  readonly old: Csms;
  readonly next: Csms;
  readonly fixture: BusbarFixture;
  readonly charger: Charger;
  peer: RpcPeer;
}

/** A station that charges under `old`, and is cut over to `new`, which lets nobody in but the card of connector 2. */
async function movedWhileCharging(version: OcppVersion): Promise<World> {
  const [old, next] = [new Csms(version), new Csms(version)];
  for (const csms of [old, next]) {
    await csms.start();
    cleanups.push(() => csms.stop());
  }
  next.books.cards = new Set(['TAG2']);
  const fixture = await startFixture(`stations: { listen: "127.0.0.1:0" }
admin: { listen: "127.0.0.1:0" }
storage: sqlite:./busbar.db
backends:
  old: { url: "${old.url}" }
  new: { url: "${next.url}" }
routes:
  - { stations: "*", primary: old }
limits: { callsPerSecond: 1000 }
`);
  cleanups.push(() => fixture.close());
  const peer = await connect(fixture, version);
  const charger = new Charger(peer, version);
  expect(await charger.boot()).toMatchObject({ status: 'Accepted' });
  await charger.status(1, 'Charging', 'Occupied');
  await charger.begin('A', 1, 1);
  await charger.meter('A', 1, 2, 100);
  const before = peer.tapped.length;
  await cutOver(fixture);
  // Nothing was sent to the station, and its link is the same.
  expect(peer.tapped).toHaveLength(before);
  await charger.meter('A', 1, 3, 200);
  return { version, old, next, fixture, charger, peer };
}

async function connect(fixture: BusbarFixture, version: OcppVersion): Promise<RpcPeer> {
  const endpoint = fixture.stationUrl(station).replace(`/${station}`, '');
  const peer = await connectRpcStation(endpoint, station, version);
  cleanups.push(() => peer.close());
  return peer;
}

async function cutOver({ busbar }: BusbarFixture): Promise<void> {
  const id = checkStationId(station);
  if (!id.ok) throw new Error('a good identity');
  const decision = {
    do: 'cut_over',
    primary: 'new',
    openTransactions: 'pin',
    keepWarmMs: 3_600_000,
    isForced: false,
  } as const;
  for (let tries = 0; ; tries += 1) {
    const made = await busbar.gateway.assignments.decide(id.value, decision);
    if (made.kind === 'done') return;
    if (tries > 100) throw new Error(made.detail);
    await sleep(50);
  }
}

/** What is said to be true of a session that was pinned, and of the next one. */
async function expectPinned({ old, next, charger }: World): Promise<void> {
  await charger.begin('B', 2, 30);
  await charger.meter('B', 2, 31, 5);
  await charger.end('B', 32, 9);
  await until('both sessions ended', () =>
    [old, next].every(({ books }) => books.all.length === 1 && books.all[0]?.stoppedAt !== null),
  );
  const [first, second] = charger.own.all;
  expect(old.books.all).toEqual([first]);
  expect(next.books.all).toEqual([second]);
  expect([...old.books.faults, ...next.books.faults]).toEqual([]);
  expect([...old.peers, ...next.peers].flatMap(({ refused }) => refused)).toEqual([]);
  // The old one is kept warm: it is told of no other session, and goes on hearing the station's state.
  await charger.status(1, 'Available', 'Available');
  await until('the old one hears the state', () => old.books.statuses.get(1) === 'Available');
}

describe.each(['ocpp1.6', 'ocpp2.0.1'] as const)('%s: a pinned session', (version) => {
  test('is ended by the driver’s card, which the new backend does not know', async () => {
    const world = await movedWhileCharging(version);
    const asked =
      version === 'ocpp1.6' ? { idTag: 'TAG1' } : { idToken: { idToken: 'TAG1', type: 'ISO14443' } };
    const answer = (await world.peer.call('Authorize', asked)) as Payload;
    expect(answer['idTagInfo'] ?? answer['idTokenInfo']).toMatchObject({ status: 'Accepted' });
    await world.charger.end('A', 11, 250);
    await expectPinned(world);
  });

  test('is ended by the old backend, and not by the new one', async () => {
    const world = await movedWhileCharging(version);
    const stopped: unknown[] = [];
    world.peer.answer = (action, payload) => {
      stopped.push([action, payload]);
      return { status: 'Accepted' };
    };
    const [action, transactionId]: [string, unknown] =
      version === 'ocpp1.6'
        ? ['RemoteStopTransaction', [...world.old.books.sessions.keys()][0]]
        : ['RequestStopTransaction', 'A'];
    const refused = await world.next.peers.at(-1)?.call(action, { transactionId });
    expect(refused).toMatchObject({ status: 'Rejected' });
    expect(stopped).toEqual([]);
    const accepted = await world.old.peers.at(-1)?.call(action, { transactionId });
    expect(accepted).toMatchObject({ status: 'Accepted' });
    expect(stopped).toHaveLength(1);
    await world.charger.end('A', 11, 250);
    await expectPinned(world);
  });

  test('is ended by the reboot of its station', async () => {
    const world = await movedWhileCharging(version);
    await world.peer.close();
    const peer = await connect(world.fixture, version);
    world.charger.use(peer);
    world.peer = peer;
    expect(await world.charger.boot()).toMatchObject({ status: 'Accepted' });
    expect(world.next.books.heard.filter((heard) => heard === 'BootNotification').length).toBeGreaterThan(0);
    await world.charger.end('A', 11, 250);
    await expectPinned(world);
  });
});
