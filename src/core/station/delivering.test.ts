/** What was held for a backend that was down, on its way to it: in virtual time, against a backend that answers as a test tells it. */
import { describe, expect, test } from 'vitest';
import {
  eventOf,
  minuteOf,
  ofTransactions,
  Outage,
  refusal,
  result,
  silence,
  startOf,
  type Heard,
} from '../../testkit/outage-bench.ts';
import { routing } from '../../testkit/station-bench.ts';
import type { HeldEntry } from '../hold/held-lane.ts';
import { plainAssignment } from '../routing/table.ts';
import { createStation } from './state.ts';

/** Two transactions that ran during an outage, one inside the other. */
function twoTransactions(outage: Outage): [number, number] {
  const one = outage.start(1);
  outage.meter(1, one, 1);
  const two = outage.start(2, 2);
  outage.stop(one, 3);
  outage.stop(two, 4);
  return [one, two];
}

/** Action and the transaction's number as the backend heard them. */
function story(heard: readonly Heard[]): string[] {
  return heard.map(({ action, payload }) => {
    const number = payload['transactionId'];
    return typeof number === 'number' ? `${action} ${number}` : action;
  });
}

describe('what was held', () => {
  test('is delivered after the current statuses, one at a time and in order, in the backend’s own numbers', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    const status = { connectorId: 1, errorCode: 'NoError', status: 'Preparing' };
    outage.say('StatusNotification', status);
    outage.say('StatusNotification', { ...status, status: 'Charging' });
    twoTransactions(outage);
    outage.comeBack();
    expect(outage.heard.map(({ action }) => action).slice(0, 1)).toEqual(['StatusNotification']);
    expect(outage.heard[0]?.payload['status']).toBe('Charging');
    expect(story(outage.delivered)).toEqual([
      'StartTransaction',
      'MeterValues 101',
      'StartTransaction',
      'StopTransaction 101',
      'StopTransaction 102',
    ]);
    expect(outage.delivered.map(({ payload }) => payload['timestamp'])).toEqual(
      [0, undefined, 2, 3, 4].map((minute) => (minute === undefined ? undefined : minuteOf(minute))),
    );
    expect(outage.held).toEqual([]);
  });

  test('waits for the answer before the next one leaves', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    twoTransactions(outage);
    outage.answer = (call) => (ofTransactions.has(call.action) ? silence : outage.usual(call));
    outage.comeBack();
    expect(outage.delivered).toHaveLength(1);
    outage.pass(29_000);
    expect(outage.delivered).toHaveLength(1);
  });

  test('leaves once it is on disk that the one before was taken, and not while nothing can be', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    twoTransactions(outage);
    outage.answer = () => silence;
    outage.comeBack();
    const [first] = outage.delivered;
    outage.fromBackend(`[3,"${first?.id}",{"transactionId":9,"idTagInfo":{"status":"Accepted"}}]`);
    expect(outage.last.records.map(({ type }) => type)).toContain('delivery');
    expect(outage.last.effects).toMatchObject([{ type: 'send', when: 'afterCommit' }]);
    expect(outage.delivered).toHaveLength(2);
    outage.context.isJournalWritable = false;
    outage.fromBackend(`[3,"${outage.delivered[1]?.id}",{}]`);
    expect(outage.delivered).toHaveLength(2);
    outage.context.isJournalWritable = true;
    outage.pass(2_000);
    expect(outage.delivered).toHaveLength(3);
  });

  test('leaves at the backend’s pace', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    twoTransactions(outage);
    let freeAtMs = 0;
    outage.context.deliveryWaitMs = () => {
      const waitMs = Math.max(0, freeAtMs - outage.context.nowMs);
      if (waitMs === 0) freeAtMs = outage.context.nowMs + 2_000;
      return waitMs;
    };
    outage.comeBack();
    outage.pass(20_000);
    expect(outage.delivered.map(({ atMs }) => Math.round(atMs / 1_000))).toEqual([0, 2, 4, 6, 8]);
  });

  test('says `offline` in 2.x, except for what had left before the backend was gone', () => {
    const outage = new Outage('ocpp2.0.1');
    outage.begin();
    outage.answer = (call) => (call.action === 'TransactionEvent' ? silence : outage.usual(call));
    outage.say('TransactionEvent', eventOf('A', 0, 'Started'));
    const before = outage.heard.at(-1)?.text;
    outage.goDown();
    outage.say('TransactionEvent', { ...eventOf('A', 1, 'Updated'), offline: false });
    outage.say('TransactionEvent', eventOf('A', 2, 'Ended'));
    outage.answer = (call) => outage.usual(call);
    outage.comeBack();
    expect(outage.delivered.map(({ payload }) => [payload['seqNo'], payload['offline']])).toEqual([
      [0, undefined],
      [1, true],
      [2, true],
    ]);
    expect(outage.delivered[0]?.text).toBe(before);
    expect(outage.delivered.map(({ payload }) => payload['timestamp'])).toEqual([
      minuteOf(0),
      minuteOf(1),
      minuteOf(2),
    ]);
  });

  test('is dropped when it is of no use to anybody by now, and what is billed never is', () => {
    const outage = new Outage('ocpp2.0.1');
    outage.begin();
    outage.goDown();
    const report = { requestId: 1, generatedAt: minuteOf(0), seqNo: 0 };
    outage.say('NotifyReport', report);
    outage.say('MeterValues', { evseId: 1, meterValue: [{ timestamp: minuteOf(0), sampledValue: [] }] });
    outage.say('TransactionEvent', eventOf('A', 0, 'Started'));
    outage.pass(6 * 60_000);
    outage.say('NotifyReport', { ...report, requestId: 2 });
    const at = outage.context.wallMs;
    outage.comeBack();
    outage.pass(40_000);
    const told = outage.heard.filter(({ action }) => action !== 'StatusNotification');
    expect(outage.context.wallMs - at).toBeLessThan(4 * 60_000);
    expect(told.map(({ action, payload }) => [action, payload['requestId']])).toEqual([
      ['MeterValues', undefined],
      ['TransactionEvent', undefined],
      ['NotifyReport', 2],
    ]);
    expect(outage.held).toEqual([]);
    outage.goDown();
    outage.say('MeterValues', { evseId: 1, meterValue: [{ timestamp: minuteOf(1), sampledValue: [] }] });
    outage.say('TransactionEvent', eventOf('A', 1, 'Ended'));
    outage.pass(30 * 24 * 3_600_000);
    outage.comeBack();
    outage.pass(40_000);
    expect(outage.heard.map(({ action }) => action)).toEqual(['TransactionEvent']);
  });

  test('is dropped with the rest of its report, the end of which a backend would take for the whole', () => {
    const outage = new Outage('ocpp2.0.1');
    outage.begin();
    outage.goDown();
    const part = { requestId: 1, generatedAt: minuteOf(0), seqNo: 0, tbc: true };
    outage.say('NotifyReport', part);
    outage.pass(4 * 60_000);
    outage.say('NotifyReport', { ...part, seqNo: 1, tbc: false });
    outage.say('NotifyReport', { ...part, requestId: 2, tbc: false });
    outage.pass(61_000);
    outage.comeBack();
    outage.pass(1_000);
    const told = outage.heard.map(({ payload }) => payload['requestId']);
    expect(told).toEqual([2]);
    expect(outage.held).toEqual([]);
  });

  test('outlives the process: the next one delivers the same messages under the same ids', () => {
    const outage = new Outage('ocpp2.1');
    outage.begin();
    outage.goDown();
    for (const [seqNo, type] of ['Started', 'Updated', 'Ended'].entries())
      outage.say('TransactionEvent', eventOf('A', seqNo, type));
    const saved = JSON.parse(JSON.stringify(outage.held)) as HeldEntry[];
    const next = new Outage('ocpp2.1', saved);
    const marks = next.held.map(({ delivery }) => delivery.possiblyDuplicate);
    next.begin();
    // The last process may have sent the first, and none of those behind it.
    expect(marks).toEqual([true, undefined, undefined]);
    expect(next.delivered.map(({ id }) => id)).toEqual(saved.map(({ message }) => message.key));
    expect(next.delivered.map(({ payload }) => payload['seqNo'])).toEqual([0, 1, 2]);
    expect(next.held).toEqual([]);
  });

  test('and a new message of the next process stands behind it, under a higher number', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    twoTransactions(outage);
    const saved = JSON.parse(JSON.stringify(outage.held)) as HeldEntry[];
    const next = new Outage('ocpp1.6', saved);
    next.isUp = false;
    next.begin();
    next.start(3, 9);
    const numbers = next.held.map(({ message }) => message.number);
    expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
    expect(new Set(numbers).size).toBe(6);
  });
});

describe('a backend that does not take the station back', () => {
  test.each([
    ['answers its boot with Pending', result({ status: 'Pending', interval: 30, currentTime: minuteOf(0) })],
    [
      'answers its boot with Rejected',
      result({ status: 'Rejected', interval: 30, currentTime: minuteOf(0) }),
    ],
    ['refuses everything', '4|"SecurityError","no",{}'],
  ])('%s: it gets nothing else, for however long, and all of it afterwards', (_what, answer) => {
    const outage = new Outage('ocpp2.0.1');
    outage.begin();
    outage.goDown();
    // Another firmware: this boot the backend has not heard.
    outage.say('BootNotification', {
      reason: 'PowerUp',
      chargingStation: { vendorName: 'V', model: 'M', firmwareVersion: '2' },
    });
    outage.say('TransactionEvent', eventOf('A', 0, 'Started'));
    outage.answer = (call) =>
      call.action === 'BootNotification' || answer.startsWith('4') ? answer : outage.usual(call);
    outage.comeBack();
    outage.pass(3_600_000);
    outage.say('TransactionEvent', eventOf('A', 1, 'Ended'));
    outage.pass(24 * 3_600_000);
    expect(new Set(outage.heard.map(({ action }) => action))).toEqual(new Set(['BootNotification']));
    expect(outage.held.map(({ delivery }) => delivery.state)).toEqual(['waiting', 'waiting']);
    outage.answer = (call) => outage.usual(call);
    outage.pass(600_000);
    expect(outage.delivered.map(({ payload }) => payload['seqNo'])).toEqual([0, 1]);
    expect(outage.held).toEqual([]);
  });
});

describe('a refused message', () => {
  test('is sent again after 10, 60 and 300 s, as the same bytes but for its id, and then parked', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    outage.start(1);
    outage.answer = (call) => (call.action === 'StartTransaction' ? refusal : outage.usual(call));
    outage.comeBack();
    outage.pass(86_400_000);
    expect(outage.delivered.map(({ atMs }) => atMs)).toEqual([0, 10_000, 70_000, 370_000]);
    expect(new Set(outage.delivered.map(({ text }) => text)).size).toBe(4);
    expect(new Set(outage.delivered.map(({ text }) => text.slice(text.indexOf(',"St')))).size).toBe(1);
    expect(outage.held).toMatchObject([
      { delivery: { state: 'parked', attempts: 4, lastError: 'InternalError' } },
    ]);
  });

  test.each([
    ['GenericError', [0, 10_000, 70_000, 370_000]],
    ['SecurityError', [0, 10_000, 70_000, 370_000]],
    ['FormationViolation', [0, 10_000]],
    ['PropertyConstraintViolation', [0, 10_000]],
    ['NotSupported', [0, 10_000]],
    ['SomethingOfItsOwn', [0, 10_000]],
  ])('with %s is sent at %j and then parked', (code, times) => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    outage.start(1);
    // The first SecurityError has the backend told the boot once more.
    let isTold = code !== 'SecurityError';
    outage.answer = (call) => {
      if (call.action === 'BootNotification') isTold = true;
      return call.action === 'StartTransaction' ? `4|"${code}","no",{}` : outage.usual(call);
    };
    outage.comeBack();
    outage.pass(86_400_000);
    expect(isTold).toBe(true);
    expect([...new Set(outage.delivered.map(({ atMs }) => atMs))]).toEqual(times);
    expect(outage.held).toMatchObject([
      { delivery: { state: 'parked', attempts: times.length, lastError: code } },
    ]);
  });

  test('for good after it was refused in passing has its one retry all the same', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    outage.start(1);
    const codes = ['InternalError', 'TypeConstraintViolation', 'TypeConstraintViolation'];
    outage.answer = (call) =>
      call.action === 'StartTransaction' ? `4|"${codes.shift()}","no",{}` : outage.usual(call);
    outage.comeBack();
    outage.pass(86_400_000);
    expect(outage.delivered.map(({ atMs }) => atMs)).toEqual([0, 10_000, 70_000]);
    expect(outage.held).toMatchObject([{ delivery: { state: 'parked', attempts: 3 } }]);
  });

  test('holds up what follows in its transaction and nothing else', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    twoTransactions(outage);
    outage.answer = (call) =>
      call.action === 'StartTransaction' && call.payload['connectorId'] === 1 && call.atMs < 70_000
        ? refusal
        : outage.usual(call);
    outage.comeBack();
    expect(story(outage.delivered)).toEqual(['StartTransaction', 'StartTransaction', 'StopTransaction 101']);
    outage.pass(69_000);
    expect(outage.delivered).toHaveLength(4);
    outage.pass(2_000);
    expect(story(outage.delivered.slice(4))).toEqual([
      'StartTransaction',
      'MeterValues 102',
      'StopTransaction 102',
    ]);
    expect(outage.held).toEqual([]);
  });

  test('lets the other transactions of the station go straight to the backend meanwhile', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    const [one] = [outage.start(1)];
    outage.answer = (call) => (call.payload['connectorId'] === 1 ? refusal : outage.usual(call));
    outage.comeBack();
    const two = outage.start(2, 5);
    outage.stop(two, 6);
    outage.stop(one, 7);
    expect(story(outage.delivered)).toEqual([
      'StartTransaction',
      'StartTransaction',
      `StopTransaction ${two}`,
    ]);
    expect(outage.held.map(({ message }) => message.action)).toEqual(['StartTransaction', 'StopTransaction']);
  });

  test('among 1,000 is parked after its retries, and delays none of the others', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    let poisoned = 0;
    for (let n = 0; n < 250; n += 1) {
      const number = outage.start(1, 4 * n);
      if (n === 20) poisoned = 4 * n + 3;
      outage.meter(1, number, 4 * n + 1);
      outage.meter(1, number, 4 * n + 2);
      outage.stop(number, 4 * n + 3);
    }
    expect(outage.held).toHaveLength(1_000);
    const isPoisoned = ({ action, payload }: Heard): boolean =>
      action === 'StopTransaction' && payload['meterStop'] === poisoned;
    outage.answer = (call) => (isPoisoned(call) ? refusal : outage.usual(call));
    outage.comeBack();
    const first = outage.delivered;
    expect(first).toHaveLength(1_000);
    expect(Math.max(...first.map(({ atMs }) => atMs))).toBe(0);
    expect(outage.held).toHaveLength(1);
    outage.pass(86_400_000);
    expect(outage.delivered.slice(1_000).map(({ atMs }) => atMs)).toEqual([10_000, 70_000, 370_000]);
    expect(outage.delivered.slice(1_000).every(isPoisoned)).toBe(true);
    expect(outage.held.map(({ delivery }) => delivery.state)).toEqual(['parked']);
    // What it is about stays known for as long; of the others only the last few do.
    const { transactions } = outage.state.durable.ids;
    expect(transactions.filter(({ isHeld }) => isHeld === true)).toHaveLength(1);
    expect(transactions).toHaveLength(17);
    const numbers = first.map(({ action, payload }) =>
      action === 'StartTransaction' ? null : payload['transactionId'],
    );
    expect(numbers).toEqual(
      Array.from({ length: 1_000 }, (_, n) => (n % 4 === 0 ? null : 101 + Math.floor(n / 4))),
    );
  });
});

/** The backend keeps silent on starts for so long. */
function silentFor(ms: number): Outage {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.start(1);
  outage.answer = (call) =>
    call.action === 'StartTransaction' && call.atMs < ms ? silence : outage.usual(call);
  outage.comeBack();
  return outage;
}

describe('a message that is not answered', () => {
  test('waits a minute for its late answer, and leaves again as the same bytes on a new link', () => {
    const outage = silentFor(60_000);
    const epoch = outage.backendEpoch('old');
    outage.pass(91_000);
    expect(outage.delivered.map(({ atMs }) => atMs)).toEqual([0]);
    expect(outage.backendEpoch('old')).toBe(epoch);
    outage.pass(9_000);
    expect(outage.delivered).toHaveLength(2);
    expect(outage.delivered[1]?.atMs).toBeGreaterThanOrEqual(92_000);
    expect(outage.backendEpoch('old')).toBeGreaterThan(epoch);
    expect(new Set(outage.delivered.map(({ text }) => text)).size).toBe(1);
    expect(outage.held).toEqual([]);
  });

  test('is marked as one that the backend may have twice, on record too', () => {
    const outage = silentFor(Infinity);
    expect(outage.held[0]?.delivery.possiblyDuplicate).toBeUndefined();
    outage.pass(40_000);
    expect(outage.held).toMatchObject([
      { delivery: { state: 'waiting', attempts: 0, lastError: 'no answer', possiblyDuplicate: true } },
    ]);
    expect(outage.records.filter(({ type }) => type === 'delivery')).toMatchObject([
      { outcome: 'unanswered', delivery: { possiblyDuplicate: true } },
    ]);
    // Nor does a refusal of the second copy say what became of the first.
    outage.answer = (call) => (call.action === 'StartTransaction' ? refusal : outage.usual(call));
    outage.pass(60_000);
    expect(outage.held).toMatchObject([{ delivery: { attempts: 1, possiblyDuplicate: true } }]);
  });

  test('has the station notice nothing of the new link, and costs it no more than one every five minutes', () => {
    const outage = silentFor(Infinity);
    outage.pass(3_600_000);
    expect(outage.state.link?.epoch).toBe(1);
    expect(outage.delivered.length).toBeGreaterThan(9);
    expect(outage.delivered.length).toBeLessThan(13);
  });

  test('leaves again only once the commands of its backend are answered', () => {
    const outage = silentFor(60_000);
    outage.pass(85_000);
    const epoch = outage.backendEpoch('old');
    outage.fromBackend('[2,"b1","ClearCache",{}]');
    outage.pass(10_000);
    expect(outage.backendEpoch('old')).toBe(epoch);
    outage.fromStation(`[3,"${outage.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
    outage.pass(5_000);
    expect(outage.backendEpoch('old')).toBeGreaterThan(epoch);
    expect(outage.held).toEqual([]);
  });

  test('leaves again on the same link where the station would be closed with it', () => {
    const outage = silentFor(60_000);
    const epoch = outage.backendEpoch('old');
    outage.context.routing = routing([plainAssignment(0, 'old')], ['ocpp1.6']);
    outage.do({ type: 'routing_changed' });
    outage.pass(100_000);
    expect(outage.backendEpoch('old')).toBe(epoch);
    expect(outage.delivered).toHaveLength(2);
    expect(outage.held).toEqual([]);
  });

  test('is refused when its late answer refuses it', () => {
    const outage = silentFor(Infinity);
    outage.pass(45_000);
    outage.fromBackend(`[4,"${outage.delivered[0]?.id}","FormationViolation","",{}]`);
    expect(outage.held).toMatchObject([{ delivery: { attempts: 1, lastError: 'FormationViolation' } }]);
  });

  test('is over when its answer comes after that to another which was left unanswered too', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    outage.start(1);
    outage.start(2);
    outage.answer = (call) => (call.action === 'StartTransaction' ? silence : outage.usual(call));
    outage.comeBack();
    outage.pass(70_000);
    expect(outage.delivered).toHaveLength(2);
    const late = result({ transactionId: 77, idTagInfo: { status: 'Accepted' } }).slice(2);
    outage.fromBackend(`[3,"${outage.delivered[0]?.id}",${late}]`);
    expect(outage.held.map(({ message }) => message.key)).toEqual([outage.delivered[1]?.id]);
  });

  test('is over when its answer comes late', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    const number = outage.start(1);
    outage.answer = (call) => (call.action === 'StartTransaction' ? silence : outage.usual(call));
    outage.comeBack();
    outage.pass(45_000);
    expect(outage.held).toHaveLength(1);
    const late = result({ transactionId: 77, idTagInfo: { status: 'Accepted' } }).slice(2);
    outage.fromBackend(`[3,"${outage.delivered[0]?.id}",${late}]`);
    expect(outage.held).toEqual([]);
    outage.stop(number, 5);
    outage.pass(600_000);
    expect(story(outage.delivered)).toEqual(['StartTransaction', 'StopTransaction 77']);
  });

  test('does not count against its backend once its answer comes late', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    for (let connector = 1; connector <= 6; connector += 1) outage.start(connector);
    outage.answer = (call) => (call.action === 'StartTransaction' ? silence : outage.usual(call));
    outage.comeBack();
    outage.pass(80_000);
    const late = result({ transactionId: 77, idTagInfo: { status: 'Accepted' } }).slice(2);
    outage.fromBackend(`[3,"${outage.delivered[1]?.id}",${late}]`);
    outage.pass(90_000);
    expect(outage.delivered.length).toBeGreaterThan(4);
    // It is not given up, and a driver waits for its own answer.
    expect(outage.say('Authorize', { idTag: 'T' })).toBeNull();
  });

  test('because the link went leaves again on the next one, as the same bytes', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    outage.start(1);
    outage.answer = (call) => (call.action === 'StartTransaction' ? silence : outage.usual(call));
    outage.comeBack();
    const before = outage.delivered.map(({ text }) => text);
    outage.goDown();
    expect(outage.held).toMatchObject([{ delivery: { retryAt: 0, possiblyDuplicate: true } }]);
    outage.answer = (call) => outage.usual(call);
    outage.comeBack();
    expect(outage.delivered.map(({ text }) => text)).toEqual(before);
    expect(outage.held).toEqual([]);
  });
});

describe('a station that repeats itself', () => {
  test('is answered alike while the message is held, and it is held once', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    const start = startOf(1, 0);
    const first = outage.say('StartTransaction', start);
    expect(outage.say('StartTransaction', start)).toEqual(first);
    expect(outage.held).toHaveLength(1);
  });

  test('is answered alike after it was delivered, and after a restart then, and the backend hears nothing', () => {
    const outage = new Outage();
    outage.begin();
    outage.goDown();
    const start = startOf(1, 0);
    const first = outage.say('StartTransaction', start);
    outage.comeBack();
    expect(outage.delivered).toHaveLength(1);
    expect(outage.say('StartTransaction', start)).toEqual(first);
    const durable = JSON.parse(JSON.stringify(outage.state.durable)) as typeof outage.state.durable;
    const next = new Outage();
    Object.assign(next.state, createStation(outage.state.id, durable, 'q'));
    next.begin();
    expect(next.say('StartTransaction', start)).toEqual(first);
    expect(next.delivered).toEqual([]);
    expect(outage.delivered).toHaveLength(1);
  });

  test('while its message is out to a backend that keeps silent is answered alike, and it is not sent twice', () => {
    const outage = new Outage();
    outage.begin();
    outage.answer = (call) => (call.action === 'StartTransaction' ? silence : outage.usual(call));
    const start = startOf(1, 0);
    expect(outage.say('StartTransaction', start)).toBeNull();
    outage.pass(9_000);
    const number = outage.held[0]?.message.answer ?? '';
    expect(number).toContain('transactionId');
    expect(outage.say('StartTransaction', start)).toEqual(JSON.parse(number));
    expect(outage.delivered).toHaveLength(1);
  });
});

test('what is held waits for a backend that has the station wait for its acceptance', () => {
  const outage = new Outage('ocpp2.0.1');
  outage.begin();
  outage.goDown();
  outage.say('TransactionEvent', eventOf('A', 0, 'Started'));
  outage.do({ type: 'station_lost', epoch: 1, code: null, reason: 'reboot' });
  outage.answer = ({ action }) =>
    action === 'BootNotification'
      ? result({ status: 'Pending', interval: 60, currentTime: minuteOf(0) })
      : '4|"SecurityError","not accepted",{}';
  outage.isUp = true;
  outage.arrive(2, true, ['ocpp2.0.1']);
  const boot = { reason: 'PowerUp', chargingStation: { vendorName: 'V', model: 'M', firmwareVersion: '2' } };
  for (let minute = 0; minute < 20; minute += 1) {
    outage.say('BootNotification', boot);
    outage.pass(60_000);
  }
  expect(outage.held).toMatchObject([{ delivery: { state: 'waiting', attempts: 0 } }]);
  outage.answer = (call) => outage.usual(call);
  outage.say('BootNotification', boot);
  outage.pass(60_000);
  expect(outage.held).toEqual([]);
});
