/**
 * The classes of what stations say: what a backend that listens in may be given or not.
 *
 * Pure. One class an action, but for 1.6's MeterValues, which belong to a transaction or to none.
 */
import type { OcppVersion } from './version.ts';

/**
 * `registration` BootNotification · `liveness` Heartbeat · `state` connectors, firmware and logs · `transactions` what bills · `meter` values outside
 * of a transaction · `authorisation` Authorize · `security` events and certificate requests · `report` parts of an answer to a request · `vendor`
 * DataTransfer · `negotiation` what only one backend can decide, such as charging needs.
 */
export const messageClasses = [
  'registration',
  'liveness',
  'state',
  'transactions',
  'meter',
  'authorisation',
  'security',
  'report',
  'vendor',
  'negotiation',
] as const;

export type MessageClass = (typeof messageClasses)[number];

/** What a backend that listens in gets unless its route says otherwise: enough to know the station, nothing of its drivers. */
export const defaultReceived: readonly MessageClass[] = ['registration', 'liveness', 'state'];

/** What makes a bill or names a driver: only for a backend that is marked as billing nobody. */
export const billingClasses: ReadonlySet<MessageClass> = new Set(['transactions', 'authorisation']);

const classes: Readonly<Record<string, MessageClass>> = {
  BootNotification: 'registration',
  Heartbeat: 'liveness',
  StatusNotification: 'state',
  NotifyEvent: 'state',
  FirmwareStatusNotification: 'state',
  SignedFirmwareStatusNotification: 'state',
  PublishFirmwareStatusNotification: 'state',
  DiagnosticsStatusNotification: 'state',
  LogStatusNotification: 'state',
  ReservationStatusUpdate: 'state',
  StartTransaction: 'transactions',
  StopTransaction: 'transactions',
  TransactionEvent: 'transactions',
  NotifySettlement: 'transactions',
  MeterValues: 'meter',
  Authorize: 'authorisation',
  SecurityEventNotification: 'security',
  SignCertificate: 'security',
  Get15118EVCertificate: 'security',
  GetCertificateStatus: 'security',
  GetCertificateChainStatus: 'security',
  NotifyReport: 'report',
  NotifyMonitoringReport: 'report',
  ReportChargingProfiles: 'report',
  NotifyDisplayMessages: 'report',
  NotifyCustomerInformation: 'report',
  ReportDERControl: 'report',
  DataTransfer: 'vendor',
};

/**
 * The class of a station's call or SEND. An action that is not known counts as vendor's own, which nobody gets unasked.
 *
 * `isOfTransaction`: the message names a transaction; asked for 1.6's MeterValues only.
 */
export function classOf(version: OcppVersion, action: string, isOfTransaction: () => boolean): MessageClass {
  const found = Object.hasOwn(classes, action) ? classes[action] : undefined;
  if (found === undefined) return negotiations.has(action) ? 'negotiation' : 'vendor';
  return found === 'meter' && version === 'ocpp1.6' && isOfTransaction() ? 'transactions' : found;
}

const negotiations: ReadonlySet<string> = new Set([
  'NotifyEVChargingNeeds',
  'NotifyEVChargingSchedule',
  'NotifyChargingLimit',
  'ClearedChargingLimit',
  'PullDynamicScheduleUpdate',
  'VatNumberValidation',
  'NotifyPriorityCharging',
  'BatterySwap',
  'NotifyDERAlarm',
  'NotifyDERStartStop',
  'OpenPeriodicEventStream',
  'ClosePeriodicEventStream',
  'NotifyPeriodicEventStream',
]);
