/** A station that speaks another version than what is held for it. */
import { expect, test } from 'vitest';
import { Outage } from '../../testkit/outage-bench.ts';

test('what was said in 1.6 does not leave over a link of 2.0.1: it is parked, and says why', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.start(1);
  outage.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  outage.isUp = true;
  outage.heard = [];
  outage.arrive(2, true, ['ocpp2.0.1']);
  outage.pass(120_000);
  expect(outage.heard.map(({ action }) => action)).not.toContain('StartTransaction');
  expect(outage.held).toMatchObject([
    {
      delivery: { state: 'parked', lastError: 'it is in ocpp1.6, and the station has changed to ocpp2.0.1' },
    },
  ]);
});

test('what was parked since the station spoke another version for a moment leaves once it speaks the first one again', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.stop(outage.start(1), 1);
  outage.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  outage.isUp = true;
  outage.arrive(2, true, ['ocpp2.0.1']);
  outage.pass(10_000);
  outage.do({ type: 'station_lost', epoch: 2, code: null, reason: 'gone' });
  outage.pass(10_000);
  expect(outage.held).toMatchObject([{ delivery: { state: 'parked' } }, { delivery: { state: 'waiting' } }]);
  outage.heard = [];
  outage.arrive(3, true, ['ocpp1.6']);
  outage.pass(10_000);
  expect(outage.delivered.map(({ action }) => action)).toEqual(['StartTransaction', 'StopTransaction']);
  expect(outage.held).toEqual([]);
});

test('what a backend has refused stays parked, in whatever version the station speaks', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.start(1);
  outage.answer = (call) =>
    call.action === 'StartTransaction' ? '4|"FormationViolation","",{}' : outage.usual(call);
  outage.comeBack();
  outage.pass(60_000);
  outage.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  outage.pass(10_000);
  outage.arrive(2, true, ['ocpp1.6']);
  outage.pass(10_000);
  expect(outage.held).toMatchObject([{ delivery: { state: 'parked', lastError: 'FormationViolation' } }]);
});
