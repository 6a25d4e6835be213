/** Whom Busbar lets charge while the backend is away. */
import { expect, test } from 'vitest';
import { Outage, refusal, silence, startOf } from '../../testkit/outage-bench.ts';
import { Bench, sent } from '../../testkit/station-bench.ts';

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
