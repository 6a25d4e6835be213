/** A backend that is not the primary and does not accept the station's boot, and yet has something to answer. */
import { describe, expect, test } from 'vitest';
import { answerAs, answerHeld, Bench, decide, sent, sentTo } from '../../testkit/station-bench.ts';
import type { AssignmentDecision } from './events.ts';

const boot = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]';
const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
const alive = '{"currentTime":"2023-11-14T22:13:20Z"}';
const start =
  '[2,"t","StartTransaction",{"connectorId":1,"idTag":"CARD","meterStart":100,"timestamp":"2023-11-14T22:13:20Z"}]';
const started = '{"transactionId":77,"idTagInfo":{"status":"Accepted"}}';
const stop =
  '[2,"e","StopTransaction",{"transactionId":77,"meterStop":900,"timestamp":"2023-11-14T23:13:20Z"}]';
const reading = '[2,"r","MeterValues",{"connectorId":2,"meterValue":[]}]';

const verdicts = [
  ['rejects', '[3,?,{"status":"Rejected","currentTime":"2023-11-14T22:13:20Z","interval":3600}]'],
  ['leaves pending', '[3,?,{"status":"Pending","currentTime":"2023-11-14T22:13:20Z","interval":3600}]'],
  ['answers with an error', '[4,?,"InternalError","",{}]'],
] as const;

function answer(bench: Bench, backend: string, text: string): void {
  const id = bench.state.backends.find((link) => link.backend === backend)?.slot?.sentId;
  bench.fromBackend(text.replace('?', `"${id}"`), backend);
}

const cutOver = (keepWarmMs: number): AssignmentDecision => ({
  do: 'cut_over',
  primary: 'new',
  openTransactions: 'pin',
  keepWarmMs,
  isForced: false,
});

/** It has a transaction of `old` to end, which says that of its next boot. */
function movedAndBooted(keepWarmMs: number, verdict: string): Bench {
  const bench = new Bench();
  bench.connect();
  bench.fromStation(boot);
  answerAs(bench, 'old', accepted);
  bench.fromStation(start);
  answerAs(bench, 'old', started);
  decide(bench, { do: 'attach', backend: 'new' });
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, alive]) answerAs(bench, 'new', payload);
  expect(decide(bench, cutOver(keepWarmMs))).toEqual({ kind: 'done', isChanged: true });
  bench.fromStation(boot);
  answerHeld(bench, 'new', accepted);
  answer(bench, 'old', verdict);
  return bench;
}

describe.each(verdicts)('the primary before, which %s the boot,', (_what, verdict) => {
  test.each([0, 3_600_000])('gets the end of its transaction, kept ready for %i ms', (keepWarmMs) => {
    const bench = movedAndBooted(keepWarmMs, verdict);
    bench.fromStation(stop);
    expect(sentTo(bench.last.effects, 'old')).toHaveLength(1);
    answerHeld(bench, 'old', '{}');
    expect(sent(bench.last.effects, 'station')).toEqual(['[3,"e",{}]']);
  });

  test('gets it before the copies that it is to have once it accepts', () => {
    const bench = movedAndBooted(3_600_000, verdict);
    bench.fromStation(reading);
    answerHeld(bench, 'new', '{}');
    expect(sentTo(bench.last.effects, 'old')).toEqual([]);
    bench.fromStation(stop);
    expect(sentTo(bench.last.effects, 'old')).toEqual([expect.stringContaining('StopTransaction')]);
    answerHeld(bench, 'old', '{}');
    expect(sentTo(bench.last.effects, 'old')).toEqual([]);
  });
});

test.each(verdicts)(
  'an authority for single actions which %s the boot is asked all the same',
  (_what, verdict) => {
    const bench = new Bench({ actions: new Map([['Authorize', 'new']]) });
    bench.connect();
    bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
    bench.fromStation(boot);
    answer(bench, 'old', `[3,?,${accepted}]`);
    bench.fromStation('[2,"a","Authorize",{"idTag":"X"}]');
    expect(sentTo(bench.last.effects, 'new')).toEqual([]);
    answer(bench, 'new', verdict);
    expect(sentTo(bench.last.effects, 'new')).toEqual([expect.stringContaining('Authorize')]);
  },
);

describe('a new primary which leaves the station’s own boot pending, and is rolled back,', () => {
  const pending = '[3,?,{"status":"Pending","currentTime":"2023-11-14T22:13:20Z","interval":600}]';
  const available =
    '[2,"s","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]';

  /** `isLate`: it says so after the rollback. */
  function rolledBack(isLate: boolean): Bench {
    const bench = movedAndBooted(3_600_000, `[3,?,${accepted}]`);
    answerHeld(bench, 'old', alive);
    bench.fromStation(boot);
    answer(bench, 'old', `[3,?,${accepted}]`);
    answerHeld(bench, 'old', alive);
    if (!isLate) answer(bench, 'new', pending);
    expect(decide(bench, { do: 'roll_back' })).toEqual({ kind: 'done', isChanged: true });
    if (isLate) answer(bench, 'new', pending);
    return bench;
  }

  test.each([false, true])(
    'is told the boot again when it wants it, and nothing before; late: %s',
    (isLate) => {
      const bench = rolledBack(isLate);
      bench.fromStation(available);
      expect(sentTo(bench.last.effects, 'new')).toEqual([]);
      expect(decide(bench, cutOver(0))).toMatchObject({
        reason: 'not_synced',
        detail: expect.stringContaining('pending (Pending)') as unknown,
      });
      bench.pass(599_000);
      expect(sentTo(bench.last.effects, 'new')).toEqual([]);
      bench.pass(1_000);
      expect(sentTo(bench.last.effects, 'new')).toEqual([expect.stringContaining('BootNotification')]);
      bench.do({ type: 'station_pong', epoch: 1 });
      for (const payload of [accepted, '{}', alive]) answerHeld(bench, 'new', payload);
      expect(decide(bench, cutOver(0))).toEqual({ kind: 'done', isChanged: true });
    },
  );
});
