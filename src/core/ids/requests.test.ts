import { describe, expect, test } from 'vitest';
import { IdsBench, type BenchCommand } from '../../testkit/ids-bench.ts';
import { closedRequestMs, requestsMax, staleRequestMs } from './ledger.ts';

/** A command that goes through, and the number the station gets in it. */
function ask(
  bench: IdsBench,
  backend: string,
  action: string,
  payload: string,
): { minted: number; command: BenchCommand } {
  const sent = bench.command(backend, action, payload);
  if (typeof sent === 'string') throw new Error(sent);
  const { requestId, remoteStartId } = JSON.parse(sent.payload) as Record<string, number>;
  return { minted: requestId ?? remoteStartId ?? 0, command: sent.command };
}

function event(type: string, more: string): string {
  return `{"eventType":"${type}","seqNo":0,"transactionInfo":{"transactionId":"t1"${more}}}`;
}

function start(idTag: string, meterStart: number): string {
  return `{"connectorId":1,"idTag":"${idTag}","meterStart":${meterStart},"timestamp":"2026-01-01T00:00:00Z"}`;
}

describe('a request', () => {
  test('that was made just before a crash and is not on disk: its report is nobody’s, and its number is not given again', () => {
    const bench = new IdsBench('ocpp2.0.1');
    const saved = JSON.stringify(bench.ledger);
    const { minted } = ask(bench, 'b', 'GetBaseReport', '{"requestId":1,"reportBase":"FullInventory"}');
    bench.crash(saved);
    const report = bench.call('NotifyReport', `{"requestId":${minted},"seqNo":0}`);
    expect(bench.sent('a', report)).toBe('not_requested');
    expect(ask(bench, 'a', 'GetReport', '{"requestId":1}').minted).not.toBe(minted);
  });

  test('gets a number of its own at the station, and its reports go to who asked, with that backend’s', () => {
    const bench = new IdsBench('ocpp2.0.1');
    const first = ask(bench, 'a', 'GetBaseReport', '{"requestId":1,"reportBase":"FullInventory"}');
    const second = ask(bench, 'b', 'GetReport', '{"requestId":1}');
    expect(first.minted).not.toBe(second.minted);
    bench.restart();
    const report = bench.call('NotifyReport', `{"requestId": ${second.minted},"seqNo":0,"tbc":true}`);
    expect(report.arrival.owner).toBe('b');
    expect(bench.sent('b', report)).toBe('{"requestId": 1,"seqNo":0,"tbc":true}');
    expect(bench.sent('a', report)).toBe('not_requested');
  });

  test.each([
    ['NotifyReport', '"tbc":false'],
    ['NotifyMonitoringReport', '"seqNo":3'],
    ['LogStatusNotification', '"status":"Uploaded"'],
    ['FirmwareStatusNotification', '"status":"Installed"'],
    ['PublishFirmwareStatusNotification', '"status":"PublishFailed"'],
    ['BatterySwap', '"eventType":"BatteryOut"'],
  ])('is closed by the last part of %s, which is still mapped for a day', (action, last) => {
    const bench = new IdsBench('ocpp2.1');
    const { minted } = ask(bench, 'b', 'GetLog', '{"requestId":5}');
    const report = bench.call(action, `{"requestId":${minted},${last}}`);
    expect(bench.ledger.requests[0]?.state).toBe('closed');
    expect(bench.sent('b', report)).toBe(`{"requestId":5,${last}}`);
    bench.wallMs += closedRequestMs;
    ask(bench, 'b', 'GetLog', '{"requestId":6}');
    expect(bench.sent('b', report)).toBe('not_requested');
  });

  test.each([
    ['NotifyReport', '"tbc":true'],
    ['LogStatusNotification', '"status":"Uploading"'],
    ['FirmwareStatusNotification', '"status":"Downloaded"'],
  ])('stays open while more of %s is to come', (action, part) => {
    const bench = new IdsBench('ocpp2.0.1');
    const { minted } = ask(bench, 'b', 'GetLog', '{"requestId":5}');
    bench.call(action, `{"requestId":${minted},${part}}`);
    expect(bench.ledger.requests[0]?.state).toBe('open');
  });

  test('is closed when the station refuses it or never gets it', () => {
    const bench = new IdsBench('ocpp2.0.1');
    bench.result(ask(bench, 'a', 'GetLog', '{"requestId":5}').command, '{"status":"Rejected"}');
    bench.commandFailed(ask(bench, 'a', 'GetLog', '{"requestId":6}').command);
    bench.result(ask(bench, 'a', 'GetLog', '{"requestId":7}').command, '{"status":"AcceptedCanceled"}');
    expect(bench.ledger.requests.map(({ state }) => state)).toEqual(['closed', 'closed', 'open']);
  });

  test('keeps what the backend wrote, exactly', () => {
    const bench = new IdsBench('ocpp2.0.1');
    const { minted } = ask(bench, 'a', 'GetLog', '{"requestId":9007199254740993}');
    const report = bench.call('LogStatusNotification', `{"requestId":${minted},"status":"Idle"}`);
    expect(bench.sent('a', report)).toBe('{"requestId":9007199254740993,"status":"Idle"}');
  });

  test('that nobody knows, from before Busbar, goes to the primary unchanged', () => {
    const bench = new IdsBench('ocpp2.0.1');
    const report = bench.call('NotifyReport', '{"requestId":77}');
    expect(report.arrival.owner).toBe(null);
    expect(bench.sent('a', report)).toBe('{"requestId":77}');
    expect(bench.sent('b', report)).toBe('not_requested');
  });

  test('of 1.6 without a number reports to who asked last', () => {
    const bench = new IdsBench('ocpp1.6');
    const status = '{"status":"Uploading"}';
    expect(bench.sent('a', bench.call('DiagnosticsStatusNotification', status))).toBe(status);
    bench.command('b', 'GetDiagnostics', '{"location":"ftp://x"}');
    bench.command('a', 'UpdateFirmware', '{"location":"ftp://x"}');
    const call = bench.call('DiagnosticsStatusNotification', status);
    expect(call.arrival.owner).toBe('b');
    expect([bench.sent('a', call), bench.sent('b', call)]).toEqual(['not_requested', status]);
    const firmware = bench.call('FirmwareStatusNotification', '{"status":"Installed"}');
    expect(firmware.arrival.owner).toBe('a');
  });

  test('of the 1.6 security extension has a number, and is mapped like the others', () => {
    const bench = new IdsBench('ocpp1.6');
    bench.ledger.nextRequest = 500;
    const { minted } = ask(bench, 'b', 'SignedUpdateFirmware', '{"requestId":1}');
    const status = bench.call(
      'SignedFirmwareStatusNotification',
      `{"status":"Installed","requestId":${minted}}`,
    );
    expect(minted).toBe(500);
    expect(bench.sent('b', status)).toBe('{"status":"Installed","requestId":1}');
  });

  test('too many is refused while the others are young; then the oldest makes room', () => {
    const bench = new IdsBench('ocpp2.0.1');
    for (let id = 0; id < requestsMax; id += 1) ask(bench, 'a', 'GetLog', `{"requestId":${id}}`);
    expect(bench.command('a', 'GetLog', '{"requestId":1}')).toBe('too_many_open');
    bench.wallMs += staleRequestMs;
    ask(bench, 'a', 'GetLog', '{"requestId":1}');
    expect(bench.ledger.requests).toHaveLength(requestsMax);
    expect(bench.ledger.requests[0]?.token).toBe('1');
  });

  test('number goes round at 31 bits, past those in use', () => {
    const bench = new IdsBench('ocpp2.0.1');
    const { minted } = ask(bench, 'a', 'GetLog', '{"requestId":9}');
    expect(minted).toBe(1);
    bench.ledger.nextRequest = 0x7fff_ffff;
    expect(ask(bench, 'a', 'GetLog', '{"requestId":9}').minted).toBe(0x7fff_ffff);
    expect(ask(bench, 'a', 'GetLog', '{"requestId":9}').minted).toBe(2);
  });
});

describe('a remote start', () => {
  test('makes the transaction that of the one who asked, who alone gets the number (H33)', () => {
    const bench = new IdsBench('ocpp2.0.1');
    const { minted } = ask(bench, 'b', 'RequestStartTransaction', '{"remoteStartId":3,"idToken":{}}');
    const started = bench.call('TransactionEvent', event('Started', ` , "remoteStartId":${minted}`));
    expect(started.arrival).toMatchObject({ owner: 'b', issuer: 'b' });
    expect(bench.sent('b', started)).toBe(event('Started', ' , "remoteStartId":3'));
    expect(bench.sent('a', started)).toBe('not_shown');
    expect(bench.sent('c', started)).toBe(event('Started', ' '));
  });

  test('by one who may not own it leaves the transaction with the primary', () => {
    const bench = new IdsBench('ocpp2.0.1');
    bench.attendance = { primary: 'a', owners: [], listeners: ['b'] };
    const { minted } = ask(bench, 'b', 'RequestStartTransaction', '{"remoteStartId":3}');
    const started = bench.call('TransactionEvent', event('Started', `,"remoteStartId":${minted}`));
    expect(started.arrival).toMatchObject({ owner: 'a', issuer: 'b' });
    expect(bench.sent('a', started)).toBe(event('Started', ''));
  });

  test('of 1.6 is known again by driver and connector, within the connection timeout (H33)', () => {
    const bench = new IdsBench('ocpp1.6');
    bench.command('b', 'RemoteStartTransaction', '{"connectorId":1,"idTag":"X"}');
    expect(bench.call('StartTransaction', start('Y', 0)).arrival.owner).toBe('a');
    expect(bench.call('StartTransaction', start('X', 1)).arrival).toMatchObject({ owner: 'b', issuer: 'b' });
    expect(bench.call('StartTransaction', start('X', 2)).arrival.owner).toBe('a');
    expect(bench.ledger.requests.map(({ idTag }) => idTag)).toEqual([null]);
    // Tags have no case.
    bench.command('b', 'RemoteStartTransaction', '{"idTag":"x"}');
    expect(bench.call('StartTransaction', start('X', 4)).arrival).toMatchObject({ owner: 'b', issuer: 'b' });
    bench.command('b', 'RemoteStartTransaction', '{"idTag":"X"}');
    bench.wallMs += 400_000;
    expect(bench.call('StartTransaction', start('X', 3)).arrival.owner).toBe('a');
  });
});
