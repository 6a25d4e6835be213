/**
 * Calls that Busbar makes to a backend of its own accord: the boot, the statuses and the heartbeats of a station that this backend did not hear itself.
 *
 * Pure. When they are due is decided by core/priming; here they get the slot, before anything else that waits for it, and their answers go back there.
 */
import {
  idlePriming,
  nextOwnCall,
  onOwnAnswer,
  onForgotten,
  onStationBooted,
  readVerdict,
  clockSkewOf,
  heartbeatMs,
  register,
  startCatchingUp,
  startPriming,
  takeOver,
  type OwnCall,
  type PrimingView,
  type Verdict,
} from '../priming/priming.ts';
import { connectorsIn, emptyImage, tellsStatus } from '../priming/station-image.ts';
import { isPassing } from '../../protocol/error-code.ts';
import { payloadOf, type Frame } from '../../protocol/frame.ts';
import type { MessageClass } from '../../protocol/message-class.ts';
import { ownText } from '../../std/own-text.ts';
import { isGivenUp } from './liveness.ts';
import { factsOf } from './find-backend.ts';
import { isStillTold, missedBy, noteTold, onHeard } from './missed.ts';
import { isBusbars } from './slot.ts';
import { answersStation, isMovedTo, receivesOf, roleOf } from './roles.ts';
import { nextOwnId, type BackendLink, type OpenCall, type StationState } from './state.ts';
import { notice, recordDurably, recordReceived, sendOwn, type Received, type Turn } from './turn.ts';

/** How often the clock of a backend that answers heartbeats is looked at. */
const skewEveryMs = 60_000;

/** The backend's link has just opened: what has it to be told? The primary hears the station itself. */
export function beginPriming(state: StationState, turn: Turn, backend: BackendLink): void {
  const verdict = verdictOf(state, backend);
  Object.assign(backend.priming, idlePriming());
  if (roleOf(state, backend.backend) !== 'primary' && state.arrival?.assignment.primary !== backend.backend) {
    if (isToldState(state, backend)) return tellMissed(state, turn, backend);
    return startPriming(backend.priming, viewOf(state, turn, backend), verdict);
  }
  // It was down while Busbar answered: it is told how the station is now, as one that joins.
  if (backend.hasMissed || missedBy(state, backend.backend).length > 0)
    return tellMissed(state, turn, backend);
  if (verdict !== null) awaitBeat(state, turn, backend, verdict, isMovedTo(state, backend.backend));
}

/** It hears more of the station from here on, on the link that it has: it is told how the station is, as one that joins. One that has yet to accept the boot is told all of it then. */
export function tellMore(state: StationState, turn: Turn, backend: BackendLink): void {
  if (backend.phase !== 'open' || !backend.priming.isRegistered) return;
  startPriming(backend.priming, viewOf(state, turn, backend), verdictOf(state, backend));
}

/** A backend that left the station waiting answers in time again, on a link that never went: it is told what did not wait for it. */
export function catchUp(state: StationState, turn: Turn, backend: BackendLink, call: OpenCall): void {
  const { priming } = backend;
  if (!mayCatchUp(backend)) return;
  if (turn.context.nowMs - call.sentAtMs >= turn.context.settings.answerWithinMs) return;
  // One that has yet to take the boot is told all of it then. One that has refused a status is told like any other.
  if (priming.phase !== 'idle' && !priming.isRegistered) return;
  if (isToldState(state, backend)) tellMissed(state, turn, backend);
}

/** Over a link that is for delivery alone, of a station that has not been here since the start, nobody is told how it is. */
function isToldState(state: StationState, { backend }: BackendLink): boolean {
  return receivesOf(state, backend).has('state');
}

/** It has missed something and may be told. One that has the station wait for its acceptance is told nothing else, and a boot that waits is told first. */
function mayCatchUp({ hasMissed, isStationWaiting, lane }: BackendLink): boolean {
  if (!hasMissed || isStationWaiting) return false;
  for (const { action } of lane ?? []) if (action === 'BootNotification') return false;
  return true;
}

/** Calls that it had as the primary were answered in its place since: nobody waits for it any more, so that it is told at once, whether or not it answers. */
function isOwedState(state: StationState, backend: BackendLink): boolean {
  if (backend.priming.phase !== 'synced' || !mayCatchUp(backend)) return false;
  const role = roleOf(state, backend.backend);
  return role !== null && role !== 'primary' && role !== 'authority' && isToldState(state, backend);
}

function tellMissed(state: StationState, turn: Turn, backend: BackendLink): void {
  backend.hasMissed = false;
  backend.isCatchingUp = true;
  const view = viewOf(state, turn, backend);
  const verdict = verdictOf(state, backend);
  if (roleOf(state, backend.backend) === 'primary') startCatchingUp(backend.priming, view, verdict);
  else startPriming(backend.priming, view, verdict);
}

/** Sends Busbar's own call if one is due. The slot must be free. True when it is taken. */
export function sendOwnCall(state: StationState, turn: Turn, backend: BackendLink): boolean {
  const { priming } = backend;
  if (isOwedState(state, backend)) tellMissed(state, turn, backend);
  if (turn.context.nowMs < priming.dueAtMs) return false;
  const call = nextOwnCall(priming, viewOf(state, turn, backend));
  if (call === null) {
    if (priming.phase === 'synced') noteTold(state, turn, backend);
    return false;
  }
  if (call.what === 'status') dropOutdated(backend, call);
  const messageId = nextOwnId(state);
  const idToken = `"${messageId}"`;
  const text = `[2,${idToken},"${call.action}",${call.payload}]`;
  const { nowMs } = turn.context;
  backend.slot = {
    purpose: call.what,
    caller: nobody,
    joined: null,
    from: '',
    sentId: messageId,
    key: messageId,
    action: call.action,
    isGuaranteed: false,
    transaction: null,
    text,
    idStart: 3,
    idEnd: 3 + idToken.length,
    bodyStart: text.length - 1 - call.payload.length,
    bodyEnd: text.length - 1,
    sentAtMs: nowMs,
    answerByMs: Infinity,
    deadlineMs: nowMs + (factsOf(turn, backend.backend)?.callTimeoutMs ?? 30_000),
    held: 0,
    command: null,
  };
  sendOwn(state, turn, backend, text, idToken, 'call', call.action, 'now', 'own');
  return true;
}

/**
 * What the station said of this connector and waits is older than what is told now, or the same: after it, the backend would believe the older ones. So it is told the last word only, as one that has not
 * accepted the boot yet.
 */
function dropOutdated(backend: BackendLink, { action, payload }: OwnCall): void {
  const { lane } = backend;
  if (lane === null) return;
  const [told] = connectorsIn(action, payload);
  lane.takeWhere((waiting) => {
    if (waiting.purpose !== 'copy' || !tellsStatus(waiting.action)) return false;
    const body = payloadOf(waiting.text, waiting);
    return connectorsIn(waiting.action, body).every((connector) => connector === told);
  });
  if (lane.length === 0) backend.lane = null;
}

/** The answer to an own call; null for silence. */
export function onOwnReply(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  call: OpenCall,
  reply: Received | null,
): void {
  if (reply !== null) {
    const latencyMs = Math.round(turn.context.nowMs - call.sentAtMs);
    recordReceived(state, turn, reply, 'consumed', call.action, latencyMs);
  }
  if (call.purpose === 'copy') noteUnheard(state, backend, call, reply);
  if (!isBusbars(call.purpose)) return;
  const result = reply?.frame.kind === 'result' ? payloadOf(reply.text, reply.frame) : null;
  const error = reply === null ? 'timeout' : errorCodeOf(reply.text, reply.frame);
  if (result !== null) measureSkew(turn, backend, result);
  // An error of its own says that it has not heard.
  if (call.purpose === 'status' && reply !== null && (result !== null || !isPassing(error)))
    onHeard(state, turn, backend.backend, call.text.slice(call.bodyStart, call.bodyEnd));
  const verdict = onOwnAnswer(backend.priming, viewOf(state, turn, backend), call.purpose, result, error);
  if (verdict !== null) keepVerdict(state, turn, backend, verdict);
  if (backend.priming.phase === 'synced') noteTold(state, turn, backend);
}

/** It did not take a status, and the station does not say that again: one that listens in is told once more how the station is. What is still to be told it anyway needs no more. */
function noteUnheard(
  state: StationState,
  backend: BackendLink,
  { action }: OpenCall,
  reply: Received | null,
): void {
  if (!tellsStatus(action)) return;
  if (reply !== null && !isPassing(errorCodeOf(reply.text, reply.frame))) return;
  const { phase } = backend.priming;
  if (phase !== 'synced' && phase !== 'priming') return;
  if (roleOf(state, backend.backend) !== 'primary') backend.hasMissed = true;
}

/** It is not the primary any more, and knows the station as that is, but for what Busbar answered in its place: from now on Busbar speaks to it. */
export function speakToOldPrimary(state: StationState, turn: Turn, from: BackendLink): void {
  const { phase, priming } = from;
  if (phase !== 'open') return;
  // That was the station's to ask again.
  from.isStationWaiting = false;
  // One that is being told of an outage is told to the end.
  if (priming.phase === 'idle') takeOver(priming, viewOf(state, turn, from), verdictOf(state, from));
  if (isGivenUp(from)) askAtOnce(turn, from);
}

/** One that was given up shows by the answer to a heartbeat that it is back; it may be asked nothing else for hours. */
export function askAtOnce(turn: Turn, { priming }: BackendLink): void {
  if (priming.phase === 'synced') priming.dueAtMs = turn.context.nowMs;
}

/** The station has booted: everyone is told, the primary by the boot itself. */
export function spreadBoot(state: StationState, turn: Turn): void {
  for (const backend of state.backends) {
    if (backend.phase !== 'open') continue;
    if (roleOf(state, backend.backend) === 'primary') {
      // What it was still to be told of an outage it is told once it has taken the boot.
      if (backend.priming.phase !== 'idle' && isStillTold(backend)) backend.hasMissed = true;
      backend.isCatchingUp = false;
      backend.priming.phase = 'idle';
      // From here on the station keeps this backend's own interval.
      if (isMovedTo(state, backend.backend)) backend.priming.dueAtMs = Infinity;
    } else onStationBooted(backend.priming, viewOf(state, turn, backend));
  }
}

/** The primary has answered the station's own boot. */
export function onPrimaryVerdict(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  result: string,
): void {
  const number = state.durable.image.boot?.number ?? 0;
  const verdict = readVerdict(result, number) ?? { status: 'Unknown', intervalS: 0, boot: number };
  keepVerdict(state, turn, backend, verdict);
  if (!answersStation(state, backend.backend)) return heedLate(state, turn, backend, verdict);
  backend.isStationWaiting = verdict.status === 'Pending' || verdict.status === 'Rejected';
  // From its boot on a station that was moved here keeps this one's interval by itself.
  awaitBeat(state, turn, backend, verdict, false);
}

/** The primary has answered a boot that Busbar had answered in its place: what it thinks of the station is told to that when it asks again, which may take as long. */
export function onLateVerdict(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  call: OpenCall,
  { text, frame }: Received,
): void {
  const { boot } = state.durable.image;
  if (call.action !== 'BootNotification' || frame.kind !== 'result') return;
  if (boot === null || call.text.slice(call.bodyStart, call.bodyEnd) !== boot.payload) return;
  const verdict = readVerdict(payloadOf(text, frame), boot.number);
  if (verdict === null) return;
  keepVerdict(state, turn, backend, verdict);
  if (!answersStation(state, backend.backend)) heedLate(state, turn, backend, verdict);
}

/** It was the primary when the station booted, and is no more: what it thinks of that is between it and Busbar now. */
function heedLate(state: StationState, turn: Turn, backend: BackendLink, verdict: Verdict): void {
  const { priming } = backend;
  const view = viewOf(state, turn, backend);
  if (verdict.status !== 'Accepted') takeOver(priming, view, verdict);
  else if (!priming.isRegistered) startPriming(priming, view, verdict);
}

/**
 * A primary that has never been told the station's boot, because another backend was: a station that only reconnects will not tell it. Registers
 * it before the station's first other call.
 */
export function registerPrimary(state: StationState, turn: Turn, backend: BackendLink): void {
  const { image } = state.durable;
  if (image.boot === null || image.boot.version !== state.link?.version || verdictOf(state, backend) !== null)
    return;
  if (backend.priming.phase === 'idle') register(backend.priming, turn.context.nowMs);
}

/** The backend refused a call because it does not know the station any more. True when it is told the boot again, and the call may be repeated. */
export function isForgetful(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  reply: Received,
  action: string,
): boolean {
  if (reply.frame.kind !== 'error' || action === 'BootNotification') return false;
  if (errorCodeOf(reply.text, reply.frame) !== 'SecurityError') return false;
  if (verdictOf(state, backend)?.status !== 'Accepted') return false;
  return onForgotten(backend.priming, viewOf(state, turn, backend));
}

/**
 * Counts the answers in a row that are errors of the backend's own. A primary that answers with nothing else is as good as silent where its route covers, and the station is answered by Busbar; one that is
 * kept ready does not become primary. An error that is of the call is an answer like any other, and so are those of a backend that has told the station to wait for its acceptance (2.x B02, B03).
 */
export function weighReply(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  { text, frame }: Received,
): void {
  if (frame.kind !== 'error' || !isOwnTrouble(state, backend, errorCodeOf(text, frame))) {
    backend.fruitless = 0;
    return;
  }
  const wasGivenUp = isGivenUp(backend);
  backend.fruitless += 1;
  if (wasGivenUp || !isGivenUp(backend) || roleOf(state, backend.backend) !== 'primary') return;
  notice(turn, 'backend_rejecting', backend.backend);
}

function isOwnTrouble(state: StationState, backend: BackendLink, code: string): boolean {
  const role = roleOf(state, backend.backend);
  const mayBecomePrimary = role === 'standby' || role === 'observer';
  const isWeighed = role === 'primary' ? state.assignment?.whenDown.covers === true : mayBecomePrimary;
  if (!isWeighed || !isPassing(code)) return false;
  const status = verdictOf(state, backend)?.status;
  return status !== 'Pending' && status !== 'Rejected';
}

/** Notes how far a backend's clock is from ours; looked at now and then. */
export function measureSkew(turn: Turn, backend: BackendLink, result: string): void {
  const { nowMs, wallMs } = turn.context;
  if (backend.clockSkewMs !== null && nowMs - backend.skewAtMs < skewEveryMs) return;
  const skewMs = clockSkewOf(result, wallMs);
  if (skewMs === null) return;
  backend.clockSkewMs = skewMs;
  backend.skewAtMs = nowMs;
}

export function viewOf(state: StationState, turn: Turn, backend: BackendLink): PrimingView {
  const { nowMs, random, settings } = turn.context;
  const { link } = state;
  const isSilentPrimary = isGivenUp(backend) && roleOf(state, backend.backend) === 'primary';
  const { image } = state.durable;
  // Said in another version, it means nothing on this link; the station boots with the one it speaks now.
  const isForeign = image.boot !== null && image.boot.version !== backend.version;
  return {
    image: isForeign ? unknown : image,
    missed: isForeign ? [] : missedBy(state, backend.backend),
    receives: isSilentPrimary ? allIsHeard : receivesOf(state, backend.backend),
    isStationAlive:
      link !== null && nowMs - link.heard.heardAtMs <= settings.pingIntervalMs + settings.pongTimeoutMs,
    nowMs,
    random,
  };
}

const unknown = emptyImage();

/** A primary hears the station's own heartbeats, but none while it is given up. */
const allIsHeard: ReadonlySet<MessageClass> = new Set(['registration', 'liveness', 'state']);

/** `needsHelp`: the station may keep another backend's interval. */
function awaitBeat(
  state: StationState,
  turn: Turn,
  backend: BackendLink,
  verdict: Verdict,
  needsHelp: boolean,
): void {
  const assignment = state.assignment ?? state.arrival?.assignment;
  const isOwn = assignment?.localAnswers.has('Heartbeat') === true || needsHelp;
  if (!isOwn || verdict.status !== 'Accepted') return;
  backend.priming.intervalMs = heartbeatMs(verdict.intervalS);
  backend.priming.dueAtMs = turn.context.nowMs + backend.priming.intervalMs;
}

function verdictOf(state: StationState, { backend }: BackendLink): Verdict | null {
  const { verdicts } = state.durable;
  return Object.hasOwn(verdicts, backend) ? (verdicts[backend] ?? null) : null;
}

/** Nobody has said anything of the station that is here now. */
export function forgetVerdicts(state: StationState, turn: Turn): void {
  const boot = state.durable.image.boot?.number ?? 0;
  for (const backend of Object.keys(state.durable.verdicts))
    keepVerdict(state, turn, { backend }, { status: 'Unknown', intervalS: 0, boot });
}

function keepVerdict(
  state: StationState,
  turn: Turn,
  { backend }: Pick<BackendLink, 'backend'>,
  verdict: Verdict,
): void {
  const change = { what: 'verdict', backend, verdict } as const;
  recordDurably(state, turn, { type: 'changed', at: turn.context.wallMs, station: state.id, change });
}

/** Twice as long as any of the specifications. */
const errorCodeCharactersMax = 64;

/** The code of a CALLERROR; '' for what is none. It is kept with what was refused: of a peer's own making no more than that, and without the rest of its frame. */
export function errorCodeOf(text: string, frame: Frame): string {
  if (frame.kind !== 'error') return '';
  const start = frame.bodyStart + 1;
  return ownText(text.slice(start, Math.min(frame.bodyEnd - 1, start + errorCodeCharactersMax)));
}

/** The caller of a call that nobody asked for. Epochs of links begin at 1. */
const nobody = { epoch: 0, idToken: '' } as const;
