/**
 * Where identifiers stand in messages: per direction and action, which path holds which kind.
 *
 * Pure data. OCPP 1.6 part 2 and security whitepaper; OCPP 2.0.1 and 2.1 part 2. A test walks every official schema and fails when a field that looks like an
 * identifier is neither here nor among the exceptions it names.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import type { Path } from '../../protocol/splice.ts';
import type { ObjectKind } from './ledger.ts';

/** `transaction` · `request`, also for remote starts · an object that a backend placed: `define` names a new one, `refer` one that is there. */
export type IdField =
  | { readonly path: Path; readonly kind: 'transaction' | 'request' }
  | {
      readonly path: Path;
      readonly kind: ObjectKind;
      readonly use: 'define' | 'refer';
      readonly isOptional: boolean;
    };

const field = (path: string, kind: 'transaction' | 'request'): IdField => ({ path: path.split('.'), kind });
const defines = (path: string, kind: ObjectKind): IdField => ({
  path: path.split('.'),
  kind,
  use: 'define',
  isOptional: false,
});
const refers = (path: string, kind: ObjectKind, isOptional = false): IdField => ({
  path: path.split('.'),
  kind,
  use: 'refer',
  isOptional,
});

type Table = Readonly<Record<string, readonly IdField[]>>;

const downV16: Table = {
  RemoteStopTransaction: [field('transactionId', 'transaction')],
  RemoteStartTransaction: [defines('chargingProfile.chargingProfileId', 'profile')],
  SetChargingProfile: [
    field('csChargingProfiles.transactionId', 'transaction'),
    defines('csChargingProfiles.chargingProfileId', 'profile'),
  ],
  ClearChargingProfile: [refers('id', 'profile')],
  ReserveNow: [defines('reservationId', 'reservation')],
  CancelReservation: [refers('reservationId', 'reservation')],
  GetLog: [field('requestId', 'request')],
  SignedUpdateFirmware: [field('requestId', 'request')],
};

const upV16: Table = {
  StartTransaction: [refers('reservationId', 'reservation', true)],
  StopTransaction: [field('transactionId', 'transaction')],
  MeterValues: [field('transactionId', 'transaction')],
  LogStatusNotification: [field('requestId', 'request')],
  SignedFirmwareStatusNotification: [field('requestId', 'request')],
};

const downV2: Table = {
  RequestStartTransaction: [field('remoteStartId', 'request'), defines('chargingProfile.id', 'profile')],
  SetChargingProfile: [defines('chargingProfile.id', 'profile')],
  ClearChargingProfile: [refers('chargingProfileId', 'profile')],
  GetChargingProfiles: [
    field('requestId', 'request'),
    refers('chargingProfile.chargingProfileId.*', 'profile'),
  ],
  ReserveNow: [defines('id', 'reservation')],
  CancelReservation: [refers('reservationId', 'reservation')],
  GetBaseReport: [field('requestId', 'request')],
  GetReport: [field('requestId', 'request')],
  GetMonitoringReport: [field('requestId', 'request')],
  GetDisplayMessages: [field('requestId', 'request'), refers('id.*', 'display')],
  SetDisplayMessage: [defines('message.id', 'display')],
  ClearDisplayMessage: [refers('id', 'display')],
  CustomerInformation: [field('requestId', 'request')],
  GetLog: [field('requestId', 'request')],
  UpdateFirmware: [field('requestId', 'request')],
  PublishFirmware: [field('requestId', 'request')],
  GetDERControl: [field('requestId', 'request'), refers('controlId', 'control')],
  SetDERControl: [defines('controlId', 'control')],
  ClearDERControl: [refers('controlId', 'control')],
  RequestBatterySwap: [field('requestId', 'request')],
  SetDefaultTariff: [defines('tariff.tariffId', 'tariff')],
  ChangeTransactionTariff: [defines('tariff.tariffId', 'tariff')],
  ClearTariffs: [refers('tariffIds.*', 'tariff')],
  UpdateDynamicSchedule: [refers('chargingProfileId', 'profile')],
};

const upV2: Table = {
  TransactionEvent: [
    field('transactionInfo.remoteStartId', 'request'),
    refers('reservationId', 'reservation', true),
    refers('transactionInfo.tariffId', 'tariff', true),
  ],
  NotifyReport: [field('requestId', 'request')],
  NotifyMonitoringReport: [field('requestId', 'request')],
  ReportChargingProfiles: [field('requestId', 'request'), refers('chargingProfile.*.id', 'profile')],
  NotifyDisplayMessages: [field('requestId', 'request'), refers('messageInfo.*.id', 'display')],
  NotifyCustomerInformation: [field('requestId', 'request')],
  LogStatusNotification: [field('requestId', 'request')],
  FirmwareStatusNotification: [field('requestId', 'request')],
  PublishFirmwareStatusNotification: [field('requestId', 'request')],
  ReportDERControl: [field('requestId', 'request')],
  NotifyDERStartStop: [refers('controlId', 'control')],
  BatterySwap: [field('requestId', 'request')],
  ReservationStatusUpdate: [refers('reservationId', 'reservation')],
  PullDynamicScheduleUpdate: [refers('chargingProfileId', 'profile')],
};

const none: readonly IdField[] = [];

/** The fields of a backend's command. */
export function fieldsOfCommand(version: OcppVersion, action: string): readonly IdField[] {
  return of(version === 'ocpp1.6' ? downV16 : downV2, action);
}

/** The fields of a station's call or SEND. */
export function fieldsOfCall(version: OcppVersion, action: string): readonly IdField[] {
  return of(version === 'ocpp1.6' ? upV16 : upV2, action);
}

/** A status after which nothing more comes for that request. Statuses that are not here end it too, but for those that say it goes on. */
export const goingOn: ReadonlySet<string> = new Set([
  'Downloading',
  'Downloaded',
  'DownloadScheduled',
  'DownloadPaused',
  'Installing',
  'Installed',
  'InstallRebooting',
  'InstallScheduled',
  'SignatureVerified',
  'ChecksumVerified',
  'Uploading',
  'PublishingOrder',
]);

function of(table: Table, action: string): readonly IdField[] {
  return Object.hasOwn(table, action) ? (table[action] ?? none) : none;
}
