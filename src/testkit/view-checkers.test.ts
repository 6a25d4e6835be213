/** The checker of views passes on what is right, and finds each thing that is not. */
import { beforeEach, describe, expect, test } from 'vitest';
import { createLedger, noteClosed, noteOpened, noteText, type Ledger } from './ledger.ts';
import { checkViews, type ViewRules } from './view-checkers.ts';

let station: Ledger;
let backend: Ledger;
let count = 0;

beforeEach(() => {
  station = createLedger('CP-1', 'ocpp1.6');
  backend = createLedger('CP-1', 'ocpp1.6');
  noteOpened(station, 0, 'ocpp1.6');
});

const behindMs = 100;

function found(endMs = 10_000, refusing?: ViewRules['refusing']): string[] {
  const evidence = {
    stations: new Map([['CP-1', station]]),
    backends: new Map([['new', new Map([['CP-1', backend]])]]),
  };
  const rules = { behindMs, endMs, ...(refusing === undefined ? {} : { refusing }) };
  return checkViews(evidence, rules).map(({ rule, message }) => `${rule}: ${message}`);
}

/** Said by the station, or told to the backend, and answered in the same moment unless there is no answer. */
function call(
  ledger: Ledger,
  atMs: number,
  action: string,
  body: string,
  answer: string | null = '{}',
): void {
  count += 1;
  const [there, back] =
    ledger === station ? (['sent', 'received'] as const) : (['received', 'sent'] as const);
  noteText(ledger, there, atMs, `[2,"${count}","${action}",${body}]`);
  if (answer !== null) noteText(ledger, back, atMs, `[3,"${count}",${answer}]`);
}

const status = (name: string, time = name): string =>
  `{"connectorId":1,"errorCode":"NoError","status":"${name}","timestamp":"${time}"}`;

function says(atMs: number, name: string, answer: string | null = '{}'): void {
  call(station, atMs, 'StatusNotification', status(name), answer);
}

function isTold(atMs: number, name: string): void {
  call(backend, atMs, 'StatusNotification', status(name));
}

describe('the views of a backend that is there from the beginning', () => {
  beforeEach(() => noteOpened(backend, 0, 'ocpp1.6'));

  test('are right when each status arrives in time', () => {
    says(1_000, 'Available');
    isTold(1_090, 'Available');
    says(2_000, 'Charging');
    isTold(2_100, 'Charging');
    expect(found()).toEqual([]);
  });

  test('are looked at again as soon as it refuses nothing any more', () => {
    says(1_000, 'Available');
    isTold(1_000, 'Available');
    says(2_000, 'Charging');
    isTold(3_100, 'Charging');
    expect(found(10_000, () => ({ fromMs: 1_500, toMs: 3_000 }))).toEqual([]);
    expect(found(10_000, () => ({ fromMs: 1_500, toMs: 2_999 }))).toEqual([
      expect.stringContaining('at 3099 ms'),
    ]);
  });

  test('are wrong when one is late, however right they are in the end', () => {
    says(1_000, 'Available');
    isTold(1_000, 'Available');
    says(2_000, 'Charging');
    isTold(2_101, 'Charging');
    expect(found()).toEqual(['views: new took connector 1 for Available while it was Charging, at 2100 ms']);
  });

  test('are wrong when the first is missing', () => {
    says(1_000, 'Available');
    expect(found()).toEqual(['views: new took connector 1 for nothing while it was Available, at 1100 ms']);
  });

  test('need not hold what stood for less than the bound, if the next is there in time', () => {
    says(1_000, 'Available');
    isTold(1_000, 'Available');
    says(2_000, 'Preparing');
    says(2_090, 'Charging');
    isTold(2_099, 'Charging');
    expect(found()).toEqual([]);
  });

  test('are wrong when a status that is over is told again, and the order with it', () => {
    says(1_000, 'Available');
    isTold(1_000, 'Available');
    says(2_000, 'Charging');
    isTold(2_000, 'Charging');
    isTold(2_500, 'Available');
    isTold(2_501, 'Charging');
    expect(found()).toEqual([
      'views: new was told an earlier status of connector 1 after a later one',
      'views: new took connector 1 for Available while it was Charging, at 2500 ms',
    ]);
  });

  test('may be told again what stands', () => {
    says(1_000, 'Available');
    isTold(1_000, 'Available');
    isTold(5_000, 'Available');
    expect(found()).toEqual([]);
  });

  test('are wrong when they hold what the station never said, or another time than it gave', () => {
    says(1_000, 'Available');
    call(backend, 1_000, 'StatusNotification', status('Available', 'another'));
    expect(found()).toContain('views: new was told of connector 1 what the station never said');
    expect(found()).toContain('views: new took connector 1 for Available while it was Available, at 1000 ms');
  });

  test('cannot hold what the station says only later', () => {
    isTold(900, 'Available');
    says(1_000, 'Available');
    expect(found()).toContain('views: new was told of connector 1 what the station never said');
  });

  test('may hold a time where the station gave none', () => {
    call(
      station,
      1_000,
      'StatusNotification',
      '{"connectorId":1,"errorCode":"NoError","status":"Available"}',
    );
    call(backend, 1_050, 'StatusNotification', status('Available', 'by Busbar'));
    expect(found()).toEqual([]);
  });

  test('may hold what the station said without an answer, or not', () => {
    says(1_000, 'Available');
    isTold(1_000, 'Available');
    says(2_000, 'Charging', null);
    expect(found()).toEqual([]);
    isTold(3_000, 'Charging');
    expect(found()).toEqual([]);
  });

  test('are judged until its link ends, and again from the next one on', () => {
    says(1_000, 'Available');
    isTold(1_000, 'Available');
    noteClosed(backend, 1_500);
    says(2_000, 'Charging');
    expect(found()).toEqual([]);
    noteOpened(backend, 3_000, 'ocpp1.6');
    expect(found(3_100)).toEqual([]);
    expect(found(3_101)).toEqual([
      'views: new took connector 1 for Available while it was Charging, at 3100 ms',
    ]);
    isTold(3_050, 'Charging');
    expect(found()).toEqual([]);
  });
});

describe('a backend that joins late', () => {
  beforeEach(() => {
    says(1_000, 'Available');
    says(2_000, 'Charging');
    noteOpened(backend, 3_000, 'ocpp1.6');
  });

  test('is told what stands, once it has accepted the boot', () => {
    call(backend, 3_010, 'BootNotification', '{}', '{"status":"Pending"}');
    call(backend, 5_000, 'BootNotification', '{}', '{"status":"Accepted"}');
    isTold(5_090, 'Charging');
    expect(found()).toEqual([]);
  });

  test('and only that', () => {
    call(backend, 3_010, 'BootNotification', '{}', '{"status":"Accepted"}');
    isTold(3_020, 'Available');
    expect(found()).toEqual(['views: new took connector 1 for Available while it was Charging, at 3110 ms']);
  });

  test('is owed nothing while it refuses the boot', () => {
    call(backend, 3_010, 'BootNotification', '{}', '{"status":"Rejected"}');
    expect(found()).toEqual([]);
  });
});

const event = (evse: number, value: string): string =>
  `{"actualValue":"${value}","component":{"name":"Connector","evse":{"id":${evse},"connectorId":1}},"variable":{"name":"AvailabilityState"}}`;

test('2.x says it by EVSE and connector, or as an event of which each is looked at', () => {
  noteOpened(backend, 0, 'ocpp2.1');
  const two = '{"connectorStatus":"Available","evseId":1,"connectorId":1,"timestamp":"t1"}';
  const moved = '{"timestamp":"t1","connectorId":1,"evseId":1,"connectorStatus":"Available"}';
  call(station, 1_000, 'StatusNotification', two);
  call(backend, 1_000, 'StatusNotification', moved);
  call(
    station,
    2_000,
    'NotifyEvent',
    `{"seqNo":4,"eventData":[${event(1, 'Occupied')},${event(2, 'Available')}]}`,
  );
  call(backend, 2_050, 'NotifyEvent', `{"seqNo":0,"eventData":[${event(1, 'Occupied')}]}`);
  expect(found()).toEqual(['views: new took connector 2.1 for nothing while it was Available, at 2100 ms']);
  call(backend, 2_060, 'NotifyEvent', `{"seqNo":0,"eventData":[${event(2, 'Available')}]}`);
  expect(found()).toEqual([]);
});
