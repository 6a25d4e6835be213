import { expect, test } from 'vitest';
import { isGuaranteed, primaryOnlyActions } from './actions.ts';
import type { OcppVersion } from './version.ts';

test.each<[OcppVersion, string, boolean]>([
  ['ocpp1.6', 'StartTransaction', true],
  ['ocpp1.6', 'StopTransaction', true],
  ['ocpp1.6', 'MeterValues', true],
  ['ocpp1.6', 'SecurityEventNotification', true],
  ['ocpp1.6', 'TransactionEvent', false],
  ['ocpp1.6', 'Heartbeat', false],
  ['ocpp1.6', 'DataTransfer', false],
  ['ocpp2.0.1', 'TransactionEvent', true],
  ['ocpp2.0.1', 'SecurityEventNotification', true],
  ['ocpp2.0.1', 'MeterValues', false],
  ['ocpp2.0.1', 'StartTransaction', false],
  ['ocpp2.0.1', 'NotifySettlement', false],
  ['ocpp2.1', 'TransactionEvent', true],
  ['ocpp2.1', 'NotifySettlement', true],
  ['ocpp2.1', 'SecurityEventNotification', true],
  ['ocpp2.1', 'NotifyEvent', false],
  ['ocpp2.1', 'transactionevent', false],
  ['ocpp2.1', 'constructor', false],
])('%s %s: forgotten by the station once it is answered: %s', (version, action, expected) => {
  expect(isGuaranteed(version, action)).toBe(expected);
});

test('registration and what is guaranteed have one authority', () => {
  for (const action of [
    'BootNotification',
    'StartTransaction',
    'StopTransaction',
    'MeterValues',
    'TransactionEvent',
    'SecurityEventNotification',
    'NotifySettlement',
  ]) {
    expect(primaryOnlyActions.has(action)).toBe(true);
  }
  expect(primaryOnlyActions.has('DataTransfer')).toBe(false);
});
