/** M4 passes on sessions that lie end to end, and finds a gap, an overlap and a double. */
import { beforeEach, expect, test } from 'vitest';
import type { Evidence } from './checkers.ts';
import { billedSessions, checkEnergy } from './energy-checkers.ts';
import { createLedger, noteOpened, noteText, type Ledger } from './ledger.ts';

let station: Ledger;
let old: Ledger;
let next: Ledger;
let calls: number;

beforeEach(() => {
  [station, old, next] = ['station', 'old', 'new'].map(() => createLedger('CP-1', 'ocpp1.6')) as [
    Ledger,
    Ledger,
    Ledger,
  ];
  for (const ledger of [station, old, next]) noteOpened(ledger, 0, 'ocpp1.6');
  calls = 0;
});

function evidence(): Evidence {
  return {
    stations: new Map([['CP-1', station]]),
    backends: new Map([
      ['old', new Map([['CP-1', old]])],
      ['new', new Map([['CP-1', next]])],
    ]),
  };
}

function call(ledger: Ledger, type: 'sent' | 'received', action: string, body: object, result: object): void {
  calls += 1;
  noteText(ledger, type, calls, `[2,"${calls}","${action}",${JSON.stringify(body)}]`);
  noteText(ledger, type === 'sent' ? 'received' : 'sent', calls, `[3,"${calls}",${JSON.stringify(result)}]`);
}

/** A session as one side has it. */
function session(ledger: Ledger, number: number, fromWh: number, toWh: number): void {
  const type = ledger === station ? 'sent' : 'received';
  call(ledger, type, 'StartTransaction', { connectorId: 1, meterStart: fromWh }, { transactionId: number });
  call(ledger, type, 'StopTransaction', { transactionId: number, meterStop: toWh }, {});
}

const messages = (): string[] => checkEnergy(evidence()).map(({ rule, message }) => `${rule}: ${message}`);

test('sessions of two backends that lie end to end are what the meter moved', () => {
  session(station, 1, 100, 150);
  session(station, 2, 150, 180);
  session(old, 1, 100, 150);
  session(next, 7, 150, 180);
  expect(messages()).toEqual([]);
  expect(billedSessions(evidence()).map(({ fromWh, toWh }) => [fromWh, toWh])).toEqual([
    [100, 150],
    [150, 180],
  ]);
});

test('a session that no backend has is a gap', () => {
  session(station, 1, 100, 150);
  session(station, 2, 150, 180);
  session(station, 3, 180, 200);
  session(old, 1, 100, 150);
  session(next, 7, 180, 200);
  expect(messages()).toEqual(['M4: 30 Wh are in no session']);
});

test('so is one at the end', () => {
  session(station, 1, 100, 150);
  session(station, 2, 150, 180);
  session(old, 1, 100, 150);
  expect(messages()).toEqual(['M4: the meter shows 180 Wh, the sessions end at 150 Wh']);
});

test('and one that nobody heard the end of', () => {
  session(station, 1, 100, 150);
  call(old, 'received', 'StartTransaction', { connectorId: 1, meterStart: 100 }, { transactionId: 1 });
  expect(messages()).toEqual(['M4: the meter shows 150 Wh, the sessions end at 100 Wh']);
});

test('energy that two sessions cover is an overlap', () => {
  session(station, 1, 100, 150);
  session(station, 2, 150, 180);
  session(old, 1, 100, 160);
  session(next, 7, 150, 180);
  expect(messages()).toEqual(['M4: 10 Wh are in two sessions']);
});

test('one session at two backends is a double', () => {
  session(station, 1, 100, 150);
  session(old, 1, 100, 150);
  session(next, 7, 100, 150);
  expect(messages()).toEqual(['M4: 50 Wh are billed twice']);
});

test('so is one that a backend takes for two', () => {
  session(station, 1, 100, 150);
  session(old, 1, 100, 150);
  session(old, 2, 100, 150);
  expect(messages()).toEqual(['M4: 50 Wh are billed twice']);
});

test('a message that is repeated, and one that was refused, bill nothing', () => {
  session(station, 1, 100, 150);
  session(old, 1, 100, 150);
  session(old, 1, 100, 150);
  noteText(next, 'received', 99, '[2,"x","StartTransaction",{"connectorId":1,"meterStart":100}]');
  noteText(next, 'sent', 99, '[4,"x","InternalError","",{}]');
  expect(messages()).toEqual([]);
});

function event(eventType: string, evse: number, id: string, value: number): object {
  return {
    eventType,
    transactionInfo: { transactionId: id },
    ...(eventType === 'Started' ? { evse: { id: evse, connectorId: 1 } } : {}),
    meterValue: [{ sampledValue: [{ value, measurand: 'Energy.Active.Import.Register' }] }],
  };
}

test('2.x sessions are read the same way, connector by connector', () => {
  for (const [evse, id, value] of [
    [1, 'a', 100],
    [2, 'b', 9_000],
  ] as const)
    for (const [eventType, reading] of [
      ['Started', value],
      ['Ended', value + 5],
    ] as const) {
      call(station, 'sent', 'TransactionEvent', event(eventType, evse, id, reading), {});
      if (evse === 1) call(old, 'received', 'TransactionEvent', event(eventType, evse, id, reading), {});
    }
  expect(checkEnergy(evidence()).map((one) => one.station)).toEqual(['CP-1/2']);
});
