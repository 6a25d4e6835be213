/** What a station of `ocpp-rpc` is sent because of its move, over real sockets, and how a rollback takes it back. */
import { afterEach, expect, test } from 'vitest';
import type { MovedStationPage } from '../../src/api/migration-schemas.ts';
import { ObjectHolder } from '../../src/testkit/object-holder.ts';
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
  /** Before that it answers no SetChargingProfile. */
  patience: Promise<void> = Promise.resolve();

  async answer(action: string, payload: Readonly<Record<string, unknown>>): Promise<object> {
    if (action === 'SetChargingProfile') await this.patience;
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

/** The same of OCPP 2.0.1, as far as it is asked. */
class KeepingStationV2 {
  readonly held = new ObjectHolder();
  readonly variables = new Map([['SampledDataCtrlr.TxUpdatedInterval', '60']]);

  answer(action: string, payload: Readonly<Record<string, unknown>>): object {
    const answer = this.held.answer(action, payload);
    if (answer !== null) return answer;
    switch (action) {
      case 'GetVariables':
        return {
          getVariableResult: (payload['getVariableData'] as Variable[]).map((each) => this.#get(each)),
        };
      case 'SetVariables':
        return {
          setVariableResult: (payload['setVariableData'] as Variable[]).map((each) => this.#set(each)),
        };
      default:
        return {};
    }
  }

  #get({ component, variable }: Variable): object {
    const attributeValue = this.variables.get(`${component.name}.${variable.name}`);
    return attributeValue === undefined
      ? { attributeStatus: 'UnknownVariable', component, variable }
      : { attributeStatus: 'Accepted', attributeValue, component, variable };
  }

  #set({ component, variable, attributeValue = '' }: Variable): object {
    this.variables.set(`${component.name}.${variable.name}`, attributeValue);
    return { attributeStatus: 'Accepted', component, variable };
  }
}

interface Variable {
  readonly component: { readonly name: string };
  readonly variable: { readonly name: string };
  readonly attributeValue?: string;
}

type Version = 'ocpp1.6' | 'ocpp2.0.1' | 'ocpp2.1';

const firstWordsV2 = [
  { reason: 'PowerUp', chargingStation: { vendorName: 'ACME', model: 'Two' } },
  { timestamp: '2026-01-01T00:00:00Z', connectorStatus: 'Available', evseId: 1, connectorId: 1 },
] as const;

/** What a station says first: its boot, and the status of a connector. */
const firstWords: Readonly<Record<Version, readonly [boot: object, status: object]>> = {
  'ocpp1.6': [
    { chargePointVendor: 'ACME', chargePointModel: 'One' },
    { connectorId: 0, errorCode: 'NoError', status: 'Available' },
  ],
  'ocpp2.0.1': firstWordsV2,
  'ocpp2.1': firstWordsV2,
};

async function startMoving(kept: KeepingStation | KeepingStationV2, version: Version = 'ocpp1.6') {
  const [old, fresh] = await Promise.all([startHeardBackend(version), startHeardBackend(version)]);
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
  const station: RpcPeer = await connectRpcStation(
    `ws://127.0.0.1:${fixture.busbar.stationPort}/ocpp`,
    stationId,
    version,
  );
  cleanups.push(() => station.close());
  station.answer = (action, payload) => kept.answer(action, payload as Readonly<Record<string, unknown>>);
  const [boot, status] = firstWords[version];
  await station.call('BootNotification', boot);
  await station.call('StatusNotification', status);
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
  /** All of what it is to be sent has come so far. */
  const isAll = async (states: readonly string[]): Promise<boolean> => {
    const now = await effects();
    return now.length > 0 && now.every(([, state]) => states.includes(state));
  };
  const effects = async (): Promise<(readonly [what: string, state: string, reason: string | null])[]> => {
    const { items } = await call<MovedStationPage>('/leave-old/stations');
    return (items[0]?.effects ?? []).map(({ what, state, reason }) => [what, state, reason]);
  };
  return {
    old,
    fresh,
    fixture,
    effects,
    /** Why it is not further. */
    reason: async () => (await call<MovedStationPage>('/leave-old/stations')).items[0]?.reason ?? '',
    report: async () => {
      const response = await fetch(`${migrations}/leave-old/report?format=markdown`);
      return response.text();
    },
    /** The station, as the API shows it. */
    shown: async () =>
      (await (await fetch(`${fixture.busbar.adminUrl}/api/v1/stations/${stationId}`)).json()) as object,
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
      await reach('the effects are over', () => isAll(['done', 'skipped', 'failed']));
    },
    rollBack: async () => {
      await call('/leave-old/rollback', {});
      await reach('it is undone', () => isAll(['undone', 'skipped', 'failed', 'done']));
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

async function reach(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not so within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('what the new backend asked for while it was told of the station is set after the move, and put back', async () => {
  const kept = new KeepingStation();
  const { fresh, attach, move, rollBack, effects, report } = await startMoving(kept);
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
  expect(await report()).toContain('| ClockAlignedDataInterval | skipped |  | the plan sets it |');

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
  const kept = new KeepingStation();
  const { old, fresh, attach, move, rollBack, effects, report } = await startMoving(kept);
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
  expect(await report()).toContain(
    '| profile 3 (ChargePointMaxProfile, the station) | skipped |  | kept: it limits what the station draws',
  );
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

const place = (id: number, chargingProfilePurpose: string, evseId: number) => ({
  evseId,
  chargingProfile: {
    id,
    stackLevel: 0,
    chargingProfilePurpose,
    chargingProfileKind: 'Relative',
    chargingSchedule: [
      { id: 1, chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 10 + id }] },
    ],
  },
});

test('a profile that the station accepts only after its move is cleared too', async () => {
  const kept = new KeepingStation();
  const { old, fixture, attach, move, effects, reason } = await startMoving(kept);
  const link = await old.link();
  await attach();
  const answered = Promise.withResolvers<void>();
  kept.patience = answered.promise;
  const placed = link.call('SetChargingProfile', profile(1, 1, 0));
  const { registry } = fixture.busbar.gateway;
  await until('it is asked', () => registry.station(stationId as never)?.placing?.backend === 'old');
  const moved = move({ profiles: 'clear' });
  await until('it has moved', () => registry.station(stationId as never)?.primary === 'new');
  await reach('it is waited for', async () => (await reason()).includes('yet to answer'));
  answered.resolve();
  expect(await placed).toEqual({ status: 'Accepted' });
  await moved;
  expect([kept.profiles.there.size, (await effects()).at(-1)]).toEqual([
    0,
    ['profile 1 (TxDefaultProfile, connector 1)', 'done', null],
  ]);
}, 60_000);

test('a station of OCPP 2.0.1 loses and gets back what it was set in its own words', async () => {
  const kept = new KeepingStationV2();
  const { old, fresh, attach, move, rollBack, effects } = await startMoving(kept, 'ocpp2.0.1');
  const link = await old.link();
  for (const given of [
    place(1, 'TxDefaultProfile', 1),
    place(2, 'ChargingStationMaxProfile', 0),
    place(3, 'ChargingStationExternalConstraints', 0),
    place(4, 'TxDefaultProfile', 2),
  ])
    expect(await link.call('SetChargingProfile', given)).toEqual({ status: 'Accepted' });
  // It ends by itself with the station's own will: it does not have it when it is to be cleared.
  kept.held.profiles.delete(4);
  await attach();
  const asked = {
    component: { name: 'SampledDataCtrlr' },
    variable: { name: 'TxUpdatedInterval' },
    attributeValue: '10',
  };
  await (await fresh.link()).call('SetVariables', { setVariableData: [asked] });
  expect([...kept.variables.values()]).toEqual(['60']);
  const before = new Map(kept.held.profiles);

  await move({ asked: 'apply', profiles: 'clear' });
  expect([[...kept.variables.values()], [...kept.held.profiles.keys()]]).toEqual([['10'], [2, 3]]);
  expect((await effects()).map(([what, state]) => [what, state])).toEqual([
    ['asked', 'done'],
    ['SampledDataCtrlr.TxUpdatedInterval', 'done'],
    ['profiles', 'done'],
    ['profile 1 (TxDefaultProfile, connector 1)', 'done'],
    ['profile 2 (ChargingStationMaxProfile, the station)', 'skipped'],
    ['profile 3 (ChargingStationExternalConstraints, the station)', 'skipped'],
    ['profile 4 (TxDefaultProfile, connector 2)', 'skipped'],
  ]);

  await rollBack();
  await until(
    'it is as it was',
    () => kept.held.profiles.has(1) && [...kept.variables.values()].join() === '60',
  );
  expect(kept.held.profiles).toEqual(before);
}, 60_000);

const message = (id: number, content: string, more: object = {}) => ({
  message: { id, priority: 'NormalCycle', message: { format: 'UTF8', content }, ...more },
});

const tariff = (tariffId: string, evseId: number, priceKwh: number, more: object = {}) => ({
  evseId,
  tariff: { tariffId, currency: 'EUR', energy: { prices: [{ priceKwh }] }, ...more },
});

test('the messages and tariffs that the old backend set are cleared after the move, and are as they were after a rollback', async () => {
  const kept = new KeepingStationV2();
  const { held } = kept;
  const { old, fresh, attach, move, rollBack, effects, report, shown } = await startMoving(kept, 'ocpp2.1');
  held.answer('SetDisplayMessage', message(90, 'of the site'));
  const link = await old.link();
  for (const [action, given] of [
    ['SetDisplayMessage', message(1, 'Hello')],
    ['SetDisplayMessage', message(2, 'Later', { endDateTime: '2020-01-01T00:00:00Z' })],
    ['SetDisplayMessage', message(3, 'For you', { transactionId: 'TX' })],
    ['SetDisplayMessage', message(4, 'Front', { priority: 'AlwaysFront' })],
    // Replaced by its id: it comes back as it was last.
    ['SetDisplayMessage', message(1, 'Welcome')],
    ['SetDefaultTariff', tariff('gone', 2, 9)],
    ['SetDefaultTariff', tariff('all', 0, 0.4)],
    // At its own EVSE in the place of the one for all: that must not take it back.
    ['SetDefaultTariff', tariff('fast', 2, 0.6)],
    ['SetDefaultTariff', tariff('next-year', 0, 0.5, { validFrom: '2099-01-01T00:00:00Z' })],
  ] as const)
    expect(await link.call(action, given)).toEqual({ status: 'Accepted' });
  const before = held.all;
  expect([...held.messages.keys()]).toEqual([90, 1, 2, 3, 4]);
  expect(await shown()).toMatchObject({
    displayMessages: [
      { id: '2', whole: true },
      { id: '4', priority: 'AlwaysFront' },
      { id: '1', backend: 'old', connector: 0, asideAt: null },
    ],
    tariffs: [
      { id: 'all', connector: 0, currency: 'EUR' },
      { id: 'fast', connector: 2 },
      { id: 'next-year', validFrom: '2099-01-01T00:00:00.000Z' },
    ],
  });
  await attach();

  await move({ displayMessages: 'clear', tariffs: 'clear' });
  expect([[...held.messages.keys()], [...held.tariffs.keys()]]).toEqual([[90, 2, 3], []]);
  const stays = 'What was placed before Busbar may be there too, and stays';
  expect(await effects()).toEqual([
    ['displayMessages', 'done', `old placed 2 display messages, of which 2 can be cleared. ${stays}`],
    ['display message 4 (AlwaysFront, the station)', 'done', null],
    ['display message 1 (NormalCycle, the station)', 'done', null],
    ['tariffs', 'done', `old placed 3 tariffs, of which 3 can be cleared. ${stays}`],
    ['tariff all (EUR, the station)', 'done', null],
    ['tariff fast (EUR, connector 2)', 'done', null],
    ['tariff next-year (EUR, the station)', 'done', null],
  ]);
  expect(await report()).toContain('| tariff fast (EUR, connector 2) | done |');
  expect(await shown()).toMatchObject({ tariffs: [{ asideAt: expect.any(String) }, {}, {}] });
  // The new backend's own are another's at the station by their ids, since the old one's may come back.
  const next = await fresh.link();
  expect(await next.call('SetDisplayMessage', message(1, 'New here'))).toEqual({ status: 'Accepted' });
  expect(await next.call('SetDefaultTariff', tariff('all', 1, 1))).toEqual({ status: 'Accepted' });
  const [minted] = [...held.messages.keys()].slice(-1);
  expect([minted === 1, held.tariffs.has('all')]).toEqual([false, false]);

  await rollBack();
  await until('all are back', () => held.tariffs.has('next-year') && held.messages.has(1));
  held.messages.delete(minted ?? 0);
  expect(held.all).toEqual(before);
}, 60_000);

test('what its backend has cleared itself, and what the station dropped, is not put back', async () => {
  const kept = new KeepingStationV2();
  const { held } = kept;
  const { old, attach, move, rollBack, effects, reason } = await startMoving(kept, 'ocpp2.1');
  const link = await old.link();
  for (const id of [1, 2]) await link.call('SetDisplayMessage', message(id, 'Hello'));
  for (const id of ['A', 'B', 'C'])
    await link.call(
      'SetDefaultTariff',
      tariff(id, 0, 1, { validFrom: `209${id.length}-01-0${id.charCodeAt(0) - 64}T00:00:00Z` }),
    );
  expect(await link.call('ClearDisplayMessage', { id: 1 })).toEqual({ status: 'Accepted' });
  expect(await link.call('ClearTariffs', { tariffIds: ['A'] })).toEqual({
    clearTariffsResult: [{ tariffId: 'A', status: 'Accepted' }],
  });
  held.tariffs.delete('B');
  await attach();
  await move({ displayMessages: 'clear', tariffs: 'clear' });
  expect(
    (await effects()).map(([what, state, why]) => [what, state, state === 'skipped' ? why : null]),
  ).toEqual([
    ['displayMessages', 'done', null],
    ['display message 2 (NormalCycle, the station)', 'done', null],
    ['tariffs', 'done', null],
    ['tariff B (EUR, the station)', 'skipped', 'the station did not have it any more'],
    ['tariff C (EUR, the station)', 'done', null],
  ]);
  // A session goes by it still: until that ends the station has one of this id, and takes no other.
  held.inUse.add('C');
  await rollBack();
  await reach('it is tried again', async () => (await reason()).includes('DuplicateTariffId'));
  held.inUse.delete('C');
  await until('both are back', () => held.messages.has(2) && held.tariffs.has('C'));
  expect([[...held.messages.keys()], [...held.tariffs.keys()]]).toEqual([[2], ['C']]);
}, 60_000);

test('a station of OCPP 1.6 has neither messages nor tariffs, and is asked nothing', async () => {
  const kept = new KeepingStation();
  const asked: string[] = [];
  const answer = kept.answer.bind(kept);
  kept.answer = (action, payload) => {
    asked.push(action);
    return answer(action, payload);
  };
  const { attach, move, effects, report } = await startMoving(kept);
  await attach();
  await move({ displayMessages: 'clear', tariffs: 'clear' });
  expect(await effects()).toEqual([
    ['displayMessages', 'skipped', 'OCPP 1.6 has no display messages'],
    ['tariffs', 'skipped', 'OCPP 1.6 has no tariffs'],
  ]);
  expect(await report()).toContain(
    'Nothing of the kind was looked for at 1 station: OCPP 1.6 has no tariffs.',
  );
  expect(asked).toEqual([]);
}, 60_000);
