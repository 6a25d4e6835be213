import { describe, expect, test } from 'vitest';
import { IdsBench, type BenchCall } from '../../testkit/ids-bench.ts';
import { dayMs, endedTransactionsMax, mintedFrom, openTransactionsMax, usedNumberDays } from './ledger.ts';
import { ownsOpen } from './transactions.ts';

interface Start {
  readonly connectorId?: number;
  readonly idTag?: string;
  readonly meterStart?: number;
  readonly timestamp?: string;
}

function start(bench: IdsBench, facts: Start = {}): BenchCall {
  const { connectorId = 1, idTag = 'T', meterStart = 0, timestamp = '2026-01-01T00:00:00Z' } = facts;
  return bench.call('StartTransaction', JSON.stringify({ connectorId, idTag, meterStart, timestamp }));
}

function profile(id: number): string {
  return `{"connectorId":1,"csChargingProfiles":{"chargingProfileId":3,"transactionId":${id}}}`;
}

/** A start that the owner has answered, and the number the station got for it. */
function started(bench: IdsBench, id: string, facts: Start = {}): string {
  const { payload } = bench.answer('a', start(bench, facts), `{"transactionId":${id}}`);
  return String((JSON.parse(payload) as { transactionId: number }).transactionId);
}

function alone(): IdsBench {
  const bench = new IdsBench('ocpp1.6');
  bench.attendance = { primary: 'a', owners: [], listeners: [] };
  return bench;
}

const accepted = '"idTagInfo":{"status":"Accepted"}';

describe('the number a 1.6 station gets for its transaction', () => {
  test('is the owner’s, when that is a positive 32-bit integer: the gateway can be taken away', () => {
    const bench = new IdsBench('ocpp1.6');
    const answer = `{ "transactionId" : 4711,${accepted}}`;
    expect(bench.answer('a', start(bench), answer)).toEqual({ payload: answer, fault: null });
  });

  test.each([
    ['0', 'id_out_of_range'],
    ['-1', 'id_out_of_range'],
    ['2147483648', 'id_out_of_range'],
    ['9223372036854775807', 'id_out_of_range'],
    ['1.5', 'id_not_integer'],
    ['"abc"', 'id_not_integer'],
    ['null', 'id_not_integer'],
    ['1234567890123456789012345', 'id_not_integer'],
  ])('is made up when the backend says %s', (id, fault) => {
    const bench = new IdsBench('ocpp1.6');
    expect(bench.answer('a', start(bench), `{"transactionId":${id},${accepted}}`)).toEqual({
      payload: `{"transactionId":${mintedFrom},${accepted}}`,
      fault,
    });
  });

  test('is made up when the backend says none, and put where it belongs', () => {
    const bench = new IdsBench('ocpp1.6');
    expect(bench.answer('a', start(bench), `{${accepted}}`)).toEqual({
      payload: `{"transactionId":${mintedFrom},${accepted}}`,
      fault: 'id_missing',
    });
  });

  test('is the integer that a string or a float holds (schema traps, 1.15)', () => {
    expect(started(new IdsBench('ocpp1.6'), '"4711"')).toBe('4711');
    expect(started(new IdsBench('ocpp1.6'), '4711.0')).toBe('4711');
  });

  test('is another when an open transaction has it already, and each keeps its own backend number', () => {
    const bench = new IdsBench('ocpp1.6');
    expect(started(bench, '7', { connectorId: 1 })).toBe('7');
    expect(started(bench, '7', { connectorId: 2 })).toBe(String(mintedFrom));
    for (const ext of ['7', String(mintedFrom)]) {
      const stop = bench.call('StopTransaction', `{"transactionId":${ext},"meterStop":1}`);
      expect(bench.sent('a', stop)).toBe('{"transactionId":7,"meterStop":1}');
    }
  });

  test('is not one of a transaction that ended less than 90 days ago, also when its row is gone', () => {
    const bench = alone();
    const first = started(bench, '7');
    bench.call('StopTransaction', `{"transactionId":${first}}`);
    for (let id = 100; id < 100 + endedTransactionsMax; id += 1) {
      started(bench, String(id), { meterStart: id });
      bench.call('StopTransaction', `{"transactionId":${id}}`);
    }
    expect(bench.ledger.used).toHaveLength(1);
    expect(started(bench, '7', { meterStart: 5_000 })).toBe(String(mintedFrom));
    bench.wallMs += (usedNumberDays + 1) * dayMs;
    expect(started(bench, '7', { meterStart: 6_000 })).toBe('7');
  });

  test('stays the same when the start is repeated and the backend calls it another way', () => {
    const bench = new IdsBench('ocpp1.6');
    expect(started(bench, '7')).toBe('7');
    expect(started(bench, '8')).toBe('7');
    expect(bench.sent('a', bench.call('StopTransaction', '{"transactionId":7}'))).toBe('{"transactionId":8}');
  });

  test('does not depend on whether other backends answer before the owner (S4)', () => {
    const bench = new IdsBench('ocpp1.6');
    const call = start(bench);
    bench.answer('b', call, '{"transactionId":7}');
    bench.restart();
    expect(bench.answer('a', call, '{"transactionId":7}').payload).toBe('{"transactionId":7}');
  });
});

describe('a 1.6 transaction on its way to the backends', () => {
  test('has each backend’s own number', () => {
    const bench = new IdsBench('ocpp1.6');
    const call = start(bench);
    bench.answer('a', call, '{"transactionId":7}');
    bench.answer('b', call, '{"transactionId":1}');
    const meter = bench.call('MeterValues', '{"connectorId":1,"transactionId":7,"meterValue":[{"v":1.10}]}');
    expect(bench.sent('a', meter)).toBe('{"connectorId":1,"transactionId":7,"meterValue":[{"v":1.10}]}');
    expect(bench.sent('b', meter)).toBe('{"connectorId":1,"transactionId":1,"meterValue":[{"v":1.10}]}');
    expect(bench.sent('c', meter)).toBe('id_pending');
  });

  test('is nothing for a backend that never got its start, or gave nothing usable', () => {
    const bench = new IdsBench('ocpp1.6');
    bench.attendance = { primary: 'a', owners: [], listeners: ['b'] };
    const call = start(bench);
    bench.answer('a', call, '{"transactionId":7}');
    bench.answer('b', call, '{"transactionId":"x"}');
    const meter = bench.call('MeterValues', '{"transactionId":7}');
    expect(bench.sent('b', meter)).toBe('not_shown');
    expect(bench.sent('c', meter)).toBe('not_shown');
  });

  test('says -1 to an owner that never gave it a number (1.6 errata 3.18)', () => {
    const bench = new IdsBench('ocpp1.6');
    const ext = started(bench, '"x"');
    expect(bench.sent('a', bench.call('MeterValues', `{"transactionId":${ext}}`))).toBe(
      '{"transactionId":-1}',
    );
  });

  test('keeps a 64-bit number exact', () => {
    const bench = new IdsBench('ocpp1.6');
    const ext = started(bench, '9223372036854775807');
    expect(bench.sent('a', bench.call('StopTransaction', `{"transactionId":${ext}}`))).toBe(
      '{"transactionId":9223372036854775807}',
    );
  });

  test('takes a late answer for the rest of it (H6)', () => {
    const bench = new IdsBench('ocpp1.6');
    const call = start(bench);
    bench.answer('a', call, '{"transactionId":7}');
    bench.fail('b', call);
    const meter = bench.call('MeterValues', '{"transactionId":7}');
    expect(bench.sent('b', meter)).toBe('not_shown');
    bench.answer('b', call, '{"transactionId":70}');
    expect(bench.sent('b', meter)).toBe('{"transactionId":70}');
  });

  test('stays with its owner when another backend becomes primary (M1)', () => {
    const bench = new IdsBench('ocpp1.6');
    started(bench, '7');
    bench.attendance = { primary: 'b', owners: ['a'], listeners: [] };
    const meter = bench.call('MeterValues', '{"transactionId":7}');
    expect(meter.arrival.owner).toBe('a');
    expect(bench.sent('a', meter)).toBe('{"transactionId":7}');
  });

  test('that began before Busbar goes to the primary as it is, and is that backend’s from then on', () => {
    const bench = new IdsBench('ocpp1.6');
    const meter = bench.call('MeterValues', '{"connectorId":1,"transactionId":99}');
    expect(bench.sent('a', meter)).toBe('{"connectorId":1,"transactionId":99}');
    expect(bench.sent('b', meter)).toBe('not_shown');
    bench.attendance = { primary: 'b', owners: ['a'], listeners: [] };
    expect(bench.call('StopTransaction', '{"transactionId":99}').arrival.owner).toBe('a');
  });

  test('that began before Busbar is pinned also beside one that began after (M1)', () => {
    const bench = alone();
    started(bench, '7');
    bench.call('MeterValues', '{"connectorId":1,"transactionId":7}');
    expect(bench.ledger.plainFor).toBe('a');
    expect(bench.call('MeterValues', '{"connectorId":2,"transactionId":99}').arrival.owner).toBe('a');
    bench.attendance = { primary: 'b', owners: [], listeners: [] };
    expect(bench.call('MeterValues', '{"connectorId":2,"transactionId":99}').arrival.owner).toBe('a');
  });

  test('values outside of a transaction go to everyone', () => {
    const bench = new IdsBench('ocpp1.6');
    const meter = bench.call('MeterValues', '{"connectorId":1,"meterValue":[]}');
    expect(meter.arrival).toMatchObject({ owner: null, transaction: null, changes: [] });
    expect(bench.sent('c', meter)).toBe('{"connectorId":1,"meterValue":[]}');
  });
});

describe('a start that the station repeats', () => {
  test('is the same transaction, for those who got it the first time', () => {
    const bench = new IdsBench('ocpp1.6');
    bench.attendance = { primary: 'a', owners: [], listeners: ['b'] };
    bench.fail('a', start(bench));
    bench.attendance = { primary: 'c', owners: [], listeners: ['a', 'b'] };
    const again = start(bench);
    expect(again.arrival.owner).toBe('a');
    expect(bench.ledger.transactions).toHaveLength(1);
    expect(bench.ledger.transactions[0]?.ids).toEqual({ a: 'pending', b: 'pending' });
    expect(bench.sent('c', again)).toBe('not_shown');
  });
});

test('an answer to a repeated start that is no object is left as it is', () => {
  const bench = new IdsBench('ocpp1.6');
  started(bench, '7');
  expect(bench.answer('a', start(bench), 'null').payload).toBe('null');
});

describe('-1 from a station that never learned the number (1.6 errata 3.18)', () => {
  test('in MeterValues means the transaction at that connector', () => {
    const bench = new IdsBench('ocpp1.6');
    started(bench, '7', { connectorId: 1 });
    started(bench, '8', { connectorId: 2 });
    const meter = bench.call('MeterValues', '{"connectorId":2,"transactionId":-1}');
    expect(bench.sent('a', meter)).toBe('{"connectorId":2,"transactionId":8}');
  });

  test.each(['B', 'b'])('in StopTransaction means that of the driver, whose tag has no case: %s', (tag) => {
    const bench = new IdsBench('ocpp1.6');
    started(bench, '7', { connectorId: 1, idTag: 'A' });
    started(bench, '8', { connectorId: 2, idTag: 'B' });
    const stop = bench.call('StopTransaction', `{"transactionId":-1,"idTag":"${tag}","meterStop":5}`);
    expect(bench.sent('a', stop)).toBe(`{"transactionId":8,"idTag":"${tag}","meterStop":5}`);
  });

  test('means the one whose number the station has not used yet, when drivers are the same', () => {
    const bench = new IdsBench('ocpp1.6');
    started(bench, '7', { connectorId: 1 });
    started(bench, '8', { connectorId: 2 });
    bench.call('MeterValues', '{"connectorId":2,"transactionId":8}');
    const stop = bench.call('StopTransaction', '{"transactionId":-1,"idTag":"T"}');
    expect(bench.sent('a', stop)).toBe('{"transactionId":7,"idTag":"T"}');
  });

  test('means the one that meter and time allow', () => {
    const bench = new IdsBench('ocpp1.6');
    started(bench, '7', { connectorId: 1, meterStart: 1_000 });
    started(bench, '8', { connectorId: 2, meterStart: 10, timestamp: '2026-01-02T00:00:00Z' });
    const byMeter = bench.call('StopTransaction', '{"transactionId":-1,"meterStop":500}');
    expect(bench.sent('a', byMeter)).toBe('{"transactionId":8,"meterStop":500}');
    started(bench, '9', { connectorId: 2, meterStart: 10, timestamp: '2026-01-03T00:00:00Z' });
    const byTime = bench.call(
      'StopTransaction',
      '{"transactionId":-1,"meterStop":2000,"timestamp":"2026-01-01T10:00:00.000Z"}',
    );
    expect(bench.sent('a', byTime)).toContain('"transactionId":7,');
  });

  test('never means a start that a later one at the same connector has outlived', () => {
    const bench = new IdsBench('ocpp1.6');
    bench.answer(
      'a',
      start(bench, { meterStart: 1 }),
      '{"transactionId":-1,"idTagInfo":{"status":"Invalid"}}',
    );
    started(bench, '8', { meterStart: 2 });
    const meter = bench.call('MeterValues', '{"connectorId":1,"transactionId":-1}');
    expect(bench.sent('a', meter)).toBe('{"connectorId":1,"transactionId":8}');
    const stop = bench.call('StopTransaction', '{"transactionId":-1,"idTag":"T","meterStop":5}');
    expect(bench.sent('a', stop)).toBe('{"transactionId":8,"idTag":"T","meterStop":5}');
  });

  test.each([
    ['another driver', '{"transactionId":-1,"idTag":"FREE","meterStop":900}'],
    ['another driver', '{"transactionId":0,"idTag":"FREE","meterStop":900}'],
    ['an end before its start', '{"transactionId":-1,"meterStop":900,"timestamp":"2025-12-31T00:00:00Z"}'],
  ])('in a Stop of %s never means one that the station knows by its number: %s', (_, payload) => {
    const bench = new IdsBench('ocpp1.6');
    started(bench, '7', { idTag: 'A', timestamp: '2026-01-01T00:00:00Z' });
    bench.call('MeterValues', '{"connectorId":1,"transactionId":7}');
    const stop = bench.call('StopTransaction', payload);
    expect(bench.sent('a', stop)).toBe(payload);
    expect(bench.ledger.transactions.map(({ state }) => state)).toEqual(['open']);
  });

  test('goes to the primary as it is when it could be several', () => {
    const bench = new IdsBench('ocpp1.6');
    started(bench, '7', { connectorId: 1 });
    started(bench, '8', { connectorId: 2 });
    const stop = bench.call('StopTransaction', '{"transactionId":-1}');
    expect(stop.arrival.owner).toBe(null);
    expect(bench.sent('a', stop)).toBe('{"transactionId":-1}');
    expect(bench.sent('b', stop)).toBe('not_shown');
  });

  test('means the same again when the Stop is repeated', () => {
    const bench = new IdsBench('ocpp1.6');
    started(bench, '7', { connectorId: 1, idTag: 'A' });
    started(bench, '8', { connectorId: 2, idTag: 'B' });
    const stop = '{"transactionId":-1,"idTag":"B"}';
    bench.call('StopTransaction', stop);
    bench.restart();
    expect(bench.sent('a', bench.call('StopTransaction', stop))).toBe('{"transactionId":8,"idTag":"B"}');
  });
});

describe('a backend’s command about a 1.6 transaction', () => {
  test('names it by that backend’s number, and reaches the station with the station’s', () => {
    const bench = new IdsBench('ocpp1.6');
    const call = start(bench);
    bench.answer('a', call, '{"transactionId":7}');
    bench.answer('b', call, '{"transactionId":1}');
    expect(bench.command('b', 'RemoteStopTransaction', '{"transactionId": 1}')).toMatchObject({
      payload: '{"transactionId": 7}',
    });
    expect(bench.command('b', 'SetChargingProfile', profile(1))).toMatchObject({ payload: profile(7) });
  });

  test('means the open one of several with the same number, and the newest of those', () => {
    const bench = new IdsBench('ocpp1.6');
    started(bench, '7', { connectorId: 1 });
    const second = started(bench, '7', { connectorId: 2 });
    expect(bench.command('a', 'RemoteStopTransaction', '{"transactionId":7}')).toMatchObject({
      payload: `{"transactionId":${second}}`,
    });
    bench.call('StopTransaction', `{"transactionId":${second}}`);
    expect(bench.command('a', 'RemoteStopTransaction', '{"transactionId":7}')).toMatchObject({
      payload: '{"transactionId":7}',
    });
  });

  test('is refused when the number is another’s, or nobody’s; only the primary may know one from before', () => {
    const bench = new IdsBench('ocpp1.6');
    bench.attendance = { primary: 'a', owners: [], listeners: [] };
    started(bench, '7');
    expect(bench.command('b', 'RemoteStopTransaction', '{"transactionId":7}')).toBe('not_yours');
    expect(bench.command('b', 'RemoteStopTransaction', '{"transactionId":5}')).toBe('unknown_transaction');
    expect(bench.command('a', 'RemoteStopTransaction', '{"transactionId":5}')).toMatchObject({
      payload: '{"transactionId":5}',
    });
  });

  test('is refused while the station has no number for it', () => {
    const bench = new IdsBench('ocpp1.6');
    bench.answer('b', start(bench), '{"transactionId":1}');
    expect(bench.command('b', 'RemoteStopTransaction', '{"transactionId":1}')).toBe('unknown_transaction');
  });
});

/** What the station calls the transactions that are open. */
function openIn({ ledger }: IdsBench): (string | null)[] {
  return ledger.transactions.flatMap(({ state, ext }) => (state === 'open' ? [ext] : []));
}

describe('a transaction whose end never came', () => {
  test('1.6: is over once the next one begins at its connector, and what is said of it late is its owner’s still', () => {
    const bench = alone();
    started(bench, '7');
    started(bench, '8', { connectorId: 2 });
    bench.attendance = { primary: 'b', owners: ['a'], listeners: [] };
    for (const connectorId of [1, 2]) start(bench, { connectorId, timestamp: '2026-01-02T00:00:00Z' });
    expect(openIn(bench)).toEqual([null, null]);
    expect(ownsOpen(bench.ledger, 'a')).toBe(false);
    const stop = bench.call('StopTransaction', '{"transactionId":7}');
    expect(stop.arrival.owner).toBe('a');
    expect(bench.sent('a', stop)).toBe('{"transactionId":7}');
  });

  test.each([
    ['is told late and began before it', '2025-12-31T00:00:00Z'],
    ['says no time that can be read', 'yesterday'],
  ])('1.6: goes on while the start that comes %s', (_what, timestamp) => {
    const bench = alone();
    started(bench, '7');
    started(bench, '9', { timestamp });
    expect(openIn(bench)).toEqual(['7', '9']);
  });

  test.each([
    [{ evse: { id: 1 } }, ['y']],
    [{ evse: { id: 2 } }, ['x', 'y']],
    [{}, ['x', 'y']],
    [{ evse: { id: 1 }, offline: true }, ['x', 'y']],
  ])('2.x: and the next one begins as %j: open are %j', (more, left) => {
    const bench = new IdsBench('ocpp2.0.1');
    for (const [transactionId, facts] of [['x', { evse: { id: 1 } }] as const, ['y', more] as const])
      bench.call(
        'TransactionEvent',
        JSON.stringify({ eventType: 'Started', transactionInfo: { transactionId }, ...facts }),
      );
    expect(openIn(bench)).toEqual(left);
  });
});

describe('bounds', () => {
  test('one open transaction too many takes the place of one that its connector outlived', () => {
    const bench = alone();
    for (let id = 1; id <= openTransactionsMax; id += 1)
      started(bench, String(id), { connectorId: Math.max(2, id), meterStart: id });
    expect(started(bench, '900', { connectorId: 900 })).toBe('900');
    const open = bench.ledger.transactions.filter(({ state }) => state === 'open');
    expect(open).toHaveLength(openTransactionsMax);
    expect(open.some(({ ext }) => ext === '1')).toBe(false);
  });

  test('when every connector has its own, the next start is not kept, and its owner’s alone', () => {
    const bench = new IdsBench('ocpp1.6');
    for (let id = 1; id <= openTransactionsMax; id += 1)
      started(bench, String(id), { connectorId: id, meterStart: id });
    const call = start(bench, { connectorId: 900 });
    expect(call.arrival).toMatchObject({ owner: 'a', transaction: null, changes: [] });
    expect(bench.answer('a', call, '{"transactionId":900}').payload).toBe('{"transactionId":900}');
    expect(bench.sent('a', bench.call('StopTransaction', '{"transactionId":900}'))).toBe(
      '{"transactionId":900}',
    );
    expect(bench.sent('b', call)).toBe('not_shown');
  });

  test('the same changes leave the same ledger, and the card is forgotten at the end', () => {
    const bench = new IdsBench('ocpp1.6');
    started(bench, '7', { idTag: 'SECRET' });
    bench.call('StopTransaction', '{"transactionId":7,"idTag":"SECRET"}');
    expect(JSON.stringify(bench.ledger)).not.toContain('SECRET');
    const before = JSON.stringify(bench.ledger);
    bench.restart();
    expect(JSON.stringify(bench.ledger)).toBe(before);
  });
});

/** In a word each: whether it begins, or whose it was. */
function toldOf({ changes }: IdsBench): (boolean | string)[] {
  return changes.flatMap((change): (boolean | string)[] => {
    if (change.type === 'transaction_opened') return [change.isBeginning];
    return change.type === 'transaction_ended' ? [change.owner] : [];
  });
}

describe('what is told of a transaction’s beginning and end', () => {
  test('1.6: it begins with its first start, and with nothing that is repeated', () => {
    const bench = new IdsBench('ocpp1.6');
    const id = started(bench, '7');
    start(bench);
    for (let times = 0; times < 2; times += 1)
      bench.call(
        'StopTransaction',
        `{"transactionId":${id},"meterStop":1,"timestamp":"2026-01-01T01:00:00Z"}`,
      );
    expect(toldOf(bench)).toEqual([true, false, 'a']);
  });

  test('1.6: one that was under way before does not begin, and ends', () => {
    const bench = new IdsBench('ocpp1.6');
    bench.call('StopTransaction', '{"transactionId":9,"meterStop":1,"timestamp":"2026-01-01T01:00:00Z"}');
    expect(toldOf(bench)).toEqual([false, 'a']);
  });

  test('2.x: it begins with Started alone', () => {
    const bench = new IdsBench('ocpp2.0.1');
    const say = (eventType: string, transactionId: string): BenchCall =>
      bench.call('TransactionEvent', JSON.stringify({ eventType, transactionInfo: { transactionId } }));
    for (const eventType of ['Started', 'Updated', 'Ended', 'Ended']) say(eventType, 'T1');
    say('Updated', 'T2');
    expect(toldOf(bench)).toEqual([true, 'a', false]);
  });
});

const event = (bench: IdsBench, eventType: string, seqNo: number, atMs = bench.wallMs): BenchCall =>
  bench.call(
    'TransactionEvent',
    JSON.stringify({
      eventType,
      seqNo,
      timestamp: new Date(atMs).toISOString(),
      transactionInfo: { transactionId: '1' },
    }),
  );

/** Its first transaction was `a`'s, and is over; the station is at `b` since. */
function over(first: string): IdsBench {
  const bench = new IdsBench('ocpp2.0.1');
  bench.attendance = { primary: 'a', owners: [], listeners: [] };
  event(bench, first, 0);
  bench.wallMs += 60_000;
  event(bench, 'Ended', 1);
  bench.wallMs += 60_000;
  bench.attendance = { primary: 'b', owners: [], listeners: [] };
  return bench;
}

describe('a 2.x name that a station gives again', () => {
  test('is another transaction, and whoever is the primary now has it', () => {
    const bench = over('Started');
    const begun = event(bench, 'Started', 0);
    expect(begun.arrival.owner).toBe('b');
    const going = event(bench, 'Updated', 1);
    expect([going.arrival.owner, bench.sent('b', going)]).toEqual(['b', expect.any(String)]);
    expect(bench.ledger.transactions.map(({ owner, state }) => [owner, state])).toEqual([
      ['a', 'ended'],
      ['b', 'open'],
    ]);
    expect(event(bench, 'Ended', 2).arrival.owner).toBe('b');
    expect(bench.ledger.transactions.map(({ state }) => state)).toEqual(['ended', 'ended']);
  });

  test('is the same in the start that comes late or again', () => {
    for (const first of ['Started', 'Updated']) {
      const bench = over(first);
      expect(event(bench, 'Started', 0, bench.wallMs - 120_000).arrival.owner).toBe('a');
      expect(bench.ledger.transactions).toHaveLength(1);
    }
  });
});
