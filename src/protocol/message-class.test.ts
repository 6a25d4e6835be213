/** Which class a station's message is of. */
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { classOf } from './message-class.ts';

const never = (): boolean => {
  throw new Error('asked for nothing');
};

test('meter values of a 1.6 transaction are of the class that bills, others are not', () => {
  expect(classOf('ocpp1.6', 'MeterValues', () => true)).toBe('transactions');
  expect(classOf('ocpp1.6', 'MeterValues', () => false)).toBe('meter');
  expect(classOf('ocpp2.0.1', 'MeterValues', never)).toBe('meter');
});

test('an action nobody knows, even one named like a property of every object, is a vendor’s own', () => {
  expect(classOf('ocpp1.6', 'BlinkLed', never)).toBe('vendor');
  expect(classOf('ocpp2.1', 'toString', never)).toBe('vendor');
});

test('of what the schemas let a 2.1 station say, only DataTransfer counts as vendor’s own', () => {
  const stationCalls = [
    'NotifyDERAlarm',
    'BatterySwap',
    'NotifySettlement',
    'NotifyEvent',
    'ReportDERControl',
  ];
  const files = readdirSync(new URL('../../schemas/ocpp/2.1', import.meta.url));
  for (const action of stationCalls) {
    expect(files.some((file) => file.startsWith(action))).toBe(true);
    expect(classOf('ocpp2.1', action, never)).not.toBe('vendor');
  }
});
