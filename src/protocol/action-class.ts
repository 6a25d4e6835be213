/**
 * What kind of business a station's call is, for measurements: a handful of classes instead of a hundred actions.
 *
 * Pure. OCPP 1.6 §4 and 2.x Part 2; an action that no list has (a vendor's, a later version's) is `other`.
 */
export const actionClasses = [
  'registration',
  'state',
  'transactions',
  'authorisation',
  'meter',
  'other',
] as const;

export type ActionClass = (typeof actionClasses)[number];

const classes: ReadonlyMap<string, ActionClass> = new Map<string, ActionClass>([
  ['BootNotification', 'registration'],
  ['Heartbeat', 'registration'],
  ['StatusNotification', 'state'],
  ['NotifyEvent', 'state'],
  ['FirmwareStatusNotification', 'state'],
  ['DiagnosticsStatusNotification', 'state'],
  ['LogStatusNotification', 'state'],
  ['SecurityEventNotification', 'state'],
  ['StartTransaction', 'transactions'],
  ['StopTransaction', 'transactions'],
  ['TransactionEvent', 'transactions'],
  ['NotifySettlement', 'transactions'],
  ['Authorize', 'authorisation'],
  ['MeterValues', 'meter'],
]);

/** The class of a call's action; null stands for an action that is not known. */
export function classOfAction(action: string | null): ActionClass {
  return action === null ? 'other' : (classes.get(action) ?? 'other');
}
