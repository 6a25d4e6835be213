/**
 * The charging side of a simulated station's life: who plugs in when, what is metered, how it ends.
 *
 * Pure. OCPP 1.6 §4.2, §4.7, §4.8, §4.10; OCPP 2.x use cases C01, E01–E07. Transactions also begin and go on without a link, once the
 * station was accepted; a reboot inside one is told after the boot.
 */
import {
  authorizePayload,
  meterPayload16,
  startPayload16,
  statusEventPayload,
  statusPayload,
  stopPayload16,
  transactionEventPayload,
  type TransactionMoment,
} from './life-dialect.ts';
import { keep, nextReading, say, standingReading } from './life-outbox.ts';
import { scaled, type EndReason, type LifeClock, type StationLife, type Transaction } from './life-state.ts';

/** Cards of the simulated drivers; a backend may refuse some. */
function tokenOf(life: StationLife): string {
  return `CARD${String(1 + life.random.below(50)).padStart(4, '0')}`;
}

/** Does what is due on each connector. */
export function advanceConnectors(life: StationLife, clock: LifeClock): void {
  for (let connector = 1; connector <= life.connectors.length; connector += 1) {
    const state = life.connectors[connector - 1];
    if (state?.phase === 'idle' && state.plugInAtMs <= clock.nowMs) plugIn(life, connector, clock);
    if (state?.phase === 'charging') advanceTransaction(life, state.transaction, clock);
  }
}

/** Monotonic time of the next thing to happen on a connector, or Infinity. */
export function nextConnectorMs(life: StationLife): number {
  let next = Infinity;
  for (const state of life.connectors) {
    if (state.phase === 'idle') next = Math.min(next, state.plugInAtMs);
    if (state.phase === 'charging')
      next = Math.min(next, state.transaction.meterAtMs, state.transaction.endAtMs);
  }
  return next;
}

function plugIn(life: StationLife, connector: number, clock: LifeClock): void {
  if (life.isWindingDown) {
    life.connectors[connector - 1] = { phase: 'idle', plugInAtMs: Infinity };
    return;
  }
  const token = tokenOf(life);
  if (isOnline(life)) {
    life.connectors[connector - 1] = { phase: 'authorizing', token };
    say(life, 'Authorize', authorizePayload(life.version, token), connector);
    return;
  }
  if (life.wasAccepted) startTransaction(life, connector, token, null, clock);
  else unplug(life, connector, clock);
}

/** The answer to Authorize, or false when there was none. */
export function finishAuthorize(
  life: StationLife,
  connector: number,
  isAccepted: boolean,
  clock: LifeClock,
): void {
  const state = life.connectors[connector - 1];
  if (state?.phase !== 'authorizing') return;
  if (isAccepted && !life.isWindingDown) startTransaction(life, connector, state.token, null, clock);
  else unplug(life, connector, clock);
}

export function startTransaction(
  life: StationLife,
  connector: number,
  token: string,
  remoteStartId: number | null,
  clock: LifeClock,
): void {
  const { options, random } = life;
  const transaction: Transaction = {
    connector,
    token,
    endAtMs: clock.nowMs + scaled(life, random.within(options.chargingMs)),
    endReason: random.chance(0.5) ? 'local' : 'unplugged',
    meterAtMs: clock.nowMs + scaled(life, options.meterIntervalMs),
    seqNo: 0,
    wireId: life.version === 'ocpp1.6' ? null : random.uuid(),
    remoteStartId,
  };
  life.connectors[connector - 1] = { phase: 'charging', transaction };
  life.stats.transactionsStarted += 1;
  if (life.version === 'ocpp1.6') {
    const reading = standingReading(life, connector);
    const payload = startPayload16(connector, token, reading, clock.wallMs);
    keep(life, 'StartTransaction', reading, payload, { starts: transaction });
  } else keepEvent(life, transaction, 'Started', null, clock);
}

function advanceTransaction(life: StationLife, transaction: Transaction, clock: LifeClock): void {
  if (transaction.endAtMs <= clock.nowMs) {
    endTransaction(life, transaction, clock);
    return;
  }
  if (transaction.meterAtMs > clock.nowMs) return;
  meterTransaction(life, transaction, clock);
  const interval = scaled(life, life.options.meterIntervalMs);
  transaction.meterAtMs += interval;
  // Readings that were due while the station was off are not made up for.
  if (transaction.meterAtMs <= clock.nowMs) transaction.meterAtMs = clock.nowMs + interval;
}

/** One reading of a running transaction. */
export function meterTransaction(life: StationLife, transaction: Transaction, clock: LifeClock): void {
  if (life.version === 'ocpp1.6') {
    const reading = nextReading(life, transaction.connector);
    const payload = meterPayload16(transaction.connector, reading, clock.wallMs, true);
    keep(life, 'MeterValues', reading, payload, { awaits: transaction, isOptional: true });
  } else keepEvent(life, transaction, 'Updated', null, clock);
}

/** A reading outside a transaction, as TriggerMessage asks for it. 1.6 only: 2.x stations here meter transactions. */
export function meterIdle(life: StationLife, connector: number, clock: LifeClock): void {
  const reading = standingReading(life, connector);
  keep(life, 'MeterValues', reading, meterPayload16(connector, reading, clock.wallMs, false), {
    isOptional: true,
  });
}

function endTransaction(life: StationLife, transaction: Transaction, clock: LifeClock): void {
  const reason = transaction.endReason;
  if (life.version === 'ocpp1.6') {
    const reading = nextReading(life, transaction.connector);
    const payload = stopPayload16(transaction.token, reading, reason, clock.wallMs);
    keep(life, 'StopTransaction', reading, payload, { awaits: transaction });
  } else keepEvent(life, transaction, 'Ended', reason, clock);
  life.stats.transactionsEnded += 1;
  unplug(life, transaction.connector, clock);
}

/** Ends a transaction at the next moment the station has power. */
export function scheduleEnd(transaction: Transaction, reason: EndReason, atMs: number): void {
  transaction.endAtMs = Math.min(transaction.endAtMs, atMs);
  transaction.endReason = reason;
}

/** The backend refused the token: the transaction ends (OCPP 1.6 §4.8 StopTransactionOnInvalidId, OCPP 2.x E05). */
export function deauthorize(transaction: Transaction, nowMs: number): void {
  if (transaction.endAtMs > nowMs) scheduleEnd(transaction, 'deauthorized', nowMs);
}

export function openTransactions(life: StationLife): Transaction[] {
  const open: Transaction[] = [];
  for (const state of life.connectors) if (state.phase === 'charging') open.push(state.transaction);
  return open;
}

/** Tells the backend every status it has not been told. */
export function reportStatuses(life: StationLife, clock: LifeClock): void {
  const is16 = life.version === 'ocpp1.6';
  for (let connector = is16 ? 0 : 1; connector <= life.connectors.length; connector += 1) {
    const status = statusOf(life, connector);
    if (life.reported[connector] === status) continue;
    life.reported[connector] = status;
    if (life.version === 'ocpp2.1' && life.options.statusByEvent) {
      life.eventCount += 1;
      say(
        life,
        'NotifyEvent',
        statusEventPayload(connector, status, life.eventCount, clock.wallMs),
        connector,
      );
    } else
      say(
        life,
        'StatusNotification',
        statusPayload(life.version, connector, status, clock.wallMs),
        connector,
      );
  }
}

function statusOf(life: StationLife, connector: number): string {
  const phase = connector === 0 ? 'idle' : life.connectors[connector - 1]?.phase;
  if (phase === 'idle' || phase === undefined) return 'Available';
  if (life.version !== 'ocpp1.6') return 'Occupied';
  return phase === 'charging' ? 'Charging' : 'Preparing';
}

function isOnline(life: StationLife): boolean {
  return life.link.phase === 'open' && life.registration === 'accepted';
}

/** The connector is free until the next driver comes. */
function unplug(life: StationLife, connector: number, clock: LifeClock): void {
  const idleMs = scaled(life, life.random.within(life.options.idleMs));
  life.connectors[connector - 1] = {
    phase: 'idle',
    plugInAtMs: life.isWindingDown ? Infinity : clock.nowMs + idleMs,
  };
}

function keepEvent(
  life: StationLife,
  transaction: Transaction,
  eventType: 'Started' | 'Updated' | 'Ended',
  ended: EndReason | null,
  clock: LifeClock,
): void {
  const { connector } = transaction;
  const reading = eventType === 'Started' ? standingReading(life, connector) : nextReading(life, connector);
  const moment: TransactionMoment = {
    connector,
    token: transaction.token,
    wireId: String(transaction.wireId),
    seqNo: transaction.seqNo,
    remoteStartId: transaction.remoteStartId,
    reading,
    wallMs: clock.wallMs,
    isOffline: !isOnline(life),
  };
  transaction.seqNo += 1;
  keep(life, 'TransactionEvent', reading, transactionEventPayload(eventType, moment, ended), {
    isOptional: eventType === 'Updated',
  });
}
