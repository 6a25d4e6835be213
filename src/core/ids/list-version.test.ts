import { expect, test } from 'vitest';
import { IdsBench } from '../../testkit/ids-bench.ts';

function send(bench: IdsBench, backend: string, payload: string, status = 'Accepted'): string {
  const sent = bench.command(backend, 'SendLocalList', payload);
  if (typeof sent === 'string') return sent;
  bench.result(sent.command, `{"status":"${status}"}`);
  return sent.payload;
}

function version(bench: IdsBench, backend: string, atStation: number): string {
  const sent = bench.command(backend, 'GetLocalListVersion', '{}');
  if (typeof sent === 'string') return sent;
  return bench.result(sent.command, `{"listVersion":${atStation}}`);
}

test('a backend that did not install the list is told there is none (H15)', () => {
  const bench = new IdsBench('ocpp1.6');
  expect(version(bench, 'a', 17)).toBe('{"listVersion":17}');
  expect(version(bench, 'b', 17)).toBe('{"listVersion":0}');
  const full = '{"listVersion":3,"updateType":"Full"}';
  expect(send(bench, 'b', full)).toBe(full);
  bench.restart();
  expect(bench.ledger.list).toEqual({ owner: 'b', version: '3' });
  expect(version(bench, 'a', 3)).toBe('{"listVersion":0}');
  expect(version(bench, 'b', 3)).toBe('{"listVersion":3}');
});

test('a station without a list says so to everyone', () => {
  expect(version(new IdsBench('ocpp1.6'), 'b', -1)).toBe('{"listVersion":-1}');
});

test('differences to a list that another installed never reach the station (2.0.1 D01.FR.03)', () => {
  const bench = new IdsBench('ocpp1.6');
  const difference = '{"listVersion":4,"updateType":"Differential"}';
  expect(send(bench, 'b', difference)).toBe('list_not_yours');
  expect(send(bench, 'a', difference)).toBe(difference);
  expect(send(bench, 'b', '{"listVersion":1,"updateType":"Full"}', 'Failed')).toContain('Full');
  expect(send(bench, 'a', difference)).toBe(difference);
  send(bench, 'b', '{"listVersion":1,"updateType":"Full"}');
  expect(send(bench, 'a', difference)).toBe('list_not_yours');
});

test('2.x says it by another name', () => {
  const bench = new IdsBench('ocpp2.0.1');
  const sent = bench.command('b', 'GetLocalListVersion', '{}');
  if (typeof sent === 'string') throw new Error(sent);
  expect(bench.result(sent.command, '{"versionNumber": 17}')).toBe('{"versionNumber": 0}');
});
