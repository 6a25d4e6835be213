import { describe, expect, test } from 'vitest';
import { isOcppVersion, negotiateVersion, ocppVersions, type OcppVersion } from './version.ts';

describe("the station's order decides, within what the backend speaks", () => {
  test.each<[readonly string[], readonly OcppVersion[], OcppVersion | null]>([
    [['ocpp1.6'], ocppVersions, 'ocpp1.6'],
    [['ocpp2.1', 'ocpp2.0.1', 'ocpp1.6'], ocppVersions, 'ocpp2.1'],
    [['ocpp1.6', 'ocpp2.1'], ocppVersions, 'ocpp1.6'],
    [['ocpp2.1', 'ocpp2.0.1', 'ocpp1.6'], ['ocpp1.6', 'ocpp2.0.1'], 'ocpp2.0.1'],
    [['ocpp2.0.1', 'ocpp1.6'], ['ocpp1.6'], 'ocpp1.6'],
    [['ocpp2.0', 'ocpp1.5', 'ocpp1.6'], ocppVersions, 'ocpp1.6'],
    [[' ocpp1.6 '], ocppVersions, 'ocpp1.6'],
    [['ocpp2.1'], ['ocpp1.6'], null],
    [['OCPP1.6'], ocppVersions, null],
    [['ocpp2.0'], ocppVersions, null],
    [['mqtt', 'wamp'], ocppVersions, null],
    [[], ocppVersions, null],
    [['ocpp1.6'], [], null],
  ])('offered %j, spoken %j: %j', (offered, spoken, expected) => {
    expect(negotiateVersion(offered, spoken)).toBe(expected);
  });
});

test('names of versions are exact', () => {
  expect(ocppVersions.every(isOcppVersion)).toBe(true);
  expect(['ocpp2.0', 'ocpp1.5', 'Ocpp1.6', 'ocpp1.6 ', ''].some(isOcppVersion)).toBe(false);
});
