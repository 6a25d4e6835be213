/**
 * How a simulated station answers commands, and what it then does.
 *
 * Pure. Answers are valid by the official schemas; a command it does not know gets NotImplemented. OCPP 2.x B02.FR.09, B03: a station
 * that is not accepted refuses commands.
 */
import { errorCode } from '../protocol/error-code.ts';
import { openTransactions } from './life-charging.ts';
import type { FollowUp, LifeClock, Payload, StationLife } from './life-state.ts';
import { spellOddly } from './life-spelling.ts';
import { bodyText, errorText, record, resultText, type Message } from './wire.ts';

interface Reply {
  readonly payload: Payload;
  readonly followUp?: FollowUp;
}

type Handler = (life: StationLife, payload: Readonly<Record<string, unknown>>) => Reply;

/** Puts the answer to a command where it will be sent from. */
export function answerCommand(life: StationLife, message: Message, clock: LifeClock): void {
  life.stats.commands += 1;
  const delayMs = life.random.within(life.options.answerDelayMs);
  const { text, followUp } = decide(life, message);
  life.answers.push({ atMs: clock.nowMs + delayMs, text, followUp });
}

function decide(life: StationLife, message: Message): { text: string; followUp: FollowUp | null } {
  const is16 = life.version === 'ocpp1.6';
  if (!is16 && (life.registration === 'none' || life.registration === 'rejected')) {
    const code = errorCode(life.version, 'security');
    return { text: errorText(message.id, code, 'The station is not accepted yet.'), followUp: null };
  }
  const handler = (is16 ? handlers16 : handlers2)[message.action] ?? handlers[message.action];
  if (handler === undefined) {
    const code = errorCode(life.version, 'not_implemented');
    return { text: errorText(message.id, code, 'This station does not know the action.'), followUp: null };
  }
  const { payload, followUp } = handler(life, message.payload);
  const { spelling, spacing } = life.options;
  const odd = spelling === 'odd' ? spellOddly(life.spelling, message.action, payload) : null;
  return {
    text: resultText(message.id, odd ?? bodyText(payload, spacing)),
    followUp: followUp ?? null,
  };
}

const status = (value: string): Payload => ({ status: value });
const accepted = (): Reply => ({ payload: status('Accepted') });

const handlers: Readonly<Record<string, Handler>> = {
  ChangeAvailability: accepted,
  ClearCache: accepted,
  SetChargingProfile: accepted,
  ReserveNow: () => ({ payload: status('Rejected') }),
  CancelReservation: () => ({ payload: status('Rejected') }),
  SendLocalList: accepted,
  DataTransfer: (_life, payload) => ({
    payload:
      payload['vendorId'] === 'busbar'
        ? { status: 'Accepted', ...('data' in payload ? { data: payload['data'] } : {}) }
        : status('UnknownVendorId'),
  }),
};

const handlers16: Readonly<Record<string, Handler>> = {
  GetLocalListVersion: () => ({ payload: { listVersion: 0 } }),
  UnlockConnector: () => ({ payload: status('Unlocked') }),
  ClearChargingProfile: () => ({ payload: status('Unknown') }),
  ChangeConfiguration: (_life, payload) => ({
    payload: status(payload['key'] === 'HeartbeatInterval' ? 'Accepted' : 'NotSupported'),
  }),
  GetConfiguration: (life, payload) => {
    const known = configuration16(life);
    const asked = Array.isArray(payload['key']) ? (payload['key'] as unknown[]).map(String) : [];
    const configurationKey = asked.length === 0 ? known : known.filter(({ key }) => asked.includes(key));
    const unknownKey = asked.filter((key) => known.every((entry) => entry.key !== key));
    return { payload: { configurationKey, ...(unknownKey.length === 0 ? {} : { unknownKey }) } };
  },
  Reset: (_life, payload) => ({
    payload: status('Accepted'),
    followUp: { type: 'reset', reason: payload['type'] === 'Hard' ? 'hard_reset' : 'soft_reset' },
  }),
  RemoteStartTransaction: (life, payload) =>
    remoteStart(life, Number(payload['connectorId'] ?? 0), String(payload['idTag']), null),
  RemoteStopTransaction: (life, payload) => remoteStop(life, payload['transactionId']),
  TriggerMessage: (_life, payload) =>
    trigger(payload['requestedMessage'], Number(payload['connectorId'] ?? 0)),
  GetDiagnostics: () => ({
    payload: { fileName: 'diagnostics.txt' },
    followUp: {
      type: 'report',
      action: 'DiagnosticsStatusNotification',
      payloads: [status('Uploading'), status('Uploaded')],
    },
  }),
};

const handlers2: Readonly<Record<string, Handler>> = {
  GetLocalListVersion: () => ({ payload: { versionNumber: 0 } }),
  UnlockConnector: (life, payload) => {
    const state = life.connectors[Number(payload['evseId']) - 1];
    if (state === undefined) return { payload: status('UnknownConnector') };
    return { payload: status(state.phase === 'charging' ? 'OngoingAuthorizedTransaction' : 'Unlocked') };
  },
  ClearChargingProfile: () => ({ payload: status('Unknown') }),
  GetBaseReport: (_life, { requestId }) => ({
    payload: status('Accepted'),
    followUp: { type: 'report', action: 'NotifyReport', payloads: reportParts(requestId) },
  }),
  GetReport: (_life, { requestId, componentVariable }) => {
    const reportData = list(componentVariable).map((asked) => ({
      component: record(asked)['component'],
      variable: { name: 'Asked' },
      variableAttribute: [{ value: '1' }],
    }));
    return reported('NotifyReport', partsOf(requestId, { reportData }));
  },
  GetMonitoringReport: (_life, { requestId }) => reported('NotifyMonitoringReport', partsOf(requestId, {})),
  CustomerInformation: (_life, { requestId, customerIdentifier }) =>
    reported('NotifyCustomerInformation', partsOf(requestId, { data: String(customerIdentifier) })),
  GetLog: (_life, { requestId }) => ({
    payload: { status: 'Accepted', filename: 'log.txt' },
    followUp: {
      type: 'report',
      action: 'LogStatusNotification',
      payloads: [
        { status: 'Uploading', requestId },
        { status: 'Uploaded', requestId },
      ],
    },
  }),
  GetTransactionStatus: (life, payload) => {
    const asked = payload['transactionId'];
    const isOngoing = openTransactions(life).some(({ wireId }) => wireId === asked);
    const ongoing = asked === undefined ? {} : { ongoingIndicator: isOngoing };
    return { payload: { ...ongoing, messagesInQueue: life.queue.length > 0 } };
  },
  GetVariables: (_life, payload) => ({
    payload: { getVariableResult: list(payload['getVariableData']).map(getVariable) },
  }),
  SetVariables: (_life, payload) => ({
    payload: { setVariableResult: list(payload['setVariableData']).map(setVariable) },
  }),
  Reset: (life, payload) => {
    if (payload['type'] === 'OnIdle' && openTransactions(life).length > 0) {
      life.resetsWhenIdle = true;
      return { payload: status('Scheduled') };
    }
    return { payload: status('Accepted'), followUp: { type: 'reset', reason: 'hard_reset' } };
  },
  RequestStartTransaction: (life, payload) => {
    const token = String(record(payload['idToken'])['idToken']);
    return remoteStart(life, Number(payload['evseId'] ?? 0), token, Number(payload['remoteStartId']));
  },
  RequestStopTransaction: (life, payload) => remoteStop(life, payload['transactionId']),
  TriggerMessage: (_life, payload) =>
    trigger(payload['requestedMessage'], Number(record(payload['evse'])['id'] ?? 0)),
};

function reportParts(requestId: unknown): Payload[] {
  const part = { requestId, generatedAt: '2026-01-01T00:00:00Z' };
  return [
    { ...part, seqNo: 0, tbc: true },
    { ...part, seqNo: 1 },
  ];
}

function reported(action: string, payloads: readonly Payload[]): Reply {
  return { payload: status('Accepted'), followUp: { type: 'report', action, payloads } };
}

/** So many that much can happen between the first and the last. */
function partsOf(requestId: unknown, contents: Payload): Payload[] {
  return Array.from({ length: 6 }, (_, seqNo) => ({
    requestId,
    generatedAt: '2026-01-01T00:00:00Z',
    seqNo,
    ...(seqNo < 5 ? { tbc: true } : {}),
    ...contents,
  }));
}

function configuration16(life: StationLife): { key: string; readonly: boolean; value: string }[] {
  return [
    {
      key: 'HeartbeatInterval',
      readonly: false,
      value: String(Math.round(finite(life.heartbeatIntervalMs) / 1_000)),
    },
    { key: 'NumberOfConnectors', readonly: true, value: String(life.connectors.length) },
    { key: 'TransactionMessageAttempts', readonly: true, value: String(life.options.attemptsMax) },
  ];
}

/** `connector` 0: any that is free. */
function remoteStart(
  life: StationLife,
  connector: number,
  token: string,
  remoteStartId: number | null,
): Reply {
  const free = life.connectors.findIndex(
    (state, index) => state.phase === 'idle' && (connector === 0 || index === connector - 1),
  );
  if (free === -1 || life.registration !== 'accepted' || life.isWindingDown)
    return { payload: status('Rejected') };
  return {
    payload: status('Accepted'),
    followUp: { type: 'start', connector: free + 1, token, remoteStartId },
  };
}

function remoteStop(life: StationLife, wireId: unknown): Reply {
  const transaction = openTransactions(life).find((open) => open.wireId === wireId);
  if (transaction === undefined) return { payload: status('Rejected') };
  return { payload: status('Accepted'), followUp: { type: 'stop', connector: transaction.connector } };
}

const triggers: Readonly<Record<string, 'boot' | 'heartbeat' | 'status' | 'meter'>> = {
  BootNotification: 'boot',
  Heartbeat: 'heartbeat',
  StatusNotification: 'status',
  MeterValues: 'meter',
  TransactionEvent: 'meter',
};

function trigger(requested: unknown, connector: number): Reply {
  const type = triggers[String(requested)];
  if (type === undefined) return { payload: status('NotImplemented') };
  return { payload: status('Accepted'), followUp: { type, connector } };
}

function getVariable(asked: unknown): Payload {
  const { component, variable } = record(asked);
  const isKnown = record(variable)['name'] === 'HeartbeatInterval';
  const found = isKnown
    ? { attributeStatus: 'Accepted', attributeValue: '300' }
    : { attributeStatus: 'UnknownVariable' };
  return { ...found, component, variable };
}

function setVariable(asked: unknown): Payload {
  const { component, variable } = record(asked);
  const isKnown = record(variable)['name'] === 'HeartbeatInterval';
  return { attributeStatus: isKnown ? 'Accepted' : 'UnknownVariable', component, variable };
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function finite(value: number): number {
  return value === Infinity ? 0 : value;
}
