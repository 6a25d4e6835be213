/** What a backend that was down hears of the faults of the meantime. */
import { describe, expect, test } from 'vitest';
import { minuteOf, Outage, refusal, silence } from '../../testkit/outage-bench.ts';
import { answerAs, Bench, routing, sent, sentTo } from '../../testkit/station-bench.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { missedMax } from '../priming/station-image.ts';
import { plainAssignment } from '../routing/table.ts';
import type { AssignmentDecision, Effect } from './events.ts';
import { createStation, durableStation } from './state.ts';

function status(minute: number, code: string, now: string, connectorId = 1): object {
  return { connectorId, errorCode: code, status: now, timestamp: minuteOf(minute) };
}

const status2 = (minute: number, connectorStatus: string): object => ({
  evseId: 1,
  connectorId: 1,
  connectorStatus,
  timestamp: minuteOf(minute),
});

const say = (outage: Outage, ...statuses: readonly object[]): void => {
  for (const each of statuses) expect(outage.say('StatusNotification', each)).toEqual({});
};

/** Minutes of the statuses that the backend heard, in order. */
const told = ({ heard }: Outage): number[] =>
  heard
    .filter(({ action }) => action === 'StatusNotification')
    .map(({ payload }) => (Date.parse(String(payload['timestamp'])) - 1_700_000_000_000) / 60_000);

function down(version: OcppVersion = 'ocpp1.6'): Outage {
  const outage = new Outage(version);
  outage.begin();
  outage.goDown();
  return outage;
}

test('every fault of an outage is told in order and with its own time, before the current statuses', () => {
  const outage = down();
  say(
    outage,
    status(0, 'NoError', 'Available', 2),
    status(1, 'GroundFailure', 'Faulted'),
    status(2, 'NoError', 'Available'),
    status(3, 'WeakSignal', 'Charging', 2),
    status(4, 'NoError', 'Charging'),
    status(5, 'NoError', 'SuspendedEV', 2),
    status(6, 'NoError', 'Faulted'),
    status(7, 'NoError', 'Available'),
  );
  outage.start(1, 8);
  outage.comeBack();
  expect(told(outage)).toEqual([1, 3, 6, 5, 7]);
  expect(outage.heard.at(-1)?.action).toBe('StartTransaction');
  expect(outage.state.durable.missed).toEqual([]);
  // Once only.
  outage.goDown();
  outage.comeBack();
  expect(told(outage)).toEqual([]);
});

test('in 2.x too', () => {
  const outage = down('ocpp2.0.1');
  say(outage, status2(1, 'Faulted'), status2(2, 'Available'), status2(3, 'Unavailable'));
  outage.comeBack();
  expect(told(outage)).toEqual([1, 3]);
});

const event = (trigger: string, name: string, actualValue: string, component = 'Connector'): object => ({
  eventId: 1,
  timestamp: minuteOf(1),
  trigger,
  actualValue,
  eventNotificationType: 'HardWiredMonitor',
  component: { name: component, evse: { id: 1, connectorId: 1 } },
  variable: { name },
});

const events = (...eventData: readonly object[]): object => ({
  generatedAt: minuteOf(1),
  seqNo: 7,
  tbc: false,
  eventData,
});

/** The values in each message of events that the backend heard. */
const heardEvents = ({ heard }: Outage): unknown[] =>
  heard
    .filter(({ action }) => action === 'NotifyEvent')
    .map(({ payload }) =>
      (payload['eventData'] as { readonly actualValue: string }[]).map(({ actualValue }) => actualValue),
    );

describe('of events', () => {
  test.each(['ocpp2.0.1', 'ocpp2.1'] as const)(
    'alerts and faulted connectors are told too, in %s',
    (version) => {
      const outage = down(version);
      for (const said of [
        events(event('Alerting', 'Temperature', '95'), event('Periodic', 'Power', '7')),
        events(event('Delta', 'AvailabilityState', 'Faulted')),
        events(event('Delta', 'AvailabilityState', 'Available')),
        events(event('Alerting', 'Tampered', 'true', 'ChargingStation')),
        events(event('Periodic', 'Power', '8')),
      ])
        expect(outage.say('NotifyEvent', said)).toEqual({});
      outage.comeBack();
      expect(heardEvents(outage)).toEqual([['95'], ['Faulted'], ['true'], ['Available']]);
      expect(outage.state.durable.missed).toEqual([]);
    },
  );

  test('an alert is on disk before the station has its answer', () => {
    const outage = down('ocpp2.1');
    outage.say('NotifyEvent', events(event('Alerting', 'Temperature', '95')));
    expect(outage.last.effects.find(({ type }) => type === 'send')).toMatchObject({ when: 'afterCommit' });
  });
});

test('one that still holds is told once, as the current status', () => {
  const outage = down();
  say(outage, status(1, 'GroundFailure', 'Faulted'), status(2, 'OtherError', 'Faulted'));
  outage.comeBack();
  expect(told(outage)).toEqual([1, 2]);
  expect(outage.state.durable.missed).toEqual([]);
});

test('one without a time gets that of its arrival', () => {
  const outage = down();
  const at = outage.context.wallMs;
  say(outage, { connectorId: 1, errorCode: 'GroundFailure', status: 'Faulted' });
  outage.pass(60_000);
  say(outage, status(9, 'NoError', 'Available'));
  outage.comeBack();
  expect(outage.heard[0]?.payload['timestamp']).toBe(new Date(at).toISOString());
});

test('is on disk before the station has its answer, and outlives the process', () => {
  const outage = down();
  outage.say('StatusNotification', status(1, 'GroundFailure', 'Faulted'));
  expect(outage.last.records.map(({ type }) => type)).toContain('changed');
  expect(outage.last.effects.find(({ type }) => type === 'send')).toMatchObject({ when: 'afterCommit' });
  expect(outage.last.isDurableChanged).toBe(true);
  outage.say('StatusNotification', status(2, 'NoError', 'Available'));
  const durable = durableStation(JSON.parse(JSON.stringify(outage.state.durable)) as object);
  const next = new Outage();
  Object.assign(next.state, createStation(next.state.id, durable, 'q'));
  next.begin();
  next.pass(1_000);
  expect(told(next)).toEqual([1, 2]);
});

describe('a backend that does not hear it', () => {
  const answers = [
    ['keeps silent', silence],
    ['answers with an error of its own', refusal],
  ] as const;

  test.each(answers)('because it %s is told again a few times, and on its next link', (_what, answer) => {
    const outage = down();
    say(outage, status(1, 'GroundFailure', 'Faulted'), status(2, 'NoError', 'Available'));
    outage.answer = (call) => (call.payload['status'] === 'Faulted' ? answer : outage.usual(call));
    outage.comeBack();
    outage.pass(60_000);
    expect(told(outage)).toEqual([1, 2]);
    outage.pass(3_600_000);
    const rounds = told(outage).length / 2;
    expect(rounds).toBe(6);
    outage.pass(86_400_000);
    expect(told(outage)).toHaveLength(2 * rounds);
    expect(outage.state.durable.missed).toHaveLength(1);
    outage.answer = (call) => outage.usual(call);
    outage.goDown();
    outage.comeBack();
    expect(told(outage)).toEqual([1, 2]);
    expect(outage.state.durable.missed).toEqual([]);
  });

  test.each(answers)('because it %s for a moment hears how the station is by then', (_what, answer) => {
    const outage = down();
    say(outage, status(1, 'NoError', 'Charging'));
    outage.answer = (call) => (call.action === 'StatusNotification' ? answer : outage.usual(call));
    outage.comeBack();
    outage.pass(60_000);
    expect(told(outage)).toEqual([1]);
    outage.answer = (call) => outage.usual(call);
    say(outage, status(1, 'NoError', 'Finishing'));
    outage.heard = [];
    outage.pass(86_400_000);
    expect(outage.heard.filter(({ action }) => action === 'StatusNotification')).toMatchObject([
      { payload: { status: 'Finishing' } },
    ]);
    expect(outage.state.durable.unaware).toEqual([]);
  });

  test('and refuses it for good is not told again', () => {
    const outage = down();
    say(outage, status(1, 'GroundFailure', 'Faulted'), status(2, 'NoError', 'Available'));
    outage.answer = (call) =>
      call.payload['status'] === 'Faulted' ? '4|"FormationViolation","",{}' : outage.usual(call);
    outage.comeBack();
    expect(outage.state.durable.missed).toEqual([]);
  });
});

test('the oldest make room for the newest, and are counted', () => {
  const outage = down();
  for (let minute = 1; minute <= missedMax + 3; minute += 1)
    say(outage, status(minute, 'GroundFailure', 'Faulted'));
  expect(outage.notices.filter((notice) => notice === 'fault_forgotten')).toHaveLength(3);
  expect(outage.state.durable.missed).toHaveLength(missedMax);
  outage.comeBack();
  expect(told(outage)).toEqual(Array.from({ length: missedMax }, (_, at) => at + 4));
});

test('one that the station repeats is kept once', () => {
  const outage = down();
  const fault = status(1, 'GroundFailure', 'Faulted');
  say(outage, fault, fault, fault, status(2, 'NoError', 'Available'));
  outage.comeBack();
  expect(told(outage)).toEqual([1, 2]);
});

test('how the station is, which changed while Busbar answered, is told by the next process too, and once', () => {
  const outage = new Outage();
  outage.begin();
  outage.say('StatusNotification', status(1, 'NoError', 'Available'));
  outage.goDown();
  outage.say('StatusNotification', status(1, 'NoError', 'Charging'));
  expect(outage.state.durable.unaware).toEqual(['old']);
  let before = outage;
  for (const expected of [['Charging'], []]) {
    const next = new Outage();
    const saved = durableStation(JSON.parse(JSON.stringify(before.state.durable)) as object);
    Object.assign(next.state, createStation(next.state.id, saved, 'q'));
    next.arrive(1, true, ['ocpp1.6']);
    next.pass(3_600_000);
    const statuses = next.heard.filter(({ action }) => action === 'StatusNotification');
    expect(statuses.map(({ payload }) => payload['status'])).toEqual(expected);
    expect(next.state.durable.unaware).toEqual([]);
    before = next;
  }
});

function comeBackTo(bench: Bench, primary: string, epoch: number): readonly Effect[] {
  bench.context.routing = routing([plainAssignment(0, primary)], ['ocpp1.6']);
  bench.do({ type: 'routing_changed' });
  bench.arrive(epoch);
  return bench.do({ type: 'backend_opened', backend: primary, epoch: bench.backendEpoch(primary) });
}

describe('a primary that another was before', () => {
  const occupied = '{"connectorId":1,"errorCode":"NoError","status":"Charging"}';
  const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';

  /** Knows the station as it was: since then its route took it to `new`, to which it told more. */
  function movedAway(): Bench {
    const bench = new Bench();
    bench.connect();
    bench.fromStation('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]');
    answerAs(bench, 'old', '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}');
    comeBackTo(bench, 'new', 2);
    bench.fromStation(`[2,"2","StatusNotification",${occupied}]`);
    return bench;
  }

  test('is told how the station is, though that does not boot for it', () => {
    const bench = movedAway();
    expect(sentTo(comeBackTo(bench, 'old', 3), 'old')).toEqual([
      expect.stringContaining('"status":"Charging"'),
    ]);
    answerAs(bench, 'old', '{}');
    expect(bench.state.durable.unaware).not.toContain('old');
  });

  test('is told also what happened since it listened for a while', () => {
    const bench = new Bench({ actions: new Map([['Authorize', 'new']]) });
    bench.connect();
    bench.fromStation('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]');
    answerAs(bench, 'old', '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}');
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    answerAs(bench, 'new', '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}');
    answerAs(bench, 'new', '{"currentTime":"2023-11-14T22:13:20Z"}');
    bench.context.routing = routing([plainAssignment(0, 'old')], ['ocpp1.6']);
    bench.do({ type: 'routing_changed' });
    bench.fromStation(`[2,"2","StatusNotification",${occupied}]`);
    expect(sentTo(comeBackTo(bench, 'new', 2), 'new')).toEqual([
      expect.stringContaining('"status":"Charging"'),
    ]);
  });

  test('is told by the next process too, and once', () => {
    let { durable } = movedAway().state;
    for (const expected of [[expect.stringContaining('"status":"Charging"')], []]) {
      const next = new Bench();
      const saved = durableStation(JSON.parse(JSON.stringify(durable)) as object);
      Object.assign(next.state, createStation(next.state.id, saved, 'q'));
      next.connect();
      expect(sentTo(next.last.effects, 'old')).toEqual(expected);
      if (expected.length > 0) answerAs(next, 'old', '{}');
      ({ durable } = next.state);
    }
  });

  test('is told too where a link was open already, for what was held for it', () => {
    const { durable } = movedAway().state;
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    outage.say('SecurityEventNotification', { type: 'T', timestamp: minuteOf(1) });
    const next = new Bench();
    next.context.wallMs = outage.context.wallMs + 120_000;
    const saved = durableStation(JSON.parse(JSON.stringify(durable)) as object);
    Object.assign(next.state, createStation(next.state.id, saved, 'q', outage.held));
    next.do({ type: 'tick' });
    next.do({ type: 'backend_opened', backend: 'old', epoch: next.backendEpoch('old') });
    expect(sentTo(next.last.effects, 'old')).toEqual([expect.stringContaining('SecurityEventNotification')]);
    const [held = '[]'] = sentTo(next.last.effects, 'old');
    next.arrive();
    next.fromBackend(`[3,"${(JSON.parse(held) as string[])[1]}",{}]`);
    expect(sentTo(next.last.effects, 'old')).toEqual([expect.stringContaining('"status":"Charging"')]);
  });

  test('is told too where it is the primary again by a decision of while the station was away', () => {
    const bench = new Bench({ whenDown: { covers: true, untilMs: Infinity, untilMessages: Infinity } });
    const decide = (decision: AssignmentDecision): void => {
      bench.do({ type: 'assignment_decided', requestId: 1, decision });
      expect(bench.last.effects).toContainEqual(
        expect.objectContaining({ outcome: { kind: 'done', isChanged: true } }),
      );
    };
    bench.connect();
    bench.fromStation('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]');
    answerAs(bench, 'old', accepted);
    bench.fromStation(
      `[2,"2","StartTransaction",{"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"${minuteOf(0)}"}]`,
    );
    answerAs(bench, 'old', '{"transactionId":77,"idTagInfo":{"status":"Accepted"}}');
    decide({ do: 'attach', backend: 'new' });
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    for (const payload of [accepted, '{"currentTime":"2023-11-14T22:13:20Z"}'])
      answerAs(bench, 'new', payload);
    const keepWarmMs = 3_600_000;
    decide({ do: 'cut_over', primary: 'new', openTransactions: 'pin', keepWarmMs, isForced: false });
    // It keeps silent, so that it is told of nothing else before its link goes with the station's.
    bench.fromStation('[2,"3","MeterValues",{"connectorId":1,"transactionId":77,"meterValue":[]}]');
    expect(sent(bench.pass(bench.context.settings.answerWithinMs), 'station')).toEqual(['[3,"3",{}]']);
    bench.fromStation(`[2,"4","StatusNotification",${occupied}]`);
    bench.do({ type: 'station_lost', epoch: 1, code: 1006, reason: 'gone' });
    decide({ do: 'roll_back' });
    bench.context.wallMs += 120_000;
    bench.pass(120_000);
    bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
    const [held = '[]'] = sentTo(bench.last.effects, 'old');
    expect(held).toContain('MeterValues');
    bench.arrive(2);
    bench.fromBackend(`[3,"${(JSON.parse(held) as string[])[1]}",{}]`);
    expect(sentTo(bench.last.effects, 'old')).toEqual([expect.stringContaining('"status":"Charging"')]);
  });
});

test('a backend is told of the statuses of an outage also where the station has not booted since Busbar knows it', () => {
  const outage = new Outage();
  outage.arrive(1, true, ['ocpp1.6']);
  outage.say('StatusNotification', status(0, 'NoError', 'Available'));
  outage.goDown();
  say(outage, status(1, 'GroundFailure', 'Faulted'), status(2, 'NoError', 'Charging'));
  outage.start(1, 3);
  outage.comeBack();
  outage.pass(60_000);
  expect(told(outage)).toEqual([1, 2]);
  expect(outage.heard.map(({ action }) => action)).toEqual([
    'StatusNotification',
    'StatusNotification',
    'StartTransaction',
  ]);
  expect(outage.state.durable.unaware).toEqual([]);
});

test('a station that boots while its backend is told of an outage cuts none of it short', () => {
  const outage = down();
  say(
    outage,
    status(1, 'GroundFailure', 'Faulted'),
    status(2, 'NoError', 'Available'),
    status(3, 'WeakSignal', 'Charging', 2),
    status(4, 'NoError', 'Available', 2),
  );
  outage.answer = (call) => (call.action === 'StatusNotification' ? silence : outage.usual(call));
  outage.comeBack();
  outage.say('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
  outage.answer = (call) => outage.usual(call);
  const epoch = outage.backendEpoch('old');
  const text = `[3,"${outage.heard[0]?.id}",{}]`;
  outage.do({ type: 'backend_frame', backend: 'old', epoch, text });
  outage.pass(1_000);
  expect(told(outage)).toEqual([1, 3, 2, 4]);
  expect(outage.heard[1]?.action).toBe('BootNotification');
  expect(outage.state.durable).toMatchObject({ missed: [], unaware: [] });
  // Once only.
  outage.say('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
  outage.goDown();
  outage.comeBack();
  expect(told(outage)).toEqual([]);
});

test.each(['the next one of the station', 'one over its next link'])(
  'a backend that refuses the boot which Busbar tells it is told of the outage once it takes %s',
  (which) => {
    const boot = { chargePointVendor: 'V', chargePointModel: 'M', firmwareVersion: '2' };
    const outage = down();
    outage.say('BootNotification', boot);
    say(outage, status(1, 'NoError', 'Charging'));
    outage.answer = (call) => (call.action === 'BootNotification' ? refusal : outage.usual(call));
    outage.comeBack();
    expect(told(outage)).toEqual([]);
    outage.answer = (call) => outage.usual(call);
    if (which.startsWith('the')) outage.say('BootNotification', boot);
    else {
      outage.goDown();
      outage.comeBack();
    }
    outage.pass(1_000);
    expect(told(outage)).toEqual([1]);
  },
);
