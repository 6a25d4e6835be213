import { expect, test } from 'vitest';
import { readBootFacts } from './boot-facts.ts';

test('each version says who it is in its own words, and what it leaves out is null', () => {
  expect(
    readBootFacts('ocpp1.6', '{"chargePointVendor":"V","chargePointModel":"M","chargeBoxSerialNumber":"S"}'),
  ).toEqual({ vendor: 'V', model: 'M', firmware: null, serial: 'S' });
  expect(
    readBootFacts('ocpp2.0.1', '{"chargingStation":{"vendorName":"V","model":"M","firmwareVersion":"1"}}'),
  ).toEqual({ vendor: 'V', model: 'M', firmware: '1', serial: null });
  expect(readBootFacts('ocpp2.1', '{}')).toBe(null);
  expect(readBootFacts('ocpp1.6', 'null')).toBe(null);
});

test('a long value is cut', () => {
  const boot = readBootFacts('ocpp1.6', `{"chargePointVendor":"${'v'.repeat(1_000)}","chargePointModel":7}`);
  expect(boot).toEqual({ vendor: 'v'.repeat(255), model: null, firmware: null, serial: null });
});
