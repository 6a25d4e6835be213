/**
 * What Busbar has to know of an action: whether the station forgets something once it is answered.
 *
 * Pure. Such a message (a transaction message, a security event) is "guaranteed": its answer leaves only after the journal
 * holds it, and Busbar never answers it with an error of its own, because a station discards it after a few failures
 * (OCPP 1.6 §3.7.1; OCPP 2.x E13; security events: security whitepaper A04.FR.02).
 */
import type { OcppVersion } from './version.ts';

const guaranteed: Readonly<Record<OcppVersion, ReadonlySet<string>>> = {
  'ocpp1.6': new Set(['StartTransaction', 'StopTransaction', 'MeterValues', 'SecurityEventNotification']),
  'ocpp2.0.1': new Set(['TransactionEvent', 'SecurityEventNotification']),
  'ocpp2.1': new Set(['TransactionEvent', 'SecurityEventNotification', 'NotifySettlement']),
};

/** True where the station forgets the message once it is answered. */
export function isGuaranteed(version: OcppVersion, action: string): boolean {
  return guaranteed[version].has(action);
}

/**
 * The actions that have one authority, the primary: registration and everything guaranteed. A guaranteed message whose authority is down can
 * only be kept by closing the station's link, and a link should not depend on more backends than one.
 */
export const primaryOnlyActions: ReadonlySet<string> = new Set([
  'BootNotification',
  ...guaranteed['ocpp1.6'],
  ...guaranteed['ocpp2.0.1'],
  ...guaranteed['ocpp2.1'],
]);
