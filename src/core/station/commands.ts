/**
 * Calls to the station: a backend's, or an operator's. May it, in what order, and who gets the answer.
 *
 * Pure. Every command is answered once, to the one that asked, within its deadline; one that was refused or whose time was up is never sent (S3, H4). What
 * is allowed is core/commands; here are the queue, the slot and the answers.
 */
import { callErrorText } from '../../protocol/error-code.ts';
import { idTokenOf, payloadOf } from '../../protocol/frame.ts';
import { decideCommand } from '../commands/arbiter.ts';
import { classOfCommand, CommandQueue } from '../commands/command-queue.ts';
import { commandTimeoutMs, queueDeadlineMs } from '../commands/idempotence.ts';
import { serveSettings } from '../commands/served-settings.ts';
import { payloadReader, type Payload } from '../commands/payload.ts';
import { refuse, type Answer, type RefusalReason } from '../commands/refusal.ts';
import { commandSent, operatorToStation, toStation, type RefuseReason } from '../ids/to-station.ts';
import { askerOf, factsOf, listVersionFor, virtualOf } from './command-facts.ts';
import { keepAsked, remember } from './command-replies.ts';
import { onTriggered } from '../priming/priming.ts';
import { expireCommands, finishCommand } from './command-outcome.ts';
import { note } from './identifiers.ts';
import { learnRefused } from './learning.ts';
import { viewOf } from './own-calls.ts';
import { roleOf } from './roles.ts';
import { callerOf, isFree } from './slot.ts';
import {
  fromBusbar,
  fromOperator,
  nextMessageId,
  nextOwnId,
  type BackendLink,
  type StationLink,
  type StationState,
  type WaitingCommand,
} from './state.ts';
import { notice, recordReceived, relay, rewrite, sendOwn, type Received, type Turn } from './turn.ts';

/** A backend's command: forwarded, answered from what Busbar knows, or refused. */
export function onCommand(state: StationState, turn: Turn, backend: BackendLink, received: Received): void {
  const { text, frame } = received;
  const { action } = frame;
  const { link } = state;
  const waitedFor = link ?? state.grace;
  const version = backend.version ?? 'ocpp1.6';
  const payload = payloadReader(payloadOf(text, frame));
  const answer = (given: Answer): void => answerBackend(state, turn, backend, received, given);
  if (waitedFor === null) return answer(refuse(version, action, 'not_connected', payload));
  const asker = askerOf(state, backend);
  const party = {
    backend: backend.backend,
    isPrimary: asker.role === 'primary',
    isGone: (name: string) => roleOf(state, name) === null,
  };
  const { ids } = state.durable;
  const meant = toStation(ids, party, version, action, text, frame, turn.context);
  const decision = decideCommand(asker, version, action, payload, factsOf(state, backend, version, received));
  if (decision.isProtected) notice(turn, 'command_protected', backend.backend);
  remember(state, turn, backend.backend, decision.remember);
  if (decision.asked.length > 0) keepAsked(state, turn, backend.backend, decision.asked);
  const { passage } = decision;
  switch (passage.do) {
    case 'answer':
      if (!decision.isProtected && decision.remember.length === 0)
        notice(turn, 'command_forbidden', backend.backend);
      return answer(passage.answer);
    case 'serve':
      return serve(state, turn, backend, received, passage, payload);
    case 'forward':
    case 'split': {
      if (meant.what === 'refuse') return answer(refuse(version, action, refusals[meant.reason], payload));
      const body = passage.do === 'split' ? passage.payload : null;
      const words =
        body === null ? meant.text : text.slice(0, frame.bodyStart) + body + text.slice(frame.bodyEnd);
      const command: WaitingCommand = {
        purpose: 'relay',
        caller: callerOf(backend.epoch, text, frame),
        joined: null,
        from: backend.backend,
        messageId: nextMessageId(state),
        action,
        isGuaranteed: false,
        transaction: null,
        text: words,
        idStart: frame.idStart,
        idEnd: frame.idEnd,
        bodyStart: frame.bodyStart,
        bodyEnd: frame.bodyEnd + words.length - text.length,
        answerByMs: Infinity,
        deadlineMs: turn.context.nowMs + queueDeadlineMs,
        commandClass: classOfCommand(version, action, asker.role),
        command: {
          askedAt: turn.context.wallMs,
          askedAtMs: turn.context.nowMs,
          timeoutMs: commandTimeoutMs(version, action, turn.context.settings.callTimeoutMs, payload),
          own: passage.do === 'split' ? passage.own : [],
          onceAccepted: decision.rememberOnceAccepted,
          note: meant.note,
        },
      };
      const isAtOnce = link !== null && isFree(link);
      if (!isAtOnce) {
        waitedFor.lane ??= new CommandQueue<WaitingCommand>();
        if (!waitedFor.lane.push(command)) {
          if (waitedFor.lane.length === 0) waitedFor.lane = null;
          notice(turn, 'backend_flooding', backend.backend);
          return answer(refuse(version, action, 'queue_full', payload));
        }
      }
      // One that is not taken leaves nothing in the ledger.
      for (const change of meant.changes) note(state, turn, change);
      if (action === 'SendLocalList') learnRefused(state, turn, backend.backend, version, payload());
      if (isAtOnce) return sendAtOnce(state, turn, link, received, command);
      return recordReceived(state, turn, received, words === text ? 'queued' : 'rewritten', action);
    }
  }
}

/** A SEND has no answer to refuse it with, so it passes only where a call of the same content would pass as it is. */
export function maySend(state: StationState, turn: Turn, backend: BackendLink, received: Received): boolean {
  const { text, frame } = received;
  const version = backend.version ?? 'ocpp2.1';
  const payload = payloadReader(payloadOf(text, frame));
  const facts = factsOf(state, backend, version, received);
  const asker = askerOf(state, backend);
  if (decideCommand(asker, version, frame.action, payload, facts).passage.do !== 'forward') return false;
  const party = { backend: backend.backend, isPrimary: asker.role === 'primary' };
  const meant = toStation(state.durable.ids, party, version, frame.action, text, frame, turn.context);
  return meant.what === 'send' && meant.text === text && meant.note === null && meant.changes.length === 0;
}

/** An operator's command. `payload` is a JSON object as text; the outcome is told by an effect, once. */
export function onOperatorCommand(
  state: StationState,
  turn: Turn,
  requestId: number,
  action: string,
  payload: string,
): void {
  const own = ownCommand(state, turn, fromOperator, String(requestId), action, payload);
  const waitedFor = state.link ?? state.grace;
  if (waitedFor === null) return finishCommand(state, turn, own, 'not_connected');
  const { ids } = state.durable;
  const meant = operatorToStation(ids, fromOperator, waitedFor.version, action, own.text, own, turn.context);
  if (meant.what === 'refuse') return finishCommand(state, turn, own, refusals[meant.reason]);
  const bodyEnd = own.bodyEnd + meant.text.length - own.text.length;
  const { text, note: noted } = meant;
  const command = { ...own, text, bodyEnd, command: { ...own.command, note: noted } };
  if (!takeCommand(state, turn, command)) return finishCommand(state, turn, own, 'queue_full');
  for (const change of meant.changes) note(state, turn, change);
}

/** A command that Busbar gives of its own accord to a connected station. False where the queue is full, and it is not given. */
export function sendOwnCommand(
  state: StationState,
  turn: Turn,
  action: string,
  payload: string,
  transaction: string | null,
): boolean {
  if (state.link === null) return false;
  const command = { ...ownCommand(state, turn, fromBusbar, '0', action, payload), transaction };
  return takeCommand(state, turn, command);
}

/** A command that came in on no link. */
function ownCommand(
  state: StationState,
  turn: Turn,
  from: string,
  caller: string,
  action: string,
  payload: string,
): WaitingCommand {
  const messageId = nextOwnId(state);
  const idToken = `"${messageId}"`;
  const version = (state.link ?? state.grace)?.version ?? 'ocpp1.6';
  const text = `[2,${idToken},${JSON.stringify(action)},${payload}]`;
  const { nowMs, wallMs, settings } = turn.context;
  return {
    purpose: 'operator',
    caller: { epoch: 0, idToken: caller },
    joined: null,
    from,
    messageId,
    action,
    isGuaranteed: false,
    transaction: null,
    text,
    idStart: 3,
    idEnd: 3 + idToken.length,
    bodyStart: text.length - 1 - payload.length,
    bodyEnd: text.length - 1,
    answerByMs: Infinity,
    deadlineMs: nowMs + queueDeadlineMs,
    commandClass: classOfCommand(version, action, 'operator'),
    command: {
      askedAt: wallMs,
      askedAtMs: nowMs,
      timeoutMs: commandTimeoutMs(version, action, settings.callTimeoutMs, payloadReader(payload)),
      own: [],
      onceAccepted: [],
      note: null,
    },
  };
}

/** Sends it, or puts it in line. False where there is no room, or no station. */
function takeCommand(state: StationState, turn: Turn, command: WaitingCommand): boolean {
  const { link } = state;
  if (link !== null && isFree(link)) {
    sendCommand(state, turn, link, command);
    return true;
  }
  const waitedFor = link ?? state.grace;
  if (waitedFor === null) return false;
  waitedFor.lane ??= new CommandQueue<WaitingCommand>();
  return waitedFor.lane.push(command);
}

/** Sends the next waiting command, if the station is free. One whose time is up is not sent, though the tick that refuses it has yet to come. */
export function pumpCommands(state: StationState, turn: Turn, link: StationLink): void {
  if (link.slot !== null) return;
  expireCommands(state, turn, link);
  if (link.lane === null) return;
  const next = link.lane.shift();
  if (link.lane.length === 0) link.lane = null;
  if (next !== undefined) sendCommand(state, turn, link, next);
}

function sendAtOnce(
  state: StationState,
  turn: Turn,
  link: StationLink,
  received: Received,
  command: WaitingCommand,
): void {
  openSlot(state, turn, link, command);
  const idToken = `"${command.messageId}"`;
  if (command.text === received.text) relay(state, turn, received, link, idToken, command.action);
  else rewrite(state, turn, received, command.text, link, idToken, command.action);
}

function sendCommand(state: StationState, turn: Turn, link: StationLink, command: WaitingCommand): void {
  openSlot(state, turn, link, command);
  const { text, idStart, idEnd, messageId, action, purpose } = command;
  const idToken = `"${messageId}"`;
  const sentText = text.slice(0, idStart) + idToken + text.slice(idEnd);
  sendOwn(
    state,
    turn,
    link,
    sentText,
    idToken,
    'call',
    action,
    'now',
    purpose === 'operator' ? 'own' : 'relay',
  );
}

function openSlot(state: StationState, turn: Turn, link: StationLink, command: WaitingCommand): void {
  const { purpose, caller, from, messageId, action, transaction } = command;
  const { text, idStart, idEnd, bodyStart, bodyEnd } = command;
  const { nowMs } = turn.context;
  const asker = purpose === 'relay' ? from : null;
  const sent = commandSent(state.durable.ids, asker, link.version, action, command.command.note);
  for (const change of sent.changes) note(state, turn, change);
  link.slot = {
    purpose,
    caller,
    joined: null,
    from,
    sentId: messageId,
    key: messageId,
    action,
    isGuaranteed: false,
    transaction,
    text,
    idStart,
    idEnd,
    bodyStart,
    bodyEnd,
    sentAtMs: nowMs,
    answerByMs: Infinity,
    deadlineMs: nowMs + command.command.timeoutMs,
    held: 0,
    command: sent.note === command.command.note ? command.command : { ...command.command, note: sent.note },
  };
}

type Served = Extract<ReturnType<typeof decideCommand>['passage'], { do: 'serve' }>;

/** Answers in the station's place what a backend that is not in charge may know. */
function serve(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  received: Received,
  served: Served,
  payload: () => Payload,
): void {
  const { action } = received.frame;
  switch (served.from) {
    case 'inventory':
      return answerBackend(
        state,
        turn,
        backend,
        received,
        serveSettings(state.durable.inventory, action, payload(), virtualOf(state, backend.backend)),
      );
    case 'list_version':
      return answerBackend(state, turn, backend, received, listVersionFor(state, backend));
    case 'trigger':
      answerBackend(state, turn, backend, received, served.answer);
      if (served.trigger !== null) triggerFor(state, turn, backend, served.trigger.message);
  }
}

/** What a backend is told when its command names something that is not its own. */
const refusals: Readonly<Record<RefuseReason, RefusalReason>> = {
  unknown_transaction: 'unknown_transaction',
  not_yours: 'no_authority',
  list_not_yours: 'list_not_own',
  too_many_open: 'queue_full',
};

/** What a TriggerMessage asks for follows its answer. */
function triggerFor(state: StationState, turn: Turn, backend: BackendLink, message: string): void {
  const what = message === 'BootNotification' ? 'boot' : message === 'Heartbeat' ? 'heartbeat' : 'statuses';
  onTriggered(backend.priming, viewOf(state, turn, backend), what);
}

/** Records the command and Busbar's own answer to it. */
function answerBackend(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  received: Received,
  answer: Answer,
): void {
  const idToken = idTokenOf(received.text, received.frame);
  const { action } = received.frame;
  recordReceived(state, turn, received, 'answered', action);
  const text =
    answer.kind === 'result'
      ? `[3,${idToken},${answer.payload}]`
      : callErrorText(backend.version ?? 'ocpp1.6', idToken, answer.meaning, answer.description);
  sendOwn(state, turn, backend, text, idToken, answer.kind, action);
}
