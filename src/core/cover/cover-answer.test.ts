import { beforeAll, expect, test } from 'vitest';
import { readSchemas, type Schema, type SchemaVersion } from '../../../test/tools/copy-schemas.ts';
import {
  compileSchema,
  fullPayload,
  minimalPayload,
  randomPayload,
} from '../../../test/tools/payload-from-schema.ts';
import { seededRandom } from '../../../test/tools/seeded-random.ts';
import { BugError } from '../../std/assert.ts';
import { classOf } from '../../protocol/message-class.ts';
import { ocppVersions, type OcppVersion } from '../../protocol/version.ts';
import type { LearnedToken } from '../hold/held-message.ts';
import { coverAnswer, type AuthorizePolicy, type CoverAnswer, type CoveredCall } from './cover-answer.ts';
import { coverTable } from './cover-table.ts';

const schemaVersionOf: Readonly<Record<OcppVersion, SchemaVersion>> = {
  'ocpp1.6': '1.6',
  'ocpp2.0.1': '2.0.1',
  'ocpp2.1': '2.1',
};
const schemas = new Map<OcppVersion, Map<string, Schema>>();
const policies: readonly AuthorizePolicy[] = ['deny', 'known', 'all'];

beforeAll(async () => {
  for (const version of ocppVersions) schemas.set(version, await readSchemas(schemaVersionOf[version]));
});

const wallMs = Date.parse('2026-11-24T12:00:00.250Z');
const soon = '2026-11-24T12:05:00.250Z';
const inAnHour = '2026-11-24T13:00:00.250Z';

function call(
  version: OcppVersion,
  action: string,
  payload: unknown = {},
  other: Partial<CoveredCall> = {},
): CoveredCall {
  return {
    version,
    action,
    payload: JSON.stringify(payload),
    wallMs,
    policy: 'known',
    boot: null,
    transactionId: action === 'StartTransaction' ? '4711' : null,
    learned: () => null,
    isTokenInUse: () => false,
    ...other,
  };
}

function answerTo(...args: Parameters<typeof call>): unknown {
  const answer = coverAnswer(call(...args));
  return answer.kind === 'result' ? JSON.parse(answer.payload) : answer;
}

/** Every action of the official schemas, and whether a station sends it: message-class.ts knows those by name. */
function actionsOf(version: OcppVersion): { readonly action: string; readonly isOfStation: boolean }[] {
  return [...(schemas.get(version)?.keys() ?? [])]
    .filter((name) => name.endsWith('Request'))
    .map((name) => name.slice(0, -'Request'.length))
    .map((action) => ({
      action,
      isOfStation:
        action === 'DataTransfer' ||
        (classOf(version, action, () => false) !== 'vendor' && action !== 'NotifyAllowedEnergyTransfer'),
    }));
}

test('every call that a station may send has a line of the table, and nothing else has', () => {
  for (const version of ocppVersions) {
    const ofStation = actionsOf(version).filter(({ isOfStation }) => isOfStation);
    expect(ofStation.length).toBeGreaterThan(12);
    expect([...coverTable[version].keys()].toSorted(), version).toEqual(
      ofStation.map(({ action }) => action).toSorted(),
    );
  }
});

test('every answer to every call is valid by the official schema, whoever may charge', () => {
  const group = { 'ocpp1.6': '"Fleet"', 'ocpp2.0.1': centralGroup, 'ocpp2.1': centralGroup };
  let checked = 0;
  for (const version of ocppVersions) {
    for (const { action, isOfStation } of actionsOf(version)) {
      if (!isOfStation) continue;
      const request = schemas.get(version)?.get(`${action}Request`) as Schema;
      const isValid = compileSchema(schemas.get(version)?.get(`${action}Response`) as Schema);
      const random = seededRandom(7);
      const payloads = [minimalPayload(request), fullPayload(request)];
      while (payloads.length < 8) payloads.push(randomPayload(request, random));
      for (const payload of payloads)
        for (const policy of policies)
          for (const status of ['Accepted', 'Blocked', 'ConcurrentTx', 'NoCredit', null])
            for (const isInUse of [false, true]) {
              const answer = coverAnswer(
                call(version, action, payload, {
                  policy,
                  boot: { status: 'Accepted', intervalS: 300 },
                  learned: () => (status === null ? null : said(status, { group: group[version] })),
                  isTokenInUse: () => isInUse,
                }),
              );
              checked += 1;
              expect(answer.kind, `${version} ${action}`).toBe('result');
              const value: unknown = JSON.parse((answer as { payload: string }).payload);
              expect(isValid(value), `${version} ${action}: ${JSON.stringify(isValid.errors)}`).toBe(true);
            }
    }
  }
  expect(checked).toBeGreaterThan(10_000);
});

test('what is no call of a station is not implemented, and the answer repeats nothing of it', () => {
  const notImplemented: CoverAnswer = {
    kind: 'error',
    meaning: 'not_implemented',
    description: 'Busbar does not know this action, and the backend cannot be reached.',
  };
  for (const version of ocppVersions) {
    const others = actionsOf(version).filter(({ isOfStation }) => !isOfStation);
    for (const action of [...others.map((one) => one.action), 'Made.Up', '', 'constructor', '__proto__'])
      expect(answerTo(version, action), `${version} ${action}`).toEqual(notImplemented);
  }
  expect(answerTo('ocpp1.6', 'TransactionEvent')).toEqual(notImplemented);
  expect(answerTo('ocpp2.1', 'StartTransaction')).toEqual(notImplemented);
  expect(answerTo('ocpp2.0.1', 'VatNumberValidation')).toEqual(notImplemented);
});

test('no payload, however broken, makes the answer to a guaranteed message an error', () => {
  for (const payload of ['', 'null', '[]', '{"idTag":', '{"idToken":7}', '{"idTag":"a","IDTAG":"b"}'])
    for (const version of ocppVersions)
      for (const [action, { later }] of coverTable[version])
        if (later === 'held')
          expect(coverAnswer({ ...call(version, action), payload }).kind, `${action} ${payload}`).toBe(
            'result',
          );
});

/** The answers that depend on nothing but the version. */
const fixed: readonly (readonly [
  answer: object,
  versions: readonly OcppVersion[],
  ...actions: readonly string[],
])[] = [
  [{ currentTime: '2026-11-24T12:00:00.250Z' }, ocppVersions, 'Heartbeat'],
  [{}, ocppVersions, 'StatusNotification', 'MeterValues', 'SecurityEventNotification'],
  [{}, ocppVersions, 'FirmwareStatusNotification', 'LogStatusNotification'],
  [{}, ['ocpp1.6'], 'StopTransaction', 'DiagnosticsStatusNotification', 'SignedFirmwareStatusNotification'],
  [{}, ['ocpp2.0.1', 'ocpp2.1'], 'NotifyEvent', 'PublishFirmwareStatusNotification', 'NotifyReport'],
  [{}, ['ocpp2.0.1', 'ocpp2.1'], 'NotifyMonitoringReport', 'NotifyCustomerInformation'],
  [
    {},
    ['ocpp2.0.1', 'ocpp2.1'],
    'NotifyDisplayMessages',
    'ReportChargingProfiles',
    'ReservationStatusUpdate',
  ],
  [{}, ['ocpp2.0.1', 'ocpp2.1'], 'ClearedChargingLimit', 'NotifyChargingLimit', 'TransactionEvent'],
  [{}, ['ocpp2.1'], 'NotifyPriorityCharging', 'NotifyDERAlarm', 'NotifyDERStartStop', 'ReportDERControl'],
  [{}, ['ocpp2.1'], 'NotifySettlement', 'BatterySwap', 'ClosePeriodicEventStream'],
  [{ status: 'Rejected' }, ocppVersions, 'SignCertificate', 'DataTransfer'],
  [{ status: 'Rejected' }, ['ocpp2.1'], 'OpenPeriodicEventStream', 'PullDynamicScheduleUpdate'],
  [{ status: 'Accepted' }, ['ocpp2.0.1', 'ocpp2.1'], 'NotifyEVChargingSchedule'],
  [{ status: 'Failed', exiResponse: '' }, ['ocpp2.0.1', 'ocpp2.1'], 'Get15118EVCertificate'],
  [{ status: 'Failed' }, ['ocpp2.0.1', 'ocpp2.1'], 'GetCertificateStatus'],
];

test('the answers are those of §4.2, cell by cell', () => {
  const told = new Set<string>();
  for (const [answer, versions, ...actions] of fixed)
    for (const version of versions)
      for (const action of actions) {
        told.add(`${version} ${action}`);
        expect(answerTo(version, action), `${version} ${action}`).toEqual(answer);
      }
  const rest = ocppVersions.flatMap((version) =>
    [...coverTable[version].keys()].filter((action) => !told.has(`${version} ${action}`)),
  );
  // These have tests of their own below.
  expect([...new Set(rest)].toSorted()).toEqual([
    'Authorize',
    'BootNotification',
    'GetCertificateChainStatus',
    'NotifyEVChargingNeeds',
    'StartTransaction',
    'VatNumberValidation',
  ]);
});

test('a station that was accepted stays so, and none is accepted in its backend’s place', () => {
  const currentTime = '2026-11-24T12:00:00.250Z';
  for (const version of ocppVersions) {
    const boot = (last: CoveredCall['boot']) => answerTo(version, 'BootNotification', {}, { boot: last });
    expect(boot({ status: 'Accepted', intervalS: 900 })).toEqual({
      status: 'Accepted',
      currentTime,
      interval: 900,
    });
    expect(boot(null)).toEqual({ status: 'Pending', currentTime, interval: 60 });
    expect(boot({ status: 'Pending', intervalS: 5 })).toEqual({
      status: 'Pending',
      currentTime,
      interval: 60,
    });
    expect(boot({ status: 'Rejected', intervalS: 3_600 })).toEqual({
      status: 'Rejected',
      currentTime,
      interval: 3_600,
    });
    expect(boot({ status: 'Accepted', intervalS: 0.5 })).toMatchObject({ status: 'Accepted', interval: 60 });
  }
});

test('Authorize is answered by policy', () => {
  const fleet = said('Accepted', { group: '"Fleet"' });
  const learned = (token: string) => (token === 'abcd' ? fleet : null);
  expect(answerTo('ocpp1.6', 'Authorize', { idTag: 'ABCD' }, { learned })).toEqual({
    idTagInfo: { status: 'Accepted', expiryDate: inAnHour, parentIdTag: 'Fleet' },
  });
  expect(answerTo('ocpp1.6', 'Authorize', { idTag: 'other' }, { learned })).toEqual({
    idTagInfo: { status: 'Invalid', expiryDate: soon },
  });
  for (const version of ['ocpp2.0.1', 'ocpp2.1'] as const) {
    expect(
      answerTo(version, 'Authorize', rfid, { learned: () => said('Accepted', { group: centralGroup }) }),
    ).toEqual({
      idTokenInfo: {
        status: 'Accepted',
        cacheExpiryDateTime: inAnHour,
        groupIdToken: JSON.parse(centralGroup) as unknown,
      },
    });
    expect(answerTo(version, 'Authorize', rfid)).toEqual({
      idTokenInfo: { status: 'Unknown', cacheExpiryDateTime: soon },
    });
  }
});

test('a contract certificate cannot be checked, so its token is refused, whoever else may charge', () => {
  const refused = {
    idTokenInfo: { status: 'Invalid', cacheExpiryDateTime: soon },
    certificateStatus: 'NoCertificateAvailable',
  };
  for (const version of ['ocpp2.0.1', 'ocpp2.1'] as const)
    for (const policy of policies)
      for (const contract of [{ certificate: 'x' }, { iso15118CertificateHashData: [{}] }])
        expect(
          answerTo(
            version,
            'Authorize',
            { ...rfid, ...contract },
            { policy, learned: () => said('Accepted') },
          ),
        ).toEqual(refused);
});

test('a transaction that is refused has a number too, of any length', () => {
  const start = { idTag: 'ABCD', connectorId: 1 };
  expect(answerTo('ocpp1.6', 'StartTransaction', start)).toEqual({
    transactionId: 4711,
    idTagInfo: { status: 'Invalid', expiryDate: soon },
  });
  expect(
    coverAnswer(
      call('ocpp1.6', 'StartTransaction', start, { policy: 'all', transactionId: '9223372036854775807' }),
    ),
  ).toEqual({
    kind: 'result',
    payload: `{"transactionId":9223372036854775807,"idTagInfo":{"status":"Accepted","expiryDate":"${inAnHour}"}}`,
  });
  for (const transactionId of [null, '', '007', '1.5', '1,"x":1'])
    expect(() => answerTo('ocpp1.6', 'StartTransaction', start, { transactionId })).toThrow(BugError);
});

test('an event with a token is answered with the verdict on it, and with nothing else', () => {
  for (const version of ['ocpp2.0.1', 'ocpp2.1'] as const)
    for (const eventType of ['Started', 'Updated', 'Ended']) {
      expect(answerTo(version, 'TransactionEvent', { eventType })).toEqual({});
      expect(answerTo(version, 'TransactionEvent', { eventType, idToken: null })).toEqual({});
      expect(answerTo(version, 'TransactionEvent', { eventType, ...rfid })).toEqual({
        idTokenInfo: { status: 'Unknown', cacheExpiryDateTime: soon },
      });
      expect(
        answerTo(version, 'TransactionEvent', { eventType, ...rfid }, { learned: () => said('Accepted') }),
      ).toEqual({ idTokenInfo: { status: 'Accepted', cacheExpiryDateTime: inAnHour } });
    }
});

test('a token in the readings and changes of a transaction is that of who charges already, and is not judged anew', () => {
  for (const policy of policies)
    for (const version of ['ocpp2.0.1', 'ocpp2.1'] as const) {
      const event = { eventType: 'Updated', ...rfid };
      const reasons = [
        'MeterValuePeriodic',
        'MeterValueClock',
        'ChargingStateChanged',
        'Trigger',
        'SignedDataReceived',
        'EVCommunicationLost',
        'EnergyLimitReached',
        'AbnormalCondition',
        'UnlockCommand',
        ...(version === 'ocpp2.1' ? ['TxResumed', 'LimitSet', 'OperationModeChanged', 'RunningCost'] : []),
      ];
      for (const triggerReason of reasons)
        expect(answerTo(version, 'TransactionEvent', { ...event, triggerReason }, { policy })).toEqual({});
      for (const triggerReason of ['Authorized', 'RemoteStart', 'StopAuthorized', 'CablePluggedIn'])
        expect(answerTo(version, 'TransactionEvent', { ...event, triggerReason }, { policy })).toHaveProperty(
          'idTokenInfo',
        );
    }
});

test('a token that is elsewhere in use may end a transaction, and begin none', () => {
  expect(statusWhileInUse({ eventType: 'Started', triggerReason: 'Authorized' })).toBe('ConcurrentTx');
  expect(statusWhileInUse({ eventType: 'Updated', triggerReason: 'Authorized' })).toBe('ConcurrentTx');
  expect(statusWhileInUse({ eventType: 'Updated', triggerReason: 'StopAuthorized' })).toBe('Accepted');
  expect(statusWhileInUse({ eventType: 'Ended', triggerReason: 'EVDeparted' })).toBe('Accepted');
});

test('charging needs get no schedule, and a vehicle of ISO 15118-20 is not told that its way of charging is refused', () => {
  const rejected = { status: 'Rejected' };
  const noProfile = { status: 'NoChargingProfile' };
  const ac = { requestedEnergyTransfer: 'AC_three_phase', acChargingParameters: {} };
  const dc = { requestedEnergyTransfer: 'DC', dcChargingParameters: {} };
  for (const one of [ac, dc, {}]) expect(needs('ocpp2.0.1', one)).toEqual(rejected);
  for (const one of [ac, dc]) expect(needs('ocpp2.1', one)).toEqual(rejected);
  for (const one of [
    {},
    { requestedEnergyTransfer: 'DC' },
    { ...dc, requestedEnergyTransfer: 'DC_BPT' },
    { ...dc, v2xChargingParameters: {} },
    { ...ac, derChargingParameters: {} },
    { ...ac, evEnergyOffer: {} },
    { ...ac, availableEnergyTransfer: ['AC_single_phase'] },
    { ...ac, controlMode: 'ScheduledControl' },
    { ...ac, mobilityNeedsMode: 'EVCC' },
  ])
    expect(needs('ocpp2.1', one), JSON.stringify(one)).toEqual(noProfile);
});

test('every certificate that was asked of is named again as failed', () => {
  const certificateHashData = {
    hashAlgorithm: 'SHA256',
    issuerNameHash: 'a',
    issuerKeyHash: 'b',
    serialNumber: 'c',
  };
  const asked = {
    certificateHashData: { ...certificateHashData, customData: {} },
    source: 'OCSP',
    urls: ['x'],
  };
  const failed = { certificateHashData, source: 'OCSP', status: 'Failed', nextUpdate: soon };
  expect(chain([asked, asked])).toEqual({ certificateStatus: [failed, failed] });
  for (const unclear of [[], 'x', [asked, 7], [{ ...asked, source: 1 }], [{ source: 'CRL' }]])
    expect(chain(unclear)).toMatchObject({ kind: 'error', meaning: 'format' });
});

test('a VAT number is not confirmed, and named again', () => {
  expect(vat({ vatNumber: 'NL1' })).toEqual({ status: 'Rejected', vatNumber: 'NL1' });
  expect(vat({ vatNumber: 'NL1', evseId: 2 })).toEqual({ status: 'Rejected', vatNumber: 'NL1', evseId: 2 });
  expect(vat({ vatNumber: 1 })).toMatchObject({ kind: 'error', meaning: 'format' });
});

const rfid = { idToken: { idToken: 'ABCD', type: 'ISO14443' } };
const centralGroup = '{"idToken":"Fleet","type":"Central"}';

function said(status: string, other: Partial<LearnedToken> = {}): LearnedToken {
  return { status, group: null, expiresAt: null, learnedAt: wallMs - 1_000, ...other };
}

function statusWhileInUse(event: object): string {
  const answer = answerTo(
    'ocpp2.1',
    'TransactionEvent',
    { ...rfid, ...event },
    { learned: () => said('Accepted'), isTokenInUse: (token) => token === 'iso14443:abcd' },
  );
  return (answer as { idTokenInfo: { status: string } }).idTokenInfo.status;
}

function needs(version: OcppVersion, chargingNeeds: object): unknown {
  return answerTo(version, 'NotifyEVChargingNeeds', { evseId: 1, chargingNeeds });
}

function chain(certificateStatusRequests: unknown): unknown {
  return answerTo('ocpp2.1', 'GetCertificateChainStatus', { certificateStatusRequests });
}

function vat(payload: object): unknown {
  return answerTo('ocpp2.1', 'VatNumberValidation', payload);
}
