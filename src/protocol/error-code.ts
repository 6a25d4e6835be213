/**
 * The error codes of CALLERROR, by meaning, in each version's own spelling.
 *
 * Pure. OCPP-J 1.6 §4.2.3 spells two of them wrong and its errata (5.1, 5.2) say that this stays so:
 * `FormationViolation` and `OccurenceConstraintViolation`.
 */
import type { OcppVersion } from './version.ts';

export type ErrorMeaning =
  | 'not_implemented'
  | 'not_supported'
  | 'internal'
  | 'protocol'
  | 'security'
  | 'format'
  | 'property'
  | 'occurrence'
  | 'type'
  | 'generic'
  | 'rpc_framework'
  | 'message_type_not_supported';

const ocpp16: Readonly<Record<ErrorMeaning, string>> = {
  not_implemented: 'NotImplemented',
  not_supported: 'NotSupported',
  internal: 'InternalError',
  protocol: 'ProtocolError',
  security: 'SecurityError',
  format: 'FormationViolation',
  property: 'PropertyConstraintViolation',
  occurrence: 'OccurenceConstraintViolation',
  type: 'TypeConstraintViolation',
  generic: 'GenericError',
  rpc_framework: 'FormationViolation',
  message_type_not_supported: 'NotSupported',
};

const ocpp2: Readonly<Record<ErrorMeaning, string>> = {
  ...ocpp16,
  format: 'FormatViolation',
  occurrence: 'OccurrenceConstraintViolation',
  rpc_framework: 'RpcFrameworkError',
  message_type_not_supported: 'MessageTypeNotSupported',
};

/** The code on the wire. */
export function errorCode(version: OcppVersion, meaning: ErrorMeaning): string {
  return version === 'ocpp1.6' ? ocpp16[meaning] : ocpp2[meaning];
}

/** Codes that tell of a trouble of the callee, and nothing of the call: the same call may be taken later. Spelt alike in every version. */
const passing: ReadonlySet<string> = new Set([ocpp2.internal, ocpp2.generic, ocpp2.security]);

/** True for an error that may pass; every other one is of the call itself, which is refused for good. */
export function isPassing(code: string): boolean {
  return passing.has(code);
}

/** Spelt alike in every version, too. */
const notProvided: ReadonlySet<string> = new Set([ocpp2.not_implemented, ocpp2.not_supported]);

/** True for an error that says that the callee does not have such an action at all. */
export function isNotProvided(code: string): boolean {
  return notProvided.has(code);
}

/** The longest error description of OCPP-J (string[255]); longer ones have crashed station stacks. */
export const errorDescriptionCharactersMax = 255;

/**
 * The text of a CALLERROR that Busbar writes itself.
 *
 * `idToken` is the id as JSON, quotes included, as it stood in the call. `description` is ours and never echoes input.
 */
export function callErrorText(
  version: OcppVersion,
  idToken: string,
  meaning: ErrorMeaning,
  description: string,
): string {
  const cut = description.slice(0, errorDescriptionCharactersMax);
  return `[4,${idToken},"${errorCode(version, meaning)}",${JSON.stringify(cut)},{}]`;
}
