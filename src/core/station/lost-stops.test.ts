/** Stations that never end what they began, or number their transactions themselves, and are moved: what is long over stands in nobody's way. */
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { answerAs, Bench, sent, sentTo } from '../../testkit/station-bench.ts';

const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';

/** `connectorId` 1. */
function say(bench: Bench, action: string, payload: object): void {
  const body = JSON.stringify({ connectorId: 1, ...payload });
  bench.fromStation(`[2,"${action}","${action}",${body}]`);
}

function begin(bench: Bench, backend: string, number: number, timestamp: string): void {
  say(bench, 'StartTransaction', { idTag: 'CARD', meterStart: 100, timestamp });
  answerAs(bench, backend, `{"transactionId":${number},"idTagInfo":{"status":"Accepted"}}`);
}

function beAt(bench: Bench, status: string, timestamp: string): void {
  say(bench, 'StatusNotification', { errorCode: 'NoError', status, timestamp });
  for (const { backend, slot } of bench.state.backends)
    if (slot !== null) bench.fromBackend(`[3,"${slot.sentId}",{}]`, backend);
}

/** At `old`, where its transaction 77 began at 08:00, with `new` knowing it. */
function charging(): Bench {
  const bench = new Bench();
  bench.context.digest = (text) => hash('sha256', text).slice(0, 32);
  bench.connect();
  bench.fromStation('[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]');
  answerAs(bench, 'old', accepted);
  beAt(bench, 'Available', '2023-11-14T07:00:00Z');
  bench.do({ type: 'assignment_decided', requestId: 1, decision: { do: 'attach', backend: 'new' } });
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, '{}', '{"currentTime":"2023-11-14T22:13:30Z"}'])
    answerAs(bench, 'new', payload);
  begin(bench, 'old', 77, '2023-11-14T08:00:00Z');
  return bench;
}

function move(bench: Bench): void {
  const effects = bench.do({
    type: 'assignment_decided',
    requestId: 2,
    decision: {
      do: 'cut_over',
      primary: 'new',
      openTransactions: 'pin',
      keepWarmMs: 60_000,
      isForced: false,
    },
  });
  expect(effects).toContainEqual(expect.objectContaining({ outcome: { kind: 'done', isChanged: true } }));
}

/** Which backend the text leaves for. */
function heardBy(bench: Bench): string[] {
  return ['old', 'new'].filter((backend) => sentTo(bench.last.effects, backend).length > 0);
}

function showCard(bench: Bench): string[] {
  bench.fromStation('[2,"a","Authorize",{"idTag":"CARD"}]');
  return heardBy(bench);
}

describe('a 1.6 transaction whose stop never came', () => {
  test('is over once another begins at its connector: the primary may unlock that, and the one before has nothing more of the station', () => {
    const bench = charging();
    move(bench);
    begin(bench, 'new', 5, '2023-11-14T23:00:00Z');
    const unlocked = bench.fromBackend('[2,"u","UnlockConnector",{"connectorId":1}]', 'new');
    expect(sent(unlocked, 'station')).toHaveLength(1);
    expect(showCard(bench)).toEqual(['new']);
    const open = bench.state.durable.ids.transactions.filter(({ state }) => state === 'open');
    expect(open.map(({ owner }) => owner)).toEqual(['new']);
  });

  test('has its stop told to its owner when that comes after all, and counted once', () => {
    const bench = charging();
    move(bench);
    begin(bench, 'new', 5, '2023-11-14T23:00:00Z');
    say(bench, 'StopTransaction', { transactionId: 77, meterStop: 9, timestamp: '2023-11-14T22:20:00Z' });
    expect(heardBy(bench)).toEqual(['old']);
    const ended = bench.last.records.filter(
      (record) =>
        record.type === 'changed' &&
        record.change.what === 'ids' &&
        record.change.change.type === 'transaction_ended',
    );
    expect(ended).toHaveLength(1);
  });

  test('goes on where the start that comes is from before it, out of a queue', () => {
    const bench = charging();
    begin(bench, 'old', 76, '2023-11-14T06:00:00Z');
    move(bench);
    expect(showCard(bench)).toEqual(['old']);
  });

  test('has its driver asked about at the primary once the connector is reported free', () => {
    const bench = charging();
    move(bench);
    expect(showCard(bench)).toEqual(['old']);
    answerAs(bench, 'old', '{"idTagInfo":{"status":"Accepted"}}');
    beAt(bench, 'Available', '2023-11-14T22:20:00Z');
    expect(showCard(bench)).toEqual(['new']);
  });
});

describe('a station that numbers its transactions itself in MeterValues', () => {
  const meter = { transactionId: 1, meterValue: [] };

  test('has them told to whoever has the transaction at that connector, as it said them', () => {
    const bench = charging();
    say(bench, 'MeterValues', meter);
    answerAs(bench, 'old', '{}');
    move(bench);
    say(bench, 'MeterValues', { ...meter, meterValue: [{}] });
    expect(sentTo(bench.last.effects, 'old')[0]).toContain('"transactionId":1,');
    answerAs(bench, 'old', '{}');
    say(bench, 'StopTransaction', { transactionId: 77, meterStop: 9, timestamp: '2023-11-14T22:20:00Z' });
    answerAs(bench, 'old', '{}');
    begin(bench, 'new', 5, '2023-11-14T23:00:00Z');
    say(bench, 'MeterValues', { ...meter, meterValue: [{}, {}] });
    expect(heardBy(bench)).toEqual(['new']);
    expect(sentTo(bench.last.effects, 'new')[0]).toContain('"transactionId":1,');
  });

  test('but not what was measured before that began: it is of another one', () => {
    const bench = charging();
    say(bench, 'MeterValues', { transactionId: 6, meterValue: [{ timestamp: '2023-11-13T08:00:00Z' }] });
    expect(bench.state.durable.ids.transactions.map(({ ext }) => ext)).toEqual(['77', '6']);
  });

  test('also where it did so before Busbar saw a transaction begin', () => {
    const bench = new Bench();
    bench.context.digest = (text) => hash('sha256', text).slice(0, 32);
    bench.connect();
    say(bench, 'MeterValues', meter);
    answerAs(bench, 'old', '{}');
    begin(bench, 'old', 7, '2023-11-14T23:00:00Z');
    expect(bench.state.durable.ids.transactions.map(({ ext }) => ext)).toEqual(['7']);
  });
});
