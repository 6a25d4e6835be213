/**
 * The life of a simulated station: one step for everything that happens to it.
 *
 * Pure and seeded, see life-state.ts. It boots (again after each interval until accepted), reports its connectors, sends heartbeats,
 * charges, answers commands, keeps transaction messages while offline, loses power, and connects again with back-off.
 * OCPP 1.6 §4.2, §4.6, §3.7; OCPP 2.x B01–B04, E; OCPP-J Part 4 §5.3 (back-off).
 */
import {
  advanceConnectors,
  deauthorize,
  finishAuthorize,
  meterIdle,
  meterTransaction,
  nextConnectorMs,
  openTransactions,
  reportStatuses,
  scheduleEnd,
  startTransaction,
} from './life-charging.ts';
import { answerCommand } from './life-commands.ts';
import { bootPayload, openStreamPayload, securityEventPayload, streamPayload } from './life-dialect.ts';
import {
  countFailure,
  forget,
  forgetReport,
  keep,
  loseLink,
  nextMessageId,
  nextReading,
  pump,
  say,
  sayLeftOver,
  takeAnswered,
  type Waiting,
} from './life-outbox.ts';
import {
  nextPowerCut,
  scaled,
  type EndReason,
  type FollowUp,
  type LifeClock,
  type LifeEffect,
  type LifeEvent,
  type StationLife,
} from './life-state.ts';
import { bodyText, readMessage, record, sendText, type Message } from './wire.ts';

const bootRetryMs = 30_000;
const streamIntervalMs = 60_000;

/** Lives through one event. Changes the life it is given; the effects are to be carried out in order. */
export function stepLife(life: StationLife, event: LifeEvent, clock: LifeClock): readonly LifeEffect[] {
  const effects: LifeEffect[] = [];
  switch (event.type) {
    case 'opened':
      onOpened(life, event.version, clock, effects);
      break;
    case 'closed':
      onClosed(life, clock);
      break;
    case 'text':
      if (life.link.phase === 'open') onText(life, event.text, clock, effects);
      break;
    case 'power_cut':
      reboot(life, 'power_loss', clock, effects);
      break;
    case 'reflashed':
      life.nextVersion = event.version;
      break;
    case 'boots_again':
      follow(life, { type: 'boot', connector: 0 }, clock, effects);
      break;
    case 'wind_down':
      windDown(life, clock);
      break;
    case 'tick':
      break;
  }
  advance(life, clock, effects);
  life.wakeAtMs = nextWakeMs(life, clock);
  return effects;
}

function onOpened(
  life: StationLife,
  version: StationLife['version'],
  clock: LifeClock,
  effects: LifeEffect[],
): void {
  if (life.link.phase !== 'connecting') return;
  life.link = { phase: 'open' };
  life.stats.links += 1;
  if (version !== life.version) {
    // What is queued is written in the version it was made in: another one is spoken only when nothing is left of it.
    if (life.queue.length > 0 || openTransactions(life).length > 0) {
      close(life, effects);
      return;
    }
    life.version = version;
    life.registration = 'none';
  }
  if (life.options.bootsOnReconnect && life.registration === 'accepted') life.registration = 'none';
  // A boot whose answer was lost with the last link is due at once, one that was answered Pending or Rejected after its interval.
  if (life.registration === 'none' || life.bootAtMs === Infinity) life.bootAtMs = clock.nowMs;
}

function onClosed(life: StationLife, clock: LifeClock): void {
  const { options, random } = life;
  loseLink(life);
  for (let connector = 1; connector <= life.connectors.length; connector += 1)
    finishAuthorize(life, connector, false, clock);
  const wait = Math.min(options.reconnectMaxMs, options.reconnectMs * 2 ** Math.min(life.failures, 16));
  // Only an answer ends the back-off: a server that accepts and closes at once gets no storm.
  life.failures += 1;
  const connectAtMs = clock.nowMs + scaled(life, wait * (1 + random.next()));
  life.link = { phase: 'down', connectAtMs: Math.max(connectAtMs, life.offUntilMs) };
}

function onText(life: StationLife, text: string, clock: LifeClock, effects: LifeEffect[]): void {
  const message = readMessage(text);
  if (message === null) {
    life.stats.unreadable += 1;
    return;
  }
  if (message.type === 2) answerCommand(life, message, clock);
  if (message.type !== 3 && message.type !== 4) return;
  const waiting = takeAnswered(life, message.id);
  if (waiting === null) return;
  const isError = message.type === 4;
  const latencyMs = clock.nowMs - waiting.sentAtMs;
  effects.push({ type: 'answered', action: waiting.action, latencyMs, isError });
  if (isError) onError(life, waiting, clock, effects);
  else onResult(life, waiting, message, clock);
}

function onError(life: StationLife, waiting: Waiting, clock: LifeClock, effects: LifeEffect[]): void {
  life.stats.errors += 1;
  if (waiting.guaranteed !== null) {
    life.stats.guaranteedErrors += 1;
    countFailure(life, waiting.guaranteed, clock, effects);
  } else failPlain(life, waiting, clock);
}

function failPlain(life: StationLife, waiting: Waiting, clock: LifeClock): void {
  if (waiting.action === 'Authorize') finishAuthorize(life, waiting.connector, false, clock);
  if (waiting.action === 'BootNotification') life.bootAtMs = clock.nowMs + scaled(life, bootRetryMs);
}

function onResult(life: StationLife, waiting: Waiting, message: Message, clock: LifeClock): void {
  life.stats.results += 1;
  life.failures = 0;
  if (waiting.guaranteed !== null) forget(life, waiting.guaranteed);
  const { payload } = message;
  switch (waiting.action) {
    case 'BootNotification':
      onBootAnswered(life, payload, clock);
      return;
    case 'Authorize': {
      const info = record(payload['idTagInfo'] ?? payload['idTokenInfo']);
      finishAuthorize(life, waiting.connector, info['status'] === 'Accepted', clock);
      return;
    }
    case 'StartTransaction':
    case 'TransactionEvent':
      onTransactionAnswered(life, waiting, payload, clock);
      return;
    case 'OpenPeriodicEventStream':
      if (payload['status'] === 'Accepted') life.streamAtMs = clock.nowMs + scaled(life, streamIntervalMs);
      return;
    default:
  }
}

function onBootAnswered(life: StationLife, payload: Message['payload'], clock: LifeClock): void {
  const intervalMs = scaled(life, Math.max(0, Number(payload['interval'] ?? 0)) * 1_000);
  if (payload['status'] !== 'Accepted') {
    life.registration = payload['status'] === 'Pending' ? 'pending' : 'rejected';
    life.bootAtMs = clock.nowMs + (intervalMs > 0 ? intervalMs : scaled(life, bootRetryMs));
    return;
  }
  const isFirst = life.registration !== 'accepted';
  life.registration = 'accepted';
  life.wasAccepted = true;
  life.heartbeatIntervalMs = intervalMs > 0 ? intervalMs : Infinity;
  life.heartbeatAtMs = clock.nowMs + life.heartbeatIntervalMs;
  if (!isFirst) return;
  life.stats.boots += 1;
  // After a boot every status is told (OCPP 1.6 errata, OCPP 2.x B01.FR.05).
  life.reported.length = 0;
  const reading = nextReading(life, 0);
  keep(life, 'SecurityEventNotification', reading, securityEventPayload(reading, clock.wallMs), {
    isOptional: true,
  });
  if (life.version === 'ocpp2.1' && life.options.streams)
    say(life, 'OpenPeriodicEventStream', openStreamPayload(), 0);
}

function onTransactionAnswered(
  life: StationLife,
  waiting: Waiting,
  payload: Message['payload'],
  clock: LifeClock,
): void {
  const transaction = waiting.guaranteed?.starts ?? null;
  const status = record(payload['idTagInfo'] ?? payload['idTokenInfo'])['status'];
  if (transaction !== null && Number.isInteger(payload['transactionId']))
    transaction.wireId = Number(payload['transactionId']);
  if (status === undefined || status === 'Accepted') return;
  const wireId = record(waiting.guaranteed?.payload['transactionInfo'])['transactionId'];
  const refused = transaction ?? openTransactions(life).find((open) => open.wireId === wireId);
  if (refused !== undefined) deauthorize(refused, clock.nowMs);
}

function windDown(life: StationLife, clock: LifeClock): void {
  life.isWindingDown = true;
  life.powerCutAtMs = Infinity;
  for (const transaction of openTransactions(life))
    scheduleEnd(transaction, transaction.endReason, clock.nowMs);
  life.connectors.forEach((state, index) => {
    if (state.phase === 'idle') life.connectors[index] = { phase: 'idle', plugInAtMs: Infinity };
  });
}

/** Does everything that is due, then sends what may be sent. */
function advance(life: StationLife, clock: LifeClock, effects: LifeEffect[]): void {
  const { nowMs } = clock;
  if (nowMs < life.offUntilMs) return;
  if (life.nextVersion !== null && life.queue.length === 0 && openTransactions(life).length === 0) {
    reflash(life, life.nextVersion, clock, effects);
    return;
  }
  if (life.powerCutAtMs <= nowMs) {
    life.powerCutAtMs = nextPowerCut(life, nowMs);
    reboot(life, 'power_loss', clock, effects);
    return;
  }
  if (life.link.phase === 'down' && life.link.connectAtMs <= nowMs) {
    life.link = { phase: 'connecting' };
    life.stats.connects += 1;
    effects.push({ type: 'connect', offers: life.offers });
  }
  expireCall(life, clock, effects);
  sendAnswers(life, clock, effects);
  advanceConnectors(life, clock);
  if (life.link.phase !== 'open') return;
  if (life.registration === 'accepted') {
    sayLeftOver(life);
    advanceAccepted(life, clock, effects);
  } else if (life.bootAtMs <= nowMs) {
    life.bootAtMs = Infinity;
    say(life, 'BootNotification', bootPayload(life.version, life.options, life.bootReason), 0);
  }
  pump(life, clock, effects);
}

function advanceAccepted(life: StationLife, clock: LifeClock, effects: LifeEffect[]): void {
  const { nowMs } = clock;
  if (life.resetsWhenIdle && openTransactions(life).length === 0) {
    life.resetsWhenIdle = false;
    reboot(life, 'soft_reset', clock, effects);
    return;
  }
  reportStatuses(life, clock);
  if (life.heartbeatAtMs <= nowMs) {
    life.heartbeatAtMs = nowMs + life.heartbeatIntervalMs;
    if (!life.outbox.some(({ action }) => action === 'Heartbeat')) say(life, 'Heartbeat', {}, 0);
  }
  if (life.streamAtMs > nowMs) return;
  life.streamAtMs = nowMs + scaled(life, streamIntervalMs);
  const points = [life.random.next() * 100, life.random.next() * 100];
  const body = bodyText(streamPayload(points, clock.wallMs), 'compact');
  effects.push({ type: 'send', text: sendText(nextMessageId(life), 'NotifyPeriodicEventStream', body) });
  life.stats.sendsSent += 1;
}

/** Silence counts as a failure; the link is left as it is, as most firmware does. */
function expireCall(life: StationLife, clock: LifeClock, effects: LifeEffect[]): void {
  const { slot } = life;
  if (slot.phase === 'free' || slot.deadlineMs > clock.nowMs) return;
  life.slot = { phase: 'free' };
  life.stats.timeouts += 1;
  if (slot.guaranteed !== null) countFailure(life, slot.guaranteed, clock, effects);
  else {
    forgetReport(life, slot.action, slot.connector);
    failPlain(life, slot, clock);
  }
}

function sendAnswers(life: StationLife, clock: LifeClock, effects: LifeEffect[]): void {
  for (
    let answer = life.answers[0];
    answer !== undefined && answer.atMs <= clock.nowMs;
    answer = life.answers[0]
  ) {
    life.answers.shift();
    if (life.link.phase !== 'open') continue;
    effects.push({ type: 'send', text: answer.text });
    if (answer.followUp !== null) follow(life, answer.followUp, clock, effects);
  }
}

function follow(life: StationLife, followUp: FollowUp, clock: LifeClock, effects: LifeEffect[]): void {
  const state = 'connector' in followUp ? life.connectors[followUp.connector - 1] : undefined;
  switch (followUp.type) {
    case 'reset':
      if (!life.isWindingDown) reboot(life, followUp.reason, clock, effects);
      return;
    case 'start':
      if (state?.phase === 'idle' && !life.isWindingDown)
        startTransaction(life, followUp.connector, followUp.token, followUp.remoteStartId, clock);
      return;
    case 'stop':
      if (state?.phase === 'charging') scheduleEnd(state.transaction, 'remote', clock.nowMs);
      return;
    case 'report':
      for (const payload of followUp.payloads) say(life, followUp.action, payload, 0);
      return;
    case 'boot':
      if (life.registration === 'accepted')
        say(life, 'BootNotification', bootPayload(life.version, life.options, 'Triggered'), 0);
      else life.bootAtMs = clock.nowMs;
      return;
    case 'heartbeat':
      if (life.registration === 'accepted') life.heartbeatAtMs = clock.nowMs;
      return;
    case 'status':
      for (let at = 0; at < life.reported.length; at += 1)
        if (followUp.connector === 0 || at === followUp.connector) life.reported[at] = '';
      return;
    case 'meter':
      if (state?.phase === 'charging') meterTransaction(life, state.transaction, clock);
      else if (life.version === 'ocpp1.6' && state !== undefined) meterIdle(life, followUp.connector, clock);
  }
}

/** What is queued is written in the version it was made in, so it comes to this only when nothing is left of it. */
function reflash(
  life: StationLife,
  version: StationLife['version'],
  clock: LifeClock,
  effects: LifeEffect[],
): void {
  reboot(life, 'power_loss', clock, effects);
  life.version = version;
  life.offers = [version];
  life.nextVersion = null;
}

/** Power off, and on again some time later. What is kept survives; what is open is ended after the boot with the reason. */
function reboot(life: StationLife, reason: EndReason, clock: LifeClock, effects: LifeEffect[]): void {
  const isSoft = reason === 'soft_reset';
  life.offUntilMs = clock.nowMs + scaled(life, life.random.within(life.options.rebootMs));
  for (const transaction of openTransactions(life))
    scheduleEnd(transaction, reason, isSoft ? clock.nowMs : life.offUntilMs);
  // A soft reset stops transactions first (OCPP 1.6 §5.14).
  if (isSoft) advanceConnectors(life, clock);
  life.bootReason = reason === 'power_loss' ? 'PowerUp' : 'RemoteReset';
  life.registration = 'none';
  life.resetsWhenIdle = false;
  life.streamAtMs = Infinity;
  if (life.options.ids === 'counter') life.messageCount = 0;
  loseLink(life);
  life.leftOver.length = 0;
  life.connectors.forEach((state, index) => {
    if (state.phase === 'authorizing')
      life.connectors[index] = { phase: 'idle', plugInAtMs: life.offUntilMs };
  });
  if (life.link.phase === 'down')
    life.link = { phase: 'down', connectAtMs: Math.max(life.link.connectAtMs, life.offUntilMs) };
  else if (life.link.phase !== 'closing') {
    effects.push(isSoft ? { type: 'close', code: 1001 } : { type: 'terminate' });
    life.link = { phase: 'closing' };
  }
}

function close(life: StationLife, effects: LifeEffect[]): void {
  life.link = { phase: 'closing' };
  effects.push({ type: 'close', code: 1002 });
}

function nextWakeMs(life: StationLife, clock: LifeClock): number {
  if (clock.nowMs < life.offUntilMs) return life.offUntilMs;
  let next = Math.min(life.powerCutAtMs, nextConnectorMs(life));
  if (life.link.phase === 'down') return Math.min(next, life.link.connectAtMs);
  if (life.link.phase !== 'open') return next;
  if (life.slot.phase === 'waiting') next = Math.min(next, life.slot.deadlineMs);
  next = Math.min(next, life.answers[0]?.atMs ?? Infinity);
  if (life.registration !== 'accepted') return Math.min(next, life.bootAtMs);
  if (life.slot.phase === 'free' && life.queue[0] !== undefined)
    next = Math.min(next, life.queue[0].notBeforeMs);
  return Math.min(next, life.heartbeatAtMs, life.streamAtMs);
}
