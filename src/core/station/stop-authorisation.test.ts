/** Whom a driver at the reader is asked about, once the station has moved. */
import { expect, test } from 'vitest';
import type { OcppVersion } from '../../protocol/version.ts';
import { answerAs, Bench, sentTo } from '../../testkit/station-bench.ts';

const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
const boot =
  '[2,"b","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"V","model":"M"}}]';
const token = (value: string): string => `{"idToken":"${value}","type":"Central"}`;

/** Moved from `old` to `new`, after `old` has asked for a start that has yet to come. */
function moved(version: OcppVersion): Bench {
  const bench = new Bench();
  bench.connect(1, true, version);
  bench.fromStation(boot);
  answerAs(bench, 'old', accepted);
  const decide = (decision: object): unknown =>
    bench.do({ type: 'assignment_decided', requestId: 1, decision: decision as never });
  decide({ do: 'attach', backend: 'new' });
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, '{}']) answerAs(bench, 'new', payload);
  bench.fromBackend(
    `[2,"r","RequestStartTransaction",{"evseId":1,"remoteStartId":3,"idToken":${token('CARD')}}]`,
  );
  bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
  decide({ do: 'cut_over', primary: 'new', openTransactions: 'pin', keepWarmMs: 60_000, isForced: false });
  expect(bench.state.assignment?.primary).toBe('new');
  return bench;
}

test.each(['ocpp2.0.1', 'ocpp2.1'] as const)(
  'the driver of a start that the primary before has asked for is its own (%s)',
  (version) => {
    const bench = moved(version);
    bench.fromStation(`[2,"a","Authorize",{"idToken":${token('Card')}}]`);
    expect([sentTo(bench.last.effects, 'old').length, sentTo(bench.last.effects, 'new').length]).toEqual([
      1, 0,
    ]);
    answerAs(bench, 'old', '{"idTokenInfo":{"status":"Accepted"}}');
    bench.fromStation(`[2,"o","Authorize",{"idToken":${token('OTHER')}}]`);
    expect([sentTo(bench.last.effects, 'old').length, sentTo(bench.last.effects, 'new').length]).toEqual([
      0, 1,
    ]);
  },
);

test('whose card it was is forgotten with the start', () => {
  const bench = moved('ocpp2.1');
  const { requests } = bench.state.durable.ids;
  expect(requests.map(({ idTag }) => idTag)).toEqual(['central:card']);
  bench.fromStation(
    `[2,"t","TransactionEvent",{"eventType":"Started","transactionInfo":{"transactionId":"T","remoteStartId":${requests[0]?.minted}}}]`,
  );
  expect(requests.map(({ idTag }) => idTag)).toEqual([null]);
});
