/** Whom Busbar lets charge while the backend is away. */
import { describe, expect, test } from 'vitest';
import { minuteOf, Outage, refusal, silence, startOf } from '../../testkit/outage-bench.ts';
import { Bench, sent } from '../../testkit/station-bench.ts';
import type { HeldEntry } from '../hold/held-lane.ts';

test('a token that charges already gets no second transaction, and may be shown to end the first', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.start(1);
  expect(outage.say('StartTransaction', startOf(2, 1))).toMatchObject({
    idTagInfo: { status: 'ConcurrentTx' },
  });
  expect(outage.say('Authorize', { idTag: 'T' })).toMatchObject({ idTagInfo: { status: 'Accepted' } });
});

test('a backend whose link goes while it is told how the station is, is told from the start on the next', () => {
  const outage = new Outage();
  outage.begin();
  outage.say('StatusNotification', status('Available'));
  outage.goDown();
  outage.say('StatusNotification', status('Charging'));
  outage.answer = () => silence;
  outage.comeBack();
  expect(outage.heard.map(({ action }) => action)).toEqual(['StatusNotification']);
  outage.goDown();
  outage.answer = (call) => outage.usual(call);
  outage.comeBack();
  expect(outage.heard).toMatchObject([{ action: 'StatusNotification', payload: { status: 'Charging' } }]);
});

const status = (word: string): object => ({ connectorId: 1, errorCode: 'NoError', status: word });

test('what a backend refuses with an error is held instead of being thrown away by the station', () => {
  const outage = new Outage();
  outage.begin();
  outage.answer = (call) => (call.action === 'StartTransaction' ? refusal : outage.usual(call));
  expect(outage.say('StartTransaction', startOf(1, 0))).toMatchObject({ idTagInfo: { status: 'Accepted' } });
  expect(outage.held).toMatchObject([{ delivery: { state: 'waiting', attempts: 1 } }]);
  outage.answer = (call) => outage.usual(call);
  outage.pass(11_000);
  expect(outage.held).toEqual([]);
  expect(outage.delivered.map(({ action }) => action)).toEqual(['StartTransaction', 'StartTransaction']);
});

describe('what is said while the like of before is still held', () => {
  test('as a part of a report is told after that, though the backend is back', () => {
    const outage = new Outage('ocpp2.0.1');
    outage.begin();
    const part = (seqNo: number, tbc: boolean): unknown =>
      outage.say('NotifyReport', { requestId: 1, generatedAt: minuteOf(0), seqNo, tbc });
    const parts = (): unknown[] =>
      outage.heard.flatMap(({ action, payload }) => (action === 'NotifyReport' ? [payload['seqNo']] : []));
    outage.goDown();
    part(0, true);
    part(1, true);
    outage.context.deliveryWaitMs = () => (parts().length === 0 ? 0 : 5_000);
    outage.comeBack();
    expect(parts()).toEqual([0]);
    expect(part(2, false)).toEqual({});
    expect(parts()).toEqual([0]);
    outage.context.deliveryWaitMs = () => 0;
    outage.pass(5_000);
    expect(parts()).toEqual([0, 1, 2]);
    // Nothing of the like is held any more: it is the backend's own to answer.
    outage.answer = () => silence;
    expect(part(3, false)).toBeNull();
  });

  test('passes it where the journal cannot be written: what cannot be stored is not answered', () => {
    const outage = new Outage('ocpp2.0.1');
    outage.begin();
    const part = (seqNo: number): unknown =>
      outage.say('NotifyReport', { requestId: 1, generatedAt: minuteOf(0), seqNo, tbc: true });
    outage.goDown();
    part(0);
    outage.context.deliveryWaitMs = () => 60_000;
    outage.comeBack();
    outage.context.isJournalWritable = false;
    expect(part(1)).toEqual({});
    expect(outage.state.link).not.toBeNull();
    expect(outage.heard.map(({ payload }) => payload['seqNo'])).toContain(1);
  });

  test('waits while that is to be told again, and no longer', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    for (const word of ['Downloading', 'Installing', 'Installed'])
      outage.say('FirmwareStatusNotification', { status: word });
    outage.answer = (call) => (call.payload['status'] === 'Downloading' ? refusal : outage.usual(call));
    outage.comeBack();
    outage.pass(400_000);
    expect(outage.heard.map(({ payload }) => payload['status'])).toEqual([
      ...Array.from({ length: 4 }, () => 'Downloading'),
      'Installing',
      'Installed',
    ]);
  });

  test('of an update is the last that the backend hears of it, and nothing else waits for that', () => {
    const outage = new Outage();
    outage.begin();
    const told = (): unknown[] => outage.heard.map(({ payload }) => payload['status'] ?? payload['idTag']);
    outage.goDown();
    for (const word of ['Downloading', 'Installing'])
      outage.say('FirmwareStatusNotification', { status: word });
    outage.context.deliveryWaitMs = () => (told().length === 0 ? 0 : 5_000);
    outage.comeBack();
    outage.say('FirmwareStatusNotification', { status: 'Installed' });
    outage.say('Authorize', { idTag: 'T' });
    outage.context.deliveryWaitMs = () => 0;
    outage.pass(5_000);
    expect(told()).toEqual(['Downloading', 'T', 'Installing', 'Installed']);
  });
});

const covers = { covers: true, untilMs: Infinity, untilMessages: Infinity } as const;

test('a call that waits behind a copy for a silent backend is answered in time', () => {
  const bench = new Bench({ whenDown: covers, localAnswers: new Set(['StatusNotification']) });
  bench.connect();
  bench.fromStation('[2,"a","Authorize",{"idTag":"A"}]');
  bench.fromStation(`[2,"b","StatusNotification",${JSON.stringify(status('Available'))}]`);
  bench.fromStation(`[2,"c","StartTransaction",${JSON.stringify(startOf(1, 0))}]`);
  const answers: string[] = [];
  for (let second = 0; second < 25; second += 1) answers.push(...sent(bench.pass(1_000), 'station'));
  expect(answers.filter((text) => text.startsWith('[3,"c"'))).toHaveLength(1);
  expect(bench.state.link).not.toBeNull();
});

test('a status without a payload that waits for a backend which goes is answered like any other', () => {
  const bench = new Bench({ whenDown: covers });
  bench.connect();
  for (const id of ['a', 'b']) bench.fromStation(`[2,"${id}","StatusNotification"]`);
  const epoch = bench.backendEpoch('old');
  const effects = bench.do({ type: 'backend_lost', backend: 'old', epoch, code: 1006, reason: 'gone' });
  expect(sent(effects, 'station')).toEqual(['[3,"a",{}]', '[3,"b",{}]']);
});

test('while a dial hangs and the route covers no longer, nothing is woken for in the past', () => {
  const bench = new Bench({ whenDown: { ...covers, untilMs: 60_000 } });
  bench.connect();
  const epoch = bench.backendEpoch('old');
  bench.do({ type: 'backend_lost', backend: 'old', epoch, code: 1006, reason: 'gone' });
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  bench.pass(120_000);
  bench.arrive(2);
  expect(bench.state.arrival).not.toBeNull();
  bench.pass(6_000);
  expect(bench.last.wakeAtMs).toBeGreaterThan(bench.context.nowMs);
});

describe('an action that the backend does not know', () => {
  test.each([
    ['SecurityEventNotification', { type: 'StartupOfTheDevice', timestamp: minuteOf(1) }, 'NotImplemented'],
    ['MeterValues', { connectorId: 0, meterValue: [] }, 'NotSupported'],
  ])('is refused to the station as the backend does, where it bills nobody: %s', (action, payload, code) => {
    const outage = new Outage();
    outage.begin();
    outage.answer = (call) => (call.action === action ? `4|"${code}","no",{}` : outage.usual(call));
    expect(outage.say(action, payload)).toBe(code);
    expect(outage.state.held).toEqual([]);
  });

  test('is kept for it all the same, where it is of a transaction', () => {
    const outage = new Outage();
    outage.begin();
    outage.answer = (call) =>
      call.action === 'StartTransaction' ? '4|"NotImplemented","no",{}' : outage.usual(call);
    expect(outage.say('StartTransaction', startOf(1, 1))).toMatchObject({
      transactionId: expect.any(Number) as unknown,
    });
    expect(outage.state.held).toHaveLength(1);
  });
});

test('how a station says it is leaves the gateway answered once that is on disk: nobody else has it', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  const whenOf = (action: string, payload: string): unknown =>
    outage
      .fromStation(`[2,"${action}","${action}",${payload}]`)
      .find((effect) => effect.type === 'send' && effect.link.side === 'station');
  const connector = '{"connectorId":1,"errorCode":"NoError","status":"Preparing"}';
  expect(whenOf('StatusNotification', connector)).toMatchObject({ when: 'afterCommit' });
  expect(whenOf('FirmwareStatusNotification', '{"status":"Installing"}')).toMatchObject({
    when: 'afterCommit',
  });
  expect(whenOf('Heartbeat', '{}')).toMatchObject({ when: 'now' });
});

test('what its backend had and was answered for is said to be possibly there after a restart, wherever it stands', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.say('SecurityEventNotification', { type: 'StartupOfTheDevice', timestamp: minuteOf(0) });
  outage.context.deliveryWaitMs = () => 60_000;
  outage.comeBack();
  outage.answer = () => silence;
  outage.say('StartTransaction', startOf(1, 0));
  outage.pass(9_000);
  const next = new Outage('ocpp1.6', JSON.parse(JSON.stringify(outage.held)) as HeldEntry[]);
  expect(next.held).toMatchObject([
    { message: { action: 'SecurityEventNotification' } },
    { message: { action: 'StartTransaction' }, delivery: { possiblyDuplicate: true } },
  ]);
});
