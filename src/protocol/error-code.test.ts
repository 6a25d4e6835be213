import { describe, expect, test } from 'vitest';
import { callErrorText, errorCode, errorDescriptionCharactersMax, type ErrorMeaning } from './error-code.ts';
import { ocppVersions } from './version.ts';

/** Meaning, then the spelling of 1.6, 2.0.1 and 2.1 (OCPP-J 1.6 §4.2.3 with errata 5.1 and 5.2; Part 4 §4.3). */
const spellings: Readonly<Record<ErrorMeaning, readonly [string, string, string]>> = {
  not_implemented: ['NotImplemented', 'NotImplemented', 'NotImplemented'],
  not_supported: ['NotSupported', 'NotSupported', 'NotSupported'],
  internal: ['InternalError', 'InternalError', 'InternalError'],
  protocol: ['ProtocolError', 'ProtocolError', 'ProtocolError'],
  security: ['SecurityError', 'SecurityError', 'SecurityError'],
  format: ['FormationViolation', 'FormatViolation', 'FormatViolation'],
  property: ['PropertyConstraintViolation', 'PropertyConstraintViolation', 'PropertyConstraintViolation'],
  occurrence: [
    'OccurenceConstraintViolation',
    'OccurrenceConstraintViolation',
    'OccurrenceConstraintViolation',
  ],
  type: ['TypeConstraintViolation', 'TypeConstraintViolation', 'TypeConstraintViolation'],
  generic: ['GenericError', 'GenericError', 'GenericError'],
  rpc_framework: ['FormationViolation', 'RpcFrameworkError', 'RpcFrameworkError'],
  message_type_not_supported: ['NotSupported', 'MessageTypeNotSupported', 'MessageTypeNotSupported'],
};

describe.each(Object.entries(spellings))('%s', (meaning, expected) => {
  test.each(ocppVersions.map((version, at) => [version, expected[at]] as const))(
    '%s spells it %s',
    (version, code) => {
      expect(errorCode(version, meaning as ErrorMeaning)).toBe(code);
    },
  );
});

test('a description is escaped and cut to what OCPP-J allows', () => {
  const text = callErrorText('ocpp2.1', '"1"', 'internal', `"\n${'x'.repeat(400)}`);
  const [type, id, code, description, details] = JSON.parse(text) as [number, string, string, string, object];
  expect([type, id, code, details]).toEqual([4, '1', 'InternalError', {}]);
  expect(description).toHaveLength(errorDescriptionCharactersMax);
});
