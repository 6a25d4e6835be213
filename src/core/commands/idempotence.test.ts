import { expect, test } from 'vitest';
import { commandTimeoutMs, isRepeatable, queueDeadlineMs } from './idempotence.ts';
import { payloadReader } from './payload.ts';

function repeatable(action: string, payload = '{}'): boolean {
  return isRepeatable(action, payloadReader(payload));
}

test('what would start, stop, open or send something twice is never repeated (H5)', () => {
  for (const action of [
    'RemoteStartTransaction',
    'RequestStartTransaction',
    'RemoteStopTransaction',
    'Reset',
    'UnlockConnector',
    'UpdateFirmware',
    'DataTransfer',
    'ReserveNow',
    'GetLog',
    'GetDiagnostics',
    'GetBaseReport',
    'TriggerMessage',
    'VendorsOwn',
  ])
    expect(repeatable(action), action).toBe(false);
  expect(repeatable('SendLocalList', '{"updateType":"Differential"}')).toBe(false);
});

test('what reads, or sets what it sets to the same, may be repeated once (H5)', () => {
  for (const action of ['GetConfiguration', 'GetVariables', 'SetChargingProfile', 'ChangeConfiguration'])
    expect(repeatable(action), action).toBe(true);
  expect(repeatable('SendLocalList', '{"updateType":"Full"}')).toBe(true);
});

const timeoutOf = (action: string, payload = '{}', baseMs = 30_000): number =>
  commandTimeoutMs('ocpp1.6', action, baseMs, payloadReader(payload));

test('a station has longer for what takes long, and never less than the base', () => {
  expect(timeoutOf('GetConfiguration')).toBe(60_000);
  expect(timeoutOf('GetConfiguration', '{"key":["A"]}')).toBe(30_000);
  expect(timeoutOf('SendLocalList')).toBe(60_000);
  expect(timeoutOf('CertificateSigned', '{}', 90_000)).toBe(90_000);
  expect(timeoutOf('RemoteStopTransaction')).toBe(30_000);
});

test('a command waits less than the 30 seconds after which most backends give up (H4)', () => {
  expect(queueDeadlineMs).toBe(25_000);
});
