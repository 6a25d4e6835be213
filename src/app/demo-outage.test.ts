import { beforeEach, expect, test } from 'vitest';
import { createLedger, noteOpened, noteText, type Ledger } from '../testkit/ledger.ts';
import { accountOf, type OutageAccount } from './demo-outage.ts';

const outage = { downAtMs: 100, upAtMs: 200 };
const start = '[2,"1","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":0,"timestamp":"t1"}]';
const startAnswer = '[3,"1",{"transactionId":900,"idTagInfo":{"status":"Accepted"}}]';
const stop = '[2,"2","StopTransaction",{"transactionId":900,"meterStop":5,"timestamp":"t2"}]';
const stopAnswer = '[3,"2",{}]';

let station: Ledger;
let backend: Ledger;

beforeEach(() => {
  station = createLedger('CP-1', 'ocpp1.6');
  noteOpened(station, 0, 'ocpp1.6');
  backend = createLedger('CP-1', 'ocpp1.6');
  noteOpened(backend, 0, 'ocpp1.6');
  said(station, 110, start, startAnswer);
  said(station, 150, stop, stopAnswer);
  noteOpened(backend, 210, 'ocpp1.6');
});

function said(ledger: Ledger, atMs: number, call: string, answer: string): void {
  noteText(ledger, 'sent', atMs, call);
  noteText(ledger, 'received', atMs + 5, answer);
}

function delivered(atMs: number, call: string, answer: string): void {
  noteText(backend, 'received', atMs, call);
  noteText(backend, 'sent', atMs + 1, answer);
}

const deliverStart = (atMs: number): void =>
  delivered(atMs, start.replace('"1"', '"h1"'), '[3,"h1",{"transactionId":7}]');
const deliverStop = (atMs: number): void =>
  delivered(atMs, stop.replace('"2"', '"h2"').replace('900', '7'), '[3,"h2",{}]');

function account(): OutageAccount {
  return accountOf(new Map([['CP-1', station]]), new Map([['CP-1', backend]]), outage);
}

test('a session of the outage that arrived whole, in order, once', () => {
  deliverStart(220);
  deliverStop(230);
  expect(account()).toMatchObject({
    stations: 1,
    connected: 1,
    answered: 2,
    accepted: 1,
    refused: 0,
    held: 2,
    delivered: 2,
    sessions: 1,
    whole: 1,
    violations: [],
  });
});

test('a held message that never arrived', () => {
  deliverStart(220);
  const { delivered: arrived, whole, violations } = account();
  expect([arrived, whole, violations.length]).toEqual([1, 0, 2]);
});

test('a held message that was taken twice', () => {
  deliverStart(220);
  deliverStop(230);
  deliverStop(240);
  const { delivered: arrived, whole, violations } = account();
  expect([arrived, whole, violations.length]).toEqual([1, 0, 2]);
});

test('a session that arrived in another order', () => {
  deliverStop(220);
  deliverStart(230);
  const { delivered: arrived, whole, violations } = account();
  expect([arrived, whole, violations.length]).toEqual([2, 0, 1]);
});

test('what the backend itself answered before it went is not held, and a link that was lost is told', () => {
  station = createLedger('CP-1', 'ocpp1.6');
  noteOpened(station, 0, 'ocpp1.6');
  noteText(station, 'sent', 90, start);
  noteText(backend, 'received', 91, start);
  noteText(backend, 'sent', 92, startAnswer);
  noteText(station, 'received', 93, startAnswer);
  noteOpened(station, 160, 'ocpp1.6');
  expect(account()).toMatchObject({ connected: 0, answered: 0, held: 0, sessions: 0, violations: [] });
});
