/**
 * How each command says no in its own response, version by version.
 *
 * Pure, data. The statuses are those of the official schemas; where a response has none there is only an error. A backend acts on what it is told: a
 * status that would make it believe something untrue of the station ("NotSupported" for a setting that another backend owns) is not used.
 */
import type { OcppVersion } from '../../protocol/version.ts';

export type Negative =
  /** The response has a status that says no. `notNow` where another says better that it was not tried. */
  | {
      readonly shape: 'status';
      readonly status: string;
      readonly notNow: string;
      readonly unknownTransaction: string;
      readonly hasInfo: boolean;
    }
  /** Its only negative says that there is no such thing: true of what the asker itself has there, false where nothing was looked for. */
  | { readonly shape: 'absence'; readonly status: string }
  /** A status for each element of the call. */
  | {
      readonly shape: 'elements';
      readonly of:
        | 'SetVariables'
        | 'GetVariables'
        | 'SetVariableMonitoring'
        | 'ClearVariableMonitoring'
        | 'ClearTariffs';
    }
  /** `GetTransactionStatus`: neither ongoing nor anything to come is what an asker is told of a transaction that is not its own. */
  | { readonly shape: 'transaction_status' }
  /** The response has nothing to say no with. */
  | { readonly shape: 'error' };

const noStatus: Negative = { shape: 'error' };

function status(
  text: string,
  other: { readonly notNow?: string; readonly unknownTransaction?: string; readonly hasInfo?: boolean } = {},
): Negative {
  return { shape: 'status', status: text, notNow: text, unknownTransaction: text, hasInfo: true, ...other };
}

const rejected = status('Rejected');

const ocpp16: Readonly<Record<string, Negative>> = {
  CancelReservation: rejected,
  CertificateSigned: rejected,
  ChangeAvailability: rejected,
  ChangeConfiguration: rejected,
  ClearCache: rejected,
  ClearChargingProfile: { shape: 'absence', status: 'Unknown' },
  DataTransfer: rejected,
  DeleteCertificate: status('Failed'),
  ExtendedTriggerMessage: rejected,
  GetCompositeSchedule: rejected,
  GetConfiguration: noStatus,
  GetDiagnostics: noStatus,
  GetInstalledCertificateIds: noStatus,
  GetLocalListVersion: noStatus,
  GetLog: rejected,
  InstallCertificate: status('Rejected', { notNow: 'Failed' }),
  RemoteStartTransaction: rejected,
  RemoteStopTransaction: rejected,
  ReserveNow: rejected,
  Reset: rejected,
  SendLocalList: status('Failed'),
  SetChargingProfile: rejected,
  SignedUpdateFirmware: rejected,
  TriggerMessage: rejected,
  UnlockConnector: status('UnlockFailed'),
  UpdateFirmware: noStatus,
};

const ocpp201: Readonly<Record<string, Negative>> = {
  CancelReservation: rejected,
  CertificateSigned: rejected,
  ChangeAvailability: rejected,
  ClearCache: rejected,
  ClearChargingProfile: { shape: 'absence', status: 'Unknown' },
  ClearDisplayMessage: { shape: 'absence', status: 'Unknown' },
  ClearVariableMonitoring: { shape: 'elements', of: 'ClearVariableMonitoring' },
  CostUpdated: noStatus,
  CustomerInformation: rejected,
  DataTransfer: rejected,
  DeleteCertificate: status('Failed'),
  GetBaseReport: rejected,
  GetChargingProfiles: { shape: 'absence', status: 'NoProfiles' },
  GetCompositeSchedule: rejected,
  GetDisplayMessages: { shape: 'absence', status: 'Unknown' },
  GetInstalledCertificateIds: noStatus,
  GetLocalListVersion: noStatus,
  GetLog: rejected,
  GetMonitoringReport: rejected,
  GetReport: rejected,
  GetTransactionStatus: { shape: 'transaction_status' },
  GetVariables: { shape: 'elements', of: 'GetVariables' },
  InstallCertificate: status('Rejected', { notNow: 'Failed' }),
  PublishFirmware: rejected,
  RequestStartTransaction: rejected,
  RequestStopTransaction: rejected,
  ReserveNow: rejected,
  Reset: rejected,
  SendLocalList: status('Failed'),
  SetChargingProfile: rejected,
  SetDisplayMessage: status('Rejected', { unknownTransaction: 'UnknownTransaction' }),
  SetMonitoringBase: rejected,
  SetMonitoringLevel: rejected,
  SetNetworkProfile: status('Rejected', { notNow: 'Failed' }),
  SetVariableMonitoring: { shape: 'elements', of: 'SetVariableMonitoring' },
  SetVariables: { shape: 'elements', of: 'SetVariables' },
  TriggerMessage: rejected,
  UnlockConnector: status('UnlockFailed'),
  // Its statuses are an unpublished firmware, none to unpublish, and a download: none of them is a no.
  UnpublishFirmware: noStatus,
  UpdateFirmware: rejected,
};

const ocpp21: Readonly<Record<string, Negative>> = {
  ...ocpp201,
  AFRRSignal: rejected,
  AdjustPeriodicEventStream: rejected,
  ChangeTransactionTariff: status('Rejected', { unknownTransaction: 'TxNotFound' }),
  ClearDERControl: rejected,
  ClearDisplayMessage: rejected,
  ClearTariffs: { shape: 'elements', of: 'ClearTariffs' },
  GetDERControl: rejected,
  GetPeriodicEventStream: noStatus,
  GetTariffs: rejected,
  NotifyAllowedEnergyTransfer: rejected,
  NotifyWebPaymentStarted: noStatus,
  RequestBatterySwap: rejected,
  SetDERControl: rejected,
  SetDefaultTariff: rejected,
  UpdateDynamicSchedule: rejected,
  UsePriorityCharging: rejected,
};

export const negatives: Readonly<Record<OcppVersion, Readonly<Record<string, Negative>>>> = {
  'ocpp1.6': ocpp16,
  'ocpp2.0.1': ocpp201,
  'ocpp2.1': ocpp21,
};

/** The negative of an action; null where the version has no such command. */
export function negativeOf(version: OcppVersion, action: string): Negative | null {
  return Object.hasOwn(negatives[version], action) ? (negatives[version][action] as Negative) : null;
}
