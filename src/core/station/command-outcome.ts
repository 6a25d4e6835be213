/**
 * How a command ends: its asker is told once, and what came of it is kept for people to see.
 *
 * Pure.
 */
import { ownText } from '../../std/own-text.ts';
import { callErrorText } from '../../protocol/error-code.ts';
import { decode, payloadOf } from '../../protocol/frame.ts';
import { payloadReader } from '../commands/payload.ts';
import { refuse, refusalWords, type RefusalReason } from '../commands/refusal.ts';
import type { CommandOutcome } from './events.ts';
import { commandFailed } from '../ids/result-to-backend.ts';
import { note } from './identifiers.ts';
import { findBackendLink } from './find-backend.ts';
import { errorCodeOf } from './own-calls.ts';
import { notePlaced } from './placed-objects.ts';
import { roleOf } from './roles.ts';
import {
  fromBusbar,
  fromOperator,
  recentCommandsMax,
  type OpenCall,
  type RecentCommand,
  type StationLink,
  type StationState,
  type WaitingCommand,
} from './state.ts';
import { recordDropped, recordDurably, sendOwn, type Received, type Turn } from './turn.ts';

/** What a command came to: the station's answer, or why there is none. */
type Ending = 'result' | 'error' | RefusalReason;

/**
 * Ends a command. A backend is told here only why there is no answer; the station's answer is relayed to it by the caller. An operator is told everything by
 * an effect.
 */
export function finishCommand(
  state: StationState,
  turn: Turn,
  command: OpenCall | WaitingCommand,
  ending: Ending,
  reply: Received | null = null,
): void {
  noteEnding(state, turn, command, ending);
  if (ending === 'outcome_unknown') {
    notePlaced(state, turn, command, null);
    doubtList(state, turn, command);
  }
  // A command of which nobody knows whether it was carried out may still be reported on.
  if (ending !== 'result' && ending !== 'outcome_unknown' && command.command !== null)
    for (const change of commandFailed(command.from, command.command.note, turn.context))
      note(state, turn, change);
  // The station never heard it: it is told once it is back, or has time.
  if (ending === 'not_connected' || ending === 'expired') stopAgain(state, turn, command);
  if (command.from === fromOperator)
    return settle(turn, Number(command.caller.idToken), outcomeOf(ending, reply));
  if (ending !== 'result' && ending !== 'error') tellBackend(state, turn, command, ending);
}

/** Whose list the station has by now nobody knows: each backend sends all of its own, lest its changes are made to another's. Where it may be none but the primary's, the station is asked. */
function doubtList(state: StationState, turn: Turn, { action, from }: OpenCall | WaitingCommand): void {
  if (action !== 'SendLocalList') return;
  if (state.durable.ids.list === null && roleOf(state, from) === 'primary') return;
  note(state, turn, { type: 'list_installed', backend: fromOperator, version: '0' });
}

/** What Busbar itself has a station stop is still to be stopped: a stop that comes twice does no harm. */
export function stopAgain(
  state: StationState,
  turn: Turn,
  { from, transaction }: Pick<WaitingCommand, 'from' | 'transaction'>,
): void {
  if (from !== fromBusbar || transaction === null) return;
  const { id: station } = state;
  const change = { what: 'refusal', transaction, info: '' } as const;
  recordDurably(state, turn, { type: 'changed', at: turn.context.wallMs, station, change });
}

/** Refuses the commands that have waited for the station as long as they may. */
export function expireCommands(state: StationState, turn: Turn, waitedFor: Pick<StationLink, 'lane'>): void {
  const { nowMs } = turn.context;
  if (waitedFor.lane === null || waitedFor.lane.nextDeadlineMs() > nowMs) return;
  for (const waiting of waitedFor.lane.takeWhere(({ deadlineMs }) => deadlineMs <= nowMs)) {
    recordDropped(state, turn, waiting, 'expired');
    finishCommand(state, turn, waiting, 'expired');
  }
  if (waitedFor.lane.length === 0) waitedFor.lane = null;
}

/** Refuses commands that wait for the station and whose asker may not give them any more (H4). */
export function refuseQueued(
  state: StationState,
  turn: Turn,
  claims: (command: WaitingCommand) => boolean,
): void {
  const waitedFor = state.link ?? state.grace;
  for (const command of waitedFor?.lane?.takeWhere(claims) ?? []) {
    finishCommand(state, turn, command, 'no_authority');
    recordDropped(state, turn, command, 'withheld');
  }
  if (waitedFor?.lane?.length === 0) waitedFor.lane = null;
}

function tellBackend(
  state: StationState,
  turn: Turn,
  command: OpenCall | WaitingCommand,
  reason: RefusalReason,
): void {
  const backend = findBackendLink(state, command.from);
  if (backend?.phase !== 'open' || backend.epoch !== command.caller.epoch || backend.version === null) return;
  const { version } = backend;
  const { idToken } = command.caller;
  const answer = refuse(version, command.action, reason, payloadReader(bodyOf(command)));
  const text =
    answer.kind === 'result'
      ? `[3,${idToken},${answer.payload}]`
      : callErrorText(version, idToken, answer.meaning, answer.description);
  sendOwn(state, turn, backend, text, idToken, answer.kind, command.action);
}

function settle(turn: Turn, requestId: number, outcome: CommandOutcome): void {
  turn.effects.push({ type: 'command_settled', requestId, outcome });
}

function outcomeOf(ending: Ending, reply: Received | null): CommandOutcome {
  switch (ending) {
    case 'result':
      return { kind: 'result', payload: reply === null ? '{}' : payloadOf(reply.text, reply.frame) };
    case 'error':
      return { kind: 'error', ...errorOf(reply) };
    case 'not_connected':
    case 'queue_full':
    case 'expired':
      return { kind: 'refused', reason: ending, detail: refusalWords[ending].description };
    case 'outcome_unknown':
      return { kind: 'refused', reason: 'unknown_outcome', detail: refusalWords[ending].description };
    default:
      return { kind: 'refused', reason: 'forbidden', detail: refusalWords[ending].description };
  }
}

function errorOf(reply: Received | null): { readonly code: string; readonly description: string } {
  if (reply === null) return { code: 'GenericError', description: '' };
  const elements = JSON.parse(reply.text) as unknown[];
  const description = typeof elements[3] === 'string' ? elements[3] : '';
  return { code: errorCodeOf(reply.text, reply.frame), description };
}

/** Twice as long as any of the specifications. */
const actionCharactersMax = 64;

function noteEnding(
  { recentCommands }: StationState,
  turn: Turn,
  { from, action, command }: OpenCall | WaitingCommand,
  ending: Ending,
): void {
  if (command === null) return;
  const entry: RecentCommand = {
    at: command.askedAt,
    from: askerNames[from] ?? from,
    // A piece of the command's text, and as long as its backend likes.
    action: ownText(action.slice(0, actionCharactersMax)),
    outcome: endings[ending] ?? 'refused',
    tookMs: Math.round(turn.context.nowMs - command.askedAtMs),
  };
  if (recentCommands.length >= recentCommandsMax) recentCommands.shift();
  recentCommands.push(entry);
}

/** How people know those who are no backends. */
const askerNames: Readonly<Record<string, string>> = { [fromOperator]: 'operator', [fromBusbar]: 'busbar' };

const endings: Readonly<Partial<Record<Ending, RecentCommand['outcome']>>> = {
  result: 'result',
  error: 'error',
  expired: 'expired',
  outcome_unknown: 'unknown',
};

/** The payload in a command's own text. */
export function bodyOf({ text }: Pick<OpenCall, 'text'>): string {
  const frame = decode(text, 'ocpp1.6');
  return frame.kind === 'call' ? payloadOf(text, frame) : '{}';
}
