import { expect, test } from 'vitest';
import { redact, redactFrame, writesSecret } from './redact.ts';

function redacted(payload: object): string {
  return redact('SetVariables', JSON.stringify(payload));
}

test('a secret is struck out wherever commands, results and reports carry one', () => {
  for (const payload of [
    { key: ' authorization-KEY', value: 's3cret' },
    { Key: 'AuthorizationKey', Value: 's3cret' },
    {
      SetVariableData: [
        {
          Component: { Name: 'SecurityCtrlr' },
          Variable: { Name: 'BasicAuthPassword' },
          AttributeValue: 's3cret',
        },
      ],
    },
    { ConnectionData: { Vpn: { Key: 's3cret' } } },
    { configurationKey: [{ key: 'AuthorizationKey', readonly: false, value: 's3cret' }] },
    {
      setVariableData: [
        {
          component: { name: 'SecurityCtrlr' },
          variable: { name: 'BasicAuthPassword' },
          attributeValue: 's3cret',
        },
      ],
    },
    { connectionData: { basicAuthPassword: 's3cret', apn: { apnPassword: 's3cret', simPin: 1234 } } },
    { connectionData: { vpn: { user: 'u', key: 's3cret' } } },
    {
      setVariableData: [
        {
          component: { name: 'NetworkConfiguration', instance: '1' },
          variable: { name: 'VpnKey' },
          attributeValue: 's3cret',
        },
      ],
    },
    { key: 'LogTarget', value: 'ftp://u:s3cret@files.example/logs' },
    {
      reportData: [
        {
          component: { name: 'A' },
          variable: { name: 'WifiPassword' },
          variableAttribute: [{ value: 's3cret' }],
        },
      ],
    },
  ]) {
    const text = redacted(payload);
    expect(text).not.toMatch(/s3cret|1234/);
    expect(text).toContain('***');
  }
});

test('what has no secret stays as it is, to the byte', () => {
  const text = '{ "key" : "MeterValueSampleInterval", "value":"60" }';
  expect(redact('ChangeConfiguration', text)).toBe(text);
  expect(redact('DataTransfer', '{"password":1}')).toBe('{"password":1}');
});

test('what two parsers read differently is not shown', () => {
  expect(redact('changeConfiguration', '{"key":"A","key":"AuthorizationKey","value":"s3cret"}')).toBe('{}');
});

test.each([
  ['GetDiagnostics', { location: 'ftp://user:s3cret@files.example:21/up' }],
  ['UpdateFirmware', { location: 'FTPS://user:s3cr@et@files.example/fw.bin?v=1' }],
  ['GetLog', { requestId: 1, log: { remoteLocation: 'sftp://user:s3cret@files.example/' } }],
  ['SignedUpdateFirmware', { firmware: { location: 'https://:s3cret@files.example/' } }],
  ['PublishFirmwareStatusNotification', { location: ['http://user:s3cret@10.0.0.1/fw'] }],
  // A token that stands in the user's place.
  ['GetLog', { requestId: 1, log: { remoteLocation: 'https://s3cret@files.example/' } }],
  ['GetDiagnostics', { location: 'ftp://user:s3cr?et@files.example/' }],
])(
  '%s is shown without the password for its file server, and is no secret of the station',
  (action, payload) => {
    const text = JSON.stringify(payload);
    const shown = redact(action, text);
    expect(shown).not.toMatch(/s3cr|et@/);
    expect(shown).toContain('***@');
    expect(writesSecret(action, text)).toBe(false);
  },
);

test.each([
  [
    'GetLog',
    { requestId: 1, log: { remoteLocation: 'https://s3.example/a.log?X-Amz-Signature=s3cret&x=1' } },
  ],
  ['UpdateFirmware', { location: 'https://blob.example/fw.bin?sv=1&sig=s3cret', retrieveDate: 'x' }],
  ['GetDiagnostics', { location: 'https://files.example/up?s3cret' }],
  ['ChangeConfiguration', { key: 'LogTarget', value: 'https://files.example/#s3cret' }],
])('an address in %s is shown without what its query gives access by', (action, payload) => {
  const shown = redact(action, JSON.stringify(payload));
  expect(shown).not.toContain('s3cret');
  expect(shown).toMatch(/example\/[^"]*[?#]\*\*\*"/);
});

test.each([
  ['ChangeConfiguration', '[4,"1","GenericError","s3cret is too short",{"given":"s3cret"}]'],
  ['SetVariables', '[5,"1","GenericError","s3cret is too short",{"given":"s3cret"}]'],
  ['GetLog', '[4,"1","InternalError","ftp://u:s3cret@files.example: 530",{"u":"https://a/?s3cret"}]'],
  ['BootNotification', '[4,"1","SecurityError","got Authorization: Basic s3cret",{"password":"s3cret"}]'],
  ['BootNotification', '[4,"1","SecurityError","",{"headers":"authorization=Bearer s3cret; a=b"}]'],
  [null, '[4,"1","GenericError","s3cret is too short",{}]'],
  [null, '[3,"1",{"configurationKey":[{"key":"AuthorizationKey","value":"s3cret"}]}]'],
  [null, '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"s3cret"}'],
  [null, 'no JSON, token=s3cret'],
  [
    'SetVariables',
    '[3,"1",{"setVariableResult":[{"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"},"attributeStatusInfo":{"additionalInfo":"s3cret"}}]}]',
  ],
])('what answers %s, or is no frame, is shown without the secret that it repeats: %s', (action, text) => {
  const shown = redactFrame(action, text);
  expect(shown).not.toContain('s3cret');
  expect(shown).toContain('***');
});

test.each([
  ['BootNotification', '[4, "1","SecurityError","Basic authentication failed: no token",{ }]'],
  ['ChangeConfiguration', '[4, "1","NotSupported","",{}]'],
  ['Heartbeat', '[3,"1", {"currentTime":"https://a/?b"}]'],
  [null, '[3,"1", {"status":"Accepted"}]'],
  [null, '[3,"1"]'],
])('a frame of %s that repeats no secret stays as it is, to the byte: %s', (action, text) => {
  expect(redactFrame(action, text)).toBe(text);
});

test.each(['https://files.example:8443/a@b', 'ftp://files.example/', 'urn:a:b@c', 'mailto:a:b@c'])(
  'an address without a password stays as it is: %s',
  (location) => {
    const text = JSON.stringify({ location });
    expect(redact('UpdateFirmware', text)).toBe(text);
  },
);
