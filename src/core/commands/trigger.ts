/**
 * TriggerMessage of a backend that is not in charge: what Busbar says again in the station's place.
 *
 * Pure. H30: the answer goes first, the message after it. Busbar has the last BootNotification, the last status of every connector and a heartbeat of its own;
 * anything else only the station could say, and it is not asked for those who listen in.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { integerOf, membersOf, textOf, type Members, type Payload } from './payload.ts';
import { refuse, statusInfoOf, type Answer } from './refusal.ts';

/** What the caller sends to the asker after the answer. */
export interface Trigger {
  readonly message: 'BootNotification' | 'StatusNotification' | 'Heartbeat';
  /** 2.x; null for the whole station, and in 1.6. */
  readonly evseId: number | null;
  /** null for every connector. */
  readonly connectorId: number | null;
}

const served: ReadonlySet<string> = new Set<Trigger['message']>([
  'BootNotification',
  'StatusNotification',
  'Heartbeat',
]);

/** Every message that a version's TriggerMessage may ask for. */
const known: ReadonlySet<string> = new Set([
  ...served,
  'DiagnosticsStatusNotification',
  'FirmwareStatusNotification',
  'LogStatusNotification',
  'MeterValues',
  'PublishFirmwareStatusNotification',
  'SignChargePointCertificate',
  'SignChargingStationCertificate',
  'SignCombinedCertificate',
  'SignV2GCertificate',
  'SignV2G20Certificate',
  'TransactionEvent',
]);

/** The answer, and what follows it. */
export function serveTrigger(
  version: OcppVersion,
  action: string,
  payload: () => Payload,
): { readonly answer: Answer; readonly trigger: Trigger | null } {
  const { members } = payload();
  const message = textOf(members, 'requestedMessage') ?? '';
  if (!known.has(message)) return { answer: notImplemented(version), trigger: null };
  if (!served.has(message))
    return { answer: refuse(version, action, 'no_authority', payload), trigger: null };
  const evse = membersOf(members['evse']);
  const trigger: Trigger = {
    message: message as Trigger['message'],
    evseId: integerOf(evse, 'id'),
    connectorId: integerOf(version === 'ocpp1.6' ? members : evse, 'connectorId'),
  };
  return { answer: { kind: 'result', payload: '{"status":"Accepted"}' }, trigger };
}

/** True where the message says something of a transaction: the old primary may ask for that while it has one. */
export function triggersTransaction(members: Members): boolean {
  const message = textOf(members, 'requestedMessage');
  return message === 'MeterValues' || message === 'TransactionEvent' || message === 'StatusNotification';
}

function notImplemented(version: OcppVersion): Answer {
  const info = version === 'ocpp1.6' ? {} : { statusInfo: statusInfoOf('not_implemented') };
  return { kind: 'result', payload: JSON.stringify({ status: 'NotImplemented', ...info }) };
}
