/** Who listens in to one station is decided beside its route. */
import { describe, expect, test } from 'vitest';
import { answerAs, Bench, decide, sent, sentTo } from '../../testkit/station-bench.ts';
import type { PlacedObserver } from '../routing/placement.ts';
import type { AssignmentDecision, AssignmentOutcome, Effect } from './events.ts';
import { durableStation } from './state.ts';

const boot = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]';
const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
const status = (connector: number) =>
  `[2,"s${connector}","StatusNotification",{"connectorId":${connector},"errorCode":"NoError","status":"Available"}]`;

type Observers = Extract<AssignmentDecision, { do: 'cut_over' }>['observers'];

const listener = (backend: string, changes: Partial<PlacedObserver> = {}): PlacedObserver => ({
  backend,
  receives: ['registration', 'liveness', 'state'],
  commands: [],
  ...changes,
});

function place(bench: Bench, primary: string, observers?: Observers): AssignmentOutcome | undefined {
  const rest = { openTransactions: 'pin', keepWarmMs: 60_000, isForced: false } as const;
  return decide(bench, {
    do: 'cut_over',
    primary,
    ...(observers === undefined ? {} : { observers }),
    ...rest,
  });
}

function actionsTo(bench: Bench, backend: string): unknown[] {
  return sentTo(bench.last.effects, backend).map((text) => (JSON.parse(text) as unknown[])[2]);
}

/** A station that has booted and told two statuses to `old`. */
function settled(routed: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  const bench = new Bench(routed);
  bench.connect();
  bench.fromStation(boot);
  answerAs(bench, 'old', accepted);
  bench.fromStation(status(1));
  answerAs(bench, 'old', '{}');
  return bench;
}

/** The backend is told of the station, and answers. */
function sync(bench: Bench, backend: string): unknown[] {
  bench.do({ type: 'backend_opened', backend, epoch: bench.backendEpoch(backend) });
  const told: unknown[] = [];
  for (const payload of [accepted, '{}', '{"currentTime":"2023-11-14T22:13:30Z"}']) {
    told.push(...actionsTo(bench, backend));
    answerAs(bench, backend, payload);
  }
  return told;
}

const done = { kind: 'done', isChanged: true };
const unchanged = { kind: 'done', isChanged: false };
const closed = (backend: string): unknown =>
  expect.objectContaining({
    type: 'close',
    reason: 'not_routed_here',
    link: expect.objectContaining({ backend }),
  });
const byRoute = {
  observers: [{ ...listener('new'), receives: new Set(['state'] as const), commands: new Set<string>() }],
};

const linkOf = (bench: Bench, backend: string) => bench.state.backends.find((one) => one.backend === backend);

/** Its routes, where no backend bills. */
function nonBilling({ context: { routing } }: Bench): Bench['context']['routing'] {
  const backends = [...routing.backends].map(
    ([name, facts]) => [name, { ...facts, nonBilling: true }] as const,
  );
  return { ...routing, backends: new Map(backends) };
}

/** `new` could be cut over to. */
function ready(): Bench {
  const bench = settled();
  decide(bench, { do: 'attach', backend: 'new' });
  sync(bench, 'new');
  return bench;
}

const listening = (bench: Bench): string[] =>
  (bench.state.assignment?.observers ?? []).map(({ backend }) => backend);

function reload(bench: Bench, change: (routing: Bench['context']['routing']) => object): readonly Effect[] {
  bench.context.routing = { ...bench.context.routing, ...change(bench.context.routing) };
  return bench.do({ type: 'routing_changed' });
}

describe('other observers with the same primary', () => {
  test('are attached and told of the station, in one record, and touch no link of the station or its primary', () => {
    const bench = settled();
    expect(place(bench, 'old', [listener('new')])).toEqual(done);
    expect(bench.last.effects.map(({ type }) => type)).toEqual(['dial', 'assignment_settled']);
    expect(bench.last.records).toEqual([
      expect.objectContaining({ type: 'changed', change: expect.objectContaining({ what: 'placed' }) }),
    ]);
    expect(bench.last.isDurableChanged).toBe(true);
    expect(sync(bench, 'new')).toEqual(['BootNotification', 'StatusNotification', 'Heartbeat']);
    bench.fromStation(status(2));
    expect([actionsTo(bench, 'old'), actionsTo(bench, 'new')]).toEqual([
      ['StatusNotification'],
      ['StatusNotification'],
    ]);
  });

  test('change nothing when they are decided again, however they are written', () => {
    const bench = settled();
    const one = [listener('vendor', { commands: ['GetLog', 'ClearCache'] }), listener('new')];
    const other = [
      listener('new', { receives: ['state', 'liveness', 'registration', 'state'] }),
      listener('vendor', { commands: ['ClearCache', 'GetLog', 'GetLog'] }),
    ];
    expect(place(bench, 'old', one)).toEqual(done);
    expect(place(bench, 'old', other)).toEqual(unchanged);
    expect(bench.last.records).toEqual([]);
    expect(place(bench, 'old')).toEqual(unchanged);
  });

  test('let go of those that are not among them, and nobody listens in to an empty list', () => {
    const bench = settled(byRoute);
    sync(bench, 'new');
    expect(place(bench, 'old', [])).toEqual(done);
    expect(bench.last.effects.filter(({ type }) => type === 'close')).toEqual([closed('new')]);
    bench.fromStation(status(2));
    expect([actionsTo(bench, 'old'), actionsTo(bench, 'new')]).toEqual([['StatusNotification'], []]);
    expect(place(bench, 'old', [])).toEqual(unchanged);
  });

  test('are those of the route again, and nothing is left of the decision', () => {
    const bench = settled(byRoute);
    const routed = bench.state.assignment;
    place(bench, 'old', [listener('vendor')]);
    expect(place(bench, 'old', 'routed')).toEqual(done);
    expect(bench.last.effects).toContainEqual(closed('vendor'));
    expect(bench.state.durable.placement).toBeNull();
    expect(bench.state.assignment).toBe(routed);
  });

  test('get the classes and may send the commands that were decided', () => {
    const bench = settled();
    place(bench, 'old', [listener('new', { receives: ['registration', 'meter'], commands: ['ClearCache'] })]);
    sync(bench, 'new');
    bench.fromStation(status(2));
    answerAs(bench, 'old', '{}');
    expect(actionsTo(bench, 'new')).toEqual([]);
    bench.fromStation('[2,"m","MeterValues",{"connectorId":1,"meterValue":[]}]');
    expect(actionsTo(bench, 'new')).toEqual(['MeterValues']);
    expect(sent(bench.fromBackend('[2,"c","ClearCache",{}]', 'new'), 'station')).toHaveLength(1);
    place(bench, 'old', [listener('new', { receives: ['registration', 'meter'] })]);
    const answered = sent(bench.fromBackend('[2,"d","ClearCache",{}]', 'new'), 'backend');
    expect(answered).toEqual([expect.stringContaining('"status":"Rejected"')]);
  });

  test('that are to hear more are told how the station is, on the link that they have', () => {
    const bench = settled();
    place(bench, 'old', [listener('new', { receives: ['registration', 'meter'] })]);
    expect(sync(bench, 'new')).toEqual(['BootNotification']);
    place(bench, 'old', [listener('new')]);
    bench.pass(0);
    expect(actionsTo(bench, 'new')).toEqual(['StatusNotification']);
    answerAs(bench, 'new', '{}');
    expect(actionsTo(bench, 'new')).toEqual(['Heartbeat']);
    answerAs(bench, 'new', '{}');
    place(bench, 'old', [listener('new', { receives: ['registration', 'state'] })]);
    bench.pass(0);
    expect([actionsTo(bench, 'new'), linkOf(bench, 'new')?.priming.phase]).toEqual([[], 'synced']);
  });

  test('are decided while the station is away, and are there when it is back', () => {
    const bench = settled();
    bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
    expect(place(bench, 'old', [listener('new')])).toEqual(done);
    bench.arrive(2);
    expect(linkOf(bench, 'new')?.phase).toBe('dialling');
  });

  test('are let go of while the station is waited for, and nothing that they asked is sent to it', () => {
    const bench = settled();
    place(bench, 'old', [listener('new', { commands: ['ClearCache'] })]);
    sync(bench, 'new');
    bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
    bench.fromBackend('[2,"c","ClearCache",{}]', 'new');
    place(bench, 'old', []);
    expect(bench.last.effects).toContainEqual(closed('new'));
    expect([linkOf(bench, 'old')?.phase, bench.state.grace?.lane?.length ?? 0]).toEqual(['open', 0]);
    bench.arrive(2);
    expect(bench.state.link?.epoch).toBe(2);
    expect(sent(bench.last.effects, 'station')).toEqual([]);
  });

  test('are those of a station that was at the door when it was decided', () => {
    const bench = new Bench();
    bench.arrive();
    expect(place(bench, 'old', [listener('new')])).toEqual(done);
    bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
    expect([bench.state.link?.epoch, linkOf(bench, 'new')?.phase]).toEqual([1, 'dialling']);
  });

  test('do not make Busbar send the primary heartbeats in the station’s name', () => {
    const bench = settled();
    place(bench, 'old', [listener('new')]);
    sync(bench, 'new');
    bench.fromStation(boot);
    answerAs(bench, 'old', accepted);
    const told: unknown[] = [];
    for (let minute = 0; minute < 20; minute += 1) {
      bench.pass(30_000);
      bench.do({ type: 'station_pong', epoch: 1 });
      bench.do({ type: 'backend_pong', backend: 'old', epoch: bench.backendEpoch('old') });
      bench.pass(30_000);
      told.push(...actionsTo(bench, 'old'));
    }
    expect(told).toEqual([]);
  });
});

describe('observers that are decided with a cutover', () => {
  test('listen in from the same record on', () => {
    const bench = ready();
    expect(place(bench, 'new', [listener('vendor')])).toEqual(done);
    const placed = bench.last.records.filter((one) => one.type === 'changed' && one.change.what === 'placed');
    expect(placed).toHaveLength(1);
    expect([bench.state.assignment?.primary, listening(bench)]).toEqual(['new', ['vendor']]);
    expect(linkOf(bench, 'vendor')?.phase).toBe('dialling');
  });

  test('are gone with it when it is taken back: those before listen in again', () => {
    const bench = ready();
    place(bench, 'old', [listener('vendor')]);
    place(bench, 'new', [listener('vendor', { receives: ['meter'] })]);
    place(bench, 'new', []);
    expect(listening(bench)).toEqual([]);
    expect(decide(bench, { do: 'roll_back' })).toEqual(done);
    expect(bench.state.durable.placement).toMatchObject({
      primary: 'old',
      observers: [listener('vendor')],
      observersBefore: null,
    });
    expect(decide(bench, { do: 'roll_back' })).toMatchObject({ reason: 'nothing_to_undo' });
  });

  test('stay where a cutover says nothing of them, but for the new primary', () => {
    const bench = ready();
    place(bench, 'old', [listener('new'), listener('vendor')]);
    expect(place(bench, 'new')).toEqual(done);
    expect(listening(bench)).toEqual(['vendor']);
    decide(bench, { do: 'roll_back' });
    expect(listening(bench)).toEqual(['new', 'vendor']);
    expect(place(bench, 'new', 'routed')).toEqual(done);
    expect(listening(bench)).toEqual([]);
  });

  test('do not outlive a refused one', () => {
    const bench = settled();
    expect(place(bench, 'new', [listener('vendor')])).toMatchObject({ reason: 'not_synced' });
    expect(listening(bench)).toEqual([]);
    expect(bench.state.assignment?.standbys).toEqual(['new']);
  });

  test('can be the primary before, which stays an observer when its time as a standby is over', () => {
    const bench = ready();
    place(bench, 'new', [listener('old')]);
    bench.context.wallMs += 60_000;
    bench.pass(60_000);
    expect(bench.state.durable.placement).toMatchObject({ before: null, observersBefore: null, ready: [] });
    expect([listening(bench), linkOf(bench, 'old')?.phase]).toEqual([['old'], 'open']);
  });
});

describe('a reload', () => {
  test('that gives the station to a third backend overrules who listens in', () => {
    const bench = settled(byRoute);
    place(bench, 'old', []);
    reload(bench, ({ routes }) => ({
      routes: routes.map((route) => ({ ...route, assignment: { ...route.assignment, primary: 'vendor' } })),
    }));
    expect(bench.state.durable.placement).toBeNull();
    bench.arrive(2);
    bench.do({ type: 'backend_opened', backend: 'vendor', epoch: bench.backendEpoch('vendor') });
    expect(bench.state.assignment?.observers.map(({ backend }) => backend)).toEqual(['new']);
  });

  test('that changes who listens in by the route changes nothing for a station where that is decided', () => {
    const bench = settled();
    place(bench, 'old', [listener('vendor')]);
    reload(bench, ({ routes }) => ({
      routes: routes.map((route) => ({ ...route, assignment: { ...route.assignment, ...byRoute } })),
    }));
    expect(bench.state.assignment?.observers.map(({ backend }) => backend)).toEqual(['vendor']);
  });

  test('that removes the backend ends its listening until it is back', () => {
    const bench = settled();
    place(bench, 'old', [listener('new')]);
    sync(bench, 'new');
    const { backends } = bench.context.routing;
    const fewer = new Map([...backends].filter(([name]) => name !== 'new'));
    expect(reload(bench, () => ({ backends: fewer }))).toEqual([closed('new')]);
    expect(linkOf(bench, 'new')).toBeUndefined();
    expect(reload(bench, () => ({ backends }))).toEqual([
      expect.objectContaining({ type: 'dial', backend: 'new' }),
    ]);
  });
});

describe('is refused, with where, what and what to do,', () => {
  const others: readonly [string, readonly PlacedObserver[], string][] = [
    [
      'a backend that nobody has',
      [listener('nobody')],
      'observers.0.backend: no backend is called nobody; name one of the configuration.',
    ],
    [
      'the primary',
      [listener('vendor'), listener('old')],
      'observers.1.backend: old is the primary of this station, and gets everything anyway; remove it.',
    ],
    [
      'one that is listed twice',
      [listener('new'), listener('new')],
      'observers.1.backend: it is listed already, at 0; keep one.',
    ],
    [
      'what bills, to a backend that may bill',
      [listener('new', { receives: ['state', 'transactions', 'authorisation'] })],
      'observers.0.receives: new would get transactions and authorisation beside the primary, and could bill sessions a second time; remove them, or write nonBilling: true at backends.new if it bills nobody.',
    ],
    [
      'what takes a station away',
      [listener('new', { commands: ['GetLog', 'SetNetworkProfile'] })],
      'observers.0.commands.1: SetNetworkProfile is never taken from an observer: it sends a station to another backend, past Busbar and its primary; remove it.',
    ],
    [
      'what is no action',
      [listener('new', { commands: ['Get Log'] })],
      'observers.0.commands.0: this is not the name of an OCPP action; write it as OCPP does, such as GetConfiguration.',
    ],
  ];

  test.each(others)('%s', (_what, observers, detail) => {
    const bench = settled();
    expect(place(bench, 'old', observers)).toMatchObject({
      kind: 'refused',
      reason: 'observers_unfit',
      detail,
    });
    expect(bench.last.records).toEqual([]);
    expect(bench.state.durable.placement).toBeNull();
  });

  test('a list without the only one who may write a key', () => {
    const keys = [
      { pattern: 'Price*', backend: 'new' },
      { pattern: 'Tariff*', backend: 'old' },
    ];
    const bench = settled({ ...byRoute, keys });
    expect(place(bench, 'old', [listener('vendor')])).toMatchObject({
      reason: 'observers_unfit',
      detail:
        'observers: new alone may write Price* by configurationKeys of the route, and would not be there; list it too.',
    });
    expect(place(bench, 'old', [listener('vendor'), listener('new')])).toEqual(done);
  });

  test('a backend that does not speak the station’s version', () => {
    const bench = settled();
    const { backends } = bench.context.routing;
    const facts = backends.get('new');
    if (facts === undefined) throw new Error('the bench has a backend called new');
    bench.context.routing = {
      ...bench.context.routing,
      backends: new Map([...backends, ['new', { ...facts, versions: ['ocpp2.1'], nonBilling: true }]]),
    };
    expect(place(bench, 'old', [listener('new')])).toMatchObject({
      faults: [{ path: [0, 'backend'], what: expect.stringContaining('new does not speak ocpp1.6') }],
    });
  });

  test('unless the backend bills nobody', () => {
    const bench = settled();
    bench.context.routing = nonBilling(bench);
    expect(place(bench, 'old', [listener('new', { receives: ['transactions', 'authorisation'] })])).toEqual(
      done,
    );
  });
});

test('a placement that an older program saved says nothing of observers', () => {
  const older = { routed: 'old', primary: 'new', before: 'old', at: 5, keepWarmMs: 5, ready: [] };
  const saved = { placement: older } as unknown as Parameters<typeof durableStation>[0];
  expect(durableStation(saved).placement).toEqual({ ...older, observers: null, observersBefore: null });
});

test('copies that were held when the process ended are given up where nobody listens in any more', () => {
  const bench = new Bench();
  bench.context.routing = nonBilling(bench);
  bench.connect();
  bench.fromStation(boot);
  answerAs(bench, 'old', accepted);
  place(bench, 'old', [listener('new', { receives: ['transactions'] })]);
  bench.fromStation(
    '[2,"t","StartTransaction",{"connectorId":1,"idTag":"CARD","meterStart":100,"timestamp":"2023-11-14T22:13:20Z"}]',
  );
  const held = bench.state.held.flatMap((lane) => [...lane]);
  expect(held.map(({ message }) => [message.backend, message.action])).toEqual([['new', 'StartTransaction']]);
  place(bench, 'old', []);
  expect(bench.state.held).toEqual([]);

  const again = new Bench({}, undefined, held);
  again.connect();
  expect(again.last.records).toContainEqual(
    expect.objectContaining({ type: 'delivery', backend: 'new', outcome: 'dropped', delivery: null }),
  );
  expect(again.state.held).toEqual([]);
});
