import { expect, test } from 'vitest';
import { redact, writesSecret } from './redact.ts';

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
])(
  '%s is shown without the password for its file server, and is no secret of the station',
  (action, payload) => {
    const text = JSON.stringify(payload);
    const shown = redact(action, text);
    expect(shown).not.toMatch(/s3cr|et@/);
    expect(shown).toContain(':***@');
    expect(writesSecret(action, text)).toBe(false);
  },
);

test.each(['https://files.example:8443/a@b', 'ftp://user@files.example/', 'urn:a:b@c', 'mailto:a:b@c'])(
  'an address without a password stays as it is: %s',
  (location) => {
    const text = JSON.stringify({ location });
    expect(redact('UpdateFirmware', text)).toBe(text);
  },
);
