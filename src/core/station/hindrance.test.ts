/** What of a reservation stands in the way of a cutover, and for how long. */
import { describe, expect, test } from 'vitest';
import { answerAs, Bench, decide, sent } from '../../testkit/station-bench.ts';
import type { AssignmentDecision } from './events.ts';

const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
const cutOver: AssignmentDecision = {
  do: 'cut_over',
  primary: 'new',
  openTransactions: 'pin',
  keepWarmMs: 60_000,
  isForced: false,
};

/** A station that has booted at `old`, and `new` kept ready. */
function ready(): Bench {
  const bench = new Bench();
  bench.connect();
  bench.fromStation('[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]');
  answerAs(bench, 'old', accepted);
  decide(bench, { do: 'attach', backend: 'new' });
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, '{}']) answerAs(bench, 'new', payload);
  return bench;
}

/** `old` reserves a connector under the number 1 until then, and the station agrees. */
function reserveUntil(bench: Bench, expiryDate: string): void {
  const text = `[2,"r","ReserveNow",{"connectorId":1,"expiryDate":"${expiryDate}","idTag":"X","reservationId":1}]`;
  const [command = '[]'] = sent(bench.fromBackend(text), 'station');
  bench.fromStation(`[3,"${(JSON.parse(command) as string[])[1]}",{"status":"Accepted"}]`);
}

describe('a reservation that nobody came for, of which a 1.6 station says nothing,', () => {
  test('stands in the way of a move until it expires, or for half a day', () => {
    const bench = ready();
    reserveUntil(bench, '2023-11-14T22:28:20Z');
    bench.context.wallMs += 14 * 60_000;
    expect(decide(bench, cutOver)).toMatchObject({ reason: 'reservation' });
    bench.context.wallMs += 60_000;
    expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
  });

  test('is named by the station’s number too where that is another, since an operator cancels it by that', () => {
    const bench = ready();
    const atMs = bench.context.wallMs;
    const others = {
      kind: 'reservation',
      backend: 'vendor',
      id: '1',
      ext: '1',
      state: 'live',
      atMs,
    } as const;
    bench.state.durable.ids.objects.push(others);
    reserveUntil(bench, '2030-01-01T00:00:00Z');
    const ext = bench.state.durable.ids.objects.at(-1)?.ext;
    expect(decide(bench, cutOver)).toMatchObject({
      detail: expect.stringContaining(`Reservation 1 (${ext} to the station) of old`) as string,
    });
  });

  test('does so again when it is made again under its number', () => {
    const bench = ready();
    reserveUntil(bench, '2030-01-01T00:00:00Z');
    bench.context.wallMs += 13 * 3_600_000;
    reserveUntil(bench, '2030-01-01T00:00:00Z');
    expect(decide(bench, cutOver)).toMatchObject({ reason: 'reservation' });
    bench.context.wallMs += 13 * 3_600_000;
    expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
  });
});

test('a reservation that an operator has cancelled stands in the way no more', () => {
  const bench = ready();
  reserveUntil(bench, '2030-01-01T00:00:00Z');
  const cancel = (status: string): void => {
    const [action, payload] = ['CancelReservation', '{"reservationId":1}'];
    bench.do({ type: 'command_requested', requestId: 7, action, payload });
    bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"${status}"}]`);
  };
  cancel('Rejected');
  expect(decide(bench, cutOver)).toMatchObject({ reason: 'reservation' });
  cancel('Accepted');
  expect(decide(bench, cutOver)).toEqual({ kind: 'done', isChanged: true });
});
