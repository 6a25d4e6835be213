import { expect, test } from 'vitest';
import { redact } from './redact.ts';

function redacted(payload: object): string {
  return redact('SetVariables', JSON.stringify(payload));
}

test('a secret is struck out wherever commands, results and reports carry one', () => {
  for (const payload of [
    { key: ' authorization-KEY', value: 's3cret' },
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
