/** What a station of `ocpp-rpc` is sent because of its move, over real sockets, and how a rollback takes it back. */
import { afterEach, expect, test } from 'vitest';
import type { MovedStationPage } from '../../src/api/migration-schemas.ts';
import { ProfileHolder } from '../../src/testkit/profile-holder.ts';
import { until } from '../../src/testkit/until.ts';
import { connectRpcStation, type RpcPeer } from '../conformance/rpc-peers.ts';
import { startFixture } from './busbar-fixture.ts';
import { startHeardBackend, stationId } from './rpc-world.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A station that keeps what it is sent, as OCPP 1.6 says. */
class KeepingStation {
  readonly settings = new Map([
    ['MeterValueSampleInterval', '60'],
    ['ClockAlignedDataInterval', '900'],
  ]);

  readonly profiles = new ProfileHolder();

  answer(action: string, payload: Readonly<Record<string, unknown>>): object {
    switch (action) {
      case 'GetConfiguration': {
        const [key = ''] = payload['key'] as string[];
        const value = this.settings.get(key);
        return value === undefined
          ? { unknownKey: [key] }
          : { configurationKey: [{ key, readonly: false, value }] };
      }
      case 'ChangeConfiguration':
        this.settings.set(String(payload['key']), String(payload['value']));
        return { status: 'Accepted' };
      case 'SetChargingProfile':
      case 'ClearChargingProfile':
        return { status: this.profiles.place(action, JSON.stringify(payload)) };
      default:
        return {};
    }
  }
}

async function startMoving() {
  const [old, fresh] = await Promise.all([startHeardBackend('ocpp1.6'), startHeardBackend('ocpp1.6')]);
  cleanups.push(
    () => old.close(),
    () => fresh.close(),
  );
  const fixture = await startFixture(
    [
      'stations: { listen: "127.0.0.1:0" }',
      'admin: { listen: "127.0.0.1:0" }',
      'storage: "sqlite::memory:"',
      'backends:',
      `  old: { url: "${old.url}" }`,
      `  new: { url: "${fresh.url}" }`,
      'routes: [{ stations: "*", primary: old }]',
    ].join('\n'),
  );
  cleanups.push(() => fixture.close());
  const kept = new KeepingStation();
  const station: RpcPeer = await connectRpcStation(
    `ws://127.0.0.1:${fixture.busbar.stationPort}/ocpp`,
    stationId,
    'ocpp1.6',
  );
  cleanups.push(() => station.close());
  station.answer = (action, payload) => kept.answer(action, payload as Readonly<Record<string, unknown>>);
  await station.call('BootNotification', { chargePointVendor: 'ACME', chargePointModel: 'One' });
  await station.call('StatusNotification', { connectorId: 0, errorCode: 'NoError', status: 'Available' });
  const migrations = `${fixture.busbar.adminUrl}/api/v1/migrations`;
  const call = async <Answer>(path: string, body?: object): Promise<Answer> => {
    const request =
      body === undefined
        ? {}
        : {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ reason: 'a test', ...body }),
          };
    const response = await fetch(migrations + path, request);
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Answer;
  };
  const effects = async (): Promise<(readonly [what: string, state: string, reason: string | null])[]> => {
    const { items } = await call<MovedStationPage>('/leave-old/stations');
    return (items[0]?.effects ?? []).map(({ what, state, reason }) => [what, state, reason]);
  };
  return {
    old,
    fresh,
    fixture,
    station,
    kept,
    call,
    effects,
    /** Has the new backend told of the station, without moving it. */
    attach: async () => {
      const { assignments, registry } = fixture.busbar.gateway;
      await assignments.decide(stationId as never, { do: 'attach', backend: 'new' });
      await until(
        'the new backend knows it',
        () => stateOf(registry.station(stationId as never)) === 'synced',
      );
    },
    /** Moves it with these side effects, and waits until they are over. */
    move: async (also: object) => {
      const waves = [{ name: 'all', stations: [stationId] }];
      const plan = { name: 'leave-old', from: 'old', to: 'new', waves, gates: [], soak: '1h', also };
      await call('', plan);
      await call('/leave-old/start', {});
      await reach(effects, (state) => !['reading', 'writing', 'checking'].includes(state));
    },
    rollBack: async () => {
      await call('/leave-old/rollback', {});
      await reach(effects, (state) => ['undone', 'skipped', 'failed', 'done'].includes(state));
      await until(
        'it is back',
        () => fixture.busbar.gateway.registry.station(stationId as never)?.primary === 'old',
      );
    },
  };
}

function stateOf(
  station: ReturnType<Awaited<ReturnType<typeof startFixture>>['busbar']['gateway']['registry']['station']>,
): string | null {
  return station?.backends.find(({ backend }) => backend === 'new')?.state ?? null;
}

async function reach(
  effects: () => Promise<readonly (readonly [string, string, string | null])[]>,
  isOver: (state: string) => boolean,
): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const now = await effects();
    if (now.length > 0 && now.every(([, state]) => isOver(state))) return;
    if (Date.now() > deadline) throw new Error(`the effects are ${JSON.stringify(now)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('what the new backend asked for while it was told of the station is set after the move, and put back', async () => {
  const { fresh, kept, attach, move, rollBack, effects } = await startMoving();
  await attach();
  const link = await fresh.link();
  for (const [key, value] of [
    ['MeterValueSampleInterval', '10'],
    ['ClockAlignedDataInterval', '0'],
    ['Unheard', '1'],
  ])
    expect(await link.call('ChangeConfiguration', { key, value })).toEqual({ status: 'Rejected' });
  expect(kept.settings.get('MeterValueSampleInterval')).toBe('60');

  await move({ asked: 'apply', configuration: [{ key: 'ClockAlignedDataInterval', value: '300' }] });
  expect(await effects()).toEqual([
    ['ClockAlignedDataInterval', 'done', null],
    ['asked', 'done', 'new asked it for 3 settings, of which 2 can be set'],
    ['MeterValueSampleInterval', 'done', null],
    ['ClockAlignedDataInterval', 'skipped', 'the plan sets it'],
    ['Unheard', 'failed', 'it cannot be read, and could not be put back: it was not set'],
  ]);
  expect([...kept.settings.values()]).toEqual(['10', '300']);

  await rollBack();
  await until('it is as it was', () => [...kept.settings.values()].join() === '60,900');
}, 60_000);

const profile = (
  id: number,
  connectorId: number,
  stackLevel: number,
  chargingProfilePurpose = 'TxDefaultProfile',
) => ({
  connectorId,
  csChargingProfiles: {
    chargingProfileId: id,
    stackLevel,
    chargingProfilePurpose,
    chargingProfileKind: 'Relative',
    chargingSchedule: {
      chargingRateUnit: 'A',
      chargingSchedulePeriod: [{ startPeriod: 0, limit: 10 + id }],
    },
  },
});

test('the profiles that the old backend placed are cleared after the move but for limits, and are back after a rollback', async () => {
  const { old, fresh, kept, attach, move, rollBack, effects } = await startMoving();
  const { there } = kept.profiles;
  kept.profiles.place('SetChargingProfile', JSON.stringify(profile(9, 2, 5)));
  const link = await old.link();
  for (const given of [
    profile(1, 1, 0),
    profile(2, 2, 0),
    profile(3, 0, 0, 'ChargePointMaxProfile'),
    profile(4, 2, 1),
  ])
    expect(await link.call('SetChargingProfile', given)).toEqual({ status: 'Accepted' });
  // Replaced by its number, and cleared by what it is: neither is put back as it was.
  await link.call('SetChargingProfile', profile(1, 1, 3));
  await link.call('ClearChargingProfile', { connectorId: 2, stackLevel: 1 });
  const before = JSON.stringify([...there]);
  await attach();

  await move({ profiles: 'clear' });
  expect([...there.keys()]).toEqual(['9', '3']);
  expect(await effects()).toEqual([
    [
      'profiles',
      'done',
      'old placed 3 profiles, of which 2 can be cleared. What was placed before Busbar may be there too, and stays',
    ],
    ['profile 2 (TxDefaultProfile, connector 2)', 'done', null],
    [
      'profile 3 (ChargePointMaxProfile, the station)',
      'skipped',
      'kept: it limits what the station draws, and clearing it can overload its connection',
    ],
    ['profile 1 (TxDefaultProfile, connector 1)', 'done', null],
  ]);
  // The new backend's own number 2 is another's at the station, since the old one's may come back.
  expect(await (await fresh.link()).call('SetChargingProfile', profile(2, 2, 7))).toEqual({
    status: 'Accepted',
  });
  const minted = [...there.keys()].at(-1);
  expect(minted).not.toBe('2');

  await rollBack();
  await until('all are back', () => there.has('1') && there.has('2'));
  there.delete(String(minted));
  expect(new Map(there)).toEqual(new Map(JSON.parse(before) as [string, never][]));
}, 60_000);
