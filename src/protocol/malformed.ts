/**
 * What a version prescribes as the answer to a text that is no frame.
 *
 * Pure. OCPP-J 1.6 §4.2.3 answers a call it can identify and is silent on the rest. OCPP 2.0.1 and 2.1 Part 4 §4.2.3, §4.4: what
 * is no valid RPC gets `RpcFrameworkError` under the id "-1" when its own cannot be read. An unknown message type gets
 * `MessageTypeNotSupported` in 2.0.1 and is ignored in 1.6 and in 2.1 (§4.1.3). An answer is never answered, or two peers could go on for ever.
 */
import { callErrorText, type ErrorMeaning } from './error-code.ts';
import type { FrameFault, Malformed } from './frame.ts';
import type { OcppVersion } from './version.ts';

const callType = 2;

/** The CALLERROR to send, or null where silence is prescribed. */
export function answerMalformed(version: OcppVersion, malformed: Malformed): string | null {
  const { fault, typeNumber, idToken } = malformed;
  if (fault === 'unknown_type') {
    return version === 'ocpp2.0.1' ? error(version, idToken, 'message_type_not_supported', fault) : null;
  }
  const isCall = typeNumber === callType;
  if (version === 'ocpp1.6')
    return isCall && idToken !== null ? error(version, idToken, 'format', fault) : null;
  if (isCall) return error(version, idToken, fault === 'bad_payload' ? 'format' : 'rpc_framework', fault);
  return typeNumber === null ? error(version, idToken, 'rpc_framework', fault) : null;
}

const descriptions: Readonly<Record<FrameFault, string>> = {
  not_json: 'The message is not valid JSON.',
  too_deep: 'The message nests deeper than is accepted.',
  not_an_array: 'The message is not a JSON array.',
  bad_type: 'The message type is missing or is not an integer.',
  unknown_type: 'The message type is not known to this version.',
  bad_id: 'The message id is missing, is not a string or has an unusable length.',
  bad_action: 'The action is missing or is not a string.',
  bad_payload: 'The payload is not a JSON object.',
  bad_length: 'The message has too many elements.',
};

function error(
  version: OcppVersion,
  idToken: string | null,
  meaning: ErrorMeaning,
  fault: FrameFault,
): string {
  return callErrorText(version, idToken ?? '"-1"', meaning, descriptions[fault]);
}
