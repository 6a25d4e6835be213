/**
 * Commands whose outcome is not known, and how long a command may take.
 *
 * Pure. H5: when the station is lost after a command was sent, nobody knows whether it was carried out. What leaves the same behind however often it is done may be
 * sent once more; what starts, stops, opens or sends something may not.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { listOf, textOf, type Payload } from './payload.ts';

/** How long a command may wait to be sent; past it, it is refused and never sent (H4). */
export const queueDeadlineMs = 25_000;

/** What only reads, and answers in its own result; and what sets a value to what it then is. */
const repeatable: ReadonlySet<string> = new Set([
  'ChangeAvailability',
  'ChangeConfiguration',
  'ClearCache',
  'GetCompositeSchedule',
  'GetConfiguration',
  'GetInstalledCertificateIds',
  'GetLocalListVersion',
  'GetPeriodicEventStream',
  'GetTariffs',
  'GetTransactionStatus',
  'GetVariables',
  'SetChargingProfile',
  'SetDisplayMessage',
  'SetMonitoringBase',
  'SetMonitoringLevel',
  'SetVariables',
]);

/**
 * May the command be sent once more after an unknown outcome?
 *
 * Reports and logs may not, although they only read: a request id may be used once (2.x B07, B08, N01), and 1.6's second upload cancels the first. A whole list may, a part
 * of one may not.
 */
export function isRepeatable(action: string, payload: () => Payload): boolean {
  if (action === 'SendLocalList') return textOf(payload().members, 'updateType') === 'Full';
  return repeatable.has(action);
}

/** For what a station needs long to do: a list to be stored, a chain to be checked, every key to be collected. */
const slowTimeoutMs = 60_000;

/** How long the station may take to answer. */
export function commandTimeoutMs(
  version: OcppVersion,
  action: string,
  baseMs: number,
  payload: () => Payload,
): number {
  switch (action) {
    case 'SendLocalList':
    case 'CertificateSigned':
      return Math.max(baseMs, slowTimeoutMs);
    case 'GetConfiguration': {
      const isOfAll = version === 'ocpp1.6' && listOf(payload().members, 'key').length === 0;
      return isOfAll ? Math.max(baseMs, slowTimeoutMs) : baseMs;
    }
    default:
      return baseMs;
  }
}
