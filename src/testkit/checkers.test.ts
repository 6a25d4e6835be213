import { beforeEach, expect, test } from 'vitest';
import {
  checkAnswers,
  checkBounds,
  checkDelivered,
  checkDiscarded,
  checkDuplicates,
  checkIdentity,
  checkLinks,
  checkOneOutstanding,
  checkOrder,
  type Evidence,
  type Violation,
} from './checkers.ts';
import { createLedger, noteClosed, noteOpened, noteText, type Ledger } from './ledger.ts';

let station: Ledger;
let backend: Ledger;
let nowMs: number;

const start = '{"connectorId":1,"idTag":"A","meterStart":10,"timestamp":"2026-11-24T10:00:00Z"}';
const stop = '{"transactionId":7,"meterStop":20,"timestamp":"2026-11-24T11:00:00Z"}';
const started = '{"transactionId":7,"idTagInfo":{"status":"Accepted"}}';

beforeEach(() => {
  station = createLedger('CP-1', 'ocpp1.6');
  backend = createLedger('CP-1', 'ocpp1.6');
  nowMs = 0;
  noteOpened(station, nowMs, 'ocpp1.6');
  noteOpened(backend, nowMs, 'ocpp1.6');
});

function evidence(): Evidence {
  return {
    stations: new Map([['CP-1', station]]),
    backends: new Map([['old', new Map([['CP-1', backend]])]]),
  };
}

function tick(): number {
  nowMs += 10;
  return nowMs;
}

/** A call of the station, relayed under another id. */
function relay(id: string, action: string, body: string): void {
  noteText(station, 'sent', tick(), `[2,"${id}","${action}",${body}]`);
  noteText(backend, 'received', tick(), `[2,"b${id}","${action}",${body}]`);
}

function answer(id: string, body: string): void {
  noteText(backend, 'sent', tick(), `[3,"b${id}",${body}]`);
  noteText(station, 'received', tick(), `[3,"${id}",${body}]`);
}

function cleanTransaction(): void {
  relay('1', 'StartTransaction', start);
  answer('1', started);
  relay('2', 'StopTransaction', stop);
  answer('2', '{}');
}

function check(): Violation[] {
  return [
    ...checkAnswers(evidence(), { answerWithinMs: 1_000, endMs: nowMs }),
    ...checkDelivered(evidence()),
    ...checkIdentity(evidence()),
    ...checkOneOutstanding(evidence(), { callTimeoutMs: 1_000 }),
    ...checkLinks(evidence()),
    ...checkOrder(evidence()),
    ...checkDuplicates(evidence(), { kills: 0 }),
    ...checkDiscarded(evidence()),
  ];
}

function rulesBroken(): string[] {
  return [...new Set(check().map(({ rule }) => rule))].sort();
}

test('a clean exchange breaks no rule', () => {
  cleanTransaction();
  expect(check()).toEqual([]);
});

test('D6: a heartbeat in the name of a station that was never there', () => {
  noteText(backend, 'received', tick(), '[2,"b1","Heartbeat",{}]');
  expect(checkIdentity({ ...evidence(), stations: new Map() }).map(({ rule }) => rule)).toEqual(['D6']);
});

test('D4: a call that stays unanswered while its link is up', () => {
  relay('1', 'Heartbeat', '{}');
  nowMs += 2_000;
  expect(rulesBroken()).toEqual(['D4']);
});

test('D4: a call whose link closed before its time was up needs no answer', () => {
  relay('1', 'Heartbeat', '{}');
  noteClosed(station, tick());
  nowMs += 2_000;
  expect(check()).toEqual([]);
});

test('D4: an answer that comes too late', () => {
  relay('1', 'Heartbeat', '{}');
  nowMs += 2_000;
  answer('1', '{"currentTime":"2026-11-24T10:00:00Z"}');
  expect(check()[0]?.message).toMatch(/answered after 20\d\d ms/);
});

test('D4: two answers to one call', () => {
  cleanTransaction();
  noteText(station, 'received', tick(), '[3,"2",{}]');
  expect(check().map(({ message }) => message)).toEqual(['StopTransaction was answered 2 times']);
});

test('D4: a CALLERROR for a transaction message that no backend sent', () => {
  relay('1', 'StartTransaction', start);
  noteText(station, 'received', tick(), '[4,"1","InternalError","",{}]');
  expect(checkAnswers(evidence(), { answerWithinMs: 1_000, endMs: nowMs })).toHaveLength(1);
});

test('D4: a CALLERROR for a transaction message that the backend sent is its own', () => {
  relay('1', 'StartTransaction', start);
  noteText(backend, 'sent', tick(), '[4,"b1","InternalError","",{}]');
  noteText(station, 'received', tick(), '[4,"1","InternalError","",{}]');
  expect(check()).toEqual([]);
});

test('D4: a transaction message that the station threw away', () => {
  noteText(station, 'discarded', tick(), `[2,"1","StartTransaction",${start}]`);
  expect(rulesBroken()).toEqual(['D4']);
});

test('D2: a transaction message that was answered and reached no backend', () => {
  noteText(station, 'sent', tick(), `[2,"1","StopTransaction",${stop}]`);
  noteText(backend, 'sent', tick(), '[3,"x",{}]');
  noteText(station, 'received', tick(), '[3,"1",{}]');
  expect(checkDelivered(evidence())).toHaveLength(1);
});

test('D6: one space more in a payload, whichever way it goes', () => {
  noteText(station, 'sent', tick(), '[2,"1","DataTransfer",{"vendorId":"v","data":"1.10"}]');
  noteText(backend, 'received', tick(), '[2,"b1","DataTransfer",{"vendorId":"v", "data":"1.10"}]');
  expect(rulesBroken()).toEqual(['D6']);
  answer('1', '{"status":"Accepted"}');
  expect(checkIdentity(evidence())).toHaveLength(1);
  noteText(station, 'received', tick(), '[2,"c","ClearCache",{ }]');
  expect(checkIdentity(evidence())).toHaveLength(2);
});

test("D6: a gateway's own CALLERROR passes only where it is allowed", () => {
  noteText(station, 'sent', tick(), '[2,"1","Heartbeat",{}]');
  noteText(station, 'received', tick(), '[4,"1","ProtocolError","",{}]');
  expect(checkIdentity(evidence())).toHaveLength(1);
  expect(checkIdentity(evidence(), { isOwnError: (text) => text.includes('ProtocolError') })).toEqual([]);
});

test('S1: a second call before the first is answered', () => {
  relay('1', 'Heartbeat', '{}');
  relay('2', 'Heartbeat', '{}');
  answer('1', '{}');
  answer('2', '{}');
  expect(checkOneOutstanding(evidence(), { callTimeoutMs: 1_000 }).map(({ message }) => message)).toEqual([
    'backend old was sent a call while another was unanswered on link 1',
  ]);
});

test('S1: a second command before the first is answered', () => {
  for (const id of ['x', 'y']) noteText(backend, 'sent', tick(), `[2,"${id}","ClearCache",{}]`);
  for (const id of ['x', 'y']) noteText(station, 'received', tick(), `[2,"${id}","ClearCache",{}]`);
  expect(rulesBroken()).toEqual(['S1']);
});

test('S1: after the time for an answer is over, or on the next link, another call may come', () => {
  relay('1', 'Heartbeat', '{}');
  nowMs += 2_000;
  relay('2', 'Heartbeat', '{}');
  noteOpened(station, tick(), 'ocpp1.6');
  noteOpened(backend, tick(), 'ocpp1.6');
  relay('3', 'Heartbeat', '{}');
  expect(checkOneOutstanding(evidence(), { callTimeoutMs: 1_000 })).toEqual([]);
});

test('S7: an answer on the next link to a call of the old one', () => {
  relay('1', 'Heartbeat', '{}');
  noteClosed(station, tick());
  noteOpened(station, tick(), 'ocpp1.6');
  answer('1', '{}');
  expect(rulesBroken()).toEqual(['S7']);
});

test('S7: an answer to a command on another link than it was sent on', () => {
  noteText(backend, 'sent', tick(), '[2,"x","ClearCache",{}]');
  noteText(station, 'received', tick(), '[2,"x","ClearCache",{}]');
  noteText(station, 'sent', tick(), '[3,"x",{"status":"Accepted"}]');
  noteOpened(backend, tick(), 'ocpp1.6');
  noteText(backend, 'received', tick(), '[3,"x",{"status":"Accepted"}]');
  expect(rulesBroken()).toEqual(['S7']);
});

test('order: a transaction message that overtakes another', () => {
  noteText(station, 'sent', tick(), `[2,"1","StartTransaction",${start}]`);
  noteOpened(station, tick(), 'ocpp1.6');
  noteText(station, 'sent', tick(), `[2,"2","StopTransaction",${stop}]`);
  noteText(backend, 'received', tick(), `[2,"b2","StopTransaction",${stop}]`);
  noteText(backend, 'sent', tick(), '[3,"b2",{}]');
  noteText(backend, 'received', tick(), `[2,"b1","StartTransaction",${start}]`);
  expect(rulesBroken()).toEqual(['order']);
});

test('duplicates: a message that arrives more often than it was sent, but for one a kill', () => {
  cleanTransaction();
  noteText(backend, 'received', tick(), `[2,"b2","StopTransaction",${stop}]`);
  expect(rulesBroken()).toEqual(['duplicates']);
  expect(checkDuplicates(evidence(), { kills: 1 })).toEqual([]);
  noteText(backend, 'received', tick(), `[2,"b2","StopTransaction",${stop}]`);
  expect(checkDuplicates(evidence(), { kills: 1 })).toHaveLength(1);
});

test('duplicates: a re-send under another id, kill or no kill', () => {
  cleanTransaction();
  noteText(backend, 'received', tick(), `[2,"other","StopTransaction",${stop}]`);
  expect(checkDuplicates(evidence(), { kills: 1 })).toHaveLength(1);
});

test("duplicates: a station's own retry is no duplicate", () => {
  relay('1', 'StopTransaction', stop);
  noteOpened(station, tick(), 'ocpp1.6');
  relay('2', 'StopTransaction', stop);
  answer('2', '{}');
  expect(checkDuplicates(evidence(), { kills: 0 })).toEqual([]);
});

test('S8: a queue above its bound, or without one', () => {
  expect(checkBounds([{ name: 'lane', highest: 64, bound: 64 }])).toEqual([]);
  expect(checkBounds([{ name: 'lane', highest: 65, bound: 64 }])).toHaveLength(1);
  expect(checkBounds([{ name: 'lane', highest: 3, bound: Infinity }])).toHaveLength(1);
});
