/** A station that is away for good: what it has said is delivered without it, over a link that is there for nothing else. */
import { expect, test } from 'vitest';
import { Outage } from '../../testkit/outage-bench.ts';
import { durableStation } from './state.ts';

/** One session during an outage, and then the station is gone. */
function gone(): Outage {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.stop(outage.start(1), 5);
  outage.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  return outage;
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
  const after = new Outage('ocpp1.6', before.held);
  Object.assign(after.state, {
    durable: durableStation(JSON.parse(JSON.stringify(before.state.durable)) as object),
  });
  after.context.wallMs = before.context.wallMs + 61_000;
  after.do({ type: 'tick' });
  after.pass(10_000);
  expect(actions(after)).toEqual(['StartTransaction', 'StopTransaction']);
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
