import { expect, test } from 'vitest';
import { isGuaranteed, primaryOnlyActions } from '../../protocol/actions.ts';
import { ocppVersions, type OcppVersion } from '../../protocol/version.ts';
import { coverTable } from './cover-table.ts';
import { isHeldLater, keptMsOf, laterOf } from './later.ts';

test('everything that a station forgets once it is answered is held, for as long as it takes', () => {
  let guaranteed = 0;
  for (const version of ocppVersions)
    for (const action of primaryOnlyActions) {
      if (!isGuaranteed(version, action)) continue;
      guaranteed += 1;
      expect(laterOf(version, action), `${version} ${action}`).toBe('held');
      expect(keptMsOf(version, action), `${version} ${action}`).toBeNull();
    }
  expect(guaranteed).toBe(9);
});

test('of what a station is, only the newest is told later', () => {
  for (const version of ocppVersions) {
    const latest = [...coverTable[version].keys()].filter((action) => laterOf(version, action) === 'latest');
    const expected = ['BootNotification', 'StatusNotification'];
    if (version !== 'ocpp1.6') expected.push('NotifyEvent');
    expect(latest, version).toEqual(expected);
  }
});

test('questions that were answered, or refused, are not asked again later', () => {
  expect(none('ocpp1.6')).toEqual(['Authorize', 'DataTransfer', 'Heartbeat', 'SignCertificate']);
  expect(none('ocpp2.0.1')).toEqual([
    'Authorize',
    'DataTransfer',
    'Get15118EVCertificate',
    'GetCertificateStatus',
    'Heartbeat',
    'NotifyEVChargingNeeds',
    'SignCertificate',
  ]);
  expect(none('ocpp2.1')).toEqual([
    'Authorize',
    'ClosePeriodicEventStream',
    'DataTransfer',
    'Get15118EVCertificate',
    'GetCertificateChainStatus',
    'GetCertificateStatus',
    'Heartbeat',
    'NotifyEVChargingNeeds',
    'OpenPeriodicEventStream',
    'PullDynamicScheduleUpdate',
    'SignCertificate',
    'VatNumberValidation',
  ]);
});

test('what is not known, or means something in another version only, is not held', () => {
  expect(laterOf('ocpp1.6', 'TransactionEvent')).toBe('none');
  expect(laterOf('ocpp2.0.1', 'NotifySettlement')).toBe('none');
  expect(laterOf('ocpp2.1', 'constructor')).toBe('none');
});

test('parts of reports are worth five minutes, meter values outside of transactions a day', () => {
  expect(keptMsOf('ocpp2.0.1', 'NotifyReport')).toBe(300_000);
  expect(keptMsOf('ocpp2.1', 'ReportDERControl')).toBe(300_000);
  expect(keptMsOf('ocpp2.1', 'MeterValues')).toBe(86_400_000);
  expect(keptMsOf('ocpp1.6', 'MeterValues')).toBeNull();
  expect(keptMsOf('ocpp2.1', 'unknown')).toBeNull();
});

function none(version: OcppVersion): string[] {
  return [...coverTable[version].keys()].filter((action) => laterOf(version, action) === 'none').toSorted();
}

test('an action is held in every version that has it, or in none', () => {
  for (const version of ocppVersions)
    for (const action of coverTable[version].keys())
      expect(laterOf(version, action) === 'held', `${version} ${action}`).toBe(isHeldLater(action));
});
