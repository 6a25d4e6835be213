/** A station that is away for good: what it has said is delivered without it, over a link that is there for nothing else. */
import { expect, test } from 'vitest';
import { Outage, silence, startOf } from '../../testkit/outage-bench.ts';
import { Bench } from '../../testkit/station-bench.ts';
import type { HeldEntry } from '../hold/held-lane.ts';
import { createStation, durableStation } from './state.ts';

/** One session during an outage, and then the station is gone. */
function gone(): Outage {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.stop(outage.start(1), 5);
  outage.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  return outage;
}

/** The next process, which finds on disk what the one before knew of the station and held. */
function restarted(before: Outage, held: readonly HeldEntry[] = before.held): Outage {
  const after = new Outage('ocpp1.6', held);
  Object.assign(after.state, {
    durable: durableStation(JSON.parse(JSON.stringify(before.state.durable)) as object),
  });
  return after;
}

const actions = (outage: Outage): string[] => outage.delivered.map(({ action }) => action);

test('is delivered without it after a minute, and the link is closed', () => {
  const outage = gone();
  outage.isUp = true;
  outage.heard = [];
  outage.pass(50_000);
  expect(outage.heard).toEqual([]);
  outage.pass(60_000);
  expect(actions(outage)).toEqual(['StartTransaction', 'StopTransaction']);
  expect(outage.held).toEqual([]);
  expect(outage.state.backends.every(({ phase }) => phase !== 'open' && phase !== 'dialling')).toBe(true);
  outage.pass(3_600_000);
  expect(actions(outage)).toHaveLength(2);
});

test('waits for the backend as long as that takes', () => {
  const outage = gone();
  outage.heard = [];
  outage.pass(24 * 3_600_000);
  expect(outage.heard).toEqual([]);
  outage.isUp = true;
  outage.pass(120_000);
  expect(actions(outage)).toEqual(['StartTransaction', 'StopTransaction']);
});

test('is delivered after a restart too, though the station never connects again', () => {
  const before = gone();
  const after = restarted(before);
  after.context.wallMs = before.context.wallMs + 61_000;
  after.do({ type: 'tick' });
  after.pass(10_000);
  expect(actions(after)).toEqual(['StartTransaction', 'StopTransaction']);
});

test('is delivered without it also where it went while Busbar’s clock was hours ahead', () => {
  const before = gone();
  const after = restarted(before);
  after.context.wallMs = before.context.wallMs - 7_200_000;
  after.do({ type: 'tick' });
  after.pass(120_000);
  expect(actions(after)).toEqual(['StartTransaction', 'StopTransaction']);
});

test('is delivered after a restart, and how the station is is still told once it is back', () => {
  const before = new Outage();
  before.begin();
  before.goDown();
  before.say('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Charging' });
  before.start(1);
  const after = restarted(before);
  after.context.wallMs = before.context.wallMs + 61_000;
  after.do({ type: 'tick' });
  after.pass(10_000);
  expect(actions(after)).toEqual(['StartTransaction']);
  expect(after.state.backends.every(({ phase }) => phase !== 'open')).toBe(true);
  after.heard = [];
  after.arrive(1);
  after.pass(10_000);
  expect(after.heard).toMatchObject([{ action: 'StatusNotification', payload: { status: 'Charging' } }]);
});

test('is told how the station is that comes back over it, where another was the primary meanwhile', () => {
  const before = new Outage();
  before.begin();
  before.say('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Charging' });
  before.goDown();
  before.start(1);
  Object.assign(before.state.durable, { heardBy: 'new', unaware: [] });
  const after = restarted(before);
  after.context.wallMs = before.context.wallMs + 61_000;
  after.answer = (call) => (call.action === 'StartTransaction' ? silence : after.usual(call));
  after.do({ type: 'tick' });
  expect(actions(after)).toEqual(['StartTransaction']);
  after.arrive(1);
  after.pass(60_000);
  expect(after.heard.filter(({ action }) => action === 'StatusNotification')).toHaveLength(1);
});

test('no command reaches it, and the backend is told so', () => {
  const outage = gone();
  outage.isUp = true;
  outage.answer = () => '';
  outage.pass(70_000);
  const effects = outage.fromBackend('[2,"c","Reset",{"type":"Soft"}]');
  expect(effects.filter(({ type }) => type === 'send')).toMatchObject([
    { link: { side: 'backend' }, text: '[3,"c",{"status":"Rejected"}]' },
  ]);
});

test('a station that comes back takes the link over', () => {
  const outage = gone();
  outage.isUp = true;
  outage.answer = () => '';
  outage.pass(70_000);
  outage.answer = (call) => outage.usual(call);
  outage.arrive(2);
  expect(outage.state.link).not.toBeNull();
  outage.pass(300_000);
  expect(new Set(actions(outage))).toEqual(new Set(['StartTransaction', 'StopTransaction']));
  expect(outage.held).toEqual([]);
});

test('a message that is left unanswered has its link kept for the late answer, and leaves again on a new one', () => {
  const outage = gone();
  outage.isUp = true;
  outage.heard = [];
  let isSilent = true;
  outage.answer = (call) => (isSilent ? '' : outage.usual(call));
  outage.pass(70_000);
  expect(actions(outage)).toEqual(['StartTransaction']);
  const epoch = outage.backendEpoch('old');
  outage.pass(60_000);
  expect(outage.state.backends[0]).toMatchObject({ phase: 'open', epoch });
  isSilent = false;
  outage.pass(60_000);
  expect(outage.backendEpoch('old')).toBeGreaterThan(epoch);
  expect(actions(outage)).toEqual(['StartTransaction', 'StartTransaction', 'StopTransaction']);
  expect(outage.held).toEqual([]);
});

test('a backend that is silent for a while gets it once it answers again: no heartbeat asks in the name of a station that is away', () => {
  const outage = gone();
  outage.isUp = true;
  outage.answer = () => silence;
  outage.pass(3 * 3_600_000);
  expect(outage.held).toHaveLength(2);
  outage.answer = (call) => outage.usual(call);
  outage.pass(3_600_000);
  expect(outage.held).toEqual([]);
});

test('a station that comes back over a link on which nothing was answered has its backend asked whether it is back', () => {
  const outage = gone();
  outage.isUp = true;
  outage.answer = () => silence;
  const isOpenAndGivenUp = (): boolean =>
    outage.state.backends.some(({ phase, fruitless }) => phase === 'open' && fruitless >= 5);
  for (let minutes = 0; minutes < 600 && !isOpenAndGivenUp(); minutes += 1) outage.pass(60_000);
  outage.arrive(2);
  outage.answer = (call) => outage.usual(call);
  outage.pass(60_000);
  outage.heard = [];
  outage.say('Authorize', { idTag: 'T' });
  expect(outage.heard.map(({ action }) => action)).toEqual(['Authorize']);
});

test('is not cut short by a reload that changes nothing of its backend: what is out would leave once more', () => {
  const outage = gone();
  outage.isUp = true;
  outage.heard = [];
  outage.answer = () => silence;
  outage.pass(80_000);
  outage.do({ type: 'routing_changed' });
  const [start] = outage.delivered;
  outage.answer = (call) => outage.usual(call);
  outage.fromBackend(`[3,"${start?.id}",{"transactionId":9,"idTagInfo":{"status":"Accepted"}}]`);
  expect(actions(outage)).toEqual(['StartTransaction', 'StopTransaction']);
  expect(outage.held).toEqual([]);
});

test('goes on over a new link where a reload configures its backend otherwise', () => {
  const outage = gone();
  outage.isUp = true;
  outage.heard = [];
  outage.answer = () => silence;
  outage.pass(80_000);
  const epoch = outage.backendEpoch('old');
  const { routing } = outage.context;
  const backends = new Map(
    [...routing.backends].map(([name, facts]) => [name, { ...facts, revision: 'r2' }]),
  );
  outage.context.routing = { ...routing, backends };
  outage.do({ type: 'routing_changed' });
  outage.answer = (call) => outage.usual(call);
  outage.pass(120_000);
  expect(outage.backendEpoch('old')).not.toBe(epoch);
  expect(actions(outage)).toEqual(['StartTransaction', 'StartTransaction', 'StopTransaction']);
  expect(outage.held).toEqual([]);
});

test('leaves at once where an operator has it tried again, as for a station that is there', () => {
  const outage = gone();
  outage.isUp = true;
  outage.answer = (call) =>
    call.action === 'StartTransaction' ? '4|"NotSupported","no",{}' : outage.usual(call);
  outage.pass(200_000);
  expect(outage.held[0]?.delivery.state).toBe('parked');
  outage.answer = (call) => outage.usual(call);
  outage.heard = [];
  const number = outage.held[0]?.message.number ?? 0;
  outage.do({ type: 'delivery_decided', requestId: 1, number, decision: 'retry' });
  expect(actions(outage)).toEqual(['StartTransaction', 'StopTransaction']);
});

test('is delivered once the station is back and the backend answers again, though that left everything unanswered meanwhile', () => {
  const outage = gone();
  outage.isUp = true;
  outage.answer = () => silence;
  outage.pass(3_600_000);
  outage.answer = (call) => outage.usual(call);
  outage.arrive(2);
  outage.pass(600_000);
  expect(outage.held).toEqual([]);
  expect(outage.say('StartTransaction', startOf(1, 70))).toMatchObject({ transactionId: 102 });
  outage.pass(1_000);
  expect(outage.heard.at(-1)?.action).toBe('StartTransaction');
});

test('an operator who drops the last of it while the link is being dialled ends the dial', () => {
  const bench = new Bench({ whenDown: { covers: true, untilMs: Infinity, untilMessages: Infinity } });
  bench.connect();
  const epoch = bench.backendEpoch('old');
  bench.do({ type: 'backend_lost', backend: 'old', epoch, code: 1006, reason: 'gone' });
  bench.fromStation(`[2,"s","StartTransaction",${JSON.stringify(startOf(1, 0))}]`);
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  bench.context.wallMs += 120_000;
  bench.pass(120_000);
  expect(bench.state.backends[0]?.phase).toBe('dialling');
  const [entry] = bench.state.held[0] ?? [];
  const number = entry?.message.number ?? 0;
  bench.do({ type: 'delivery_decided', requestId: 1, number, decision: 'drop' });
  expect(bench.state.backends.map(({ phase }) => phase)).not.toContain('dialling');
});

test('a station that takes over the link which a restart opened for its delivery has a primary like any other: it gets heartbeats', () => {
  const before = new Outage();
  const routes = before.context.routing.routes.map((route) => ({
    ...route,
    assignment: { ...route.assignment, localAnswers: new Set(['Heartbeat']) },
  }));
  before.context.routing = { ...before.context.routing, routes };
  before.begin();
  before.goDown();
  before.start(1);
  const held = JSON.parse(JSON.stringify(before.held)) as HeldEntry[];
  const saved = durableStation(JSON.parse(JSON.stringify(before.state.durable)) as object);
  const after = new Outage();
  after.context.routing = before.context.routing;
  Object.assign(after.state, createStation(after.state.id, saved, 'q', held));
  after.context.wallMs = before.context.wallMs + 120_000;
  after.answer = () => silence;
  after.do({ type: 'tick' });
  const id = after.state.backends[0]?.slot?.sentId;
  after.answer = (call) => after.usual(call);
  after.arrive(5, true, ['ocpp1.6']);
  after.fromBackend(`[3,"${id}",{"transactionId":9,"idTagInfo":{"status":"Accepted"}}]`);
  expect(after.held).toEqual([]);
  for (let minute = 0; minute < 26 * 60; minute += 1) {
    after.pass(60_000);
    after.say('Heartbeat', {});
  }
  expect(after.heard.map(({ action }) => action)).toContain('Heartbeat');
});

test('copies for a backend that listens in wait for the station, and are given up once it has been away for a month', () => {
  const before = gone();
  const copies = before.held.map(({ message, delivery }) => ({
    message: { ...message, backend: 'vendor', answer: null },
    delivery,
  }));
  const after = restarted(before, copies);
  after.context.wallMs = before.context.wallMs;
  after.do({ type: 'tick' });
  const dayMs = 24 * 3_600_000;
  after.pass(29 * dayMs);
  expect(after.held).toHaveLength(2);
  after.pass(2 * dayMs);
  expect(after.held).toEqual([]);
  expect(after.heard).toEqual([]);
  const deliveries = after.records.filter(({ type }) => type === 'delivery');
  expect(deliveries).toMatchObject([{ outcome: 'dropped' }, { outcome: 'dropped' }]);
  expect(after.last.wakeAtMs).toBe(Infinity);
});
