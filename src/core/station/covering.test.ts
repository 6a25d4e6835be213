/** Whom Busbar lets charge while the backend is away. */
import { expect, test } from 'vitest';
import { Outage, refusal, silence, startOf } from '../../testkit/outage-bench.ts';

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
