/** The checkers of observers pass on what is right, and find each thing that is not. */
import { beforeEach, expect, test } from 'vitest';
import type { Evidence, Violation } from './checkers.ts';
import { createLedger, noteOpened, noteText, type Ledger } from './ledger.ts';
import { checkUnaffected, checkWhole } from './observer-checkers.ts';

let station: Ledger;
let primary: Ledger;
let observer: Ledger;
let nowMs: number;

beforeEach(() => {
  [station, primary, observer] = ['station', 'primary', 'observer'].map(() =>
    createLedger('CP-1', 'ocpp1.6'),
  ) as [Ledger, Ledger, Ledger];
  nowMs = 0;
  for (const ledger of [station, primary, observer]) noteOpened(ledger, nowMs, 'ocpp1.6');
});

function of(ledger: Ledger): Evidence {
  return { stations: new Map([['CP-1', station]]), backends: new Map([['it', new Map([['CP-1', ledger]])]]) };
}

/** A call of the station and the primary's answer to it, on both sides. */
function ask(id: string, action: string, body: string, result: string): void {
  nowMs += 10;
  noteText(station, 'sent', nowMs, `[2,"${id}","${action}",${body}]`);
  noteText(primary, 'received', nowMs, `[2,"p${id}","${action}",${body}]`);
  noteText(primary, 'sent', nowMs, `[3,"p${id}",${result}]`);
  noteText(station, 'received', nowMs, `[3,"${id}",${result}]`);
}

function copy(id: string, action: string, body: string): void {
  noteText(observer, 'received', nowMs, `[2,"o${id}","${action}",${body}]`);
}

const start = '{"connectorId":1,"idTag":"A","meterStart":10,"timestamp":"2026-11-24T10:00:00Z"}';
const stopOf = (number: number): string =>
  `{"transactionId":${number},"meterStop":20,"timestamp":"2026-11-24T11:00:00Z"}`;

function transaction(): void {
  ask('1', 'StartTransaction', start, '{"transactionId":7,"idTagInfo":{"status":"Accepted"}}');
  ask('2', 'StopTransaction', stopOf(7), '{}');
}

const rules = (found: readonly Violation[]): string[] => found.map(({ rule }) => rule);

test('a transaction that the observer was told whole, under its own number, is whole', () => {
  transaction();
  copy('1', 'StartTransaction', start);
  copy('2', 'StopTransaction', stopOf(900));
  expect(checkWhole(of(observer), { attachedAtMs: 0 })).toEqual([]);
});

test('one that began after the observer was there and that it was not told is found', () => {
  transaction();
  expect(rules(checkWhole(of(observer), { attachedAtMs: 5 }))).toEqual(['whole']);
});

test('one that began before may be left out, but not be told in part', () => {
  transaction();
  ask('3', 'StartTransaction', start.replace('10,', '30,'), '{"transactionId":8}');
  copy('3', 'StartTransaction', start.replace('10,', '30,'));
  expect(checkWhole(of(observer), { attachedAtMs: 25 })).toEqual([]);
  copy('2', 'StopTransaction', stopOf(7));
  expect(rules(checkWhole(of(observer), { attachedAtMs: 25 }))).toEqual(['whole']);
});

test('a run in which no transaction began proves nothing, and says so', () => {
  transaction();
  expect(rules(checkWhole(of(observer), { attachedAtMs: 1_000 }))).toEqual(['whole']);
});

test('what station and primary said to one another is accounted for', () => {
  transaction();
  noteText(primary, 'sent', nowMs, '[2,"c1","ClearCache",{}]');
  noteText(station, 'received', nowMs, '[2,"c1","ClearCache",{}]');
  expect(checkUnaffected(of(primary))).toEqual([]);
});

test('a command that the primary did not send, or not as often, is found', () => {
  noteText(primary, 'sent', nowMs, '[2,"c1","ClearCache",{}]');
  noteText(station, 'received', nowMs, '[2,"c1","ClearCache",{}]');
  noteText(station, 'received', nowMs, '[2,"c2","ClearCache",{}]');
  expect(rules(checkUnaffected(of(primary)))).toEqual(['P1']);
});

test("another backend's number for a transaction is found at the station", () => {
  noteText(station, 'sent', nowMs, `[2,"1","StartTransaction",${start}]`);
  noteText(primary, 'received', nowMs, `[2,"p1","StartTransaction",${start}]`);
  noteText(primary, 'sent', nowMs, '[3,"p1",{"transactionId":7}]');
  noteText(station, 'received', nowMs, '[3,"1",{"transactionId":900}]');
  expect(rules(checkUnaffected(of(primary)))).toEqual(['P1']);
});

test('a call that reaches the primary once more than it was sent is found', () => {
  transaction();
  noteText(primary, 'received', nowMs, `[2,"x","StopTransaction",${stopOf(7)}]`);
  expect(rules(checkUnaffected(of(primary)))).toEqual(['P1']);
});
