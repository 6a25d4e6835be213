/** A driver whom Busbar let charge is refused by the backend hours later. */
import { expect, test } from 'vitest';
import { Bench, sent } from '../../testkit/station-bench.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { Effect } from './events.ts';

const hourMs = 3_600_000;

/** A station whose primary has gone, answered by Busbar. */
function covered(version: OcppVersion): Bench {
  const bench = new Bench({
    whenDown: { covers: true, untilMs: Infinity, untilMessages: Infinity },
    authorizeWhenDown: 'all',
  });
  bench.connect(1, true, version);
  const epoch = bench.backendEpoch('old');
  bench.do({ type: 'backend_lost', backend: 'old', epoch, code: null, reason: 'gone' });
  return bench;
}

/** The primary is back after an hour; what it is sent first. */
function back(bench: Bench): readonly Effect[] {
  bench.context.wallMs += hourMs;
  bench.pass(hourMs);
  return bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
}

/** Answers what the primary was sent last. */
function answer(bench: Bench, payload: string): readonly Effect[] {
  const id = bench.state.backends.find(({ backend }) => backend === 'old')?.slot?.sentId ?? '';
  return bench.fromBackend(`[3,"${id}",${payload}]`);
}

const start16 =
  '[2,"s","StartTransaction",{"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}]';

function given(effects: readonly Effect[]): Record<string, unknown> {
  return (
    JSON.parse(sent(effects, 'station')[0] ?? '[3,"",{}]') as [number, string, Record<string, unknown>]
  )[2];
}

test('1.6: the station is told to stop that transaction, by the number it has', () => {
  const bench = covered('ocpp1.6');
  const { transactionId } = given(bench.fromStation(start16));
  back(bench);
  const effects = answer(bench, '{"transactionId":7,"idTagInfo":{"status":"Blocked"}}');
  expect(sent(effects, 'station').map((text) => JSON.parse(text) as unknown)).toEqual([
    [2, expect.any(String), 'RemoteStopTransaction', { transactionId }],
  ]);
  expect(effects).toContainEqual({ type: 'notice', notice: 'late_refusal', backend: 'old' });
});

test('1.6: a transaction that is over by then is left alone', () => {
  const bench = covered('ocpp1.6');
  const { transactionId } = given(bench.fromStation(start16));
  bench.fromStation(
    `[2,"e","StopTransaction",{"transactionId":${String(transactionId)},"meterStop":9,"timestamp":"2026-01-01T00:30:00Z"}]`,
  );
  back(bench);
  const effects = answer(bench, '{"transactionId":7,"idTagInfo":{"status":"Blocked"}}');
  expect(sent(effects, 'station')).toEqual([]);
  // And its stop goes on, in the backend's own number.
  expect(sent(effects, 'backend')[0]).toContain('"transactionId":7');
});

test('1.6: a station that is away is told when it is back', () => {
  const bench = covered('ocpp1.6');
  const { transactionId } = given(bench.fromStation(start16));
  back(bench);
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  expect(bench.state.durable.refusals).toEqual([]);
  bench.connect(2);
  const effects = answer(bench, '{"transactionId":7,"idTagInfo":{"status":"Blocked"}}');
  expect(sent(effects, 'station')[0]).toContain(`"transactionId":${String(transactionId)}`);
});

test('1.6: so is one that was refused while Busbar’s clock was ahead, and not only when that time comes round again', () => {
  const bench = covered('ocpp1.6');
  bench.fromStation(start16);
  back(bench);
  bench.context.wallMs += 24 * hourMs;
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  answer(bench, '{"transactionId":7,"idTagInfo":{"status":"Blocked"}}');
  bench.context.wallMs -= 24 * hourMs;
  bench.connect(2);
  bench.pass(1_000);
  expect(bench.state.link?.slot?.action).toBe('RemoteStopTransaction');
});

const event = (type: string, seqNo: number, more = ''): string =>
  `[2,"${type}${seqNo}","TransactionEvent",{"eventType":"${type}","seqNo":${seqNo},"transactionInfo":{"transactionId":"TX"}${more}}]`;
const token = ',"idToken":{"idToken":"T","type":"ISO14443"}';

test('2.x: the verdict goes into the answer to the next event of that transaction, once', () => {
  const bench = covered('ocpp2.0.1');
  bench.fromStation(event('Started', 0, token));
  back(bench);
  expect(sent(answer(bench, '{"idTokenInfo":{"status":"Invalid"}}'), 'station')).toEqual([]);
  bench.fromStation(event('Updated', 1));
  expect(given(answer(bench, '{}'))).toEqual({ idTokenInfo: { status: 'Invalid' } });
  bench.fromStation(event('Updated', 22));
  expect(given(answer(bench, '{}'))).toEqual({});
});

test.each([',null', ''])('2.x: also where the backend’s answer has no payload to speak of: %j', (none) => {
  const bench = covered('ocpp2.0.1');
  bench.fromStation(event('Started', 0, token));
  back(bench);
  answer(bench, '{"idTokenInfo":{"status":"Invalid"}}');
  bench.fromStation(event('Updated', 1));
  const id = bench.state.backends[0]?.slot?.sentId ?? '';
  expect(given(bench.fromBackend(`[3,"${id}"${none}]`))).toEqual({ idTokenInfo: { status: 'Invalid' } });
});

test('2.x: so does the answer that Busbar gives while the backend is gone again', () => {
  const bench = covered('ocpp2.0.1');
  bench.fromStation(event('Started', 0, token));
  back(bench);
  answer(bench, '{"idTokenInfo":{"status":"Invalid"}}');
  const epoch = bench.backendEpoch('old');
  bench.do({ type: 'backend_lost', backend: 'old', epoch, code: null, reason: 'gone' });
  expect(given(bench.fromStation(event('Updated', 1)))).toEqual({ idTokenInfo: { status: 'Invalid' } });
});

test('2.x: also where Busbar itself would let the driver charge', () => {
  const bench = covered('ocpp2.0.1');
  bench.fromStation(event('Started', 0, token));
  back(bench);
  answer(bench, '{"idTokenInfo":{"status":"Invalid"}}');
  const epoch = bench.backendEpoch('old');
  bench.do({ type: 'backend_lost', backend: 'old', epoch, code: null, reason: 'gone' });
  const told = given(bench.fromStation(event('Updated', 22, token)));
  expect(told).toEqual({ idTokenInfo: { status: 'Invalid' } });
});

test('2.x: a station that says nothing for a minute is told to stop', () => {
  const bench = covered('ocpp2.0.1');
  bench.fromStation(event('Started', 0, token));
  back(bench);
  answer(bench, '{"idTokenInfo":{"status":"Invalid"}}');
  bench.context.wallMs += 61_000;
  const commands = sent(bench.pass(61_000), 'station').filter((text) => text.includes('RequestStop'));
  expect(commands.map((text) => (JSON.parse(text) as unknown[])[3])).toEqual([{ transactionId: 'TX' }]);
});

test('a session that the backend may have booked already is not stopped for being there twice', () => {
  const bench = covered('ocpp1.6');
  bench.fromStation(start16);
  back(bench);
  // The link goes before the answer, and the backend takes the start that is sent again for a second one.
  const epoch = bench.backendEpoch('old');
  bench.do({ type: 'backend_lost', backend: 'old', epoch, code: null, reason: 'gone' });
  back(bench);
  const effects = answer(bench, '{"transactionId":7,"idTagInfo":{"status":"ConcurrentTx"}}');
  expect(sent(effects, 'station')).toEqual([]);
  expect(effects.filter(({ type }) => type === 'notice')).toEqual([]);
});

test('a station that was lost before it was told is told once it is back', () => {
  const bench = covered('ocpp1.6');
  bench.fromStation(start16);
  bench.context.wallMs += hourMs;
  bench.pass(hourMs);
  bench.do({ type: 'station_pong', epoch: 1 });
  const opened = (): readonly Effect[] =>
    bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
  opened();
  // The station is busy, so that the command waits for it.
  bench.fromBackend('[2,"x","GetConfiguration",{}]');
  answer(bench, '{"transactionId":7,"idTagInfo":{"status":"Blocked"}}');
  expect(bench.state.link?.lane?.length).toBe(1);
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  bench.pass(6_000);
  bench.arrive(2);
  const told = sent(opened(), 'station');
  for (let at = 0; at < 10; at += 1) {
    bench.context.wallMs += 10_000;
    told.push(...sent(bench.pass(10_000), 'station'));
  }
  expect(told.filter((text) => text.includes('RemoteStopTransaction'))).toHaveLength(1);
});

test('a station that is too busy to be told in time is told again', () => {
  const bench = covered('ocpp1.6');
  bench.fromStation(start16);
  back(bench);
  const command = (): string | undefined => bench.state.link?.slot?.sentId;
  bench.fromBackend('[2,"x","GetConfiguration",{}]');
  const busyWith = command();
  answer(bench, '{"transactionId":7,"idTagInfo":{"status":"Blocked"}}');
  for (let second = 0; second < 26; second += 1) {
    bench.context.wallMs += 1_000;
    bench.pass(1_000);
    bench.do({ type: 'station_pong', epoch: 1 });
  }
  expect(bench.state.durable.refusals.length + (bench.state.link?.lane?.length ?? 0)).toBeGreaterThan(0);
  const told = sent(bench.fromStation(`[3,"${busyWith}",{}]`), 'station');
  told.push(...sent(bench.pass(1_000), 'station'));
  expect(told.filter((text) => text.includes('RemoteStopTransaction'))).toHaveLength(1);
});

test('a station for which as much waits as may is told as soon as there is room', () => {
  const bench = covered('ocpp1.6');
  bench.fromStation(start16);
  back(bench);
  let requestId = 0;
  const ask = (action: string): void => {
    requestId += 1;
    bench.do({ type: 'command_requested', requestId, action, payload: '{}' });
  };
  // Three ask for what is urgent, until not even that has a place.
  for (let count = 0; count < 40; count += 1) {
    ask('UnlockConnector');
    bench.fromBackend(`[2,"u${count}","UnlockConnector",{"connectorId":1}]`);
  }
  expect(bench.state.link?.lane?.length).toBe(64);
  const told = sent(answer(bench, '{"transactionId":7,"idTagInfo":{"status":"Blocked"}}'), 'station');
  expect(bench.last.wakeAtMs).toBeGreaterThan(bench.context.nowMs + 500);
  for (let count = 0; count < 3; count += 1) {
    told.push(...sent(bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{}]`), 'station'));
    bench.context.wallMs += 1_000;
    told.push(...sent(bench.pass(1_000), 'station'));
    bench.do({ type: 'station_pong', epoch: 1 });
  }
  while (bench.state.link?.slot != null)
    told.push(...sent(bench.fromStation(`[3,"${bench.state.link.slot.sentId}",{}]`), 'station'));
  expect(told.filter((text) => text.includes('RemoteStopTransaction'))).toHaveLength(1);
  expect(bench.state.durable.refusals).toEqual([]);
});

const isStop = (text: string): boolean => text.includes('RemoteStopTransaction');

test('a station that was lost with its answer is told again, since it may never have heard', () => {
  const bench = covered('ocpp1.6');
  bench.fromStation(start16);
  back(bench);
  const told = sent(answer(bench, '{"transactionId":7,"idTagInfo":{"status":"Blocked"}}'), 'station');
  expect(told.filter(isStop)).toHaveLength(1);
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  const again = [...sent(bench.arrive(2), 'station'), ...sent(bench.pass(1_000), 'station')];
  expect(again.filter(isStop)).toHaveLength(1);
  bench.fromStation(`[3,"${bench.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
  expect(bench.state.durable.refusals).toEqual([]);
  expect(sent(bench.pass(1_000), 'station').filter(isStop)).toEqual([]);
});

test('a station that speaks 2.x for a moment is told to stop what it began in 1.6 once it speaks that again', () => {
  const bench = covered('ocpp1.6');
  bench.fromStation(start16);
  bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
  back(bench);
  answer(bench, '{"transactionId":7,"idTagInfo":{"status":"Blocked"}}');
  expect(bench.state.durable.refusals).toHaveLength(1);
  bench.arrive(2, true, ['ocpp2.0.1']);
  bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
  expect(bench.state.link?.version).toBe('ocpp2.0.1');
  expect(sent(bench.pass(hourMs), 'station').filter((text) => text.includes('Stop'))).toEqual([]);
  expect(bench.state.durable.refusals).toHaveLength(1);
  bench.do({ type: 'station_lost', epoch: 2, code: null, reason: 'gone' });
  bench.arrive(3, true, ['ocpp1.6']);
  const opened = bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
  const told = [...sent(opened, 'station'), ...sent(bench.pass(60_000), 'station')];
  expect(told.filter((text) => text.includes('RemoteStopTransaction'))).toHaveLength(1);
});
