/** What a station's machine keeps of the profiles, messages and tariffs that backends and operators place. */
import { describe, expect, test } from 'vitest';
import { answerAs, Bench, routing, sent } from '../../testkit/station-bench.ts';
import { plainAssignment, type Assignment } from '../routing/table.ts';
import { durableStation } from './state.ts';

const body = (id: number, purpose = 'TxDefaultProfile'): string =>
  `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":${id},"stackLevel":0,"chargingProfilePurpose":"${purpose}","chargingProfileKind":"Relative","chargingSchedule":{}}}`;

function connected(): Bench {
  const bench = new Bench();
  bench.connect();
  return bench;
}

/** A backend's command, and the station's answer to it. */
function say(bench: Bench, action: string, payload: string, status: string): void {
  const [call = ''] = sent(bench.fromBackend(`[2,"1","${action}",${payload}]`), 'station');
  const [, id] = JSON.parse(call) as [number, string];
  bench.fromStation(`[3,"${id}",{"status":"${status}"}]`);
}

function order(bench: Bench, action: string, payload: string): string {
  const effects = bench.do({ type: 'command_requested', requestId: 1, action, payload });
  return (JSON.parse(sent(effects, 'station')[0] ?? '[]') as [number, string])[1];
}

const rows = ({ state }: Bench) => state.durable.objects?.rows ?? [];

describe('a charging profile that a backend places', () => {
  test('is kept with the station once that has accepted it, and outlives the process', () => {
    const bench = connected();
    say(bench, 'SetChargingProfile', body(1), 'Rejected');
    expect([bench.state.durable.objects, bench.last.isDurableChanged]).toEqual([null, true]);
    say(bench, 'SetChargingProfile', body(1), 'Accepted');
    expect(rows(bench)).toMatchObject([{ id: '1', backend: 'old', payload: body(1) }]);
    expect(bench.last.isDurableChanged).toBe(true);
    const saved = JSON.parse(JSON.stringify(bench.state.durable)) as typeof bench.state.durable;
    expect(durableStation(saved).objects).toEqual(bench.state.durable.objects);
  });

  test('is kept under the number that the station knows it by', () => {
    const bench = new Bench({
      observers: [
        { backend: 'new', receives: new Set(['registration']), commands: new Set(['SetChargingProfile']) },
      ],
    });
    bench.connect();
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    say(bench, 'SetChargingProfile', body(1), 'Accepted');
    const [call = ''] = sent(bench.fromBackend(`[2,"2","SetChargingProfile",${body(1)}]`, 'new'), 'station');
    const [, id, , payload] = JSON.parse(call) as [
      number,
      string,
      string,
      Record<string, { chargingProfileId: number }>,
    ];
    bench.fromStation(`[3,"${id}",{"status":"Accepted"}]`);
    const minted = String(payload['csChargingProfiles']?.chargingProfileId);
    expect(minted).not.toBe('1');
    // It took the first one's place, as OCPP 1.6 has it.
    expect(rows(bench)).toMatchObject([{ id: minted, backend: 'new' }]);
    expect(JSON.parse(rows(bench)[0]?.payload ?? '')).toEqual(payload);
  });

  test('is not known whole where its answer was lost with the link', () => {
    const bench = connected();
    say(bench, 'SetChargingProfile', body(1), 'Accepted');
    bench.fromBackend(`[2,"2","SetChargingProfile",${body(1)}]`);
    bench.do({ type: 'station_lost', epoch: bench.state.link?.epoch ?? 0, code: 1006, reason: '' });
    bench.pass(60_000);
    expect(rows(bench)).toMatchObject([{ id: '1', payload: null }]);
  });

  test('costs a station without any nothing, whatever else it is asked', () => {
    const bench = connected();
    say(bench, 'ClearChargingProfile', '{"id":1}', 'Unknown');
    say(bench, 'RemoteStartTransaction', '{"idTag":"T"}', 'Accepted');
    say(bench, 'SetChargingProfile', body(1, 'TxProfile'), 'Accepted');
    expect(bench.state.durable.objects).toBeNull();
  });
});

test('what an operator clears is set aside, and is the backend’s again when it is placed again', () => {
  const bench = connected();
  say(bench, 'SetChargingProfile', body(1), 'Accepted');
  bench.fromStation(`[3,"${order(bench, 'ClearChargingProfile', '{"id":1}')}",{"status":"Accepted"}]`);
  expect(rows(bench)).toMatchObject([{ id: '1', asideAt: bench.context.wallMs, payload: body(1) }]);
  bench.fromStation(`[3,"${order(bench, 'SetChargingProfile', body(1))}",{"status":"Accepted"}]`);
  expect(rows(bench)).toMatchObject([{ id: '1', backend: 'old', asideAt: null }]);
});

test('what was saved when profiles were all that was kept is read as it was', () => {
  const bench = connected();
  say(bench, 'SetChargingProfile', body(1), 'Accepted');
  const { objects, ...rest } = bench.state.durable;
  const older = (objects?.rows ?? []).map(({ kind: _kind, ...row }) => row);
  const saved = JSON.parse(JSON.stringify({ ...rest, profiles: { rows: older, hasMore: true } })) as object;
  expect(durableStation(saved).objects).toEqual({ rows: objects?.rows, more: ['profile'] });
  expect(durableStation({ ...rest, profiles: null }).objects).toBeNull();
});

const message = (id: number): string => `{"message":{"id":${id},"priority":"InFront","message":{}}}`;
const tariff = (id: string, evse: number): string =>
  `{"evseId":${evse},"tariff":{"tariffId":"${id}","currency":"EUR"}}`;

describe('of a station of OCPP 2.1', () => {
  test('a message and a tariff are kept by what the station knows them by, and go with its answer', () => {
    const bench = new Bench({
      observers: [
        {
          backend: 'new',
          receives: new Set(['registration']),
          commands: new Set(['SetDisplayMessage', 'SetDefaultTariff', 'ClearTariffs']),
        },
      ],
    });
    bench.connect(1, true, 'ocpp2.1');
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    const tell = (action: string, payload: string, from: string, results?: string): string => {
      const [call = ''] = sent(bench.fromBackend(`[2,"2","${action}",${payload}]`, from), 'station');
      const [, id, , told] = JSON.parse(call) as [number, string, string, object];
      bench.fromStation(`[3,"${id}",${results ?? '{"status":"Accepted"}'}]`);
      return JSON.stringify(told);
    };
    const placed = [
      tell('SetDisplayMessage', message(1), 'old'),
      tell('SetDefaultTariff', tariff('T', 1), 'old'),
      tell('SetDisplayMessage', message(1), 'new'),
      tell('SetDefaultTariff', tariff('T', 2), 'new'),
    ];
    expect(placed.slice(0, 2)).toEqual([message(1), tariff('T', 1)]);
    expect(rows(bench).map(({ kind, backend, payload }) => [kind, backend, payload])).toEqual([
      ['displayMessage', 'old', placed[0]],
      ['tariff', 'old', placed[1]],
      ['displayMessage', 'new', placed[2]],
      ['tariff', 'new', placed[3]],
    ]);
    const [first, second, third, fourth] = rows(bench).map(({ id }) => id);
    expect([first, second]).toEqual(['1', 'T']);
    expect([third === '1', fourth === 'T']).toEqual([false, false]);

    const results = `{"clearTariffsResult":[{"tariffId":"${fourth}","status":"Accepted"}]}`;
    expect(tell('ClearTariffs', '{"tariffIds":["T"]}', 'new', results)).toBe(`{"tariffIds":["${fourth}"]}`);
    expect(rows(bench).map((row) => row.id)).toEqual([first, second, third]);
  });
});

describe('what a backend left behind that has nothing to do with the station any more', () => {
  const commands = [
    ['SetDisplayMessage', '{"message":{"id":5,"priority":"AlwaysFront"}}'],
    ['ReserveNow', '{"id":5,"idToken":{"idToken":"A","type":"Central"}}'],
    [
      'SetChargingProfile',
      '{"evseId":1,"chargingProfile":{"id":5,"chargingProfilePurpose":"TxDefaultProfile"}}',
    ],
  ] as const;

  /** `old` placed these, and `new` is the primary; `more`: what `old` is by now. */
  function left(more: Partial<Assignment>): Bench {
    const bench = new Bench();
    bench.connect(1, true, 'ocpp2.1');
    for (const [action, payload] of commands) say(bench, action, payload, 'Accepted');
    bench.context.routing = routing([{ ...plainAssignment(0, 'new'), ...more }], ['ocpp2.1']);
    bench.do({ type: 'routing_changed' });
    bench.arrive(2, true, ['ocpp2.1']);
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    return bench;
  }

  test.each([
    ['ClearDisplayMessage', '{"id":5}'],
    ['CancelReservation', '{"reservationId":5}'],
    ['ClearChargingProfile', '{"chargingProfileId":5}'],
  ])(
    'is taken away by the primary, which sees it there (%s), and its number is free again',
    (action, payload) => {
      const bench = left({});
      const [call = '[]'] = sent(bench.fromBackend(`[2,"1","${action}",${payload}]`, 'new'), 'station');
      const [, id, , told] = JSON.parse(call) as [number, string, string, object];
      expect(JSON.stringify(told)).toBe(payload);
      bench.fromStation(`[3,"${id}",{"status":"Accepted"}]`);
      expect(bench.state.durable.ids.objects.filter(({ state }) => state === 'ended')).toHaveLength(1);
    },
  );

  test.each([
    ['ReservationStatusUpdate', '{"reservationId":5,"reservationUpdateStatus":"Expired"}', '{}'],
    ['PullDynamicScheduleUpdate', '{"chargingProfileId":5}', '{"status":"Rejected"}'],
  ])('is spoken of to nobody, and the station is answered (%s)', (action, payload, answer) => {
    const bench = left({});
    bench.fromStation(
      '[2,"b","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"V","model":"M"}}]',
    );
    answerAs(bench, 'new', '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}');
    bench.fromStation(`[2,"r","${action}",${payload}]`);
    expect(sent(bench.last.effects, 'station')).toEqual([`[3,"r",${answer}]`]);
    expect(sent(bench.last.effects, 'backend')).toEqual([]);
  });

  test('is another’s as long as that one listens in', () => {
    const listener = { backend: 'old', receives: new Set(['state'] as const), commands: new Set<string>() };
    const bench = left({ observers: [listener] });
    expect(sent(bench.fromBackend('[2,"1","ClearDisplayMessage",{"id":5}]', 'new'), 'station')).toEqual([]);
  });
});
