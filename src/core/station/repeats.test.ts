/** A message that was answered before (D5). */
import { describe, expect, test } from 'vitest';
import { Outage, refusal, silence, startOf } from '../../testkit/outage-bench.ts';
import { Bench, sent } from '../../testkit/station-bench.ts';
import { createStation } from './state.ts';

const start = (id: string): string =>
  `[2,"${id}","StartTransaction",{"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"2023-01-01T00:00:00Z"}]`;
const meter = (id: string): string =>
  `[2,"${id}","MeterValues",{"connectorId":1,"transactionId":7,"meterValue":[{"timestamp":"2023-01-01T00:01:00Z"}]}]`;
const event = (id: string, eventType: string, seqNo: number): string =>
  `[2,"${id}","TransactionEvent",{"eventType":"${eventType}","timestamp":"2023-01-01T00:00:00Z","triggerReason":"Trigger","seqNo":${seqNo},"transactionInfo":{"transactionId":"A"}}]`;

function idSent(bench: Bench): string {
  return (JSON.parse(sent(bench.last.effects, 'backend')[0] ?? '[]') as string[])[1] ?? '';
}

test('a retried StartTransaction gets the first answer and does not reach the backend again', () => {
  const bench = new Bench();
  bench.connect();
  bench.fromStation(start('1'));
  bench.fromBackend(`[3,"${idSent(bench)}",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]`);
  const effects = bench.fromStation(start('2'));
  expect(sent(effects, 'backend')).toEqual([]);
  expect(effects).toMatchObject([
    { text: '[3,"2",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]', when: 'afterCommit' },
  ]);
});

test('also when the answer came after the link was gone, and after a restart', () => {
  const bench = new Bench();
  bench.connect();
  bench.fromStation(start('1'));
  const id = idSent(bench);
  bench.arrive(2);
  bench.fromBackend(`[3,"${id}",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]`);
  expect(sent(bench.fromStation(start('2')), 'station')).toHaveLength(1);
  const saved = JSON.parse(JSON.stringify(bench.state.durable)) as typeof bench.state.durable;
  const restarted = new Bench();
  Object.assign(restarted.state, createStation(bench.state.id, saved, 'q'));
  restarted.connect();
  expect(sent(restarted.fromStation(start('3')), 'station')).toEqual([
    '[3,"3",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]',
  ]);
});

test('meter values too, while the process lives', () => {
  const bench = new Bench();
  bench.connect();
  bench.fromStation(meter('1'));
  bench.fromBackend(`[3,"${idSent(bench)}",{}]`);
  expect(bench.last.isDurableChanged).toBe(false);
  expect(sent(bench.fromStation(meter('2')), 'station')).toEqual(['[3,"2",{}]']);
});

test('after an error the station is right to try again', () => {
  const bench = new Bench();
  bench.connect();
  bench.fromStation(start('1'));
  bench.fromBackend(`[4,"${idSent(bench)}","InternalError","",{}]`);
  expect(sent(bench.fromStation(start('2')), 'backend')).toHaveLength(1);
});

test('after an error it leaves under another id, since some backends take an id once only, and is known by its content all the same', () => {
  const bench = new Bench();
  bench.connect();
  const ids: string[] = [];
  for (const id of ['1', '2', '3']) {
    bench.fromStation(start(id));
    ids.push(idSent(bench));
    bench.fromBackend(`[4,"${ids.at(-1)}","InternalError","",{}]`);
  }
  expect(new Set(ids).size).toBe(3);
  bench.fromStation(start('4'));
  bench.fromStation(start('5'));
  const answered = bench.fromBackend(
    `[3,"${bench.state.backends[0]?.slot?.sentId}",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]`,
  );
  expect(sent(answered, 'station')).toHaveLength(2);
  const repeated = bench.fromStation(start('6'));
  expect([sent(repeated, 'backend'), sent(repeated, 'station')]).toEqual([
    [],
    ['[3,"6",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]'],
  ]);
});

test('a burst of security events makes no start forgotten', () => {
  const bench = new Bench();
  bench.connect();
  bench.fromStation(start('1'));
  bench.fromBackend(`[3,"${idSent(bench)}",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]`);
  for (let at = 0; at < 40; at += 1) {
    bench.fromStation(`[2,"s${at}","SecurityEventNotification",{"type":"${'x'.repeat(at)}"}]`);
    bench.fromBackend(`[3,"${idSent(bench)}",{}]`);
  }
  expect(sent(bench.fromStation(start('2')), 'backend')).toEqual([]);
});

describe('events of a 2.x transaction', () => {
  test.each([
    ['Started', true],
    ['Updated', false],
    ['Ended', true],
  ])('the answer to %s is remembered; over a restart: %s', (eventType, isDurable) => {
    const bench = new Bench();
    bench.connect(1, true, 'ocpp2.0.1');
    bench.fromStation(event('1', eventType, 1));
    bench.fromBackend(`[3,"${idSent(bench)}",{}]`);
    expect(bench.state.durable.answers).toHaveLength(isDurable ? 1 : 0);
    expect(bench.last.isDurableChanged).toBe(isDurable);
    expect(sent(bench.fromStation(event('2', eventType, 1)), 'station')).toEqual(['[3,"2",{}]']);
  });

  test('a burst of readings makes no start forgotten', () => {
    const bench = new Bench();
    bench.connect(1, true, 'ocpp2.0.1');
    for (let at = 0; at < 60; at += 1) {
      bench.fromStation(event(`${at}`, at === 0 ? 'Started' : 'Updated', at));
      bench.fromBackend(`[3,"${idSent(bench)}",{}]`);
    }
    expect(sent(bench.fromStation(event('again', 'Started', 0)), 'backend')).toEqual([]);
  });
});

test('what the backend has is not sent to it once more where a message that it refused is due meanwhile', () => {
  const outage = new Outage();
  outage.begin();
  outage.answer = (call) => (call.action === 'StartTransaction' ? refusal : outage.usual(call));
  outage.say('StartTransaction', startOf(1, 0));
  outage.pass(6_000);
  outage.answer = (call) => (call.action === 'StartTransaction' ? silence : outage.usual(call));
  outage.say('StartTransaction', startOf(2, 5));
  const { id } = outage.heard.at(-1) ?? { id: '' };
  outage.pass(5_000);
  outage.say('StartTransaction', startOf(2, 5));
  outage.answer = (call) => outage.usual(call);
  const effects = outage.fromBackend(`[3,"${id}",{"transactionId":77,"idTagInfo":{"status":"Accepted"}}]`);
  expect(sent(effects, 'station')).toHaveLength(2);
  outage.pass(60_000);
  expect(outage.delivered.filter(({ payload }) => payload['connectorId'] === 2)).toHaveLength(1);
  expect(outage.held).toEqual([]);
});
