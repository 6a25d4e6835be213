/**
 * What a simulated backend says: answers to stations' calls, and commands.
 *
 * Pure. Valid by the official schemas. OCPP 1.6 §4, §5; OCPP 2.x Part 2.
 */
import type { OcppVersion } from '../protocol/version.ts';
import { timestamp } from './life-dialect.ts';
import type { Random } from './random.ts';
import { record } from './wire.ts';

type Payload = Readonly<Record<string, unknown>>;

/** What an answer may depend on. */
export interface AnswerContext {
  readonly wallMs: number;
  readonly bootStatus: 'Accepted' | 'Pending' | 'Rejected';
  readonly intervalS: number;
  readonly tokenStatus: 'Accepted' | 'Invalid';
  /** For StartTransaction. */
  readonly transactionId: number;
}

/** The result's payload, or null where the backend does not know the action. */
export function answerPayload(
  version: OcppVersion,
  action: string,
  payload: Payload,
  context: AnswerContext,
): Payload | null {
  const is16 = version === 'ocpp1.6';
  switch (action) {
    case 'BootNotification':
      return {
        status: context.bootStatus,
        currentTime: timestamp(context.wallMs),
        interval: context.intervalS,
      };
    case 'Heartbeat':
      return { currentTime: timestamp(context.wallMs) };
    case 'Authorize':
      return is16
        ? { idTagInfo: { status: context.tokenStatus } }
        : { idTokenInfo: { status: context.tokenStatus } };
    case 'StartTransaction':
      return { transactionId: context.transactionId, idTagInfo: { status: context.tokenStatus } };
    case 'TransactionEvent':
      return payload['idToken'] === undefined ? {} : { idTokenInfo: { status: context.tokenStatus } };
    case 'DataTransfer':
      return { status: 'Accepted' };
    case 'OpenPeriodicEventStream':
    case 'SignCertificate':
      return { status: 'Accepted' };
    default:
      return isPlain(action) ? {} : null;
  }
}

/** Actions whose result has no required field. */
function isPlain(action: string): boolean {
  return plain.has(action);
}

const plain = new Set([
  'StatusNotification',
  'MeterValues',
  'StopTransaction',
  'SecurityEventNotification',
  'FirmwareStatusNotification',
  'DiagnosticsStatusNotification',
  'LogStatusNotification',
  'SignedFirmwareStatusNotification',
  'NotifyEvent',
  'NotifyReport',
  'NotifyMonitoringReport',
  'NotifyChargingLimit',
  'NotifyCustomerInformation',
  'NotifyDisplayMessages',
  'ClearedChargingLimit',
  'ReportChargingProfiles',
  'ReservationStatusUpdate',
  'ClosePeriodicEventStream',
]);

export interface Command {
  readonly action: string;
  readonly payload: Payload;
}

/** What the backend knows of a station when it thinks of a command. */
export interface CommandContext {
  readonly random: Random;
  /** Ids of open transactions, as the wire has them. */
  readonly transactions: readonly (number | string)[];
  /** Grows with every command; backends count alike. */
  readonly requestId: number;
  /** Actions it never asks for. */
  readonly neverCommands: readonly string[];
}

/** One command, at random; now and then one that stations here do not know. */
export function randomCommand(version: OcppVersion, context: CommandContext): Command {
  const { random, transactions, neverCommands } = context;
  const roll = random.next();
  if (roll < 0.02 && !neverCommands.includes('Reset'))
    return { action: 'Reset', payload: { type: version === 'ocpp1.6' ? 'Soft' : 'OnIdle' } };
  if (roll < 0.12 && transactions.length > 0) {
    const transactionId = random.pick(transactions);
    return {
      action: version === 'ocpp1.6' ? 'RemoteStopTransaction' : 'RequestStopTransaction',
      payload: { transactionId },
    };
  }
  const commands = version === 'ocpp1.6' ? commands16 : commands2;
  let command = random.pick(commands)(context);
  while (neverCommands.includes(command.action)) command = random.pick(commands)(context);
  return command;
}

type MakeCommand = (context: CommandContext) => Command;

const commands16: readonly MakeCommand[] = [
  () => ({ action: 'GetConfiguration', payload: {} }),
  () => ({ action: 'GetConfiguration', payload: { key: ['HeartbeatInterval', 'NoSuchKey'] } }),
  () => ({ action: 'ChangeConfiguration', payload: { key: 'HeartbeatInterval', value: '300' } }),
  ({ random }) => ({
    action: 'TriggerMessage',
    payload: {
      requestedMessage: random.pick(['Heartbeat', 'StatusNotification', 'MeterValues']),
      connectorId: 1,
    },
  }),
  () => ({ action: 'UnlockConnector', payload: { connectorId: 1 } }),
  dataTransfer,
  ({ random }) => ({
    action: 'RemoteStartTransaction',
    payload: { connectorId: 1 + random.below(2), idTag: remoteToken(random) },
  }),
  () => ({ action: 'ClearCache', payload: {} }),
  () => ({ action: 'GetLocalListVersion', payload: {} }),
  () => ({ action: 'GetDiagnostics', payload: { location: 'ftp://files.example/diagnostics' } }),
  () => ({
    action: 'GetInstalledCertificateIds',
    payload: { certificateType: 'CentralSystemRootCertificate' },
  }),
];

const heartbeatInterval = { component: { name: 'OCPPCommCtrlr' }, variable: { name: 'HeartbeatInterval' } };

const commands2: readonly MakeCommand[] = [
  () => ({ action: 'GetVariables', payload: { getVariableData: [heartbeatInterval] } }),
  () => ({
    action: 'SetVariables',
    payload: { setVariableData: [{ ...heartbeatInterval, attributeValue: '300' }] },
  }),
  ({ random }) => ({
    action: 'TriggerMessage',
    payload: {
      requestedMessage: random.pick(['Heartbeat', 'StatusNotification', 'TransactionEvent']),
      evse: { id: 1, connectorId: 1 },
    },
  }),
  () => ({ action: 'UnlockConnector', payload: { evseId: 1, connectorId: 1 } }),
  dataTransfer,
  ({ random, requestId }) => ({
    action: 'RequestStartTransaction',
    payload: {
      evseId: 1 + random.below(2),
      remoteStartId: requestId,
      idToken: { idToken: remoteToken(random), type: 'ISO14443' },
    },
  }),
  () => ({ action: 'ClearCache', payload: {} }),
  () => ({ action: 'GetLocalListVersion', payload: {} }),
  () => ({ action: 'GetTransactionStatus', payload: {} }),
  () => ({ action: 'GetInstalledCertificateIds', payload: {} }),
  ({ requestId }) => ({ action: 'GetBaseReport', payload: { requestId, reportBase: 'FullInventory' } }),
  ({ requestId }) => ({
    action: 'GetLog',
    payload: {
      logType: 'DiagnosticsLog',
      requestId,
      log: { remoteLocation: 'https://files.example/log' },
    },
  }),
];

function dataTransfer({ random }: CommandContext): Command {
  return {
    action: 'DataTransfer',
    payload: { vendorId: 'busbar', messageId: 'echo', data: `"é" ${random.uuid()}` },
  };
}

function remoteToken(random: Random): string {
  return `APP${String(1 + random.below(50)).padStart(4, '0')}`;
}

/** Which transaction a message opens or ends, as far as a backend can tell; null for other messages. */
export function transactionChange(
  action: string,
  payload: Payload,
  result: Payload,
): { readonly opened: number | string } | { readonly ended: number | string } | null {
  if (action === 'StartTransaction') return { opened: Number(result['transactionId']) };
  if (action === 'StopTransaction') return { ended: Number(payload['transactionId']) };
  if (action !== 'TransactionEvent') return null;
  const id = String(record(payload['transactionInfo'])['transactionId']);
  if (payload['eventType'] === 'Started') return { opened: id };
  return payload['eventType'] === 'Ended' ? { ended: id } : null;
}
