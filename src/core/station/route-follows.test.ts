/** A station that was moved, once its route names the backend that it was moved to. */
import { expect, test } from 'vitest';
import { answerAs, Bench, decide, sentTo } from '../../testkit/station-bench.ts';
import type { AssignmentDecision } from './events.ts';

const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":86400}';
const alive = '{"currentTime":"2023-11-14T22:13:20Z"}';
const done = { kind: 'done', isChanged: true };
const cutOver = (primary: string): AssignmentDecision => ({
  do: 'cut_over',
  primary,
  openTransactions: 'pin',
  keepWarmMs: 3_600_000,
  isForced: false,
});

function attach(bench: Bench, backend: string): void {
  decide(bench, { do: 'attach', backend });
  bench.do({ type: 'backend_opened', backend, epoch: bench.backendEpoch(backend) });
  for (const payload of [accepted, alive]) answerAs(bench, backend, payload);
}

function route(bench: Bench, primary: string): void {
  const { routing } = bench.context;
  const routes = routing.routes.map((one) => ({ ...one, assignment: { ...one.assignment, primary } }));
  bench.context.routing = { ...routing, routes };
  bench.do({ type: 'routing_changed' });
}

function movedAndRouted(): Bench {
  const bench = new Bench();
  bench.connect();
  bench.fromStation('[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]');
  answerAs(bench, 'old', accepted);
  attach(bench, 'new');
  expect(decide(bench, cutOver('new'))).toEqual(done);
  route(bench, 'new');
  return bench;
}

/** Whoever gets the station's next call. */
function answersNow(bench: Bench): string[] {
  bench.fromStation('[2,"a","Authorize",{"idTag":"X"}]');
  return ['old', 'new', 'vendor'].filter((backend) => sentTo(bench.last.effects, backend).length > 0);
}

test('is moved back, and stays there whichever of the two its route says', () => {
  const bench = movedAndRouted();
  expect(decide(bench, { do: 'roll_back' })).toEqual(done);
  expect(answersNow(bench)).toEqual(['old']);
  for (const primary of ['new', 'old', 'new']) {
    route(bench, primary);
    expect(bench.state.assignment?.primary).toBe('old');
  }
  expect(bench.state.link).not.toBeNull();
});

test('is moved on to a third', () => {
  const bench = movedAndRouted();
  attach(bench, 'vendor');
  expect(decide(bench, cutOver('vendor'))).toEqual(done);
  expect(answersNow(bench)).toEqual(['vendor']);
  expect(decide(bench, { do: 'roll_back' })).toEqual(done);
  expect(bench.state.assignment?.primary).toBe('new');
});

test('is moved back while it is away', () => {
  const bench = movedAndRouted();
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  expect(decide(bench, { do: 'roll_back' })).toEqual(done);
  bench.arrive(2);
  expect(bench.state.arrival?.assignment.primary).toBe('old');
});

test('one that is away is where its route says since it went, for all who ask', () => {
  const bench = movedAndRouted();
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  bench.pass(10_000);
  route(bench, 'vendor');
  expect(bench.state.assignment?.primary).toBe('vendor');
  bench.context.routing = { ...bench.context.routing, routes: [] };
  bench.do({ type: 'routing_changed' });
  expect(bench.state.assignment).toBeNull();
  expect(decide(bench, { do: 'roll_back' })).toMatchObject({ reason: 'not_routed' });
});
