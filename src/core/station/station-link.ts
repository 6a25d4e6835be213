/**
 * The station's own link: opening it, and closing it so that nothing of it lingers.
 *
 * Pure. Whoever closes it, the station is never told an error for a transaction message: a closed link makes it keep the
 * message (OCPP 1.6 §3.7), an error makes it count down to throwing it away (§3.7.1).
 */
import { callErrorText } from '../../protocol/error-code.ts';
import { backendLinkOf, dial, letGo } from './backend-link.ts';
import { factsOf } from './find-backend.ts';
import { takeToken } from './bucket.ts';
import { finishCommand, stopAgain } from './command-outcome.ts';
import { pumpCommands } from './commands.ts';
import { dropStaleCopies } from './copies.ts';
import { hearAs } from './missed.ts';
import { isWanted, othersOf } from './roles.ts';
import type {
  BackendLink,
  OpenCall,
  PendingArrival,
  StationLink,
  StationState,
  WaitingCall,
} from './state.ts';
import { notice, recordDropped, recordDurably, sendOwn, type Turn } from './turn.ts';

/** WebSocket close codes (RFC 6455 §7.4.1 and the IANA registry). */
export const closeCode = { goingAway: 1001, policy: 1008, restart: 1012, tryAgainLater: 1013 } as const;

/** Answers the upgrade: the station is connected. An older link of it makes way; what waited for it to come back is sent. */
export function admit(state: StationState, turn: Turn, arrival: PendingArrival): void {
  if (state.link !== null) displace(state, turn);
  const { nowMs, wallMs, settings } = turn.context;
  const { epoch, version, isAuthenticated, assignment } = arrival;
  takeToken(state.connects, settings.connectsPerHour / 3_600, settings.connectsPerHour, nowMs);
  const lane = state.grace?.lane ?? null;
  state.grace = null;
  state.arrival = null;
  state.assignment = assignment;
  const link: StationLink = {
    side: 'station',
    epoch,
    version,
    isAuthenticated,
    heard: { heardAtMs: nowMs, pings: 0, pingedAtMs: 0 },
    calls: { tokens: Number.NaN, atMs: 0 },
    floodingSinceMs: null,
    pausedFor: 0,
    isPresented: false,
    slot: null,
    lane,
    answered: null,
    expiredId: null,
  };
  state.link = link;
  turn.effects.push({ type: 'accept', epoch, version });
  // One that answers this after all is watched as any other.
  if (state.ignoresPings) turn.effects.push({ type: 'ping', link });
  recordDurably(state, turn, {
    type: 'link',
    at: wallMs,
    station: state.id,
    link: 'station',
    change: 'opened',
    version,
    code: null,
    reason: null,
  });
  hearAs(state, turn, assignment.primary, false);
  pumpCommands(state, turn, link);
  attachListeners(state, turn);
}

/**
 * Dials the backends that listen in or are the authority for single actions, and lets go of those that are neither any more. Their absence does
 * not keep the station out.
 */
export function attachListeners(state: StationState, turn: Turn): void {
  const { link, assignment } = state;
  if (link === null || assignment === null) return;
  for (const backend of state.backends) {
    if (backend.backend === assignment.primary) continue;
    const hasLink = backend.phase === 'dialling' || backend.phase === 'open';
    // One that is to be dialled again will be dialled as it is configured then.
    const isCurrent = !hasLink || backend.revision === factsOf(turn, backend.backend)?.revision;
    if (isCurrent && isWanted(state, turn, backend.backend)) continue;
    const calls = callsAt(backend);
    letGo(state, turn, backend, closeCode.goingAway, 'not_routed_here');
    forsake(state, turn, calls);
    if (state.link === null) return;
  }
  dropStaleCopies(state, turn);
  for (const name of othersOf(state)) if (isWanted(state, turn, name)) dialIfDue(state, turn, link, name);
  // Without it the station would not be here, unless Busbar answers in its place.
  if (assignment.whenDown.covers) dialIfDue(state, turn, link, assignment.primary);
}

function dialIfDue(state: StationState, turn: Turn, link: StationLink, name: string): void {
  const facts = factsOf(turn, name);
  if (facts === null) return;
  const backend = backendLinkOf(state, name);
  const isDue =
    backend.phase === 'idle' || (backend.phase === 'waiting' && backend.redialAtMs <= turn.context.nowMs);
  if (isDue) dial(turn, backend, facts, link.version);
}

/** The station's calls that a backend has or that wait for it; to be asked before its link is given up. */
export function callsAt(backend: BackendLink): (OpenCall | WaitingCall)[] {
  return [...(backend.slot === null ? [] : [backend.slot]), ...(backend.lane ?? [])];
}

/**
 * The backend for single actions is gone, and the station stays: who waited for that backend is told. An error would cost a guaranteed message, so
 * then the station's link is closed instead.
 */
export function forsake(state: StationState, turn: Turn, calls: readonly (OpenCall | WaitingCall)[]): void {
  const { link } = state;
  if (link === null) return;
  const own = calls.filter(({ purpose, caller }) => purpose === 'relay' && caller.epoch === link.epoch);
  if (own.some(({ isGuaranteed }) => isGuaranteed))
    return closeStation(state, turn, closeCode.tryAgainLater, 'authority_lost');
  for (const { caller, action } of own) {
    const text = callErrorText(link.version, caller.idToken, 'internal', backendGone);
    sendOwn(state, turn, link, text, caller.idToken, 'error', action);
  }
}

/** What a station is told when the backend for an action of its call is not there. */
export const backendGone = 'The backend for this action cannot be reached.';

/** Closes the station's link, and the backends' with it (OCPP 2.0.1 Part 4 §6.3). */
export function closeStation(state: StationState, turn: Turn, code: number, reason: string): void {
  const link = state.link;
  if (link === null) return;
  turn.effects.push({
    type: 'close',
    link,
    code,
    reason,
    when: turn.context.isJournalWritable ? 'afterCommit' : 'now',
  });
  markStationGone(state, turn, code, reason);
}

/**
 * The station's link is gone, however that came: its backends must not believe in it for longer. Where a newer connection of it waits, their links
 * stay, and they are told what became of their commands.
 */
export function markStationGone(state: StationState, turn: Turn, code: number | null, reason: string): void {
  const link = state.link;
  if (link === null) return;
  failCommands(state, turn, link);
  endStationLink(state, turn, link, code, reason);
  if (state.arrival !== null) return;
  for (const backend of state.backends) letGo(state, turn, backend, closeCode.goingAway, 'station_gone');
}

/** The old link of a station that came back: closed, its calls forgotten, its commands told. The backends' links stay. */
export function displace(state: StationState, turn: Turn): void {
  const link = state.link;
  if (link === null) return;
  notice(turn, 'identity_displaced');
  failCommands(state, turn, link);
  turn.effects.push({ type: 'close', link, code: closeCode.goingAway, reason: 'displaced', when: 'now' });
  endStationLink(state, turn, link, closeCode.goingAway, 'displaced');
}

/** Ends every command that was sent to the station or waits for it: once each, told to the one that asked. */
function failCommands(state: StationState, turn: Turn, link: StationLink): void {
  failOpenCommand(state, turn, link);
  for (const waiting of link.lane ?? []) {
    finishCommand(state, turn, waiting, 'not_connected');
    recordDropped(state, turn, waiting, 'peer_gone');
  }
  link.lane = null;
}

/** Ends the command that the station has not answered. It is never sent again, but for a stop of Busbar's own: nobody knows what became of it. */
export function failOpenCommand(state: StationState, turn: Turn, link: StationLink): void {
  if (link.slot === null) return;
  finishCommand(state, turn, link.slot, 'outcome_unknown');
  stopAgain(state, turn, link.slot);
  link.slot = null;
}

/** The link is over: what its station had said and no backend has yet is not sent any more. */
export function endStationLink(
  state: StationState,
  turn: Turn,
  link: StationLink,
  code: number | null,
  reason: string,
): void {
  state.link = null;
  for (const backend of state.backends) {
    for (const waiting of backend.lane?.takeWhere((call) => call.caller.epoch === link.epoch) ?? []) {
      recordDropped(state, turn, waiting, 'caller_gone');
    }
  }
  recordDurably(state, turn, {
    type: 'link',
    at: turn.context.wallMs,
    station: state.id,
    link: 'station',
    change: 'closed',
    version: null,
    code,
    reason,
  });
}
