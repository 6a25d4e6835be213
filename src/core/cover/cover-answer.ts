/**
 * What a station is answered in the place of its backend, while that cannot be asked.
 *
 * Pure. The station's own link stays up, so that it does not know and applies none of its rules for being offline; whatever those would have done is done here.
 * Nothing is answered that is not so: what only the backend can know is refused (cover-table.ts). No costs, limits, priorities or messages to the driver are
 * ever made up. Every result is valid by the official schema.
 */
import { assert } from '../../std/assert.ts';
import { isoTime } from '../../std/iso-time.ts';
import type { ErrorMeaning } from '../../protocol/error-code.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { integerOf, listOf, membersOf, readPayload, textOf, type Members } from '../commands/payload.ts';
import { coverTable, type CoverShape } from './cover-table.ts';
import { refusedForMs, refusedInfo, verdictOn, type VerdictFacts } from './cover-verdict.ts';
import { presentedToken } from './presented-token.ts';

export type { AuthorizePolicy } from './cover-verdict.ts';

export interface CoveredCall extends VerdictFacts {
  readonly action: string;
  /** The payload as JSON text. */
  readonly payload: string;
  /**
   * What the primary said of this station's boot; null: it was never asked, or another station answered to this identity then (vendor, model or serial
   * number differ).
   */
  readonly boot: {
    readonly status: 'Accepted' | 'Pending' | 'Rejected';
    /** Seconds. */
    readonly intervalS: number;
  } | null;
  /** 1.6 StartTransaction: the number the station gets, as an integer's text; null for other calls. */
  readonly transactionId: string | null;
}

export type CoverAnswer =
  | { readonly kind: 'result'; readonly payload: string }
  | { readonly kind: 'error'; readonly meaning: ErrorMeaning; readonly description: string };

/** The answer to a station's call. An error only for what is not known, or cannot be refused in its own words: never for what the station then discards. */
export function coverAnswer(call: CoveredCall): CoverAnswer {
  const line = coverTable[call.version].get(call.action);
  return line === undefined ? notImplemented : answers[line.shape](call);
}

/** The payload for a call whose only backend is not to be told, or not waited for: with nothing, or a refusal where the station asks for something. */
export function unaskedAnswer(version: OcppVersion, action: string): string {
  return coverTable[version].get(action)?.shape === 'rejected' ? '{"status":"Rejected"}' : '{}';
}

const notImplemented: CoverAnswer = {
  kind: 'error',
  meaning: 'not_implemented',
  description: 'Busbar does not know this action, and the backend cannot be reached.',
};

const unreadable: CoverAnswer = {
  kind: 'error',
  meaning: 'format',
  description: 'The payload does not say clearly what is meant.',
};

// oxfmt-ignore
const answers: Readonly<Record<CoverShape, (call: CoveredCall) => CoverAnswer>> = {
  empty:       () => resultText('{}'),
  time:        ({ wallMs }) => result({ currentTime: isoTime(wallMs) }),
  boot:        bootAnswer,
  authorize:   authorizeAnswer,
  start:       startAnswer,
  event:       eventAnswer,
  rejected:    () => result({ status: 'Rejected' }),
  failed:      () => result({ status: 'Failed' }),
  accepted:    () => result({ status: 'Accepted' }),
  certificate: () => result({ status: 'Failed', exiResponse: '' }),
  chain:       chainAnswer,
  needs:       needsAnswer,
  vat:         vatAnswer,
};

/** How soon a station that waits for its acceptance asks again. */
const pendingIntervalS = 60;

/** Sticky: a station that was accepted stays so, and one that was not is never accepted in its backend's place. */
function bootAnswer({ boot, wallMs }: CoveredCall): CoverAnswer {
  const status = boot?.status ?? 'Pending';
  const isKept = boot !== null && status !== 'Pending' && Number.isSafeInteger(boot.intervalS);
  const interval = isKept ? boot.intervalS : pendingIntervalS;
  return result({ status, currentTime: isoTime(wallMs), interval });
}

function authorizeAnswer(call: CoveredCall): CoverAnswer {
  const payload = readPayload(call.payload);
  if (call.version === 'ocpp1.6')
    return resultText(`{"idTagInfo":${verdictOn(presentedToken(call.version, payload), call)}}`);
  // Nobody here can check a contract's certificate, and without that its token proves nothing (C07).
  if (hasAny(payload.members, contractMembers))
    return resultText(
      `{"idTokenInfo":${refusedInfo('Invalid', call)},"certificateStatus":"NoCertificateAvailable"}`,
    );
  return resultText(`{"idTokenInfo":${verdictOn(presentedToken(call.version, payload), call)}}`);
}

const contractMembers = ['certificate', 'iso15118CertificateHashData'];

/** The schema wants a number in a refusal too: the station ends what it has begun, or never begins (StopTransactionOnInvalidId). */
function startAnswer(call: CoveredCall): CoverAnswer {
  const { transactionId } = call;
  assert(
    transactionId !== null && /^(0|-?[1-9]\d*)$/.test(transactionId),
    'a started transaction has a number',
  );
  const verdict = verdictOn(presentedToken(call.version, readPayload(call.payload)), call);
  return resultText(`{"transactionId":${transactionId},"idTagInfo":${verdict}}`);
}

function eventAnswer(call: CoveredCall): CoverAnswer {
  const payload = readPayload(call.payload);
  const presented = presentedToken(call.version, payload);
  if (presented === null || isUnderWay(payload.members)) return resultText('{}');
  return resultText(`{"idTokenInfo":${verdictOn(presented, call, isEnd(payload.members))}}`);
}

/** The token is that of who charges already, which some stations say in every event: nothing is asked about it, and a refusal would stop a session that the backend has let begin. */
function isUnderWay(event: Members): boolean {
  return textOf(event, 'eventType') === 'Updated' && underWay.has(textOf(event, 'triggerReason'));
}

/** Without those at which a station may say for the first time who charges. */
const underWay: ReadonlySet<string | null> = new Set([
  'AbnormalCondition',
  'ChargingRateChanged',
  'ChargingStateChanged',
  'CostLimitReached',
  'EnergyLimitReached',
  'EVCommunicationLost',
  'EVDeparted',
  'LimitSet',
  'MeterValueClock',
  'MeterValuePeriodic',
  'OperationModeChanged',
  'ResetCommand',
  'RunningCost',
  'SignedDataReceived',
  'SoCLimitReached',
  'TariffChanged',
  'TimeLimitReached',
  'Trigger',
  'TxResumed',
  'UnlockCommand',
]);

/** The token is presented to end a transaction, not to have one. */
function isEnd(event: Members): boolean {
  return textOf(event, 'eventType') === 'Ended' || textOf(event, 'triggerReason') === 'StopAuthorized';
}

/** The station shall ask again as soon as it would after any other refusal of an outage. */
function chainAnswer({ payload, wallMs }: CoveredCall): CoverAnswer {
  const nextUpdate = isoTime(wallMs + refusedForMs);
  const certificateStatus = listOf(readPayload(payload).members, 'certificateStatusRequests').map(
    (element) => {
      const request = membersOf(element);
      const hash = membersOf(request['certificateHashData']);
      const source = textOf(request, 'source');
      const names = hashMembers.map((name) => [name, textOf(hash, name)] as const);
      if (source === null || names.some(([, text]) => text === null)) return null;
      return { certificateHashData: Object.fromEntries(names), source, status: 'Failed', nextUpdate };
    },
  );
  if (certificateStatus.length === 0 || certificateStatus.includes(null)) return unreadable;
  return result({ certificateStatus });
}

const hashMembers = ['hashAlgorithm', 'issuerNameHash', 'issuerKeyHash', 'serialNumber'];

/**
 * No schedule: the station charges by its default profiles and limits (K15.FR.04). In 2.1 `Rejected` tells a vehicle of ISO 15118-20 that its way of energy
 * transfer is refused, which ends the session; there the answer is that there is no profile (K18, K19.FR.04). Never `Processing`: the vehicle waits 60 s at
 * most.
 */
function needsAnswer({ version, payload }: CoveredCall): CoverAnswer {
  const needs = membersOf(readPayload(payload).members['chargingNeeds']);
  const isIso2 = version === 'ocpp2.0.1' || (hasAny(needs, iso2Members) && !isIso20(needs));
  return result({ status: isIso2 ? 'Rejected' : 'NoChargingProfile' });
}

const iso2Members = ['acChargingParameters', 'dcChargingParameters'];
const iso20Members = [
  'v2xChargingParameters',
  'derChargingParameters',
  'evEnergyOffer',
  'availableEnergyTransfer',
  'controlMode',
  'mobilityNeedsMode',
];
const iso2Transfers: ReadonlySet<string | null> = new Set([
  'AC_single_phase',
  'AC_two_phase',
  'AC_three_phase',
  'DC',
]);

function isIso20(needs: Members): boolean {
  return hasAny(needs, iso20Members) || !iso2Transfers.has(textOf(needs, 'requestedEnergyTransfer'));
}

function hasAny(members: Members, names: readonly string[]): boolean {
  return names.some((name) => Object.hasOwn(members, name));
}

function vatAnswer({ payload }: CoveredCall): CoverAnswer {
  const { members } = readPayload(payload);
  const vatNumber = textOf(members, 'vatNumber');
  const evseId = integerOf(members, 'evseId');
  if (vatNumber === null) return unreadable;
  return result({ status: 'Rejected', vatNumber, ...(evseId === null ? {} : { evseId }) });
}

function result(payload: object): CoverAnswer {
  return resultText(JSON.stringify(payload));
}

function resultText(payload: string): CoverAnswer {
  return { kind: 'result', payload };
}
