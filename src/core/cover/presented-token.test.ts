import { expect, test } from 'vitest';
import { readPayload } from '../commands/payload.ts';
import { presentedToken } from './presented-token.ts';

test('a token is read without its case, in 2.x with its type', () => {
  expect(presentedToken('ocpp1.6', readPayload('{"idTag":"AbC"}'))).toEqual({ text: 'abc' });
  const text = '{"idToken":{"idToken":"AbC","type":"ISO14443"}}';
  for (const version of ['ocpp2.0.1', 'ocpp2.1'] as const)
    expect(presentedToken(version, readPayload(text))).toEqual({ text: 'iso14443:abc' });
  expect(
    presentedToken('ocpp2.1', readPayload('{"idToken":{"idToken":"","type":"NoAuthorization"}}')),
  ).toEqual({ text: 'noauthorization:' });
});

test('a call without a token has none, however odd the rest is', () => {
  for (const text of ['{}', '{"idToken":null}', '{"customData":{"a":1,"A":2}}', 'no JSON', '[]'])
    expect(presentedToken('ocpp2.1', readPayload(text)), text).toBeNull();
  expect(presentedToken('ocpp1.6', readPayload('{"idToken":{"idToken":"a","type":"Local"}}'))).toBeNull();
});

test('a token that is not clear, or too long to be one, is there but says nothing', () => {
  const unclear = [
    '{"idToken":"a"}',
    '{"idToken":{"idToken":"a"}}',
    '{"idToken":{"idToken":"a","type":"Local","idtoken":"b"}}',
    '{"idToken":{"idToken":"a","type":"Local"},"IDTOKEN":{}}',
    `{"idToken":{"idToken":"${'a'.repeat(256)}","type":"Local"}}`,
    `{"idToken":{"idToken":"a","type":"${'a'.repeat(21)}"}}`,
  ];
  for (const text of unclear)
    expect(presentedToken('ocpp2.1', readPayload(text)), text).toEqual({ text: null });
  expect(presentedToken('ocpp1.6', readPayload('{"idTag":7}'))).toEqual({ text: null });
});
