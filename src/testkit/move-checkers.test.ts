/** The checkers of moves pass on what is right, and find each thing that is not. */
import { beforeEach, expect, test } from 'vitest';
import type { Evidence } from './checkers.ts';
import { createLedger, noteClosed, noteOpened, noteText, type Ledger } from './ledger.ts';
import { checkLinksKept, checkStatuses } from './move-checkers.ts';
import { checkKnownWhole, checkOwners } from './transaction-checkers.ts';

let station: Ledger;
let old: Ledger;
let next: Ledger;
const move = { stations: ['CP-1'], beganAtMs: 100, endedAtMs: 200 };

beforeEach(() => {
  [station, old, next] = ['station', 'old', 'new'].map(() => createLedger('CP-1', 'ocpp1.6')) as [
    Ledger,
    Ledger,
    Ledger,
  ];
  for (const ledger of [station, old, next]) noteOpened(ledger, 0, 'ocpp1.6');
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

let calls = 0;

function say(atMs: number, action: string, body: string, result: string, to: readonly Ledger[]): void {
  calls += 1;
  for (const ledger of [station, ...to]) {
    const type = ledger === station ? 'sent' : 'received';
    noteText(ledger, type, atMs, `[2,"${calls}","${action}",${body}]`);
    noteText(ledger, type === 'sent' ? 'received' : 'sent', atMs, `[3,"${calls}",${result}]`);
  }
}

test('a link that was open before and through a move was kept', () => {
  expect(checkLinksKept(evidence(), [move])).toEqual([]);
});

test('one that closed meanwhile, or was not there, was not', () => {
  noteClosed(station, 150);
  noteOpened(station, 250, 'ocpp1.6');
  expect(checkLinksKept(evidence(), [move]).map(({ rule }) => rule)).toEqual(['M2']);
  expect(checkLinksKept(evidence(), [{ ...move, beganAtMs: 160 }])).toHaveLength(1);
  expect(checkLinksKept(evidence(), [{ ...move, stations: ['CP-2'] }])).toHaveLength(1);
  expect(checkLinksKept(evidence(), [{ ...move, beganAtMs: 300, endedAtMs: 400 }])).toEqual([]);
});

const statusOf = (status: string): string => `{"connectorId":1,"errorCode":"NoError","status":"${status}"}`;

test('a backend that was told of the last status knows it, another does not', () => {
  say(10, 'StatusNotification', statusOf('Available'), '{}', [old, next]);
  say(20, 'StatusNotification', statusOf('Charging'), '{}', [next]);
  expect(checkStatuses(evidence()).map(({ rule, message }) => `${rule}: ${message}`)).toEqual([
    'status: old takes connector 1 for Available',
  ]);
});

test('one that was never told of a connector does not know it either', () => {
  say(10, 'StatusNotification', statusOf('Available'), '{}', [next]);
  expect(checkStatuses(evidence()).map(({ message }) => message)).toEqual([
    'old takes connector 1 for nothing',
  ]);
});

test('one whose link has ended is asked for what it was told by then', () => {
  say(10, 'StatusNotification', statusOf('Available'), '{}', [old, next]);
  noteClosed(old, 1_000);
  say(2_000, 'StatusNotification', statusOf('Charging'), '{}', [next]);
  expect(checkStatuses(evidence())).toEqual([]);
});

test('2.x says the same by connector and EVSE, or as an event', () => {
  station.version = 'ocpp2.1';
  say(10, 'StatusNotification', '{"connectorStatus":"Available","evseId":1,"connectorId":1}', '{}', [
    old,
    next,
  ]);
  const component = '{"name":"Connector","evse":{"id":1,"connectorId":1}}';
  const event = `{"actualValue":"Occupied","component":${component},"variable":{"name":"AvailabilityState"}}`;
  say(20, 'NotifyEvent', `{"eventData":[${event}]}`, '{}', [old]);
  expect(checkStatuses(evidence()).map(({ message }) => message)).toEqual([
    'new takes connector 1.1 for Available',
  ]);
});

const start = '{"connectorId":1,"idTag":"A","meterStart":10,"timestamp":"t1"}';
const stop = '{"transactionId":7,"meterStop":20,"timestamp":"t2"}';

test('a transaction that one backend took from its start to its end is whole', () => {
  say(10, 'StartTransaction', start, '{"transactionId":7}', [old]);
  say(20, 'StopTransaction', stop, '{}', [old]);
  expect([...checkKnownWhole(evidence()), ...checkOwners(evidence(), { kills: 0 })]).toEqual([]);
});

test('one that two backends took a part of each is not', () => {
  say(10, 'StartTransaction', start, '{"transactionId":7}', [old]);
  say(20, 'StopTransaction', stop, '{}', [next]);
  expect(checkKnownWhole(evidence()).map(({ message }) => message)).toEqual([
    'no backend took more than 1 of 2 messages of a transaction',
  ]);
});

test('one that both took has two owners', () => {
  say(10, 'StartTransaction', start, '{"transactionId":7}', [old, next]);
  expect(checkOwners(evidence(), { kills: 0 }).map(({ rule }) => rule)).toEqual(['M1']);
});
