/**
 * What Busbar answers a station in the place of a backend that is down, and what the backend still gets later: one line a group of actions.
 *
 * Pure, data. Every call that a station may send in any version stands here once; whatever else comes is not implemented. How each answer is written is
 * cover-answer.ts, who may charge is cover-verdict.ts.
 */
import type { OcppVersion } from '../../protocol/version.ts';

/**
 * `empty` `{}` · `time` the time · `boot` what the primary last said of the same station · `authorize` the verdict on a token, in 2.x with that on a
 * certificate · `start` the verdict with a transaction's number · `event` the verdict where there is a token · `rejected`, `failed`, `accepted` that status
 * and nothing else · `certificate` no contract certificate · `chain` every certificate asked of failed to be checked · `needs` no charging schedule · `vat` the number is not
 * confirmed.
 */
export type CoverShape =
  | 'empty'
  | 'time'
  | 'boot'
  | 'authorize'
  | 'start'
  | 'event'
  | 'rejected'
  | 'failed'
  | 'accepted'
  | 'certificate'
  | 'chain'
  | 'needs'
  | 'vat';

/**
 * `held` it must be delivered later, in order · `latest` only the newest state matters, and that is told from the station's image · `none` it is of no use
 * later.
 */
export type Later = 'held' | 'latest' | 'none';

export interface CoverLine {
  readonly versions: readonly OcppVersion[];
  readonly shape: CoverShape;
  readonly later: Later;
  /** How long a held message is worth delivering, in milliseconds; null: for ever. */
  readonly keptMs: number | null;
  readonly actions: readonly string[];
}

const all: readonly OcppVersion[] = ['ocpp1.6', 'ocpp2.0.1', 'ocpp2.1'];
const v16: readonly OcppVersion[] = ['ocpp1.6'];
const v2: readonly OcppVersion[] = ['ocpp2.0.1', 'ocpp2.1'];
const v21: readonly OcppVersion[] = ['ocpp2.1'];

/** Who asked for a report asks again once it has been gone for longer. */
const reportKeptMs = 5 * 60_000;
/** Meter values that bill nobody are a curve of the day. */
const meterKeptMs = 24 * 3_600_000;

function line(
  versions: readonly OcppVersion[],
  shape: CoverShape,
  later: Later,
  keptMs: number | null,
  ...actions: readonly string[]
): CoverLine {
  return { versions, shape, later, keptMs, actions };
}

// oxfmt-ignore
const lines: readonly CoverLine[] = [
  //   versions  answer         later     kept          actions
  // The newest boot is told first when the backend is back; it needs no other.
  line(all,      'boot',        'latest', null,         'BootNotification'),
  line(all,      'time',        'none',   null,         'Heartbeat'),
  // Faults and alerts are kept besides (station/missed.ts).
  line(all,      'empty',       'latest', null,         'StatusNotification'),
  line(v2,       'empty',       'latest', null,         'NotifyEvent'),
  // An authorisation that is hours old means nothing, and some backends would log it as an attempt.
  line(all,      'authorize',   'none',   null,         'Authorize'),
  line(v16,      'start',       'held',   null,         'StartTransaction'),
  // Without idTagInfo, which is optional: nothing may keep a transaction from ending (1.6 §4.10).
  line(v16,      'empty',       'held',   null,         'StopTransaction', 'MeterValues'),
  line(v2,       'event',       'held',   null,         'TransactionEvent'),
  // In 2.x these belong to no transaction (J01).
  line(v2,       'empty',       'held',   meterKeptMs,  'MeterValues'),
  line(all,      'empty',       'held',   null,         'FirmwareStatusNotification', 'LogStatusNotification'),
  line(v16,      'empty',       'held',   null,         'SignedFirmwareStatusNotification', 'DiagnosticsStatusNotification'),
  line(v2,       'empty',       'held',   null,         'PublishFirmwareStatusNotification'),
  // The station itself queues them (A04.FR.02).
  line(all,      'empty',       'held',   null,         'SecurityEventNotification'),
  line(v2,       'empty',       'held',   reportKeptMs, 'NotifyReport', 'NotifyMonitoringReport', 'NotifyCustomerInformation'),
  line(v2,       'empty',       'held',   reportKeptMs, 'NotifyDisplayMessages', 'ReportChargingProfiles'),
  line(v21,      'empty',       'held',   reportKeptMs, 'ReportDERControl'),
  line(v2,       'empty',       'held',   null,         'ReservationStatusUpdate', 'ClearedChargingLimit', 'NotifyChargingLimit'),
  line(v21,      'empty',       'held',   null,         'NotifyPriorityCharging', 'NotifyDERAlarm', 'NotifyDERStartStop'),
  line(v21,      'empty',       'held',   null,         'NotifySettlement', 'BatterySwap'),
  line(v2,       'needs',       'none',   null,         'NotifyEVChargingNeeds'),
  line(v2,       'accepted',    'held',   null,         'NotifyEVChargingSchedule'),
  // The station asks again by itself (CertSigningWaitMinimum, CertSigningRepeatTimes).
  line(all,      'rejected',    'none',   null,         'SignCertificate'),
  line(v2,       'certificate', 'none',   null,         'Get15118EVCertificate'),
  line(v2,       'failed',      'none',   null,         'GetCertificateStatus'),
  line(v21,      'chain',       'none',   null,         'GetCertificateChainStatus'),
  // No vendor's messages are known to be such that a later delivery is as good.
  line(all,      'rejected',    'none',   null,         'DataTransfer'),
  // The station then sends NotifyEvent (N11.FR.07).
  line(v21,      'rejected',    'none',   null,         'OpenPeriodicEventStream'),
  line(v21,      'empty',       'none',   null,         'ClosePeriodicEventStream'),
  line(v21,      'rejected',    'none',   null,         'PullDynamicScheduleUpdate'),
  line(v21,      'vat',         'none',   null,         'VatNumberValidation'),
];

function linesOf(version: OcppVersion): ReadonlyMap<string, CoverLine> {
  const own = lines.filter(({ versions }) => versions.includes(version));
  return new Map(own.flatMap((one) => one.actions.map((action) => [action, one] as const)));
}

/** By version and action. */
export const coverTable: Readonly<Record<OcppVersion, ReadonlyMap<string, CoverLine>>> = {
  'ocpp1.6': linesOf('ocpp1.6'),
  'ocpp2.0.1': linesOf('ocpp2.0.1'),
  'ocpp2.1': linesOf('ocpp2.1'),
};
