/**
 * What a backend is answered when its command is not sent to the station.
 *
 * Pure. The no is said in the response's own words wherever it has any (negatives.ts), since backends know what to do with those; a CALLERROR is the answer
 * where it has none, or where its words would be untrue. Every answer is valid by the official schema. H4, H5, H15.
 */
import type { ErrorMeaning } from '../../protocol/error-code.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { negativeOf, type Negative } from './negatives.ts';
import { integerOf, listOf, membersOf, textOf, type Members, type Payload } from './payload.ts';
import { variableOf } from './variable.ts';

/** An answer of Busbar's own: a result's payload as JSON, or an error. */
export type Answer =
  | { readonly kind: 'result'; readonly payload: string }
  | { readonly kind: 'error'; readonly meaning: ErrorMeaning; readonly description: string };

/**
 * `no_authority` the asker may not do this · `protected` nobody may, through Busbar · `unknown_transaction` it is not the asker's · `expired` its time was up
 * before it could be sent · `not_connected` · `queue_full` · `outcome_unknown` it was sent and the link was lost · `unreadable` the payload does not say
 * clearly what is meant · `not_implemented` the action means something in another version only · `list_not_own` the list on the station is another's.
 */
export type RefusalReason =
  | 'no_authority'
  | 'protected'
  | 'unknown_transaction'
  | 'expired'
  | 'not_connected'
  | 'queue_full'
  | 'outcome_unknown'
  | 'unreadable'
  | 'not_implemented'
  | 'list_not_own';

interface Words {
  readonly meaning: ErrorMeaning;
  readonly description: string;
  /** For 2.x's `statusInfo`; at most 20 characters. */
  readonly reasonCode: string;
  /** Not tried, or tried and not known: nothing may be said of what is there. */
  readonly isNotNow: boolean;
}

export const refusalWords: Readonly<Record<RefusalReason, Words>> = {
  no_authority: {
    meaning: 'security',
    description: 'Not authorised in current role.',
    reasonCode: 'NoAuthority',
    isNotNow: false,
  },
  protected: {
    meaning: 'security',
    description: 'Busbar does not pass on what changes how the station is connected.',
    reasonCode: 'Protected',
    isNotNow: false,
  },
  unknown_transaction: {
    meaning: 'generic',
    description: 'This backend has no such transaction on this station.',
    reasonCode: 'UnknownTxId',
    isNotNow: false,
  },
  expired: {
    meaning: 'generic',
    description: 'Gateway timeout: the command was not sent to the station and will not be.',
    reasonCode: 'GatewayTimeout',
    isNotNow: true,
  },
  not_connected: {
    meaning: 'generic',
    description: 'The station is not connected.',
    reasonCode: 'NotConnected',
    isNotNow: true,
  },
  queue_full: {
    meaning: 'generic',
    description: 'Too many commands wait for this station.',
    reasonCode: 'TooManyCommands',
    isNotNow: true,
  },
  outcome_unknown: {
    meaning: 'generic',
    description: 'Outcome unknown: the station was lost after the command was sent.',
    reasonCode: 'OutcomeUnknown',
    isNotNow: true,
  },
  unreadable: {
    meaning: 'format',
    description: 'The payload does not say clearly what is meant.',
    reasonCode: 'Unreadable',
    isNotNow: false,
  },
  not_implemented: {
    meaning: 'not_implemented',
    description: 'This action is not one of the version in use.',
    reasonCode: 'NotImplemented',
    isNotNow: false,
  },
  list_not_own: {
    meaning: 'generic',
    description: "The local list on the station is not this backend's.",
    reasonCode: 'ListNotOwn',
    isNotNow: false,
  },
};

/** The answer to a command that is refused. `payload` is read for answers that go element by element. */
export function refuse(
  version: OcppVersion,
  action: string,
  reason: RefusalReason,
  payload: () => Payload,
): Answer {
  const words = refusalWords[reason];
  const negative = negativeOf(version, action);
  if (negative === null || reason === 'outcome_unknown' || reason === 'not_implemented')
    return errorAnswer(words);
  switch (negative.shape) {
    case 'status':
      return result(version, statusOf(negative, action, reason), negative.hasInfo ? reason : null);
    case 'absence':
      return words.isNotNow ? errorAnswer(words) : result(version, negative.status, reason);
    case 'elements':
      return elementsAnswer(negative.of, reason, payload().members) ?? errorAnswer(words);
    case 'transaction_status':
      // Asked of all transactions, there may be messages yet to come.
      return reason === 'unknown_transaction' && textOf(payload().members, 'transactionId') !== null
        ? { kind: 'result', payload: '{"ongoingIndicator":false,"messagesInQueue":false}' }
        : errorAnswer(words);
    case 'error':
      return errorAnswer(words);
  }
}

function statusOf(
  negative: Extract<Negative, { shape: 'status' }>,
  action: string,
  reason: RefusalReason,
): string {
  if (reason === 'unknown_transaction') return negative.unknownTransaction;
  // The backend then sends its whole list (2.x D01.FR.03; 1.6 §5.15).
  if (reason === 'list_not_own' && action === 'SendLocalList') return 'VersionMismatch';
  return refusalWords[reason].isNotNow ? negative.notNow : negative.status;
}

function errorAnswer({ meaning, description }: Words): Answer {
  return { kind: 'error', meaning, description };
}

function result(version: OcppVersion, status: string, reason: RefusalReason | null): Answer {
  const info = version === 'ocpp1.6' || reason === null ? {} : { statusInfo: statusInfoOf(reason) };
  return { kind: 'result', payload: JSON.stringify({ status, ...info }) };
}

/** 2.x's `statusInfo` for a reason. */
export function statusInfoOf(reason: RefusalReason): {
  readonly reasonCode: string;
  readonly additionalInfo: string;
} {
  const { reasonCode, description } = refusalWords[reason];
  return { reasonCode, additionalInfo: description };
}

const monitorTypes: ReadonlySet<string> = new Set([
  'UpperThreshold',
  'LowerThreshold',
  'Delta',
  'Periodic',
  'PeriodicClockAligned',
  'TargetDelta',
  'TargetDeltaRelative',
]);

/** Null where an element cannot be named again as the schema wants it. */
function elementsAnswer(
  of: Extract<Negative, { shape: 'elements' }>['of'],
  reason: RefusalReason,
  members: Members,
): Answer | null {
  const statusInfo = statusInfoOf(reason);
  switch (of) {
    case 'SetVariables':
      return listAnswer('setVariableResult', listOf(members, 'setVariableData'), (element) =>
        refusedVariable(element, reason),
      );
    case 'GetVariables':
      return listAnswer('getVariableResult', listOf(members, 'getVariableData'), (element) =>
        refusedVariable(element, reason),
      );
    case 'SetVariableMonitoring':
      return listAnswer('setMonitoringResult', listOf(members, 'setMonitoringData'), (element) => {
        const name = variableOf(element);
        const monitor = membersOf(element);
        const type = textOf(monitor, 'type');
        const severity = integerOf(monitor, 'severity');
        if (name === null || type === null || !monitorTypes.has(type) || severity === null) return null;
        const { component, variable } = name;
        return { status: 'Rejected', type, severity, component, variable, statusInfo };
      });
    case 'ClearVariableMonitoring':
      return listAnswer('clearMonitoringResult', listOf(members, 'id'), (id) =>
        typeof id === 'number' && Number.isSafeInteger(id) ? { status: 'Rejected', id, statusInfo } : null,
      );
    case 'ClearTariffs': {
      const tariffIds = 'tariffIds' in members ? listOf(members, 'tariffIds') : [null];
      return listAnswer('clearTariffsResult', tariffIds, (tariffId) => {
        if (tariffId === null) return { status: 'Rejected', statusInfo };
        return typeof tariffId === 'string' && tariffId.length <= 60
          ? { status: 'Rejected', tariffId, statusInfo }
          : null;
      });
    }
  }
}

/** The refusal of one element of SetVariables or GetVariables; null where it does not name a variable. */
export function refusedVariable(element: unknown, reason: RefusalReason): object | null {
  const name = variableOf(element);
  return name === null
    ? null
    : { attributeStatus: 'Rejected', attributeStatusInfo: statusInfoOf(reason), ...name };
}

function listAnswer(
  member: string,
  elements: readonly unknown[],
  answer: (element: unknown) => object | null,
): Answer | null {
  const answers = elements.map(answer);
  if (answers.length === 0 || answers.includes(null)) return null;
  return { kind: 'result', payload: JSON.stringify({ [member]: answers }) };
}
