/**
 * Where OCPP 1.6 and its security extension carry identifiers that one side gives out.
 *
 * Pure data. GetDiagnostics and UpdateFirmware have none: their notifications go to whoever asked last.
 */
import { field, table, type FieldTable } from './field.ts';

export const fieldsV16: FieldTable = {
  stationCalls: table({
    StartTransaction: [field('reservationId', 'reservation', 'optional')],
    StopTransaction: [field('transactionId', 'transaction', 'subject')],
    MeterValues: [field('transactionId', 'transaction', 'subject')],
    LogStatusNotification: [field('requestId', 'request', 'subject')],
    SignedFirmwareStatusNotification: [field('requestId', 'request', 'subject')],
  }),
  backendResults: table({ StartTransaction: [field('transactionId', 'transaction', 'write')] }),
  backendCalls: table({
    RemoteStartTransaction: [
      field('chargingProfile.chargingProfileId', 'profile', 'write'),
      field('chargingProfile.transactionId', 'transaction', 'refer'),
    ],
    RemoteStopTransaction: [field('transactionId', 'transaction', 'refer')],
    SetChargingProfile: [
      field('csChargingProfiles.chargingProfileId', 'profile', 'write'),
      field('csChargingProfiles.transactionId', 'transaction', 'refer'),
    ],
    ClearChargingProfile: [field('id', 'profile', 'refer')],
    ReserveNow: [field('reservationId', 'reservation', 'write')],
    CancelReservation: [field('reservationId', 'reservation', 'refer')],
    SendLocalList: [field('listVersion', 'list_version', 'write')],
    GetLog: [field('requestId', 'request', 'write')],
    SignedUpdateFirmware: [field('requestId', 'request', 'write')],
  }),
  stationResults: table({ GetLocalListVersion: [field('listVersion', 'list_version', 'view')] }),
};
