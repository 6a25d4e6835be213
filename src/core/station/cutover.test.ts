/** One station is cut over from one backend to another, and back. */
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { OcppVersion } from '../../protocol/version.ts';
import { answerAs, answerHeld, Bench, decide, sent, sentTo } from '../../testkit/station-bench.ts';
import type { AssignmentDecision, Effect } from './events.ts';

const boot = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]';
const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
const available = '[2,"s","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]';
const start =
  '[2,"t","StartTransaction",{"connectorId":1,"idTag":"CARD","meterStart":100,"timestamp":"2023-11-14T22:13:20Z"}]';
const started = '{"transactionId":77,"idTagInfo":{"status":"Accepted"}}';
const meter = (id: string): string =>
  `[2,"${id}","MeterValues",{"connectorId":1,"transactionId":77,"meterValue":[]}]`;
const stop =
  '[2,"e","StopTransaction",{"transactionId":77,"meterStop":900,"timestamp":"2023-11-14T23:13:20Z"}]';

const cutOver: AssignmentDecision = {
  do: 'cut_over',
  primary: 'new',
  openTransactions: 'pin',
  keepWarmMs: 60_000,
  isForced: false,
};

/** What left for that backend, without message ids. */
function to(bench: Bench, backend: string, effects: readonly Effect[] = bench.last.effects): string[] {
  return sentTo(effects, backend).map((text) => text.replace(/^\[(\d),"[^"]*"/, '[$1'));
}

/** `new` answers all that it is told, one after the other: their actions. */
function answerWhatItHas(bench: Bench): string[] {
  const actions: string[] = [];
  for (;;) {
    const slot = bench.state.backends.find(({ backend }) => backend === 'new')?.slot ?? null;
    if (slot === null) return actions;
    actions.push(slot.action);
    answerHeld(bench, 'new', slot.action === 'BootNotification' ? accepted : '{}');
  }
}

type Routed = ConstructorParameters<typeof Bench>[0];

/** A station that has booted and told a status to `old`. */
function settled(primary: Routed = {}, version: OcppVersion = 'ocpp1.6'): Bench {
  const bench = new Bench(primary);
  bench.connect(1, true, version);
  bench.fromStation(boot);
  answerAs(bench, 'old', accepted);
  bench.fromStation(available);
  answerAs(bench, 'old', '{}');
  return bench;
}

/** `new` is told all of it, and answers. */
function sync(bench: Bench): void {
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, '{}', '{"currentTime":"2023-11-14T22:13:30Z"}'])
    answerAs(bench, 'new', payload);
}

function ready(primary: Routed = {}, version: OcppVersion = 'ocpp1.6'): Bench {
  const bench = settled(primary, version);
  expect(decide(bench, { do: 'attach', backend: 'new' })).toEqual({ kind: 'done', isChanged: true });
  sync(bench);
  return bench;
}

function moved(primary: Routed = {}): Bench {
  const bench = ready(primary);
  expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
  return bench;
}

describe('a cutover', () => {
  test('sends the station nothing, keeps its link, and the next call is the new primary’s', () => {
    const bench = moved();
    expect(bench.last.effects.map(({ type }) => type)).toEqual(['assignment_settled']);
    expect(bench.last.isDurableChanged).toBe(true);
    bench.fromStation('[2,"a","Authorize",{"idTag":"X"}]');
    expect(to(bench, 'new')).toEqual(['[2,"Authorize",{"idTag":"X"}]']);
    expect(to(bench, 'old')).toEqual([]);
    expect(sent(answerAs(bench, 'new', '{"idTagInfo":{"status":"Accepted"}}'), 'station')).toHaveLength(1);
  });

  test('is to one that listened: it is told nothing again when the station comes back', () => {
    const bench = moved();
    bench.arrive(2);
    bench.state.backends.forEach(({ backend }) =>
      bench.do({ type: 'backend_opened', backend, epoch: bench.backendEpoch(backend) }),
    );
    expect(bench.state.link?.epoch).toBe(2);
    expect(bench.state.durable).toMatchObject({ heardBy: 'new', unaware: [] });
    expect(to(bench, 'new')).toEqual([]);
  });

  test('leaves the old one ready: it is told statuses and heartbeats, and is let go of when its time is over', () => {
    const bench = moved();
    bench.fromStation(available.replace('Available', 'Preparing'));
    expect(to(bench, 'old')).toHaveLength(1);
    answerAs(bench, 'old', '{}');
    bench.context.wallMs += 60_000;
    const effects = bench.pass(60_000);
    expect(effects).toContainEqual(expect.objectContaining({ type: 'close', reason: 'not_routed_here' }));
    expect(decide(bench, { do: 'roll_back' })).toMatchObject({ reason: 'nothing_to_undo' });
  });

  test('waits for a backend that does not know the station, and begins to tell it', () => {
    const bench = settled();
    expect(decide(bench, cutOver)).toMatchObject({ kind: 'refused', reason: 'not_synced' });
    expect(bench.last.effects).toContainEqual(expect.objectContaining({ type: 'dial', backend: 'new' }));
    sync(bench);
    expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
    expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: false });
  });

  test.each([
    ['nothing but readings', ['meter'] as const, ['BootNotification', 'StatusNotification', 'Heartbeat']],
    ['no statuses', ['registration', 'liveness'] as const, ['StatusNotification', 'Heartbeat']],
  ])('waits for an observer that was told %s, until it was told the rest', (_what, receives, rest) => {
    const observers = [{ backend: 'new', receives: new Set(receives), commands: new Set<string>() }];
    const bench = settled({ observers });
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    answerWhatItHas(bench);
    expect(decide(bench, cutOver)).toMatchObject({ kind: 'refused', reason: 'not_synced' });
    bench.pass(0);
    expect(answerWhatItHas(bench)).toEqual(rest);
    expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
    expect(bench.state.durable.unaware).toEqual([]);
  });

  test('back to one that only finishes its transactions waits until that was told what it has missed', () => {
    const bench = settled();
    bench.fromStation(start);
    answerAs(bench, 'old', started);
    decide(bench, { do: 'attach', backend: 'new' });
    sync(bench);
    expect(decide(bench, { ...cutOver, keepWarmMs: 0 })).toEqual({ kind: 'done', isChanged: true });
    bench.fromStation(available.replace('Available', 'Faulted').replace('"s"', '"f"'));
    expect([to(bench, 'new').length, to(bench, 'old')]).toEqual([1, []]);
    answerAs(bench, 'new', '{}');
    const back = { ...cutOver, primary: 'old' };
    expect(decide(bench, back)).toMatchObject({ kind: 'refused', reason: 'not_synced' });
    bench.pass(0);
    expect(to(bench, 'old')).toEqual([expect.stringContaining('Faulted')]);
    for (const payload of ['{}', '{"currentTime":"2023-11-14T22:13:30Z"}']) answerAs(bench, 'old', payload);
    expect(decide(bench, back)).toEqual({ kind: 'done', isChanged: true });
  });

  test('leaves a call that the old primary has to it', () => {
    const bench = ready();
    bench.fromStation('[2,"a","Authorize",{"idTag":"X"}]');
    const [text = '[]'] = sentTo(bench.last.effects, 'old');
    decide(bench, cutOver);
    const id = (JSON.parse(text) as string[])[1];
    const effects = bench.fromBackend(`[3,"${id}",{"idTagInfo":{"status":"Accepted"}}]`);
    expect(sent(effects, 'station')).toEqual(['[3,"a",{"idTagInfo":{"status":"Accepted"}}]']);
  });

  test('answers the old primary’s commands that wait, and lets the one that is out end', () => {
    const bench = ready();
    bench.fromBackend('[2,"c1","GetConfiguration",{}]');
    bench.fromBackend('[2,"c2","ClearCache",{}]');
    decide(bench, cutOver);
    expect(sentTo(bench.last.effects, 'old')).toEqual([expect.stringMatching(/^\[3,"c2",/)]);
    const [command = '[]'] = sent(bench.fromBackend('[2,"c3","ClearCache",{}]'), 'backend');
    expect(command).toMatch(/^\[3,"c3",\{"status":"Rejected"/);
  });

  test('is refused with the reason', () => {
    expect(decide(settled(), { ...cutOver, primary: 'nobody' })).toMatchObject({ reason: 'unknown_backend' });
    const away = ready();
    away.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
    expect(decide(away, cutOver)).toMatchObject({ reason: 'not_connected' });
    const failing = ready();
    failing.context.isJournalWritable = false;
    expect(decide(failing, cutOver)).toMatchObject({ reason: 'journal_failing' });
    expect(decide(ready(), { do: 'detach', backend: 'old' })).toMatchObject({ reason: 'is_primary' });
  });

  test('waits for a firmware update, a reservation and a report, unless it is forced', () => {
    const updating = ready();
    updating.fromStation('[2,"f","FirmwareStatusNotification",{"status":"Installing"}]');
    expect(decide(updating, cutOver)).toMatchObject({ reason: 'firmware_update' });
    expect(decide(updating, { ...cutOver, isForced: true })).toEqual({ kind: 'done', isChanged: true });
    const reserved = ready();
    const reserve =
      '[2,"r","ReserveNow",{"connectorId":1,"expiryDate":"2023-11-14T23:00:00Z","idTag":"X","reservationId":5}]';
    const [command = '[]'] = sent(reserved.fromBackend(reserve), 'station');
    reserved.fromStation(`[3,"${(JSON.parse(command) as string[])[1]}",{"status":"Accepted"}]`);
    expect(decide(reserved, cutOver)).toMatchObject({ reason: 'reservation' });
    const reporting = ready({}, 'ocpp2.0.1');
    const [ask = '[]'] = sent(
      reporting.fromBackend('[2,"g","GetBaseReport",{"requestId":1,"reportBase":"FullInventory"}]'),
      'station',
    );
    reporting.fromStation(`[3,"${(JSON.parse(ask) as string[])[1]}",{"status":"Accepted"}]`);
    expect(decide(reporting, cutOver)).toMatchObject({ reason: 'report_in_parts' });
    reporting.context.wallMs += 120_000;
    expect(decide(reporting, cutOver)).toEqual({ kind: 'done', isChanged: true });
  });
});

describe('a backend that failed to take a station in', () => {
  test('is told again at once when it is ordered anew, and not when its minutes are over', () => {
    const bench = settled();
    decide(bench, { do: 'attach', backend: 'new' });
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    answerAs(bench, 'new', accepted);
    const link = bench.state.backends.find(({ backend }) => backend === 'new');
    bench.fromBackend(`[4,"${link?.slot?.sentId}","InternalError","",{}]`, 'new');
    answerAs(bench, 'new', '{"currentTime":"2023-11-14T22:13:30Z"}');
    expect(link?.priming.phase).toBe('failed');
    bench.pass(1_000);
    expect(to(bench, 'new')).toEqual([]);
    expect(decide(bench, { do: 'attach', backend: 'new' })).toEqual({ kind: 'done', isChanged: false });
    expect(to(bench, 'new')).toEqual([expect.stringContaining('StatusNotification')]);
  });

  test('is left alone for as long as it said', () => {
    const bench = settled();
    decide(bench, { do: 'attach', backend: 'new' });
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    answerAs(bench, 'new', accepted.replace('Accepted', 'Rejected'));
    decide(bench, { do: 'attach', backend: 'new' });
    expect(to(bench, 'new')).toEqual([]);
    bench.pass(299_000);
    expect(to(bench, 'new')).toEqual([]);
    bench.pass(1_000);
    expect(to(bench, 'new')).toHaveLength(1);
  });
});

/** With a transaction of `old`'s, and `new` ready. */
function charging(): Bench {
  const bench = settled();
  bench.fromStation(start);
  answerAs(bench, 'old', started);
  decide(bench, { do: 'attach', backend: 'new' });
  sync(bench);
  return bench;
}

describe('a transaction that is open at a cutover', () => {
  test('is pinned: its messages, its driver’s card and its stop go to the old primary, new ones do not', () => {
    const bench = charging();
    expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
    bench.fromStation(meter('m1'));
    expect(to(bench, 'old')).toHaveLength(1);
    expect(to(bench, 'new')).toEqual([]);
    answerAs(bench, 'old', '{}');
    bench.fromStation('[2,"a","Authorize",{"idTag":"card"}]');
    expect(to(bench, 'old')).toEqual(['[2,"Authorize",{"idTag":"card"}]']);
    answerAs(bench, 'old', '{"idTagInfo":{"status":"Accepted"}}');
    bench.fromStation(stop);
    expect(to(bench, 'old')).toHaveLength(1);
    answerAs(bench, 'old', '{}');
    bench.fromStation('[2,"a2","Authorize",{"idTag":"card"}]');
    expect(to(bench, 'new')).toHaveLength(1);
    answerAs(bench, 'new', '{"idTagInfo":{"status":"Accepted"}}');
    bench.fromStation(start.replace('"t"', '"t2"').replace('100', '1900'));
    expect(to(bench, 'new')).toHaveLength(1);
  });

  test('is stopped by the old primary, and by no one else', () => {
    const bench = charging();
    decide(bench, cutOver);
    const remoteStop = '[2,"q","RemoteStopTransaction",{"transactionId":77}]';
    expect(sent(bench.fromBackend(remoteStop, 'new'), 'station')).toEqual([]);
    expect(sent(bench.fromBackend(remoteStop, 'old'), 'station')).toHaveLength(1);
  });

  test('holds the cutover up where it is to wait', () => {
    const bench = charging();
    const waiting = { ...cutOver, openTransactions: 'wait' } as const;
    expect(decide(bench, waiting)).toMatchObject({ reason: 'transaction_open' });
    bench.fromStation(stop);
    answerAs(bench, 'old', '{}');
    expect(decide(bench, waiting)).toEqual({ kind: 'done', isChanged: true });
  });

  test('changes hands where an operator says so: the new owner is told the start first', () => {
    const bench = charging();
    decide(bench, { ...cutOver, openTransactions: 'handover' });
    const first = to(bench, 'new');
    expect(first).toEqual([
      '[2,"StartTransaction",{"connectorId":1,"idTag":"CARD","meterStart":100,"timestamp":"2023-11-14T22:13:20Z"}]',
    ]);
    bench.fromStation(meter('m1'));
    answerHeld(bench, 'new', '{"transactionId":5,"idTagInfo":{"status":"Invalid"}}');
    expect(sent(bench.last.effects, 'station')).toEqual([]);
    expect(to(bench, 'new').join('\n')).toContain('"transactionId":5');
    expect(to(bench, 'old')).toEqual([]);
  });
});

test('the new primary is told heartbeats by Busbar until the station has booted, and from then on by the station alone', () => {
  const bench = moved();
  const beats = (): number => {
    let count = 0;
    for (let halves = 0; halves < 24; halves += 1) {
      bench.pass(30_000);
      count += to(bench, 'new').filter((text) => text.includes('"Heartbeat"')).length;
      if (count > 0) answerAs(bench, 'new', '{"currentTime":"2023-11-14T22:13:30Z"}');
      bench.do({ type: 'station_pong', epoch: 1 });
      for (const backend of ['old', 'new'])
        bench.do({ type: 'backend_pong', backend, epoch: bench.backendEpoch(backend) });
    }
    return count;
  };
  expect(beats()).toBeGreaterThan(0);
  bench.fromStation(boot.replace('"b"', '"b2"'));
  answerAs(bench, 'new', accepted);
  expect(beats()).toBe(0);
});

describe('a rollback', () => {
  test('takes the station back; what began meanwhile finishes where it began', () => {
    const bench = moved();
    bench.fromStation(start);
    answerAs(bench, 'new', started);
    expect(decide(bench, { do: 'roll_back' })).toEqual({ kind: 'done', isChanged: true });
    bench.fromStation('[2,"a","Authorize",{"idTag":"X"}]');
    expect(to(bench, 'old')).toHaveLength(1);
    answerAs(bench, 'old', '{"idTagInfo":{"status":"Accepted"}}');
    bench.fromStation(stop);
    expect(to(bench, 'new')).toHaveLength(1);
    expect(to(bench, 'old')).toEqual([]);
    expect(decide(bench, { do: 'roll_back' })).toMatchObject({ reason: 'nothing_to_undo' });
  });

  test('and a cutover again leave things as one cutover does', () => {
    const bench = moved();
    const once = bench.state.assignment;
    decide(bench, { do: 'roll_back' });
    expect(bench.state.assignment?.primary).toBe('old');
    expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
    expect(bench.state.assignment).toBe(once);
  });

  test('works while the station is away, and while the new primary is down', () => {
    const away = moved();
    away.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
    expect(decide(away, { do: 'roll_back' })).toEqual({ kind: 'done', isChanged: true });
    away.arrive(2);
    expect(away.last.effects).toContainEqual(expect.objectContaining({ type: 'dial', backend: 'old' }));
    const covered = moved({ whenDown: { covers: true, untilMs: Infinity, untilMessages: Infinity } });
    const epoch = covered.backendEpoch('new');
    covered.do({ type: 'backend_lost', backend: 'new', epoch, code: null, reason: 'gone' });
    expect(decide(covered, { do: 'roll_back' })).toEqual({ kind: 'done', isChanged: true });
    covered.fromStation('[2,"a","Authorize",{"idTag":"X"}]');
    expect(to(covered, 'old')).toHaveLength(1);
  });
});

test('a start that was told late belongs to the primary of its time', () => {
  const bench = ready();
  bench.context.wallMs = Date.parse('2023-11-14T22:20:00Z');
  decide(bench, { ...cutOver, keepWarmMs: 86_400_000 });
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  bench.context.wallMs += 600_000;
  bench.arrive(2);
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
  bench.fromStation(start);
  const owner = (): string | undefined => bench.state.durable.ids.transactions.at(-1)?.owner;
  expect(owner()).toBe('old');
  bench.fromStation(start.replace('"t"', '"t2"').replace('22:13:20', '22:29:00').replace(':100', ':7'));
  expect(owner()).toBe('new');
  // A clock that was never set, and one that lags: what is told later is live.
  bench.fromStation(start.replace('"t"', '"t3"').replace('2023', '1970').replace(':100', ':12345'));
  expect(owner()).toBe('new');
  bench.context.wallMs += 600_000;
  bench.fromStation(start.replace('"t"', '"t4"').replace(':100', ':1234567'));
  expect(owner()).toBe('new');
});

test('a start after a cutover while Busbar’s clock was ahead is the new primary’s once that is right again', () => {
  const bench = moved();
  bench.context.wallMs -= 7_200_000;
  bench.fromStation(start.replace('22:13:20', '20:30:00'));
  expect(bench.state.durable.ids.transactions.at(-1)?.owner).toBe('new');
});

test('a start that the primary asked for is its own, though the station’s clock lags', () => {
  const bench = moved();
  bench.fromBackend('[2,"r","RemoteStartTransaction",{"idTag":"CARD","connectorId":1}]', 'new');
  bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
  bench.fromStation(start.replace('22:13:20', '21:13:20'));
  expect(bench.state.durable.ids.transactions.at(-1)?.owner).toBe('new');
});

const movedWithStartAsked = (...begun: string[]): Bench => {
  const bench = ready();
  bench.context.digest = (text) => hash('sha256', text).slice(0, 32);
  for (const text of begun) bench.fromStation(text);
  bench.fromBackend('[2,"r","RemoteStartTransaction",{"idTag":"CARD","connectorId":1}]');
  bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
  expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
  return bench;
};
const authorizeBy = (idTag: string): string => `[2,"a${idTag}","Authorize",{"idTag":"${idTag}"}]`;

describe('a start that the primary before has asked for', () => {
  test('is its own, and so is the question about the driver', () => {
    const bench = movedWithStartAsked();
    bench.fromStation(authorizeBy('OTHER'));
    expect([to(bench, 'old').length, to(bench, 'new').length]).toEqual([0, 1]);
    answerHeld(bench, 'new', '{"idTagInfo":{"status":"Invalid"}}');
    bench.fromStation(authorizeBy('CARD'));
    expect([to(bench, 'old').length, to(bench, 'new').length]).toEqual([1, 0]);
    answerHeld(bench, 'old', '{"idTagInfo":{"status":"Accepted"}}');
    bench.fromStation(start.replace('2023', '2024'));
    expect([to(bench, 'old').length, to(bench, 'new').length]).toEqual([1, 0]);
    expect(bench.state.durable.ids.transactions.at(-1)?.owner).toBe('old');
  });

  test('is its own as long as it has a transaction to finish', () => {
    const bench = movedWithStartAsked(start.replace('"connectorId":1', '"connectorId":2'));
    answerHeld(bench, 'old', started);
    bench.context.wallMs += 61_000;
    bench.pass(61_000);
    bench.fromStation(start.replace('"t"', '"t2"').replace('2023', '2024'));
    expect(bench.state.durable.ids.transactions.map(({ owner }) => owner)).toEqual(['old', 'old']);
  });
  test('is the new primary’s where the one before cannot be reached', () => {
    const bench = movedWithStartAsked();
    const epoch = bench.backendEpoch('old');
    bench.do({ type: 'backend_lost', backend: 'old', epoch, code: 1006, reason: 'gone' });
    bench.fromStation(authorizeBy('CARD'));
    expect(to(bench, 'new')).toHaveLength(1);
    answerHeld(bench, 'new', '{"idTagInfo":{"status":"Accepted"}}');
    bench.fromStation(start.replace('2023', '2024'));
    expect(bench.state.durable.ids.transactions.at(-1)?.owner).toBe('new');
  });

  test('is the new primary’s once that may be another’s: later, or where the one before is let go of', () => {
    for (const later of [330_000, 61_000]) {
      const bench = movedWithStartAsked();
      bench.context.wallMs += later;
      if (later === 61_000) bench.pass(61_000);
      bench.fromStation(start.replace('2023', '2024'));
      expect(bench.state.durable.ids.transactions.at(-1)?.owner).toBe('new');
    }
  });
});

test('an observer that is cut over to goes on being shown what it was shown the start of', () => {
  const receives = new Set(['registration', 'liveness', 'state', 'transactions'] as const);
  const bench = settledWithObserver();
  bench.fromStation(start);
  const [copy = '[]'] = sentTo(bench.last.effects, 'new');
  answerAs(bench, 'old', started);
  const named = '{"transactionId":5,"idTagInfo":{"status":"Accepted"}}';
  bench.fromBackend(`[3,"${(JSON.parse(copy) as string[])[1]}",${named}]`, 'new');
  expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
  bench.fromStation(meter('m1'));
  expect(to(bench, 'old')).toHaveLength(1);
  expect(to(bench, 'new')).toEqual([expect.stringContaining('"transactionId":5')]);

  function settledWithObserver(): Bench {
    const one = settled({ observers: [{ backend: 'new', receives, commands: new Set() }] });
    const { routing } = one.context;
    const backends = new Map(
      [...routing.backends].map(([name, facts]) => [name, { ...facts, nonBilling: name === 'new' }]),
    );
    one.context.routing = { ...routing, backends };
    sync(one);
    return one;
  }
});

test('a reload leaves a station where it was put, until its route says a third', () => {
  const bench = moved();
  bench.do({ type: 'routing_changed' });
  expect(bench.state.assignment?.primary).toBe('new');
  const { routing } = bench.context;
  const routes = routing.routes.map((route) => ({
    ...route,
    assignment: { ...route.assignment, primary: 'vendor' },
  }));
  bench.context.routing = { ...routing, routes };
  expect(bench.do({ type: 'routing_changed' })).toContainEqual(
    expect.objectContaining({ type: 'close', reason: 'moved_by_route' }),
  );
  // What was overruled does not come back with the route.
  bench.context.routing = routing;
  bench.do({ type: 'routing_changed' });
  expect(bench.state.durable.placement).toBeNull();
  bench.arrive(2);
  expect(bench.last.effects).toContainEqual(expect.objectContaining({ type: 'dial', backend: 'old' }));
});

/** A transaction of `old` is under way while `new` takes over. */
const overWhileCharging = (
  primary: Routed,
  observers?: Extract<AssignmentDecision, { do: 'cut_over' }>['observers'],
): Bench => {
  const bench = settled(primary);
  bench.fromStation(start);
  answerAs(bench, 'old', started);
  decide(bench, { do: 'attach', backend: 'new' });
  sync(bench);
  const decision = { ...cutOver, ...(observers === undefined ? {} : { observers }) };
  expect(decide(bench, decision)).toEqual({ kind: 'done', isChanged: true });
  return bench;
};

describe('a backend that still owns a transaction stops it', () => {
  const stopRemotely = '[2,"s","RemoteStopTransaction",{"transactionId":77}]';
  test.each([
    ['being nothing else', overWhileCharging({})],
    [
      'listening in',
      overWhileCharging({}, [{ backend: 'old', receives: ['registration', 'state'], commands: [] }]),
    ],
    ['answering single actions', overWhileCharging({ actions: new Map([['Authorize', 'old']]) })],
  ])('%s', (_what, bench) => {
    const effects = bench.fromBackend(stopRemotely, 'old');
    expect([sent(effects, 'station').length, sentTo(effects, 'old')]).toEqual([1, []]);
  });
});

test('where a 2.x transaction names its EVSE late, a new primary does not unlock it', () => {
  const bench = new Bench();
  bench.connect(1, true, 'ocpp2.0.1');
  bench.fromStation(
    '[2,"b","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"V","model":"M"}}]',
  );
  answerAs(bench, 'old', accepted);
  for (const [seqNo, eventType, evse] of [
    [0, 'Started', ''],
    [1, 'Updated', ',"evse":{"id":1,"connectorId":1}'],
  ] as const) {
    bench.fromStation(
      `[2,"e${seqNo}","TransactionEvent",{"eventType":"${eventType}","timestamp":"2023-11-14T22:13:20Z","triggerReason":"Authorized","seqNo":${seqNo},"transactionInfo":{"transactionId":"tx-1"}${evse}}]`,
    );
    answerAs(bench, 'old', '{}');
  }
  decide(bench, { do: 'attach', backend: 'new' });
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, '{"currentTime":"2023-11-14T22:13:30Z"}']) answerAs(bench, 'new', payload);
  expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
  const unlock = (backend: string): readonly Effect[] =>
    bench.fromBackend('[2,"u","UnlockConnector",{"evseId":1,"connectorId":1}]', backend);
  expect(sent(unlock('new'), 'station')).toEqual([]);
  expect(sent(unlock('old'), 'station')).toHaveLength(1);
});

test('while a copy is still out to the new primary it is not cut over: else Busbar would answer the next driver', () => {
  const bench = new Bench({
    observers: [
      {
        backend: 'new',
        receives: new Set(['registration', 'liveness', 'state', 'transactions']),
        commands: new Set(),
      },
    ],
  });
  const backends = [...bench.context.routing.backends].map(
    ([name, facts]) => [name, { ...facts, nonBilling: true }] as const,
  );
  bench.context.routing = { ...bench.context.routing, backends: new Map(backends) };
  bench.context.digest = (text) => hash('sha256', text).slice(0, 32);
  bench.connect();
  bench.fromStation(boot);
  answerAs(bench, 'old', accepted);
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, '{"currentTime":"2023-11-14T22:13:30Z"}']) answerAs(bench, 'new', payload);
  bench.fromStation(start);
  answerAs(bench, 'old', started);
  expect(decide(bench, cutOver)).toMatchObject({ kind: 'refused', reason: 'not_synced' });
  answerHeld(bench, 'new', started);
  expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
  expect(sent(bench.fromStation(start.replace('"connectorId":1', '"connectorId":2')), 'station')).toEqual([]);
});

test('a station whose backend is in the configuration no more is to come again, and does once it is moved back', () => {
  const bench = moved();
  const { backends } = bench.context.routing;
  const left = new Map([...backends].filter(([name]) => name !== 'new'));
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  bench.context.routing = { ...bench.context.routing, backends: left };
  bench.pass(10_000);
  expect(bench.arrive(2)).toContainEqual({
    type: 'refuse',
    epoch: 2,
    status: 503,
    reason: 'The backend is not configured.',
    retryAfterS: 10,
  });
  expect(decide(bench, { do: 'roll_back' })).toEqual({ kind: 'done', isChanged: true });
  bench.arrive(3);
  expect(bench.state.arrival?.assignment.primary).toBe('old');
});
