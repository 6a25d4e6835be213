/** What Busbar answers itself, and whose time a station sees. */
import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { minuteOf, Outage, silence } from '../../testkit/outage-bench.ts';
import { Bench, routing, sent } from '../../testkit/station-bench.ts';
import { plainAssignment } from '../routing/table.ts';

const boot = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]';

function answering(...actions: string[]): Bench {
  const bench = new Bench({ localAnswers: new Set(actions), clock: 'own' });
  bench.connect();
  bench.fromStation(boot);
  bench.fromBackend('[3,"p1",{"status":"Accepted","currentTime":"2020-01-01T00:00:00Z","interval":300}]');
  return bench;
}

test('with a clock of its own, the answers to boots and heartbeats carry its time, and nothing else of them changes', () => {
  const bench = new Bench({ clock: 'own' });
  bench.connect();
  bench.fromStation(boot);
  const text = '[3,"p1", {"status" : "Accepted", "currentTime":"2020-01-01T00:00:00Z","interval":3.0e2}]';
  expect(sent(bench.fromBackend(text), 'station')).toEqual([
    '[3,"b", {"status" : "Accepted", "currentTime":"2023-11-14T22:13:20.000Z","interval":3.0e2}]',
  ]);
  expect(bench.last.records.at(-2)).toMatchObject({ type: 'frame', outcome: 'rewritten', text });
});

test('a heartbeat is answered at once, and the primary gets its own at the interval it asked for', () => {
  const bench = answering('Heartbeat');
  expect(sent(bench.fromStation('[2,"h","Heartbeat",{}]'), 'station')).toEqual([
    '[3,"h",{"currentTime":"2023-11-14T22:13:20.000Z"}]',
  ]);
  expect(sent(bench.last.effects, 'backend')).toEqual([]);
  for (let seconds = 0; seconds < 290; seconds += 10) {
    bench.pass(10_000);
    bench.do({ type: 'station_pong', epoch: 1 });
    bench.do({ type: 'backend_pong', backend: 'old', epoch: bench.backendEpoch('old') });
  }
  expect(sent(bench.pass(10_000), 'backend')).toEqual(['[2,"p.1","Heartbeat",{}]']);
});

test('a status is answered at once, and reaches the primary as it is', () => {
  const bench = answering('StatusNotification');
  bench.fromStation(
    '[2,"s","StatusNotification",{"connectorId":1,"status":"Available","errorCode":"NoError"}]',
  );
  expect(sent(bench.last.effects, 'station')).toEqual(['[3,"s",{}]']);
  expect(sent(bench.last.effects, 'backend')).toEqual([
    '[2,"p.1","StatusNotification",{"connectorId":1,"status":"Available","errorCode":"NoError"}]',
  ]);
  expect(bench.fromBackend('[3,"p.1",{}]')).toEqual([]);
});

test('meter values are answered once they are on disk, but not those of a transaction', () => {
  const bench = answering('MeterValues');
  const effects = bench.fromStation('[2,"m","MeterValues",{"connectorId":1,"meterValue":[]}]');
  expect(effects).toMatchObject([
    { type: 'send', link: { side: 'station' }, text: '[3,"m",{}]', when: 'afterCommit' },
    { type: 'send', link: { side: 'backend' } },
  ]);
  const ofTransaction = bench.fromStation(
    '[2,"n","MeterValues",{"connectorId":1,"transactionId":5,"meterValue":[]}]',
  );
  expect(sent(ofTransaction, 'station')).toEqual([]);
});

test('what cannot be held any more is the primary’s to answer', () => {
  const bench = answering('MeterValues');
  bench.context.digest = (text) => hash('sha256', text);
  bench.context.settings = { ...bench.context.settings, heldMax: 3, callsPerSecond: Infinity };
  for (let at = 0; at < 8; at += 1)
    bench.fromStation(`[2,"m${at}","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"${at}"}]}]`);
  expect(bench.state.held.map(({ length }) => length)).toEqual([3]);
});

const whenDown = { covers: true, untilMs: Infinity, untilMessages: Infinity };

/** A station whose statuses Busbar answers, and whose primary is covered for. */
function answeredStatuses(): Outage {
  const outage = new Outage();
  const assignment = {
    ...plainAssignment(0, 'old'),
    whenDown,
    localAnswers: new Set(['StatusNotification']),
  };
  outage.context.routing = routing([assignment], ['ocpp1.6']);
  outage.begin();
  return outage;
}

const says = (outage: Outage, minute: number, status: string): void =>
  expect(
    outage.say('StatusNotification', {
      connectorId: 1,
      errorCode: 'NoError',
      status,
      ...(minute === 0 ? {} : { timestamp: minuteOf(minute) }),
    }),
  ).toEqual({});

const statusesIn = ({ heard }: Outage): unknown[] =>
  heard.filter(({ action }) => action === 'StatusNotification').map(({ payload }) => payload['status']);

test('statuses that were answered while the primary was down are told to it once it is back, and the faults among them', () => {
  const outage = answeredStatuses();
  outage.goDown();
  outage.pass(5_000);
  says(outage, 1, 'Faulted');
  says(outage, 2, 'Charging');
  outage.pass(60_000);
  expect(outage.state.durable).toMatchObject({ unaware: ['old'], missed: [{ backend: 'old' }] });
  outage.comeBack();
  expect(statusesIn(outage)).toEqual(['Faulted', 'Charging']);
});

test.each([
  ['out', 1],
  ['waiting', 2],
])(
  'statuses that were %s to a primary when its link went are told to it on the next, once',
  (_what, count) => {
    const outage = answeredStatuses();
    outage.answer = () => silence;
    for (const status of ['Available', 'Faulted'].slice(-count)) says(outage, 0, status);
    outage.goDown();
    outage.answer = (call) => outage.usual(call);
    outage.comeBack();
    expect(statusesIn(outage)).toEqual(['Faulted']);
  },
);
