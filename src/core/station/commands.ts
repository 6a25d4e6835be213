/**
 * Calls to the station: a backend's, or an operator's. May it, in what order, and who gets the answer.
 *
 * Pure. Every command is answered once, to the one that asked, within its deadline; one that was refused or whose time was up is never sent (S3, H4). What
 * is allowed is core/commands; here are the queue, the slot and the answers.
 */
import { callErrorText } from '../../protocol/error-code.ts';
import { idTokenOf, payloadOf } from '../../protocol/frame.ts';
import { decideCommand, type ArbiterFacts } from '../commands/arbiter.ts';
import type { Asker } from '../commands/authority.ts';
import { classOfCommand, CommandQueue } from '../commands/command-queue.ts';
import { commandTimeoutMs, queueDeadlineMs } from '../commands/idempotence.ts';
import { learn } from '../commands/inventory.ts';
import { overlay, serveSettings } from '../commands/served-settings.ts';
import { integerOf, payloadReader, readPayload, textOf, type Payload } from '../commands/payload.ts';
import { refuse, type Answer } from '../commands/refusal.ts';
import { confirmedOf, mergeOwn, type VirtualValue } from '../commands/settings.ts';
import { ownsReservation, whoseTransaction } from '../ids/ownership.ts';
import { toStation } from '../ids/translate.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { onTriggered } from '../priming/priming.ts';
import { bodyOf, finishCommand } from './command-outcome.ts';
import { bodyIn, note } from './identifiers.ts';
import { viewOf } from './own-calls.ts';
import { authorityFor, roleOf } from './roles.ts';
import { callerOf, deliverReply, isFree } from './slot.ts';
import {
  fromOperator,
  nextMessageId,
  nextOwnId,
  type BackendLink,
  type OpenCall,
  type StationLink,
  type StationState,
  type WaitingCommand,
} from './state.ts';
import {
  notice,
  recordDurably,
  recordReceived,
  relay,
  rewrite,
  sendOwn,
  type Received,
  type Turn,
} from './turn.ts';

/** A backend's command: forwarded, answered from what Busbar knows, or refused. */
export function onCommand(state: StationState, turn: Turn, backend: BackendLink, received: Received): void {
  const { text, frame } = received;
  const { action } = frame;
  const { link } = state;
  const version = backend.version ?? 'ocpp1.6';
  const payload = payloadReader(payloadOf(text, frame));
  const answer = (given: Answer): void => answerBackend(state, turn, backend, received, given);
  if (link === null) return answer(refuse(version, action, 'not_connected', payload));
  const asker = askerOf(state, backend);
  const party = { backend: backend.backend, isPrimary: asker.role === 'primary' };
  const { ids } = state.durable;
  const meant = toStation(ids, party, version, action, bodyIn(text, frame), turn.context.wallMs);
  const decision = decideCommand(asker, version, action, payload, factsOf(state, backend, version, received));
  if (decision.isProtected) notice(turn, 'command_protected', backend.backend);
  remember(state, turn, backend.backend, decision.remember);
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
      if (meant.what === 'refuse') return answer(refuse(version, action, meant.reason, payload));
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
        text: words,
        idStart: frame.idStart,
        idEnd: frame.idEnd,
        deadlineMs: turn.context.nowMs + queueDeadlineMs,
        commandClass: classOfCommand(version, action, asker.role),
        command: {
          askedAt: turn.context.wallMs,
          askedAtMs: turn.context.nowMs,
          timeoutMs: commandTimeoutMs(version, action, turn.context.settings.callTimeoutMs, payload),
          own: passage.do === 'split' ? passage.own : [],
          onceAccepted: decision.rememberOnceAccepted,
        },
      };
      for (const change of meant.changes) note(state, turn, change);
      if (isFree(link)) return sendAtOnce(state, turn, link, received, command);
      link.lane ??= new CommandQueue<WaitingCommand>();
      if (link.lane.push(command))
        return recordReceived(state, turn, received, words === text ? 'queued' : 'rewritten', action);
      if (link.lane.length === 0) link.lane = null;
      notice(turn, 'backend_flooding', backend.backend);
      return answer(refuse(version, action, 'queue_full', payload));
    }
  }
}

/** An operator's command. `payload` is a JSON object as text; the outcome is told by an effect, once. */
export function onOperatorCommand(
  state: StationState,
  turn: Turn,
  requestId: number,
  action: string,
  payload: string,
): void {
  const { link } = state;
  const messageId = nextOwnId(state);
  const idToken = `"${messageId}"`;
  const version = link?.version ?? 'ocpp1.6';
  const command: WaitingCommand = {
    purpose: 'operator',
    caller: { epoch: 0, idToken: String(requestId) },
    joined: null,
    from: fromOperator,
    messageId,
    action,
    isGuaranteed: false,
    text: `[2,${idToken},${JSON.stringify(action)},${payload}]`,
    idStart: 3,
    idEnd: 3 + idToken.length,
    deadlineMs: turn.context.nowMs + queueDeadlineMs,
    commandClass: classOfCommand(version, action, 'operator'),
    command: {
      askedAt: turn.context.wallMs,
      askedAtMs: turn.context.nowMs,
      timeoutMs: commandTimeoutMs(
        version,
        action,
        turn.context.settings.callTimeoutMs,
        payloadReader(payload),
      ),
      own: [],
      onceAccepted: [],
    },
  };
  if (link === null) return finishCommand(state, turn, command, 'not_connected');
  if (link.slot === null && link.lane === null) return sendCommand(state, turn, link, command);
  link.lane ??= new CommandQueue<WaitingCommand>();
  if (!link.lane.push(command)) finishCommand(state, turn, command, 'queue_full');
}

/** Sends the next waiting command, if the station is free. */
export function pumpCommands(state: StationState, turn: Turn, link: StationLink): void {
  if (link.slot !== null || link.lane === null) return;
  const next = link.lane.shift();
  if (link.lane.length === 0) link.lane = null;
  if (next !== undefined) sendCommand(state, turn, link, next);
}

/** The station answered a command: what it taught is kept, and the one that asked gets what it may see. */
export function onCommandReply(
  state: StationState,
  turn: Turn,
  received: Received,
  call: OpenCall,
  backend: BackendLink | null,
): void {
  const { text, frame } = received;
  let answer = text;
  if (frame.kind === 'result') {
    const asked = readPayload(bodyOf(call));
    const result = payloadOf(text, frame);
    learnSettings(state, turn, call.action, asked, readPayload(result));
    if (call.action === 'SendLocalList') learnList(state, turn, call, asked, readPayload(result));
    const seen = resultFor(state, turn, call, backend, result);
    if (seen !== result) answer = text.slice(0, frame.bodyStart) + seen + text.slice(frame.bodyEnd);
  }
  finishCommand(state, turn, call, frame.kind === 'result' ? 'result' : 'error', received);
  if (call.purpose === 'operator') {
    recordReceived(
      state,
      turn,
      received,
      'consumed',
      call.action,
      Math.round(turn.context.nowMs - call.sentAtMs),
    );
    return;
  }
  deliverReply(state, turn, received, call, backend?.phase === 'open' ? backend : null, answer);
}

/** The result as its asker is to see it: its own virtual values, and what Busbar answered for the station. */
function resultFor(
  state: StationState,
  turn: Turn,
  call: OpenCall,
  backend: BackendLink | null,
  result: string,
): string {
  const { command } = call;
  if (backend === null || command === null) return result;
  if (command.onceAccepted.length > 0)
    remember(state, turn, backend.backend, confirmedOf(command.onceAccepted, call.action, result));
  const virtual = virtualOf(state, backend.backend);
  const seen = overlay(backend.version ?? 'ocpp1.6', call.action, result, virtual);
  return command.own.length === 0 ? seen : mergeOwn(command.own, seen);
}

function sendAtOnce(
  state: StationState,
  turn: Turn,
  link: StationLink,
  received: Received,
  command: WaitingCommand,
): void {
  openSlot(turn, link, command);
  const idToken = `"${command.messageId}"`;
  if (command.text === received.text) relay(state, turn, received, link, idToken, command.action);
  else rewrite(state, turn, received, command.text, link, idToken, command.action);
}

function sendCommand(state: StationState, turn: Turn, link: StationLink, command: WaitingCommand): void {
  openSlot(turn, link, command);
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

function openSlot(turn: Turn, link: StationLink, command: WaitingCommand): void {
  const { purpose, caller, from, messageId, action, text, idStart, idEnd } = command;
  const { nowMs } = turn.context;
  link.slot = {
    purpose,
    caller,
    joined: null,
    from,
    sentId: messageId,
    action,
    isGuaranteed: false,
    text,
    idStart,
    idEnd,
    sentAtMs: nowMs,
    deadlineMs: nowMs + command.command.timeoutMs,
    command: command.command,
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

/** What a TriggerMessage asks for follows its answer. */
function triggerFor(state: StationState, turn: Turn, backend: BackendLink, message: string): void {
  const what = message === 'BootNotification' ? 'boot' : message === 'Heartbeat' ? 'heartbeat' : 'statuses';
  onTriggered(backend.priming, viewOf(state, turn, backend), what);
}

/** The version this backend's list has on the station; 0 where the list there is not its own, so that it sends all of it (H15). */
function listVersionFor({ durable }: StationState, { backend, version }: BackendLink): Answer {
  const { owner, versions } = durable.ids.list;
  const own = owner === backend ? (versions[backend] ?? '0') : '0';
  return {
    kind: 'result',
    payload: version === 'ocpp1.6' ? `{"listVersion":${own}}` : `{"versionNumber":${own}}`,
  };
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

function askerOf(state: StationState, { backend }: BackendLink): Asker {
  const role = roleOf(state, backend);
  const granted = new Set(
    state.assignment?.observers.find((observer) => observer.backend === backend)?.commands,
  );
  for (const [action, name] of state.assignment?.actions ?? []) if (name === backend) granted.add(action);
  return { name: backend, role: role ?? 'standby', granted };
}

function factsOf(
  state: StationState,
  { backend }: BackendLink,
  version: OcppVersion,
  { text, frame }: Received,
): ArbiterFacts {
  const { ids } = state.durable;
  const body = bodyIn(text, frame);
  return {
    transaction: () => whoseTransaction(ids, backend, version, frame.action, body),
    ownsReservation: () => ownsReservation(ids, backend, body),
    localList: () => (ids.list.owner === null ? 'unknown' : ids.list.owner === backend ? 'own' : 'other'),
    keys: state.assignment?.keys ?? [],
    canRotate: false,
    isCertificateAuthority: authorityFor(state, 'SignCertificate') === backend,
    // Which certificate the station needs to trust Busbar is not known, so none may go.
    isLinkCertificate: () => true,
  };
}

function learnSettings(
  state: StationState,
  turn: Turn,
  action: string,
  asked: Payload,
  result: Payload,
): void {
  const change = learn(state.durable.inventory, action, asked, result);
  if (change === null) return;
  recordDurably(state, turn, {
    type: 'changed',
    at: turn.context.wallMs,
    station: state.id,
    change: { what: 'inventory', change },
  });
}

/** A whole list that the station took is its sender's; a part of one only counts its version on. */
function learnList(
  state: StationState,
  turn: Turn,
  { from }: OpenCall,
  asked: Payload,
  result: Payload,
): void {
  if (textOf(result.members, 'status') !== 'Accepted' || from === fromOperator) return;
  const version = integerOf(asked.members, 'listVersion') ?? integerOf(asked.members, 'versionNumber') ?? 0;
  note(state, turn, { what: 'list', owner: from, version: String(version) });
}

function remember(state: StationState, turn: Turn, backend: string, values: readonly VirtualValue[]): void {
  if (values.length === 0) return;
  recordDurably(state, turn, {
    type: 'changed',
    at: turn.context.wallMs,
    station: state.id,
    change: { what: 'virtual', backend, values: values.map(({ key, value }) => [key, value] as const) },
  });
}

function virtualOf({ durable }: StationState, backend: string): Readonly<Record<string, string>> {
  return Object.hasOwn(durable.virtual, backend) ? (durable.virtual[backend] ?? {}) : {};
}
