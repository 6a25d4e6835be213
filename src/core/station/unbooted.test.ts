/** A station that has not booted since Busbar knows it, and a backend that is to take it over and asks it what it is. */
import { expect, test } from 'vitest';
import { answerAs, answerHeld, Bench, decide, sentTo } from '../../testkit/station-bench.ts';
import type { AssignmentDecision } from './events.ts';

const alive = '{"currentTime":"2023-11-14T22:13:20Z"}';
const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
const boot = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]';
const said = (status: string): string =>
  `[2,"s","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"${status}"}]`;
const cutOver: AssignmentDecision = {
  do: 'cut_over',
  primary: 'new',
  openTransactions: 'pin',
  keepWarmMs: 3_600_000,
  isForced: false,
};

/** `new` has a link, and has asked for that. */
function triggered(message: string): Bench {
  const bench = new Bench();
  bench.connect();
  bench.fromStation(said('Available'));
  answerAs(bench, 'old', '{}');
  decide(bench, { do: 'attach', backend: 'new' });
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  bench.fromBackend(`[2,"c","TriggerMessage",{"requestedMessage":"${message}"}]`, 'new');
  return bench;
}

test('one that asked for its boot goes on being told how it is', () => {
  const bench = triggered('BootNotification');
  bench.fromStation(said('Charging'));
  expect(sentTo(bench.last.effects, 'new')).toEqual([expect.stringContaining('"Charging"')]);
});

test('one that asked for its statuses is told them, and takes it over only once it has booted', () => {
  const bench = triggered('StatusNotification');
  bench.pass(0);
  answerHeld(bench, 'new', '{}');
  expect(sentTo(bench.last.effects, 'new')).toEqual([expect.stringContaining('"Heartbeat"')]);
  answerHeld(bench, 'new', alive);
  expect(decide(bench, cutOver)).toMatchObject({
    reason: 'not_synced',
    detail: expect.stringContaining('the station has not booted yet') as unknown,
  });
  bench.fromStation(boot);
  answerHeld(bench, 'old', accepted);
  for (const payload of [accepted, '{}', alive]) answerHeld(bench, 'new', payload);
  expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
});
