/**
 * Where OCPP 2.0.1 and 2.1 carry identifiers that one side gives out.
 *
 * Pure data; one table, since 2.1 only adds. Identifiers that the station itself gives out within one link's dialogue (monitors, events) go
 * through unchanged; fields.test.ts names each with its reason. Transaction ids are the station's too, but only those who were shown the transaction may see one; and periodic streams, which are
 * for the one that let them be opened.
 */
import { field, table, type FieldTable, type IdField } from './field.ts';

const request: IdField = field('requestId', 'request', 'write');
const requested: IdField = field('requestId', 'request', 'subject');
const transaction: IdField = field('transactionId', 'transaction', 'refer');
const derLists = [
  'curve',
  'enterService',
  'fixedPFAbsorb',
  'fixedPFInject',
  'fixedVar',
  'freqDroop',
  'gradient',
  'limitMaxDischarge',
];

export const fieldsV2: FieldTable = {
  stationCalls: table({
    TransactionEvent: [
      field('transactionInfo.transactionId', 'transaction', 'subject'),
      field('transactionInfo.remoteStartId', 'remote_start', 'optional'),
      field('transactionInfo.tariffId', 'tariff', 'optional'),
      field('costDetails.chargingPeriods.*.tariffId', 'tariff', 'optional'),
      field('reservationId', 'reservation', 'optional'),
    ],
    NotifySettlement: [field('transactionId', 'transaction', 'subject')],
    NotifyPriorityCharging: [field('transactionId', 'transaction', 'subject')],
    NotifyEvent: [field('eventData.*.transactionId', 'transaction', 'optional')],
    ReservationStatusUpdate: [field('reservationId', 'reservation', 'subject')],
    OpenPeriodicEventStream: [field('constantStreamData.id', 'stream', 'view')],
    NotifyPeriodicEventStream: [field('id', 'stream', 'subject')],
    ClosePeriodicEventStream: [field('id', 'stream', 'subject')],
    PullDynamicScheduleUpdate: [field('chargingProfileId', 'profile', 'subject')],
    NotifyDERStartStop: [
      field('controlId', 'control', 'subject'),
      field('supersededIds.*', 'control', 'view'),
    ],
    NotifyReport: [requested],
    NotifyMonitoringReport: [requested],
    NotifyCustomerInformation: [requested],
    LogStatusNotification: [requested],
    FirmwareStatusNotification: [requested],
    PublishFirmwareStatusNotification: [requested],
    BatterySwap: [requested],
    ReportChargingProfiles: [
      requested,
      field('chargingProfile.*.id', 'profile', 'view'),
      field('chargingProfile.*.transactionId', 'transaction', 'optional'),
    ],
    NotifyDisplayMessages: [
      requested,
      field('messageInfo.*.id', 'message', 'view'),
      field('messageInfo.*.transactionId', 'transaction', 'optional'),
    ],
    ReportDERControl: [requested, ...derLists.map((list) => field(`${list}.*.id`, 'control', 'view'))],
  }),
  backendResults: table({ Authorize: [field('tariff.tariffId', 'tariff', 'write')] }),
  backendCalls: table({
    GetBaseReport: [request],
    GetReport: [request],
    GetMonitoringReport: [request],
    CustomerInformation: [request],
    GetLog: [request],
    UpdateFirmware: [request],
    PublishFirmware: [request],
    RequestBatterySwap: [request],
    GetDERControl: [request, field('controlId', 'control', 'view')],
    GetChargingProfiles: [request, field('chargingProfile.chargingProfileId.*', 'profile', 'view')],
    GetDisplayMessages: [request, field('id.*', 'message', 'view')],
    RequestStartTransaction: [
      field('remoteStartId', 'remote_start', 'write'),
      field('chargingProfile.id', 'profile', 'write'),
      field('chargingProfile.transactionId', 'transaction', 'refer'),
    ],
    RequestStopTransaction: [transaction],
    GetTransactionStatus: [transaction],
    CostUpdated: [transaction],
    NotifyAllowedEnergyTransfer: [transaction],
    UsePriorityCharging: [transaction],
    ChangeTransactionTariff: [transaction, field('tariff.tariffId', 'tariff', 'write')],
    SetDefaultTariff: [field('tariff.tariffId', 'tariff', 'write')],
    ClearTariffs: [field('tariffIds.*', 'tariff', 'refer')],
    SetChargingProfile: [
      field('chargingProfile.id', 'profile', 'write'),
      field('chargingProfile.transactionId', 'transaction', 'refer'),
    ],
    ClearChargingProfile: [field('chargingProfileId', 'profile', 'refer')],
    AdjustPeriodicEventStream: [field('id', 'stream', 'refer')],
    UpdateDynamicSchedule: [field('chargingProfileId', 'profile', 'refer')],
    SetDisplayMessage: [
      field('message.id', 'message', 'write'),
      field('message.transactionId', 'transaction', 'refer'),
    ],
    ClearDisplayMessage: [field('id', 'message', 'refer')],
    ReserveNow: [field('id', 'reservation', 'write')],
    CancelReservation: [field('reservationId', 'reservation', 'refer')],
    SetDERControl: [field('controlId', 'control', 'write')],
    ClearDERControl: [field('controlId', 'control', 'refer')],
    SendLocalList: [field('versionNumber', 'list_version', 'write')],
  }),
  stationResults: table({
    GetLocalListVersion: [field('versionNumber', 'list_version', 'view')],
    RequestStartTransaction: [field('transactionId', 'transaction', 'optional')],
    SetDERControl: [field('supersededIds.*', 'control', 'view')],
    GetTariffs: [field('tariffAssignments.*.tariffId', 'tariff', 'view')],
    ClearTariffs: [field('clearTariffsResult.*.tariffId', 'tariff', 'view')],
  }),
};
