/** A backend that answers nothing, or with errors only, while whose the station is changes. */
import { describe, expect, test } from 'vitest';
import { answerAs, answerHeld, Bench, decide, sent, sentTo } from '../../testkit/station-bench.ts';
import type { AssignmentDecision } from './events.ts';

const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":86400}';
const alive = '{"currentTime":"2023-11-14T22:13:20Z"}';
const charging = '[2,"s","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Charging"}]';
const diagnosed = '[2,"d","DiagnosticsStatusNotification",{"status":"Idle"}]';
const done = { kind: 'done', isChanged: true };
const cutOver: AssignmentDecision = {
  do: 'cut_over',
  primary: 'new',
  openTransactions: 'pin',
  keepWarmMs: 3_600_000,
  isForced: false,
};

const forEver = { covers: true, untilMs: Infinity, untilMessages: Infinity };

/** `new` is there, and knows the station of `old`. */
function ready(whenDown = forEver): Bench {
  const bench = new Bench({ whenDown });
  bench.connect();
  bench.fromStation('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]');
  answerAs(bench, 'old', accepted);
  decide(bench, { do: 'attach', backend: 'new' });
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, alive]) answerAs(bench, 'new', payload);
  return bench;
}

function refuseFive(bench: Bench): void {
  for (const id of ['a', 'b', 'c', 'd', 'e']) {
    bench.fromStation(`[2,"${id}","Authorize",{"idTag":"X"}]`);
    const [text = '[]'] = sentTo(bench.last.effects, 'new');
    bench.fromBackend(`[4,"${(JSON.parse(text) as string[])[1]}","InternalError","",{}]`, 'new');
  }
}

/** The station was moved to `new`, said this, and was moved back. */
function rolledBack(said: readonly string[]): Bench {
  const bench = ready();
  expect(decide(bench, cutOver)).toEqual(done);
  refuseFive(bench);
  for (const text of said) {
    bench.fromStation(text);
    expect(sent(bench.last.effects, 'station')).toEqual(['[3,"s",{}]']);
  }
  expect(decide(bench, { do: 'roll_back' })).toEqual(done);
  return bench;
}

describe('a new primary that answers with errors only, and is rolled back', () => {
  test('is told then what Busbar answered in its place', () => {
    const bench = rolledBack([charging]);
    expect(sentTo(bench.last.effects, 'new')).toEqual([expect.stringContaining('"status":"Charging"')]);
  });

  test('is the primary again only once it has been told', () => {
    const bench = rolledBack([charging]);
    expect(decide(bench, cutOver)).toMatchObject({ reason: 'not_synced' });
    for (const payload of ['{}', alive]) answerHeld(bench, 'new', payload);
    expect(decide(bench, cutOver)).toEqual(done);
  });

  test('is asked whether it is back, where it has missed nothing', () => {
    const bench = rolledBack([]);
    expect(sentTo(bench.last.effects, 'new')).toEqual([expect.stringContaining('"Heartbeat"')]);
    answerHeld(bench, 'new', alive);
    expect(decide(bench, cutOver)).toEqual(done);
    bench.fromStation('[2,"z","Authorize",{"idTag":"X"}]');
    expect(sentTo(bench.last.effects, 'new')).toHaveLength(1);
  });
});

test('a backend that is kept ready and leaves calls unanswered does not take the station over until it answers', () => {
  const bench = ready();
  leaveFive(bench, 'old', 'new');
  expect(decide(bench, cutOver)).toMatchObject({
    reason: 'not_synced',
    detail: expect.stringContaining('leaves its calls unanswered') as unknown,
  });
  expect(sentTo(bench.last.effects, 'new')).toEqual([expect.stringContaining('"Heartbeat"')]);
  answerHeld(bench, 'new', alive);
  expect(decide(bench, cutOver)).toEqual(done);
});

/** It has a call, and the status behind that was answered without it once it was the primary no more. */
function rolledBackMeanwhile(): Bench {
  const bench = ready();
  expect(decide(bench, cutOver)).toEqual(done);
  bench.fromStation('[2,"a","Authorize",{"idTag":"X"}]');
  bench.fromStation(charging);
  expect(decide(bench, { do: 'roll_back' })).toEqual(done);
  bench.pass(8_000);
  expect(sent(bench.last.effects, 'station')).toContain('[3,"s",{}]');
  return bench;
}

describe('a new primary that is slow, and is rolled back', () => {
  test('is told as soon as it has answered what waited for it', () => {
    const bench = rolledBackMeanwhile();
    answerHeld(bench, 'new', '{"idTagInfo":{"status":"Accepted"}}');
    expect(sentTo(bench.last.effects, 'new')).toEqual([expect.stringContaining('"status":"Charging"')]);
  });

  test('is told though it leaves its call unanswered', () => {
    const bench = rolledBackMeanwhile();
    bench.pass(22_000);
    expect(sentTo(bench.last.effects, 'new')).toEqual([expect.stringContaining('"status":"Charging"')]);
  });

  test('is the primary again only once it has been told', () => {
    const bench = rolledBackMeanwhile();
    expect(decide(bench, cutOver)).toMatchObject({
      reason: 'not_synced',
      detail: expect.stringContaining('has yet to be told') as unknown,
    });
    for (const payload of ['{}', '{}', alive]) answerHeld(bench, 'new', payload);
    expect(decide(bench, cutOver)).toEqual(done);
  });
});

test.each([
  ['for as long as the route covers', 3_600_000, 7_200_000],
  ['with no time to cover', 0, 1_000],
])('a station is not moved back to a backend that has been down %s', (_what, untilMs, downMs) => {
  const bench = ready({ covers: true, untilMs, untilMessages: Infinity });
  expect(decide(bench, cutOver)).toEqual(done);
  const epoch = bench.backendEpoch('old');
  bench.do({ type: 'backend_lost', backend: 'old', epoch, code: 1006, reason: 'gone' });
  bench.context.nowMs += downMs;
  bench.do({ type: 'station_pong', epoch: 1 });
  bench.do({ type: 'backend_pong', backend: 'new', epoch: bench.backendEpoch('new') });
  expect(decide(bench, { do: 'roll_back' })).toMatchObject({
    reason: 'not_synced',
    detail: expect.stringContaining('cannot be reached') as unknown,
  });
  bench.pass(1);
  expect(bench.state.link).not.toBeNull();
});

const pong = (bench: Bench): void => {
  bench.do({ type: 'station_pong', epoch: 1 });
  for (const backend of ['old', 'new'])
    bench.do({ type: 'backend_pong', backend, epoch: bench.backendEpoch(backend) });
};

/** It is told of the station five times, and leaves that unanswered. */
function leaveFive(bench: Bench, backend: string, silent: string): void {
  for (let times = 0; times < 5; times += 1) {
    bench.fromStation(diagnosed);
    answerAs(bench, backend, '{}');
    bench.pass(30_000);
    pong(bench);
  }
  expect(bench.state.backends.find((link) => link.backend === silent)?.fruitless).toBe(5);
}

test('a backend that is kept ready and answers with errors only does not take the station over until it is well', () => {
  const bench = ready({ ...forEver, covers: false });
  for (let times = 0; times < 5; times += 1) {
    bench.fromStation(diagnosed);
    const [copy = '[]'] = sentTo(bench.last.effects, 'new');
    answerAs(bench, 'old', '{}');
    bench.fromBackend(`[4,"${(JSON.parse(copy) as string[])[1]}","InternalError","",{}]`, 'new');
  }
  expect(decide(bench, cutOver)).toMatchObject({
    reason: 'not_synced',
    detail: expect.stringContaining('errors only') as unknown,
  });
  expect(sentTo(bench.last.effects, 'new')).toEqual([expect.stringContaining('"Heartbeat"')]);
  answerHeld(bench, 'new', alive);
  expect(decide(bench, cutOver)).toEqual(done);
});

test('one that was silent while it was kept ready is asked as soon as a station is moved back to it', () => {
  const bench = ready();
  expect(decide(bench, cutOver)).toEqual(done);
  leaveFive(bench, 'new', 'old');
  expect(decide(bench, { do: 'roll_back' })).toEqual(done);
  expect(sentTo(bench.last.effects, 'old')).toEqual([expect.stringContaining('"Heartbeat"')]);
  answerHeld(bench, 'old', alive);
  while (bench.state.backends[0]?.slot != null) answerHeld(bench, 'old', '{}');
  bench.fromStation('[2,"z","Authorize",{"idTag":"X"}]');
  expect(sentTo(bench.last.effects, 'old')).toHaveLength(1);
});

test('a silent primary is asked by and by also where its route covers only since a reload', () => {
  const bench = ready({ ...forEver, covers: false });
  for (const id of ['a', 'b', 'c', 'd', 'e']) {
    bench.fromStation(`[2,"${id}","Authorize",{"idTag":"X"}]`);
    bench.pass(30_000);
    pong(bench);
  }
  const { routing } = bench.context;
  const routes = routing.routes.map((route) => ({
    ...route,
    assignment: { ...route.assignment, whenDown: forEver },
  }));
  bench.context.routing = { ...routing, routes };
  bench.do({ type: 'routing_changed' });
  bench.fromStation('[2,"z","Authorize",{"idTag":"X"}]');
  expect(sent(bench.last.effects, 'station')).toHaveLength(1);
  const asked: string[] = [];
  for (let times = 0; times < 4; times += 1) {
    asked.push(...sentTo(bench.pass(15_000), 'old'));
    pong(bench);
  }
  expect(asked).toContainEqual(expect.stringContaining('"Heartbeat"'));
});
