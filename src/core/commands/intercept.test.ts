import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ocppVersions, type OcppVersion } from '../../protocol/version.ts';
import { concernsConnection, decideCommand, type ArbiterFacts, type Decision } from './arbiter.ts';
import type { Asker } from './authority.ts';
import { gatewayKeys, heartbeatKey } from './connection-keys.ts';
import { payloadReader } from './payload.ts';

const primary: Asker = { name: 'p', role: 'primary', granted: new Set(), isOwner: false };
/** Whom a careless rule lets do everything. */
const lavish: Asker = {
  isOwner: false,
  name: 'o',
  role: 'observer',
  granted: new Set([
    'ChangeConfiguration',
    'SetVariables',
    'InstallCertificate',
    'DeleteCertificate',
    'CertificateSigned',
    'TriggerMessage',
    'ExtendedTriggerMessage',
    'SetNetworkProfile',
    'DataTransfer',
  ]),
};
const askers = [primary, lavish];

const facts: ArbiterFacts = {
  transaction: () => 'none',
  ownsObject: () => false,
  localList: () => 'unknown',
  isCertificateAuthority: false,
  isLinkCertificate: () => false,
  // The rule gives away every key there is.
  keys: [{ pattern: '*', backend: 'o' }],
  canRotate: true,
};

function decide(
  version: OcppVersion,
  action: string,
  text: string,
  asker: Asker = primary,
  other: Partial<ArbiterFacts> = {},
): Decision {
  const own = asker === primary ? { keys: [] } : {};
  return decideCommand(asker, version, action, payloadReader(text), { ...facts, ...own, ...other });
}

function writes(version: OcppVersion, key: string, value: string, asker = primary): Decision {
  return version === 'ocpp1.6'
    ? decide(version, 'ChangeConfiguration', JSON.stringify({ key, value }), asker)
    : decide(version, 'SetVariables', JSON.stringify({ setVariableData: [element(key, value)] }), asker);
}

function element(key: string, value: string): object {
  const dot = key.indexOf('.');
  const [component, variable] = dot === -1 ? ['VendorCtrlr', key] : [key.slice(0, dot), key.slice(dot + 1)];
  return { attributeValue: value, component: { name: component }, variable: { name: variable } };
}

/** From §2.8, the standards, vendors' manuals and open firmware. */
const stealing = [
  'AuthorizationKey',
  'SecurityProfile',
  'NetworkConfigurationPriority',
  'SecurityCtrlr.BasicAuthPassword',
  'SecurityCtrlr.Identity',
  'SecurityCtrlr.SecurityProfile',
  'SecurityCtrlr.AllowSecurityProfileDowngrade',
  'OCPPCommCtrlr.NetworkConfigurationPriority',
  'NetworkConfiguration.OcppCsmsUrl',
  'NetworkConfiguration.BasicAuthPassword',
  'NetworkConfiguration.SecurityProfile',
  'NetworkConfiguration.Apn',
  'NetworkConfiguration.MessageTimeout',
  'CentralSystemURL',
  'CentralSystemURI',
  'CentralSystemAddress',
  'OcppServerUrl',
  'OCPPServerAddress',
  'BackendURL',
  'BackOffice-URL-wired',
  'BackOffice-URL-APN',
  'BackOffice-GPRS-APN',
  'Cst_BackendUrl',
  'Cst_ChargeBoxId',
  'Cst_AuthKey',
  'ocppUrl',
  'ocpp_url',
  'ServerURL',
  'server_port',
  'CSMSURL',
  'CsmsEndpoint',
  'CSURL',
  'WebSocketURL',
  'ChargePointId',
  'ChargeBoxIdentity',
  'StationIdentity',
  'HostName',
  'APN',
  'ApnName',
  'APNPassword',
  'MobileAPN',
  'SimPIN',
  'VPNServer',
  'OcppVersion',
  'VerifyCsmsCommonName',
  'SupportedCiphers12',
  'PrimaryServer',
  'ServerName',
  'BackendPath',
  'WsUrl',
  'MainURL',
  'CpmsUrl',
  'ConnectionUri2',
  'ProxyAddress',
  'PreferredNetworkInterface',
  'GPRSUser',
] as const;

const noise = ['', '', '', ' ', '_', '-', '.', '\t', '\u0000', '\u200b', '\u00ad', '/', '  '];

/** The same name to whoever compares without case, blanks, punctuation or what cannot be seen. */
function variantOf(key: string): fc.Arbitrary<string> {
  const parts = key
    .split('')
    .map((character) =>
      fc
        .tuple(
          fc.constantFrom(character.toLowerCase(), character.toUpperCase()),
          fc.constantFrom(...(key.includes('.') ? noise.filter((one) => one !== '.') : noise)),
        )
        .map(([cased, extra]) => cased + extra),
    );
  return fc
    .tuple(fc.constantFrom(...noise.filter((one) => one !== '.')), ...parts)
    .map((all) => all.join(''));
}

const spelled = fc.constantFrom(...stealing).chain(variantOf);

/** JSON in which any character of a string may be an escape. */
function escaped(json: string, mask: readonly boolean[]): string {
  let at = 0;
  return json.replaceAll(/[A-Za-z]/g, (letter) => {
    at += 1;
    return mask[at % mask.length] ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}` : letter;
  });
}

test('no spelling of a key that could take the station away is forwarded, whoever sends it (H17, S6)', () => {
  fc.assert(
    fc.property(
      spelled,
      fc.constantFrom(...ocppVersions),
      fc.constantFrom(...askers),
      fc.constantFrom('ws://evil.example/ocpp', '1', 'x'),
      fc.array(fc.boolean(), { minLength: 1 }),
      (key, version, asker, value, mask) => {
        const action = version === 'ocpp1.6' ? 'ChangeConfiguration' : 'SetVariables';
        const payload = version === 'ocpp1.6' ? { key, value } : { setVariableData: [element(key, value)] };
        const { passage } = decide(version, action, escaped(JSON.stringify(payload), mask), asker);
        expect(passage.do, key).toBe('answer');
      },
    ),
    { numRuns: 3_000 },
  );
});

test('nor in the company of harmless ones: only those go to the station (per element)', () => {
  fc.assert(
    fc.property(spelled, fc.nat(2), (key, at) => {
      const elements = [
        element('TxCtrlr.EVConnectionTimeOut', '30'),
        element('AlignedDataCtrlr.Interval', '900'),
      ];
      elements.splice(at, 0, element(key, 'x'));
      const { passage } = decide('ocpp2.1', 'SetVariables', JSON.stringify({ setVariableData: elements }));
      if (passage.do === 'split') {
        const sent = JSON.parse(passage.payload) as { setVariableData: object[] };
        expect(sent.setVariableData).toEqual(elements.filter((_, index) => index !== at));
        expect(passage.own.map(({ index }) => index)).toEqual([at]);
      } else expect(passage.do).toBe('answer');
    }),
  );
});

test('nor under an instance, or taken apart over component, instance and variable', () => {
  const hidden = [
    { component: { name: 'A', instance: 'CentralSystemURL' }, variable: { name: 'B' } },
    { component: { name: 'A' }, variable: { name: 'B', instance: 'OcppServerUrl' } },
    { component: { name: 'CentralSystem' }, variable: { name: 'URL' } },
    { component: { name: 'A', instance: 'Backend' }, variable: { name: 'Address' } },
    { component: { name: 'Security' }, variable: { name: 'Profile' } },
    { component: { name: 'URL' }, variable: { name: 'CSMS' } },
    {
      component: { name: 'OCPPCommCtrlr' },
      variable: { name: 'HeartbeatInterval', instance: 'CentralSystemURL' },
    },
    {
      component: { name: 'SecurityCtrlr' },
      variable: { name: 'BasicAuthPassword' },
      attributeType: 'Target',
    },
  ];
  for (const one of hidden) {
    const payload = { setVariableData: [{ ...one, attributeValue: '60' }] };
    expect(decide('ocpp2.0.1', 'SetVariables', JSON.stringify(payload)), JSON.stringify(one)).toMatchObject({
      passage: { do: 'answer' },
      isProtected: true,
    });
  }
});

test('a name with a letter that a station might take for another is no name', () => {
  for (const key of [
    'Author\u0131zationKey',
    'SecurityPro\ufb01le',
    '\uff21uthorizationKey',
    'Back\u0435nd',
    'Sec\u00a0ret\u0007',
  ])
    for (const version of ['ocpp1.6', 'ocpp2.0.1'] as const)
      expect(writes(version, key, '1').passage.do, key).toBe('answer');
});

test('the same name in another profile of the network is not Busbar’s to give a value', () => {
  expect(writes('ocpp2.1', 'NetworkConfiguration.MessageTimeout', '60')).toMatchObject({
    passage: { do: 'answer' },
    isProtected: true,
    remember: [],
  });
});

test('an endpoint as the value gives any key away', () => {
  expect(writes('ocpp1.6', 'Parameter17', ' WSS://evil.example').passage.do).toBe('answer');
  expect(writes('ocpp2.0.1', 'NtpServerUri', 'ws://evil.example').passage.do).toBe('answer');
  expect(writes('ocpp1.6', 'Parameter17', '{"to":"wss:\\/\\/evil.example"}').passage.do).toBe('answer');
});

test('a payload that two parsers read differently is refused, not guessed at', () => {
  for (const text of [
    '{"key":"MeterValueSampleInterval","key":"CentralSystemURL","value":"x"}',
    '{"key":"CentralSystemURL","key":"MeterValueSampleInterval","value":"60"}',
    '{"key":"MeterValueSampleInterval","Key":"CentralSystemURL","value":"x"}',
    '{"key":"MeterValueSampleInterval","key\\u0000":"CentralSystemURL","value":"x"}',
    '{"Key":"CentralSystemURL","value":"x"}',
    '{"key":["CentralSystemURL"],"value":"x"}',
    '{"key":"MeterValueSampleInterval","value":60}',
    '{}',
    'null',
  ])
    expect(decide('ocpp1.6', 'ChangeConfiguration', text).passage, text).toEqual({
      do: 'answer',
      answer: { kind: 'result', payload: '{"status":"Rejected"}' },
    });
  const twice = '{"setVariableData":[],"setVariableData":[]}';
  expect(decide('ocpp2.0.1', 'SetVariables', twice).passage.do).toBe('answer');
});

test('an action that is spelled otherwise, or is another version’s, is not forwarded', () => {
  for (const [version, action] of [
    ['ocpp1.6', 'changeConfiguration'],
    ['ocpp1.6', 'ChangeConfiguration '],
    ['ocpp1.6', 'SetVariables'],
    ['ocpp1.6', 'setnetworkprofile'],
    ['ocpp1.6', 'dataTransfer'],
    ['ocpp2.0.1', 'ChangeConfiguration'],
    ['ocpp2.1', 'Set-Variables'],
    ['ocpp2.1', 'ExtendedTriggerMessage'],
  ] as const)
    expect(decide(version, action, '{"key":"CentralSystemURL","value":"x"}').passage, action).toMatchObject({
      do: 'answer',
      answer: { kind: 'error' },
    });
});

/** OCPP 1.6 §9 and the whitepaper, 2.0.1 Part 2 §3: writable, and nothing to do with how the station is connected. */
const harmless = {
  'ocpp1.6':
    'AllowOfflineTxForUnknownId AuthorizationCacheEnabled AuthorizeRemoteTxRequests BlinkRepeat ClockAlignedDataInterval ConnectionTimeOut ConnectorPhaseRotation LightIntensity LocalAuthorizeOffline LocalPreAuthorize MaxEnergyOnInvalidId MeterValuesAlignedData MeterValuesSampledData MeterValueSampleInterval MinimumStatusDuration ResetRetries StopTransactionOnEVSideDisconnect StopTransactionOnInvalidId StopTxnAlignedData StopTxnSampledData UnlockConnectorOnEVSideDisconnect LocalAuthListEnabled CpoName SupportedFeatureProfiles FreevendEnabled Cst_TxStartOnPowerPathClosed DisplayMessageTimeout',
  'ocpp2.0.1':
    'TxCtrlr.EVConnectionTimeOut TxCtrlr.TxStartPoint TxCtrlr.TxStopPoint TxCtrlr.StopTxOnInvalidId TxCtrlr.MaxEnergyOnInvalidId AuthCtrlr.AuthorizeRemoteStart AuthCtrlr.LocalPreAuthorize AuthCtrlr.OfflineTxForUnknownIdEnabled AuthCacheCtrlr.Enabled LocalAuthListCtrlr.Enabled SampledDataCtrlr.TxUpdatedInterval SampledDataCtrlr.TxEndedMeasurands AlignedDataCtrlr.Interval AlignedDataCtrlr.SendDuringIdle ClockCtrlr.NtpServerUri ClockCtrlr.TimeZone ClockCtrlr.NtpSource SmartChargingCtrlr.LimitChangeSignificance ReservationCtrlr.Enabled DisplayMessageCtrlr.Enabled OCPPCommCtrlr.ResetRetries OCPPCommCtrlr.UnlockOnEVSideDisconnect OCPPCommCtrlr.QueueAllMessages OCPPCommCtrlr.PublicKeyWithSignedMeterValue OCPPCommCtrlr.FileTransferProtocols TariffCostCtrlr.Currency ISO15118Ctrlr.SeccId ISO15118Ctrlr.ContractValidationOffline ISO15118Ctrlr.PnCEnabled EVSE.EvseId EVSE.Power ChargingStation.PhaseRotation ChargingStation.SupplyPhases SecurityCtrlr.OrganizationName',
} as const;

test('settings that only concern charging are not caught by mistake', () => {
  for (const version of ['ocpp1.6', 'ocpp2.0.1'] as const)
    for (const key of harmless[version].split(' '))
      expect(writes(version, key, 'true').passage, key).toEqual({ do: 'forward' });
});

test('the password goes to the backend’s own link and nowhere else, and cannot be printed (§2.8)', () => {
  const password = 'correct-horse-battery';
  for (const decision of [
    writes('ocpp1.6', ' authorizationKEY', password),
    writes('ocpp2.0.1', 'SecurityCtrlr.BasicAuthPassword', password, lavish),
  ]) {
    expect(decision.passage.do).toBe('answer');
    expect(JSON.stringify(decision)).toContain('Accepted');
    expect(JSON.stringify(decision)).not.toContain(password);
    expect(String(decision.rotation)).toBe('***');
    expect(String.fromCharCode(...(decision.rotation?.reveal() ?? []))).toBe(password);
  }
  const text = JSON.stringify({ key: 'AuthorizationKey', value: password });
  const kept = decide('ocpp1.6', 'ChangeConfiguration', text, primary, { canRotate: false });
  expect(kept).toMatchObject({ rotation: null, isProtected: true });
  expect(JSON.stringify(kept)).toContain('Rejected');
});

test('what Busbar owns is accepted from everyone, remembered for them, and reaches the station only when safe', () => {
  for (const [key, { from, to }] of gatewayKeys) {
    for (const value of [from - 1, to + 1]) {
      expect(writes('ocpp1.6', key, String(Math.max(0, value)))).toMatchObject({
        passage: { do: 'answer', answer: { payload: '{"status":"Accepted"}' } },
        remember: [{ key, value: String(Math.max(0, value)), address: '' }],
        isProtected: false,
      });
    }
    expect(writes('ocpp1.6', key.toUpperCase(), String(from))).toMatchObject({
      passage: { do: 'forward' },
      remember: [],
      rememberOnceAccepted: [{ key, value: String(from) }],
    });
    for (const value of ['', 'x', '-1', '1.5', '1e9', ' 60', '99999999999'])
      expect(JSON.stringify(writes('ocpp1.6', key, value)), value).toContain('Rejected');
  }
  const observer: Asker = { name: 'x', role: 'observer', granted: new Set(), isOwner: false };
  expect(writes('ocpp1.6', 'HeartbeatInterval', '300', observer)).toMatchObject({
    passage: { do: 'answer', answer: { payload: '{"status":"Accepted"}' } },
    remember: [{ key: heartbeatKey, value: '300' }],
  });
});

const installed = (version: OcppVersion, certificateType: unknown): string =>
  decide(version, 'InstallCertificate', JSON.stringify({ certificateType, certificate: 'x' })).passage.do;

test('roots of the OCPP link are not installed, others are', () => {
  for (const type of [
    'CentralSystemRootCertificate',
    'CSMSRootCertificate',
    'csmsrootcertificate',
    'V2GRootCertificate ',
    undefined,
    ['V2GRootCertificate'],
  ])
    for (const version of ocppVersions) expect(installed(version, type), String(type)).toBe('answer');
  for (const type of [
    'V2GRootCertificate',
    'MORootCertificate',
    'OEMRootCertificate',
    'ManufacturerRootCertificate',
  ])
    expect(installed('ocpp2.1', type)).toBe('forward');
  for (const [first, last] of [
    ['V2GRootCertificate', 'CSMSRootCertificate'],
    ['CSMSRootCertificate', 'V2GRootCertificate'],
  ]) {
    const twin = `{"certificateType":"${first}","certificateType":"${last}","certificate":"x"}`;
    expect(decide('ocpp2.0.1', 'InstallCertificate', twin).passage.do).toBe('answer');
  }
});

test('a certificate that the link may need is not deleted, nor one that is not clearly named', () => {
  const hash = { hashAlgorithm: 'SHA256', issuerNameHash: 'a', issuerKeyHash: 'b', serialNumber: '1' };
  const remove = (certificateHashData: unknown, isLink: boolean): string =>
    decide('ocpp1.6', 'DeleteCertificate', JSON.stringify({ certificateHashData }), primary, {
      isLinkCertificate: (asked) => {
        expect(asked).toEqual(hash);
        return isLink;
      },
    }).passage.do;
  expect([remove(hash, true), remove(hash, false), remove({ serialNumber: '1' }, false)]).toEqual([
    'answer',
    'forward',
    'answer',
  ]);
});

const certificateSigned = (certificateType: string | undefined, isCertificateAuthority: boolean): string =>
  decide(
    'ocpp2.1',
    'CertificateSigned',
    JSON.stringify({ certificateChain: 'x', certificateType }),
    primary,
    { isCertificateAuthority },
  ).passage.do;

const triggered = (
  action: string,
  version: OcppVersion,
  payload: object,
  isCertificateAuthority = false,
): string => decide(version, action, JSON.stringify(payload), primary, { isCertificateAuthority }).passage.do;

test('the station’s own certificate comes from whoever a route makes its authority, and only it triggers the request', () => {
  expect([
    certificateSigned(undefined, false),
    certificateSigned('ChargingStationCertificate', false),
    certificateSigned(undefined, true),
  ]).toEqual(['answer', 'answer', 'forward']);
  expect([certificateSigned('V2GCertificate', false), certificateSigned('V2G20Certificate', false)]).toEqual([
    'forward',
    'forward',
  ]);
  const own = { requestedMessage: 'SignChargePointCertificate' };
  expect(triggered('ExtendedTriggerMessage', 'ocpp1.6', own)).toBe('answer');
  expect(triggered('ExtendedTriggerMessage', 'ocpp1.6', own, true)).toBe('forward');
  for (const requestedMessage of [
    'SignChargingStationCertificate',
    'SignCombinedCertificate',
    'signV2Gcertificate',
  ])
    expect(triggered('TriggerMessage', 'ocpp2.1', { requestedMessage })).toBe('answer');
  expect(
    triggered('TriggerMessage', 'ocpp2.1', {
      requestedMessage: 'CustomTrigger',
      customTrigger: 'SIGN certificate',
    }),
  ).toBe('answer');
  for (const requestedMessage of ['SignV2GCertificate', 'StatusNotification', 'BootNotification'])
    expect(triggered('TriggerMessage', 'ocpp2.1', { requestedMessage })).toBe('forward');
});

const rootOf = (certificateType: string): string => JSON.stringify({ certificateType, certificate: 'x' });

test('what is refused as a command is refused inside of DataTransfer too (1.6 Plug & Charge)', () => {
  const transfer = (messageId: string, data: unknown): string =>
    decide(
      'ocpp1.6',
      'DataTransfer',
      JSON.stringify({ vendorId: 'org.openchargealliance.iso15118pnc', messageId, data }),
    ).passage.do;
  expect(transfer('InstallCertificate', rootOf('V2GRootCertificate'))).toBe('forward');
  expect(transfer('InstallCertificate', rootOf('CSMSRootCertificate'))).toBe('answer');
  expect(transfer('installCertificate', rootOf('V2GRootCertificate'))).toBe('answer');
  expect(transfer('InstallCertificate', 'no json')).toBe('answer');
  expect(transfer('CertificateSigned', { certificateChain: 'x' })).toBe('answer');
  for (const messageId of ['ChangeConfiguration', 'SetVariables', 'SetNetworkProfile', 'set_variables'])
    expect(transfer(messageId, '{}'), messageId).toBe('answer');
  expect(transfer('RunningCost', '{"cost":1}')).toBe('forward');
  for (const data of [
    'wss://evil.example',
    '{"to":"ws:\\/\\/evil"}',
    '{"to":"\\u0077s://evil"}',
    { to: ['WS://evil'] },
  ])
    expect(transfer('SwitchTo', data), JSON.stringify(data)).toBe('answer');
  const twin = '{"vendorId":"v","messageId":"SetVariables","messageId":"Harmless","data":"{}"}';
  expect(decide('ocpp1.6', 'DataTransfer', twin)).toMatchObject({
    passage: { do: 'answer', answer: { payload: '{"status":"Rejected"}' } },
  });
});

const concerns = (version: OcppVersion, action: string, payload: string): boolean =>
  concernsConnection(version, action, payloadReader(payload));

test('the operator is not intercepted, but can be told what he is about to do', () => {
  const operator: Asker = { name: 'operator', role: 'operator', granted: new Set(), isOwner: false };
  const text = '{"key":"CentralSystemURL","value":"wss://new.example"}';
  expect(decide('ocpp1.6', 'ChangeConfiguration', text, operator).passage).toEqual({ do: 'forward' });
  expect(concerns('ocpp1.6', 'ChangeConfiguration', text)).toBe(true);
  expect(concerns('ocpp1.6', 'ChangeConfiguration', '{"key":"AuthorizationKey","value":"x"}')).toBe(true);
  expect(concerns('ocpp2.0.1', 'SetNetworkProfile', '{}')).toBe(true);
  expect(concerns('ocpp1.6', 'ChangeConfiguration', '{"key":"ConnectionTimeOut","value":"30"}')).toBe(false);
  expect(concerns('ocpp1.6', 'Reset', '{}')).toBe(false);
});

const unread = (): never => {
  throw new Error('read');
};

test('most commands are decided on without reading their payload', () => {
  for (const action of [
    'RemoteStartTransaction',
    'Reset',
    'GetConfiguration',
    'GetLocalListVersion',
    'UpdateFirmware',
  ])
    expect(decideCommand(primary, 'ocpp1.6', action, unread, facts).passage.do).toBe('forward');
});

test('a hostile payload of megabytes is decided on in a moment', () => {
  const startedAtMs = performance.now();
  for (const data of ['\\'.repeat(2_000_000), 'wss:\\'.repeat(500_000), '\\u00'.repeat(500_000)])
    expect(decide('ocpp1.6', 'DataTransfer', JSON.stringify({ vendorId: 'v', data })).passage.do).toBe(
      'forward',
    );
  const value = 'server'.repeat(300_000);
  expect(writes('ocpp1.6', value, value).passage.do).toBe('answer');
  expect(performance.now() - startedAtMs).toBeLessThan(20_000);
});
