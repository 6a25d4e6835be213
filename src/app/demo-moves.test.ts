import { beforeEach, expect, test } from 'vitest';
import { createLedger, noteClosed, noteOpened, noteText, type Ledger } from '../testkit/ledger.ts';
import {
  accountOfMove,
  accountsOf,
  answersToKept,
  checkMoves,
  checkSent,
  driversRefused,
  type Move,
  type MoveAccount,
} from './demo-moves.ts';

const there: Move = {
  wave: 'canary',
  from: 'old',
  to: 'new',
  by: 'plan',
  stations: ['CP-1'],
  beganAtMs: 100,
  endedAtMs: 200,
};
const back: Move = { ...there, from: 'new', to: 'old', by: 'operator', beganAtMs: 300, endedAtMs: 400 };

let station: Ledger;
let old: Ledger;
let next: Ledger;

beforeEach(() => {
  [station, old, next] = ['station', 'old', 'new'].map(() => createLedger('CP-1', 'ocpp1.6')) as [
    Ledger,
    Ledger,
    Ledger,
  ];
  for (const ledger of [station, old, next]) noteOpened(ledger, 0, 'ocpp1.6');
});

const stations = (): ReadonlyMap<string, Ledger> => new Map([['CP-1', station]]);
const backends = (): ReadonlyMap<string, ReadonlyMap<string, Ledger>> =>
  new Map([
    ['old', new Map([['CP-1', old]])],
    ['new', new Map([['CP-1', next]])],
  ]);
const account = (): MoveAccount => accountOfMove(there, stations(), backends(), Infinity);

/** One message of transaction `number`, told to whom. */
function tell(atMs: number, number: number, action: 'Start' | 'Stop', to: readonly Ledger[]): void {
  const body =
    action === 'Start'
      ? `{"connectorId":1,"meterStart":${number},"timestamp":"${atMs}"}`
      : `{"transactionId":${number},"meterStop":${number},"timestamp":"${atMs}"}`;
  for (const ledger of [station, ...to]) {
    const isStation = ledger === station;
    noteText(ledger, isStation ? 'sent' : 'received', atMs, `[2,"${atMs}","${action}Transaction",${body}]`);
    noteText(ledger, isStation ? 'received' : 'sent', atMs, `[3,"${atMs}",{"transactionId":${number}}]`);
  }
}

test('a transaction that was open stays with the old backend, and the next one begins at the new', () => {
  tell(50, 1, 'Start', [old]);
  tell(250, 1, 'Stop', [old]);
  tell(260, 2, 'Start', [next]);
  expect(account()).toEqual({
    stations: 1,
    linksLost: 0,
    open: 1,
    kept: 1,
    ended: 1,
    begun: 1,
    begunThere: 1,
  });
  expect(checkMoves(accountsOf([there], stations(), backends()))).toEqual([]);
});

test('one of which the other hears a part did not stay, and one that begins elsewhere is found', () => {
  tell(50, 1, 'Start', [old]);
  tell(250, 1, 'Stop', [next]);
  tell(260, 2, 'Start', [old]);
  expect(account()).toMatchObject({ open: 1, kept: 0, begun: 1, begunThere: 0 });
  expect(checkMoves(accountsOf([there], stations(), backends()))).toHaveLength(2);
});

test.each([
  [190, 1],
  [210, 0],
])('one that the old backend asked for at %i ms begins where it belongs: %i', (askedAtMs, begunThere) => {
  const text = `[2,"r","RemoteStartTransaction",{"connectorId":1,"idTag":"APP"}]`;
  noteText(old, 'sent', askedAtMs, text);
  noteText(old, 'received', askedAtMs + 1, '[3,"r",{"status":"Accepted"}]');
  const start = `[2,"s","StartTransaction",{"connectorId":1,"idTag":"APP","meterStart":1,"timestamp":"t"}]`;
  noteText(station, 'sent', 220, start);
  noteText(old, 'received', 220, start);
  expect(account()).toMatchObject({ begun: 1, begunThere });
});

test('what began after the stations went back is of that move', () => {
  tell(50, 1, 'Start', [old]);
  tell(450, 2, 'Start', [old]);
  const accounts = accountsOf([there, back], stations(), backends());
  expect(accounts.map(([, { open, begun, begunThere }]) => [open, begun, begunThere])).toEqual([
    [1, 0, 0],
    [1, 1, 1],
  ]);
});

test('a demo without a transaction shows nothing', () => {
  expect(checkMoves(accountsOf([there], stations(), backends()))).toHaveLength(2);
});

test('a link that ended meanwhile is counted', () => {
  noteClosed(station, 150);
  expect(account().linksLost).toBe(1);
});

test('drivers whom a backend failed are counted from then on', () => {
  for (const [atMs, answer] of [
    [10, '[4,"10","InternalError","",{}]'],
    [20, '[4,"20","InternalError","",{}]'],
    [30, '[3,"30",{}]'],
  ] as const) {
    noteText(next, 'received', atMs, `[2,"${atMs}","Authorize",{"idTag":"A"}]`);
    noteText(next, 'sent', atMs, answer);
  }
  expect(driversRefused(new Map([['CP-1', next]]), ['CP-1'], 15)).toEqual({ asked: 2, failed: 1 });
});

test('an answer to a command is the station’s only while the backend is its primary, and the station got it', () => {
  for (const atMs of [50, 150, 250, 350, 450]) {
    for (const [name, ledger] of [
      ['old', old],
      ['new', next],
    ] as const) {
      noteText(ledger, 'sent', atMs, `[2,"${name}${atMs}","DataTransfer",{"data":${atMs}}]`);
      noteText(ledger, 'received', atMs + 1, `[3,"${name}${atMs}",{}]`);
    }
    // The last one is kept from it.
    if (atMs < 450) noteText(station, 'received', atMs, `[2,"s${atMs}","DataTransfer",{"data":${atMs}}]`);
  }
  const kept = [...answersToKept([there, back], stations(), backends())];
  expect(new Set(kept.map((text) => /"(\w+)"/.exec(text)?.[1]))).toEqual(
    new Set(['new150', 'new350', 'new450', 'new50', 'old150', 'old250', 'old350', 'old450']),
  );
});

test('a command that was on its way when its station was moved is the one before’s, and a later one is not', () => {
  for (const [name, gotAtMs] of [
    ['quick', 210],
    ['late', 2_300],
  ] as const) {
    noteText(old, 'sent', 50, `[2,"${name}","DataTransfer",{"data":"${name}"}]`);
    noteText(station, 'received', gotAtMs, `[2,"${name}","DataTransfer",{"data":"${name}"}]`);
  }
  const found = checkSent([there], stations(), backends());
  expect(found.map(({ texts }) => texts)).toEqual([[expect.stringContaining('late')]]);
});

const wronglySent = (): string[] =>
  checkSent([there, back], stations(), backends()).map(({ texts: [text = ''] }) => text);

test('a station gets the commands of its primary, and others’ about their transactions', () => {
  const command = (ledger: Ledger, atMs: number, action: string, body: string): void => {
    noteText(ledger, 'sent', atMs, `[2,"c${atMs}","${action}",${body}]`);
    noteText(station, 'received', atMs, `[2,"s${atMs}","${action}",${body}]`);
    noteText(ledger, 'received', atMs, `[3,"c${atMs}",{}]`);
  };
  tell(50, 1, 'Start', [old]);
  command(next, 250, 'ClearCache', '{}');
  command(old, 260, 'RemoteStopTransaction', '{"transactionId":1}');
  command(old, 265, 'UnlockConnector', '{"connectorId":1}');
  command(old, 450, 'ClearCache', '{}');
  expect(wronglySent()).toEqual([]);
  command(old, 267, 'UnlockConnector', '{"connectorId":2}');
  command(old, 270, 'ClearCache', '{}');
  noteText(station, 'received', 280, '[2,"busbar","ClearCache",{}]');
  expect(wronglySent()).toEqual([
    '[2,"s267","UnlockConnector",{"connectorId":2}]',
    '[2,"s270","ClearCache",{}]',
    '[2,"busbar","ClearCache",{}]',
  ]);
});
