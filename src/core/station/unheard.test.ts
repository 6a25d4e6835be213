/** A backend that listens in and does not take what it is told: it believes what the station said before. */
import { describe, expect, test } from 'vitest';
import { answerAs, answerHeld, Bench, decide, sentTo } from '../../testkit/station-bench.ts';
import type { AssignmentDecision } from './events.ts';

const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":86400}';
const alive = '{"currentTime":"2023-11-14T22:13:20Z"}';
const charging = '[2,"s","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Charging"}]';
const done = { kind: 'done', isChanged: true };
const cutOver: AssignmentDecision = {
  do: 'cut_over',
  primary: 'new',
  openTransactions: 'pin',
  keepWarmMs: 3_600_000,
  isForced: false,
};

function pong(bench: Bench): void {
  bench.do({ type: 'station_pong', epoch: 1 });
  for (const backend of ['old', 'new'])
    bench.do({ type: 'backend_pong', backend, epoch: bench.backendEpoch(backend) });
}

const refuse = (bench: Bench): void => {
  const id = bench.state.backends.find(({ backend }) => backend === 'new')?.slot?.sentId;
  bench.fromBackend(`[4,"${id}","InternalError","",{}]`, 'new');
};
const leave = (bench: Bench): void => {
  bench.pass(30_000);
  pong(bench);
};

/** `new` is kept ready, and has just had a copy of a status. */
function toldAStatus(): Bench {
  const bench = new Bench();
  bench.connect();
  bench.fromStation('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]');
  answerAs(bench, 'old', accepted);
  decide(bench, { do: 'attach', backend: 'new' });
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, alive]) answerAs(bench, 'new', payload);
  bench.fromStation(charging);
  answerAs(bench, 'old', '{}');
  return bench;
}

describe.each([
  ['refuses it', refuse],
  ['leaves it unanswered', leave],
])('one that is kept ready and %s', (_what, fail) => {
  test('is told it again, and takes the station over only then', () => {
    const bench = toldAStatus();
    fail(bench);
    expect(decide(bench, cutOver)).toMatchObject({ reason: 'not_synced' });
    const slot = bench.state.backends.find(({ backend }) => backend === 'new')?.slot;
    expect(slot?.text).toContain('"status":"Charging"');
    for (const payload of ['{}', alive]) answerHeld(bench, 'new', payload);
    expect(decide(bench, cutOver)).toEqual(done);
  });

  test('is told it again by and by where it does not take it then either', () => {
    const bench = toldAStatus();
    for (let times = 0; times < 2; times += 1) fail(bench);
    answerHeld(bench, 'new', alive);
    const told: string[] = [];
    for (let times = 0; times < 10; times += 1) {
      told.push(...sentTo(bench.pass(30_000), 'new'));
      pong(bench);
    }
    expect(told[0]).toContain('"status":"Charging"');
  });
});

test('one that says for good that it does not take it is told the next', () => {
  const bench = toldAStatus();
  const id = bench.state.backends.find(({ backend }) => backend === 'new')?.slot?.sentId;
  bench.fromBackend(`[4,"${id}","NotImplemented","",{}]`, 'new');
  expect(sentTo(bench.last.effects, 'new')).toEqual([]);
  expect(decide(bench, cutOver)).toEqual(done);
});

test('one that has yet to take copies does not take the station over: the station would wait behind them', () => {
  const bench = toldAStatus();
  for (const connector of [2, 3]) {
    bench.fromStation(charging.replace('"connectorId":1', `"connectorId":${connector}`));
    answerAs(bench, 'old', '{}');
  }
  expect(decide(bench, cutOver)).toMatchObject({
    reason: 'not_synced',
    detail: expect.stringContaining('2 copies') as unknown,
  });
  for (const payload of ['{}', '{}']) answerHeld(bench, 'new', payload);
  expect(decide(bench, cutOver)).toEqual(done);
  answerHeld(bench, 'new', '{}');
  bench.fromStation('[2,"a","Authorize",{"idTag":"X"}]');
  expect(sentTo(bench.last.effects, 'new')).toHaveLength(1);
});
