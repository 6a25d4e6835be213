/**
 * What a simulated station's messages look like in each version.
 *
 * Pure. Every payload is valid by the official schemas. The register reading in each transaction message makes its content unique; the
 * voltage is written with a trailing zero, which a relay that re-serialises would lose.
 */
import type { OcppVersion } from '../protocol/version.ts';
import type { EndReason, LifeOptions, Payload } from './life-state.ts';
import { rawNumber } from './wire.ts';

/** RFC 3339, with milliseconds. */
export function timestamp(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

export function bootPayload(
  version: OcppVersion,
  options: LifeOptions,
  reason: 'PowerUp' | 'RemoteReset' | 'Triggered',
): Payload {
  const { vendor, model, firmware, id } = options;
  const serial = id.slice(-25);
  if (version === 'ocpp1.6') {
    return {
      chargePointVendor: vendor.slice(0, 20),
      chargePointModel: model,
      chargePointSerialNumber: serial,
      firmwareVersion: firmware,
    };
  }
  return {
    reason,
    chargingStation: { vendorName: vendor, model, serialNumber: serial, firmwareVersion: firmware },
  };
}

/** `connector` 0 is the station itself, which only 1.6 reports. */
export function statusPayload(
  version: OcppVersion,
  connector: number,
  status: string,
  wallMs: number,
): Payload {
  if (version === 'ocpp1.6')
    return { connectorId: connector, errorCode: 'NoError', status, timestamp: timestamp(wallMs) };
  return { timestamp: timestamp(wallMs), connectorStatus: status, evseId: connector, connectorId: 1 };
}

/** 2.1: the status of a connector as an event of its AvailabilityState. */
export function statusEventPayload(
  connector: number,
  status: string,
  eventId: number,
  wallMs: number,
): Payload {
  const event = {
    eventId,
    timestamp: timestamp(wallMs),
    trigger: 'Delta',
    actualValue: status,
    eventNotificationType: 'HardWiredNotification',
    component: { name: 'Connector', evse: { id: connector, connectorId: 1 } },
    variable: { name: 'AvailabilityState' },
  };
  return { generatedAt: timestamp(wallMs), seqNo: 0, eventData: [event] };
}

export function authorizePayload(version: OcppVersion, token: string): Payload {
  return version === 'ocpp1.6' ? { idTag: token } : { idToken: idToken(token) };
}

export function securityEventPayload(reading: number, wallMs: number): Payload {
  return { type: 'StartupOfTheDevice', timestamp: timestamp(wallMs), techInfo: `register ${reading} Wh` };
}

export function startPayload16(connector: number, token: string, reading: number, wallMs: number): Payload {
  return { connectorId: connector, idTag: token, meterStart: reading, timestamp: timestamp(wallMs) };
}

/** `transactionId` is filled in when the message is first sent. */
export function meterPayload16(
  connector: number,
  reading: number,
  wallMs: number,
  isInTransaction: boolean,
): Payload {
  const sampledValue = [
    {
      value: String(reading),
      context: 'Sample.Periodic',
      measurand: 'Energy.Active.Import.Register',
      unit: 'Wh',
    },
    { value: '230.10', context: 'Sample.Periodic', measurand: 'Voltage', phase: 'L1-N', unit: 'V' },
  ];
  const transaction = isInTransaction ? { transactionId: 0 } : {};
  return {
    connectorId: connector,
    ...transaction,
    meterValue: [{ timestamp: timestamp(wallMs), sampledValue }],
  };
}

export function stopPayload16(token: string, reading: number, reason: EndReason, wallMs: number): Payload {
  return {
    idTag: token,
    meterStop: reading,
    timestamp: timestamp(wallMs),
    transactionId: 0,
    reason: reasons16[reason],
  };
}

const reasons16: Readonly<Record<EndReason, string>> = {
  local: 'Local',
  remote: 'Remote',
  unplugged: 'EVDisconnected',
  deauthorized: 'DeAuthorized',
  power_loss: 'PowerLoss',
  hard_reset: 'HardReset',
  soft_reset: 'SoftReset',
};

const reasons2: Readonly<Record<EndReason, { readonly stopped: string; readonly trigger: string }>> = {
  local: { stopped: 'Local', trigger: 'StopAuthorized' },
  remote: { stopped: 'Remote', trigger: 'RemoteStop' },
  unplugged: { stopped: 'EVDisconnected', trigger: 'EVDeparted' },
  deauthorized: { stopped: 'DeAuthorized', trigger: 'Deauthorized' },
  power_loss: { stopped: 'PowerLoss', trigger: 'AbnormalCondition' },
  hard_reset: { stopped: 'ImmediateReset', trigger: 'ResetCommand' },
  soft_reset: { stopped: 'ImmediateReset', trigger: 'ResetCommand' },
};

export interface TransactionMoment {
  readonly connector: number;
  readonly token: string;
  readonly wireId: string;
  readonly seqNo: number;
  readonly remoteStartId: number | null;
  readonly reading: number;
  readonly wallMs: number;
  readonly isOffline: boolean;
}

/** TransactionEvent of 2.x. `ended`: why, for the last one. */
export function transactionEventPayload(
  eventType: 'Started' | 'Updated' | 'Ended',
  moment: TransactionMoment,
  ended: EndReason | null,
): Payload {
  const { connector, token, wireId, seqNo, remoteStartId, reading, wallMs, isOffline } = moment;
  const context =
    eventType === 'Started'
      ? 'Transaction.Begin'
      : eventType === 'Ended'
        ? 'Transaction.End'
        : 'Sample.Periodic';
  const info = {
    transactionId: wireId,
    chargingState: eventType === 'Ended' ? 'Idle' : 'Charging',
    ...(ended === null ? {} : { stoppedReason: reasons2[ended].stopped }),
    ...(eventType === 'Started' && remoteStartId !== null ? { remoteStartId } : {}),
  };
  return {
    eventType,
    timestamp: timestamp(wallMs),
    triggerReason: ended === null ? startTrigger(eventType, remoteStartId) : reasons2[ended].trigger,
    seqNo,
    ...(isOffline ? { offline: true } : {}),
    transactionInfo: info,
    ...(eventType === 'Started' ? { evse: { id: connector, connectorId: 1 }, idToken: idToken(token) } : {}),
    meterValue: [
      {
        timestamp: timestamp(wallMs),
        sampledValue: [
          {
            value: reading,
            context,
            measurand: 'Energy.Active.Import.Register',
            unitOfMeasure: { unit: 'Wh' },
          },
          {
            value: rawNumber('230.10'),
            context,
            measurand: 'Voltage',
            phase: 'L1-N',
            unitOfMeasure: { unit: 'V' },
          },
        ],
      },
    ],
  };
}

/** 2.1: a few points of an open event stream. */
export function streamPayload(points: readonly number[], wallMs: number): Payload {
  const data = points.map((value, at) => ({ t: at, v: value.toFixed(2) }));
  return { id: 1, pending: 0, basetime: timestamp(wallMs), data };
}

export function openStreamPayload(): Payload {
  return { constantStreamData: { id: 1, variableMonitoringId: 1, params: { interval: 60, values: 4 } } };
}

function startTrigger(eventType: string, remoteStartId: number | null): string {
  if (eventType === 'Updated') return 'MeterValuePeriodic';
  return remoteStartId === null ? 'Authorized' : 'RemoteStart';
}

function idToken(token: string): Payload {
  return { idToken: token, type: 'ISO14443' };
}
