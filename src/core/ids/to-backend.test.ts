import { describe, expect, test } from 'vitest';
import { IdsBench } from '../../testkit/ids-bench.ts';
import { decode, type Frame } from '../../protocol/frame.ts';
import { toBackend } from './to-backend.ts';

const event = (type: string, id = 't1'): string =>
  `{"eventType":"${type}","seqNo":1,"transactionInfo":{"transactionId":"${id}"}}`;

describe('a 2.x transaction', () => {
  test('keeps the station’s name, for those who got its start and nobody else (H24)', () => {
    const bench = new IdsBench('ocpp2.0.1');
    bench.attendance = { primary: 'a', owners: [], listeners: ['b'] };
    const started = bench.call('TransactionEvent', event('Started'));
    bench.attendance = { primary: 'a', owners: [], listeners: ['b', 'c'] };
    const updated = bench.call('TransactionEvent', event('Updated'));
    expect(bench.sent('b', started)).toBe(event('Started'));
    expect(bench.sent('b', updated)).toBe(event('Updated'));
    expect(bench.sent('c', updated)).toBe('not_shown');
  });

  test('is withheld from a listener that did not get its start after all', () => {
    const bench = new IdsBench('ocpp2.0.1');
    const started = bench.call('TransactionEvent', event('Started'));
    bench.withhold('b', started);
    bench.withhold('a', started);
    const ended = bench.call('TransactionEvent', event('Ended'));
    expect(bench.sent('b', ended)).toBe('not_shown');
    expect(bench.sent('a', ended)).toBe(event('Ended'));
  });

  test('that began before Busbar is the primary’s, and stays so after a change of primary (M1)', () => {
    const bench = new IdsBench('ocpp2.0.1');
    bench.call('TransactionEvent', event('Updated'));
    bench.attendance = { primary: 'b', owners: [], listeners: ['a'] };
    const updated = bench.call('TransactionEvent', event('Updated'));
    expect(updated.arrival.owner).toBe('a');
    expect(bench.sent('b', updated)).toBe('not_shown');
  });

  test('can be commanded only by those who were shown it', () => {
    const bench = new IdsBench('ocpp2.0.1');
    bench.attendance = { primary: 'a', owners: [], listeners: [] };
    bench.call('TransactionEvent', event('Started'));
    expect(bench.command('a', 'RequestStopTransaction', '{"transactionId":"t1"}')).toMatchObject({
      payload: '{"transactionId":"t1"}',
    });
    expect(bench.command('b', 'RequestStopTransaction', '{"transactionId":"t1"}')).toBe('not_yours');
    expect(bench.command('b', 'RequestStopTransaction', '{"transactionId":"t2"}')).toBe(
      'unknown_transaction',
    );
  });

  test('is not named in what else the others get', () => {
    const bench = new IdsBench('ocpp2.1');
    bench.attendance = { primary: 'a', owners: [], listeners: [] };
    bench.call('TransactionEvent', event('Started'));
    const notify = bench.call(
      'NotifyEvent',
      '{"eventData":[{"eventId":1,"transactionId":"t1"},{"transactionId":"t1"}]}',
    );
    expect(bench.sent('b', notify)).toBe('{"eventData":[{"eventId":1},{}]}');
    const settled = bench.call('NotifySettlement', '{"transactionId":"t1"}');
    expect(settled.arrival.owner).toBe('a');
    expect(bench.sent('b', settled)).toBe('not_shown');
    const start = bench.command('b', 'RequestStartTransaction', '{"remoteStartId":1}');
    if (typeof start === 'string') throw new Error(start);
    expect(bench.result(start.command, '{"status":"Rejected","transactionId":"t1"}')).toBe(
      '{"status":"Rejected"}',
    );
  });
});

test('when one backend’s numbers are the station’s, a frame goes on as the same text', () => {
  const bench = new IdsBench('ocpp1.6');
  bench.attendance = { primary: 'a', owners: [], listeners: [] };
  bench.answer('a', bench.call('StartTransaction', '{"connectorId":1}'), '{"transactionId":7}');
  const sampled = '{"value":"1.10","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register"}';
  const text = `[2,"1","MeterValues",{"connectorId":1,"transactionId":7,"meterValue":[{"sampledValue":[${sampled},${sampled}]}]}]`;
  bench.call('MeterValues', '{"connectorId":1,"transactionId":7}');
  const frame = decode(text, 'ocpp1.6') as Frame;
  const receiver = { backend: 'a', isPrimary: true };
  const call = { version: 'ocpp1.6', action: 'MeterValues', transaction: null } as const;
  expect(bench.ledger.plainFor).toBe('a');
  expect(toBackend(bench.ledger, receiver, call, text, frame)).toBe(text);
});
