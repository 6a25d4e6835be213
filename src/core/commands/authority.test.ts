import { expect, test } from 'vitest';
import { ocppVersions, type OcppVersion } from '../../protocol/version.ts';
import {
  judge,
  mayWriteKey,
  permissionOf,
  type Asker,
  type CommandFacts,
  type Verdict,
} from './authority.ts';
import { groupOf, roles, type Role } from './matrix.ts';
import { negatives } from './negatives.ts';
import { payloadReader } from './payload.ts';

const noFacts: CommandFacts = {
  transaction: () => 'none',
  ownsObject: () => false,
  localList: () => 'unknown',
};

function asker(role: Role, granted: readonly string[] = []): Asker {
  return { name: 'b', role, granted: new Set(granted), isOwner: role === 'draining' };
}

function judged(
  who: Asker,
  action: string,
  payload: object = {},
  facts: Partial<CommandFacts> = {},
  version: OcppVersion = 'ocpp1.6',
): Verdict {
  return judge(who, version, action, payloadReader(JSON.stringify(payload)), { ...noFacts, ...facts });
}

/**
 * §2.5 as written, one line an action: primary, draining, standby, observer, and whoever a rule gives the action.
 * F forward · T own transaction only · N unless another's transaction · O own reservation, or own profile of a transaction · K by key · C from what is known · R refused.
 * `C` of what nothing is kept of (reports, profiles) is a refusal in the end; H34 makes the primary's unlock N.
 */
const written = `
RemoteStartTransaction      F R R R F
RequestStartTransaction     F R R R F
RequestBatterySwap          F R R R F
NotifyWebPaymentStarted     F R R R F
RemoteStopTransaction       N T R R T
RequestStopTransaction      N T R R T
CostUpdated                 N T R R T
ChangeTransactionTariff     N T R R T
NotifyAllowedEnergyTransfer N T R R T
UsePriorityCharging         N T R R T
GetTransactionStatus        N T R R F
UnlockConnector             N T R R N
ChangeAvailability          F R R R F
Reset                       F R R R N
ReserveNow                  F R R R F
CancelReservation           F O R R O
ChangeConfiguration         K K K K K
SetVariables                K K K K K
SetMonitoringBase           F R R R F
SetMonitoringLevel          F R R R F
SetVariableMonitoring       F R R R F
ClearVariableMonitoring     F R R R F
AdjustPeriodicEventStream   F R R R F
GetPeriodicEventStream      F R R R F
GetConfiguration            F C C C F
GetVariables                F C C C F
GetBaseReport               F C C C F
GetReport                   F C C C F
GetMonitoringReport         F C C C F
SetChargingProfile          F R R R F
ClearChargingProfile        F R R R F
UpdateDynamicSchedule       F O R R F
AFRRSignal                  F R R R F
GetCompositeSchedule        F F C C F
GetChargingProfiles         F F C C F
SendLocalList               F R R R F
ClearCache                  F R R R F
SetDisplayMessage           F R R R F
ClearDisplayMessage         F R R R F
GetDisplayMessages          F R R R F
SetDefaultTariff            F R R R F
ClearTariffs                F R R R F
GetTariffs                  F R R R F
SetDERControl               F R R R F
ClearDERControl             F R R R F
GetDERControl               F R R R F
CustomerInformation         F R R R F
GetLocalListVersion         C C C C C
UpdateFirmware              F R R R F
SignedUpdateFirmware        F R R R F
GetDiagnostics              F R R R F
GetLog                      F R R R F
PublishFirmware             F R R R F
UnpublishFirmware           F R R R F
TriggerMessage              F C C C F
ExtendedTriggerMessage      F C C C F
InstallCertificate          F R R R F
DeleteCertificate           F R R R F
CertificateSigned           F R R R F
GetInstalledCertificateIds  F R R R F
SetNetworkProfile           R R R R R
DataTransfer                F R R R F
`;

const letterOf: Readonly<Record<string, string>> = {
  forward: 'F',
  own_transaction: 'T',
  not_others: 'N',
  own_object: 'O',
  key: 'K',
  serve: 'C',
  serve_trigger: 'C',
  refuse: 'R',
};

function linesOf(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map((row) => row.replaceAll(/ +/g, ' '))
    .toSorted();
}

test('the whole matrix is the one of §2.5, for every command of every version', () => {
  const actions = new Set(ocppVersions.flatMap((version) => Object.keys(negatives[version])));
  const found = [...actions].map((action) => {
    const columns = [
      asker('primary'),
      asker('draining'),
      asker('standby'),
      asker('observer'),
      asker('observer', [action]),
    ];
    const letters = columns.map((who) => letterOf[permissionOf(who, groupOf(action), action)]);
    return `${action} ${letters.join(' ')}`;
  });
  expect(found.toSorted()).toEqual(linesOf(written));
});

test('the operator may do everything', () => {
  for (const version of ocppVersions)
    for (const action of Object.keys(negatives[version]))
      expect(judged(asker('operator'), action, {}, {}, version)).toEqual({ verdict: 'forward' });
});

test('nobody but the operator sets a network profile, whatever a rule says (§2.8)', () => {
  for (const role of roles.filter((one) => one !== 'operator'))
    expect(judged(asker(role, ['SetNetworkProfile']), 'SetNetworkProfile', {}, {}, 'ocpp2.0.1').verdict).toBe(
      'refuse',
    );
});

const stopBy = (role: Role, transaction: 'own' | 'other' | 'none'): string =>
  judged(asker(role), 'RemoteStopTransaction', { transactionId: 1 }, { transaction: () => transaction })
    .verdict;

test('the old primary stops its own transactions and no others; the new one does not stop those', () => {
  expect([stopBy('draining', 'own'), stopBy('draining', 'other'), stopBy('draining', 'none')]).toEqual([
    'forward',
    'refuse',
    'refuse',
  ]);
  expect([stopBy('primary', 'own'), stopBy('primary', 'other'), stopBy('primary', 'none')]).toEqual([
    'forward',
    'refuse',
    'forward',
  ]);
});

test('an observer whose rule names a stopping action stops nothing but its own transactions', () => {
  for (const [action, none] of [
    ['RemoteStopTransaction', 'refuse'],
    ['Reset', 'forward'],
    ['UnlockConnector', 'forward'],
  ] as const) {
    const who = asker('observer', [action]);
    expect(judged(who, action, {}, { transaction: () => 'other' }).verdict, action).toBe('refuse');
    expect(judged(who, action, {}, { transaction: () => 'own' }).verdict, action).toBe('forward');
    expect(judged(who, action, {}, { transaction: () => 'none' }).verdict, action).toBe(none);
  }
});

test('an observer does exactly what its rule names', () => {
  const who = asker('observer', ['DataTransfer']);
  expect(judged(who, 'DataTransfer').verdict).toBe('forward');
  expect(judged(who, 'RemoteStartTransaction').verdict).toBe('refuse');
  expect(judged(who, 'VendorsOwn').verdict).toBe('refuse');
  expect(judged(asker('primary'), 'VendorsOwn').verdict).toBe('forward');
});

const profileOf = (purpose: string): object => ({
  connectorId: 1,
  csChargingProfiles: { chargingProfilePurpose: purpose },
});

test('a profile for a transaction is its owner’s, any other the primary’s (H18)', () => {
  const own = { transaction: () => 'own' as const };
  expect(judged(asker('draining'), 'SetChargingProfile', profileOf('TxProfile'), own).verdict).toBe(
    'forward',
  );
  expect(judged(asker('draining'), 'SetChargingProfile', profileOf('TxDefaultProfile'), own).verdict).toBe(
    'refuse',
  );
  const twin =
    '{"csChargingProfiles":{"chargingProfilePurpose":"ChargePointMaxProfile","chargingProfilePurpose":"TxProfile"}}';
  const verdict = judge(asker('draining'), 'ocpp1.6', 'SetChargingProfile', payloadReader(twin), {
    ...noFacts,
    ...own,
  });
  expect(verdict.verdict).toBe('refuse');
});

const listVersion = (role: Role, localList: 'own' | 'other' | 'unknown'): Verdict =>
  judged(asker(role), 'GetLocalListVersion', {}, { localList: () => localList });

test('a list’s version is virtual, but for a primary on whose station no list of another’s was put through Busbar (H15)', () => {
  expect(listVersion('primary', 'unknown')).toEqual({ verdict: 'forward' });
  expect(listVersion('primary', 'own')).toEqual({ verdict: 'forward' });
  for (const role of ['draining', 'standby', 'observer', 'authority'] as const)
    expect(listVersion(role, 'unknown')).toEqual({ verdict: 'serve', from: 'list_version' });
  expect(listVersion('primary', 'other')).toEqual({ verdict: 'serve', from: 'list_version' });
});

const sendList = (updateType: string, localList: 'own' | 'other' | 'unknown'): Verdict =>
  judged(asker('primary'), 'SendLocalList', { listVersion: 2, updateType }, { localList: () => localList });

test('part of a list is refused where the list is another’s, all of it is not (H15)', () => {
  expect(sendList('Differential', 'other')).toEqual({
    verdict: 'refuse',
    answer: { kind: 'result', payload: '{"status":"VersionMismatch"}' },
  });
  expect(sendList('Full', 'other').verdict).toBe('forward');
  expect(sendList('Differential', 'own').verdict).toBe('forward');
});

const cancelBy = (role: Role, owns: boolean): string =>
  judged(asker(role), 'CancelReservation', { reservationId: 1 }, { ownsObject: () => owns }).verdict;

test('a reservation is cancelled by who made it, or by the primary', () => {
  expect([cancelBy('draining', true), cancelBy('draining', false), cancelBy('primary', false)]).toEqual([
    'forward',
    'refuse',
    'forward',
  ]);
});

const triggerBy = (payload: object, version: OcppVersion = 'ocpp1.6'): Verdict =>
  judged(asker('observer'), 'TriggerMessage', payload, { transaction: () => 'own' }, version);

test('who listens in and triggers a message is served from memory, and the station is not asked (H30)', () => {
  expect(triggerBy({ requestedMessage: 'StatusNotification', connectorId: 2 })).toEqual({
    verdict: 'serve',
    from: 'trigger',
    answer: { kind: 'result', payload: '{"status":"Accepted"}' },
    trigger: { message: 'StatusNotification', evseId: null, connectorId: 2 },
  });
  expect(
    triggerBy({ requestedMessage: 'StatusNotification', evse: { id: 1, connectorId: 2 } }, 'ocpp2.0.1'),
  ).toMatchObject({ trigger: { evseId: 1, connectorId: 2 } });
  expect(triggerBy({ requestedMessage: 'MeterValues' })).toMatchObject({
    trigger: null,
    answer: { payload: '{"status":"Rejected"}' },
  });
  expect(triggerBy({ requestedMessage: 'Whatever' })).toMatchObject({
    trigger: null,
    answer: { payload: '{"status":"NotImplemented"}' },
  });
});

test('the old primary may trigger the meter values of its own transaction', () => {
  const meter = { requestedMessage: 'MeterValues', connectorId: 1 };
  const owner = (transaction: 'own' | 'other'): string =>
    judged(asker('draining'), 'TriggerMessage', meter, { transaction: () => transaction }).verdict;
  expect([owner('own'), owner('other')]).toEqual(['forward', 'serve']);
});

test('who signs certificates by a route’s rule sends them too', () => {
  expect(judged(asker('authority', ['SignCertificate']), 'CertificateSigned').verdict).toBe('forward');
  expect(judged(asker('authority', ['DataTransfer']), 'CertificateSigned').verdict).toBe('refuse');
});

test('the first pattern that matches a key says who writes it, in whatever case; the rest is the primary’s (H16)', () => {
  const keys = [
    { pattern: 'MeterValueSampleInterval', backend: 'primary' },
    { pattern: 'MeterValue*', backend: 'b' },
    { pattern: 'SmartChargingCtrlr.*', backend: 'b' },
  ];
  const other = asker('observer', ['ChangeConfiguration']);
  const primary: Asker = { name: 'primary', role: 'primary', granted: new Set(), isOwner: false };
  expect(mayWriteKey(other, keys, 'metervaluesAlignedData')).toBe(true);
  expect(mayWriteKey(primary, keys, 'MeterValuesAlignedData')).toBe(false);
  expect(mayWriteKey(other, keys, ' METERVALUESAMPLEINTERVAL')).toBe(false);
  expect(mayWriteKey(other, keys, 'SmartChargingCtrlr.LimitChangeSignificance')).toBe(true);
  expect(mayWriteKey(other, keys, 'ConnectionTimeOut')).toBe(false);
  expect(mayWriteKey(primary, keys, 'ConnectionTimeOut')).toBe(true);
  expect(mayWriteKey(asker('operator'), keys, 'MeterValuesAlignedData')).toBe(true);
});

test.each(['observer', 'authority'] as const)(
  'an %s that owns a transaction may stop it, and nobody else’s',
  (role) => {
    const owner: Asker = { ...asker(role), isOwner: true };
    const stop = (whose: 'own' | 'other'): Verdict =>
      judged(owner, 'RemoteStopTransaction', { transactionId: 7 }, { transaction: () => whose });
    expect(stop('own')).toEqual({ verdict: 'forward' });
    expect(stop('other').verdict).toBe('refuse');
    expect(judged(owner, 'RemoteStartTransaction', { idTag: 'T' }).verdict).toBe('refuse');
    expect(judged({ ...owner, isOwner: false }, 'RemoteStopTransaction', { transactionId: 7 }).verdict).toBe(
      'refuse',
    );
  },
);
