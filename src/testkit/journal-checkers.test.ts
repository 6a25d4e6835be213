import { beforeEach, expect, test } from 'vitest';
import type {
  BillingRecord,
  FrameRecord,
  JournalRecord,
  LinkName,
  Outcome,
  SentRecord,
} from '../core/journal/record.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { Evidence } from './checkers.ts';
import { checkAccounts, checkDurable, checkRiskTurns, type JournalEntry } from './journal-checkers.ts';
import { createLedger, noteOpened, noteText, type Ledger } from './ledger.ts';

const id = 'CP-1' as StationId;
const call = '[2,"1","StopTransaction",{"transactionId":7}]';
const relayed = '[2,"b1","StopTransaction",{"transactionId":7}]';

let station: Ledger;
let backend: Ledger;
let records: JournalRecord[];

beforeEach(() => {
  station = createLedger(id, 'ocpp1.6');
  backend = createLedger(id, 'ocpp1.6');
  noteOpened(station, 0, 'ocpp1.6');
  noteOpened(backend, 0, 'ocpp1.6');
  noteText(station, 'sent', 1, call);
  noteText(backend, 'received', 2, relayed);
  noteText(backend, 'sent', 3, '[3,"b1",{}]');
  noteText(station, 'received', 4, '[3,"1",{}]');
  records = [
    frame('station', call, 'relayed', 'backend:old', '"b1"'),
    frame('backend:old', '[3,"b1",{}]', 'relayed', 'station', '"1"'),
  ];
});

function frame(
  link: LinkName,
  text: string,
  outcome: Outcome,
  relayedTo: LinkName | null,
  relayedIdToken: string | null,
): FrameRecord {
  const kind = text.startsWith('[2') ? 'call' : 'result';
  const idStart = 3;
  const idEnd = text.indexOf('"', 4) + 1;
  return {
    type: 'frame',
    at: 0,
    station: id,
    link,
    kind,
    action: 'StopTransaction',
    text,
    idStart,
    idEnd,
    outcome,
    relayedTo,
    relayedIdToken,
    latencyMs: null,
  };
}

function sent(link: LinkName, text: string): SentRecord {
  const idEnd = text.indexOf('"', 4) + 1;
  const kind = text.startsWith('[2') ? 'call' : 'error';
  return {
    type: 'sent',
    purpose: 'relay',
    at: 0,
    station: id,
    link,
    kind,
    action: 'StopTransaction',
    text,
    idStart: 3,
    idEnd,
  };
}

function journal(): JournalEntry[] {
  return records.map((record, at) => ({ position: at * 2, record }));
}

function evidence(): Evidence {
  return { stations: new Map([[id, station]]), backends: new Map([['old', new Map([[id, backend]])]]) };
}

test('a journal that holds everything breaks no rule', () => {
  expect(checkDurable(evidence(), journal(), { calls: 'all' })).toEqual([]);
  expect(checkAccounts(evidence(), journal())).toEqual([]);
});

test('D1: an answered transaction message that is not in the journal', () => {
  records.shift();
  expect(checkDurable(evidence(), journal(), { calls: 'guaranteed' }).map(({ message }) => message)).toEqual([
    'StopTransaction was answered and is not in the journal',
  ]);
});

test('D1: an answer that is not in the journal', () => {
  records.pop();
  expect(checkDurable(evidence(), journal(), { calls: 'guaranteed' })).toHaveLength(1);
});

test('D1: a heartbeat counts only where every call is asked for', () => {
  noteText(station, 'sent', 5, '[2,"2","Heartbeat",{}]');
  noteText(station, 'received', 6, '[3,"2",{}]');
  expect(checkDurable(evidence(), journal(), { calls: 'guaranteed' })).toEqual([]);
  expect(checkDurable(evidence(), journal(), { calls: 'all' })).toHaveLength(2);
});

test('D7: a queued call that was neither sent nor dropped', () => {
  noteText(station, 'sent', 5, '[2,"2","Heartbeat",{}]');
  records.push(frame('station', '[2,"2","Heartbeat",{}]', 'queued', null, null));
  expect(checkAccounts(evidence(), journal())).toHaveLength(1);
  expect(checkAccounts(evidence(), journal(), { queued: new Map([[id, 1]]) })).toEqual([]);
  records.push({
    type: 'dropped',
    at: 0,
    station: id,
    link: 'station',
    action: 'Heartbeat',
    reason: 'peer_gone',
  });
  expect(checkAccounts(evidence(), journal())).toEqual([]);
});

test('D7: a queued call that was sent balances, one that was never queued does not', () => {
  noteText(station, 'sent', 5, '[2,"2","Heartbeat",{}]');
  noteText(backend, 'received', 6, '[2,"b2","Heartbeat",{}]');
  records.push(
    frame('station', '[2,"2","Heartbeat",{}]', 'queued', null, null),
    sent('backend:old', '[2,"b2","Heartbeat",{}]'),
  );
  expect(checkAccounts(evidence(), journal())).toEqual([]);
  noteText(backend, 'received', 6, '[2,"b3","Heartbeat",{}]');
  records.push(sent('backend:old', '[2,"b3","Heartbeat",{}]'));
  expect(checkAccounts(evidence(), journal()).map(({ message }) => message)).toContain(
    'a call was sent that was never queued',
  );
});

test('D7: a frame booked as answered without an answer', () => {
  noteText(station, 'sent', 5, '[2,"2","Heartbeat",{}]');
  records.push(frame('station', '[2,"2","Heartbeat",{}]', 'answered', null, null));
  expect(checkAccounts(evidence(), journal())).toHaveLength(1);
  noteText(station, 'received', 6, '[4,"2","ProtocolError","",{}]');
  records.push(sent('station', '[4,"2","ProtocolError","",{}]'));
  expect(checkAccounts(evidence(), journal())).toEqual([]);
});

test('D7: a frame in the journal that nobody sent', () => {
  records.push(frame('station', '[2,"9","Heartbeat",{}]', 'ignored', null, null));
  expect(checkAccounts(evidence(), journal())).toHaveLength(1);
});

test('D7: a frame that is booked as sent and did not arrive, unless its link closed after it', () => {
  backend.entries.splice(1, 1);
  expect(checkAccounts(evidence(), journal())).toHaveLength(1);
  records.push({
    type: 'link',
    at: 0,
    station: id,
    link: 'backend:old',
    change: 'closed',
    version: null,
    code: null,
    reason: null,
  });
  expect(checkAccounts(evidence(), journal())).toEqual([]);
});

test('D7: a frame that arrived and is in no book, unless the gateway was killed', () => {
  noteText(backend, 'received', 5, '[2,"b9","Heartbeat",{}]');
  expect(checkAccounts(evidence(), journal())).toHaveLength(1);
  expect(checkAccounts(evidence(), journal(), { wasKilled: true })).toEqual([]);
});

const told = (name: string, change: BillingRecord['change']): BillingRecord => {
  return { type: 'billing', at: 1, backend: name, change, since: 1, stations: 1, messages: 1, oldest: 1 };
};

test('that billing is at risk or over is told in turn, of each backend by itself', () => {
  const turns = [told('old', 'at_risk'), told('new', 'at_risk'), told('old', 'over'), told('old', 'at_risk')];
  expect(checkRiskTurns([...records, ...turns])).toEqual([]);
  expect(checkRiskTurns([...turns, told('new', 'at_risk')]).map(({ message }) => message)).toEqual([
    'new: at_risk, out of turn',
  ]);
  expect(checkRiskTurns([told('old', 'over'), ...turns])).toHaveLength(1);
});
