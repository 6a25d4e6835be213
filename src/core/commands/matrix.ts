/**
 * Who may do what: the authority matrix as data, one line a group of actions.
 *
 * Pure. A gateway with several backends has one that is in charge of a station; what the others may do is written here and nowhere else, to be read line
 * by line. Hazards H15, H16, H18, H20 to H23, H27, H30 to H34.
 */

/**
 * What a backend is to a station when it sends a command.
 *
 * `primary` · `authority` another backend that a route gives single actions · `draining` the old primary, while it still owns transactions · `observer` gets
 * copies · `standby` is kept ready to become the primary · `operator` whoever uses Busbar's own API.
 */
export const roles = ['primary', 'authority', 'draining', 'observer', 'standby', 'operator'] as const;

export type Role = (typeof roles)[number];

/**
 * `forward` to the station · `own_transaction` forward if it is about a transaction of the asker's · `not_others` forward unless it is about a transaction
 * of another backend's · `own_object` forward if it is about a reservation that the asker made, or its own profile of a transaction · `key` forward what the asker may write · `serve` from what Busbar
 * knows · `serve_trigger` the same for TriggerMessage, and forward where it is about a transaction of the asker's · `refuse`.
 */
export type Permission =
  | 'forward'
  | 'own_transaction'
  | 'not_others'
  | 'own_object'
  | 'key'
  | 'serve'
  | 'serve_trigger'
  | 'refuse';

/**
 * One line of the matrix. `granted` is an authority or observer whose rule names the action; one that still owns a transaction may else do what `draining` may. The operator may do
 * everything.
 */
export interface Line {
  readonly primary: Permission;
  readonly draining: Permission;
  readonly standby: Permission;
  readonly observer: Permission;
  readonly granted: Permission;
}

export type Group =
  | 'start'
  | 'transaction'
  | 'transaction_status'
  | 'unlock'
  | 'reset'
  | 'availability'
  | 'cancel_reservation'
  | 'settings'
  | 'monitoring'
  | 'read_settings'
  | 'reports'
  | 'profiles'
  | 'dynamic_schedule'
  | 'read_profiles'
  | 'lists'
  | 'local_list'
  | 'list_version'
  | 'firmware_and_logs'
  | 'trigger'
  | 'certificates'
  | 'network_profile'
  | 'vendor'
  | 'unknown';

function line(
  primary: Permission,
  draining: Permission,
  standby: Permission,
  observer: Permission,
  granted: Permission,
): Line {
  return { primary, draining, standby, observer, granted };
}

// oxfmt-ignore
export const matrix: Readonly<Record<Group, Line>> = {
  //                         primary        draining           standby          observer         granted
  start:              line('forward',       'refuse',          'refuse',        'refuse',        'forward'),
  transaction:        line('not_others',    'own_transaction', 'refuse',        'refuse',        'own_transaction'),
  transaction_status: line('not_others',    'own_transaction', 'refuse',        'refuse',        'forward'),
  // H34: the owner of the connector's transaction, or the primary where there is none.
  unlock:             line('not_others',    'own_transaction', 'refuse',        'refuse',        'not_others'),
  reset:              line('forward',       'refuse',          'refuse',        'refuse',        'not_others'),
  availability:       line('forward',       'refuse',          'refuse',        'refuse',        'forward'),
  cancel_reservation: line('forward',       'own_object',      'refuse',        'refuse',        'own_object'),
  settings:           line('key',           'key',             'key',           'key',           'key'),
  monitoring:         line('forward',       'refuse',          'refuse',        'refuse',        'forward'),
  read_settings:      line('forward',       'serve',           'serve',         'serve',         'forward'),
  reports:            line('forward',       'serve',           'serve',         'serve',         'forward'),
  profiles:           line('forward',       'refuse',          'refuse',        'refuse',        'forward'),
  // H18: the next part of a transaction's profile goes with the transaction.
  dynamic_schedule:   line('forward',       'own_object',      'refuse',        'refuse',        'forward'),
  read_profiles:      line('forward',       'forward',         'serve',         'serve',         'forward'),
  lists:              line('forward',       'refuse',          'refuse',        'refuse',        'forward'),
  local_list:         line('forward',       'refuse',          'refuse',        'refuse',        'forward'),
  list_version:       line('serve',         'serve',           'serve',         'serve',         'serve'),
  firmware_and_logs:  line('forward',       'refuse',          'refuse',        'refuse',        'forward'),
  trigger:            line('forward',       'serve_trigger',   'serve_trigger', 'serve_trigger', 'forward'),
  certificates:       line('forward',       'refuse',          'refuse',        'refuse',        'forward'),
  network_profile:    line('refuse',        'refuse',          'refuse',        'refuse',        'refuse'),
  vendor:             line('forward',       'refuse',          'refuse',        'refuse',        'forward'),
  unknown:            line('forward',       'refuse',          'refuse',        'refuse',        'forward'),
};

const actionsOf: Readonly<Record<Exclude<Group, 'unknown'>, readonly string[]>> = {
  start: [
    'RemoteStartTransaction',
    'RequestStartTransaction',
    'RequestBatterySwap',
    'NotifyWebPaymentStarted',
  ],
  // SetChargingProfile of a TxProfile belongs here too: see authority.ts.
  transaction: [
    'RemoteStopTransaction',
    'RequestStopTransaction',
    'CostUpdated',
    'ChangeTransactionTariff',
    'NotifyAllowedEnergyTransfer',
    'UsePriorityCharging',
  ],
  transaction_status: ['GetTransactionStatus'],
  unlock: ['UnlockConnector'],
  reset: ['Reset'],
  availability: ['ChangeAvailability', 'ReserveNow'],
  cancel_reservation: ['CancelReservation'],
  settings: ['ChangeConfiguration', 'SetVariables'],
  monitoring: [
    'SetMonitoringBase',
    'SetMonitoringLevel',
    'SetVariableMonitoring',
    'ClearVariableMonitoring',
    'AdjustPeriodicEventStream',
    'GetPeriodicEventStream',
  ],
  read_settings: ['GetConfiguration', 'GetVariables'],
  reports: ['GetBaseReport', 'GetReport', 'GetMonitoringReport'],
  profiles: ['SetChargingProfile', 'ClearChargingProfile', 'AFRRSignal'],
  dynamic_schedule: ['UpdateDynamicSchedule'],
  read_profiles: ['GetCompositeSchedule', 'GetChargingProfiles'],
  lists: [
    'ClearCache',
    'SetDisplayMessage',
    'ClearDisplayMessage',
    'GetDisplayMessages',
    'SetDefaultTariff',
    'ClearTariffs',
    'GetTariffs',
    'SetDERControl',
    'ClearDERControl',
    'GetDERControl',
    'CustomerInformation',
  ],
  local_list: ['SendLocalList'],
  list_version: ['GetLocalListVersion'],
  firmware_and_logs: [
    'UpdateFirmware',
    'SignedUpdateFirmware',
    'GetDiagnostics',
    'GetLog',
    'PublishFirmware',
    'UnpublishFirmware',
  ],
  trigger: ['TriggerMessage', 'ExtendedTriggerMessage'],
  certificates: [
    'InstallCertificate',
    'DeleteCertificate',
    'CertificateSigned',
    'GetInstalledCertificateIds',
  ],
  network_profile: ['SetNetworkProfile'],
  vendor: ['DataTransfer'],
};

const groups: ReadonlyMap<string, Group> = new Map(
  Object.entries(actionsOf).flatMap(([group, actions]) =>
    actions.map((action) => [action, group as Group] as const),
  ),
);

/** The line of the matrix an action stands in; `unknown` where no version of OCPP has it. */
export function groupOf(action: string): Group {
  return groups.get(action) ?? 'unknown';
}
