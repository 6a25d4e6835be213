/**
 * A station's links to its backends: dialling, backing off, letting go.
 *
 * Pure. Back-off is full jitter with a cap, forgotten only once a link has been stable for 30 seconds (OCPP 2.x Part 4 §5.3, and what keeps a
 * flapping backend from being hammered).
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { assert } from '../../std/assert.ts';
import { strikeWords } from '../commands/strike-words.ts';
import { commandFailed } from '../ids/result-to-backend.ts';
import { idlePriming } from '../priming/priming.ts';
import type { BackendFacts } from '../routing/table.ts';
import type { BackendLink, StationState } from './state.ts';
import { factsOf, findBackendLink } from './find-backend.ts';
import { forgetCopies } from './copies.ts';
import { markCutOff } from './holding.ts';
import { note } from './identifiers.ts';
import { isStillTold } from './missed.ts';
import { recordDropped, recordDurably, refOf, type Turn } from './turn.ts';

/** How long a link must have been open for its failures to be forgotten. */
export const stableAfterMs = 30_000;

/** Why Busbar itself ends a link on which a held message was left unanswered. */
const goingAway = 1001;
const renewed = 'message_unanswered';

/** This station's link to the backend, made when it is first asked for. */
export function backendLinkOf(state: StationState, backend: string): BackendLink {
  const known = findBackendLink(state, backend);
  if (known !== null) return known;
  const made: BackendLink = {
    side: 'backend',
    backend,
    phase: 'idle',
    epoch: 0,
    version: null,
    revision: '',
    openedAtMs: 0,
    heard: { heardAtMs: 0, pings: 0, pingedAtMs: 0 },
    frames: { tokens: Number.NaN, atMs: 0 },
    isPausedForRate: false,
    attempts: 0,
    flaps: 0,
    redialAtMs: 0,
    lastError: null,
    dialledAtMs: 0,
    downSinceMs: null,
    fruitless: 0,
    hasMissed: state.durable.unaware.includes(backend),
    isCatchingUp: false,
    isStationWaiting: false,
    deliverAtMs: 0,
    priming: idlePriming(),
    skipped: 0,
    skippedInAll: 0,
    clockSkewMs: null,
    skewAtMs: 0,
    slot: null,
    lane: null,
    answered: null,
    expiredId: null,
    refused: null,
  };
  state.backends.push(made);
  return made;
}

/** Starts a dial. */
export function dial(turn: Turn, link: BackendLink, facts: BackendFacts, version: OcppVersion): void {
  assert(link.phase === 'idle' || link.phase === 'waiting', 'a link is dialled only when it is down');
  link.phase = 'dialling';
  link.dialledAtMs = turn.context.nowMs;
  link.epoch = turn.context.nextEpoch();
  link.version = version;
  link.revision = facts.revision;
  turn.effects.push({ type: 'dial', backend: link.backend, epoch: link.epoch, version });
}

export function markOpened(state: StationState, turn: Turn, link: BackendLink): void {
  const { nowMs, wallMs } = turn.context;
  link.phase = 'open';
  link.downSinceMs = null;
  // A link that only takes the place of a silent one proves nothing.
  if (link.lastError !== renewed) link.fruitless = 0;
  link.openedAtMs = nowMs;
  link.heard.heardAtMs = nowMs;
  link.heard.pings = 0;
  link.frames.tokens = Number.NaN;
  link.isPausedForRate = false;
  link.lastError = null;
  recordDurably(state, turn, {
    type: 'link',
    at: wallMs,
    station: state.id,
    link: `backend:${link.backend}`,
    change: 'opened',
    version: link.version,
    code: null,
    reason: null,
  });
}

/** The link is gone, or never came to be: when may it be dialled again? */
export function markDown(
  state: StationState,
  turn: Turn,
  link: BackendLink,
  code: number | null,
  error: string,
): void {
  const { nowMs, random } = turn.context;
  const wasOpen = link.phase === 'open';
  if (wasOpen) {
    if (nowMs - link.openedAtMs >= stableAfterMs) markStable(link);
    link.flaps += 1;
    recordClosed(state, turn, link, code, error);
  }
  link.attempts += 1;
  link.downSinceMs ??= nowMs;
  link.redialAtMs = nowMs + random() * redialCeilingMs(link, factsOf(turn, link.backend));
  link.phase = 'waiting';
  // People see it, and a backend may close with what it was sent.
  link.lastError = strikeWords(error);
  forget(state, turn, link);
}

/** Ends a link on which a held message was left unanswered: it leaves again on the next one. Nothing of the station's may be on it. */
export function renew(state: StationState, turn: Turn, link: BackendLink): void {
  assert(link.slot === null && link.phase === 'open', 'only an idle link is renewed');
  turn.effects.push({ type: 'close', link: refOf(link), code: goingAway, reason: renewed, when: 'now' });
  markDown(state, turn, link, goingAway, renewed);
}

function markStable(link: BackendLink): void {
  link.attempts = 0;
  link.flaps = 0;
}

/** Closes a link that is not wanted any more; that is no failure of the backend. */
export function letGo(
  state: StationState,
  turn: Turn,
  link: BackendLink,
  code: number,
  reason: string,
): void {
  if (link.phase === 'dialling' || link.phase === 'open') {
    turn.effects.push({ type: 'close', link: refOf(link), code, reason, when: 'now' });
  }
  if (link.phase === 'open') {
    if (turn.context.nowMs - link.openedAtMs >= stableAfterMs) markStable(link);
    recordClosed(state, turn, link, code, reason);
  }
  if (link.phase !== 'waiting') link.phase = 'idle';
  forget(state, turn, link);
}

/** Forgets backends that are not configured any more and have no link: a process outlives many configurations. */
export function dropUnconfigured(state: StationState, turn: Turn): void {
  for (let at = state.backends.length - 1; at >= 0; at -= 1) {
    const { backend, phase } = state.backends[at] as BackendLink;
    if ((phase === 'idle' || phase === 'waiting') && factsOf(turn, backend) === null)
      state.backends.splice(at, 1);
  }
}

/** What failed as a backend was configured before says nothing of it as it is now: it is dialled as after a first failure. */
export function redialReconfigured(state: StationState, turn: Turn): void {
  const { nowMs, random } = turn.context;
  for (const link of state.backends) {
    const facts = factsOf(turn, link.backend);
    if (link.phase !== 'waiting' || facts === null || facts.revision === link.revision) continue;
    link.attempts = 0;
    link.redialAtMs = Math.min(link.redialAtMs, nowMs + random() * facts.redialFromMs);
  }
}

/** Seconds after which a refused station may try again: when the back-off is over, and at least one. */
export function retryAfterS(turn: Turn, link: BackendLink): number {
  return Math.max(1, Math.ceil((link.redialAtMs - turn.context.nowMs) / 1_000));
}

function redialCeilingMs(link: BackendLink, facts: BackendFacts | null): number {
  if (facts === null) return 0;
  return Math.min(facts.redialToMs, facts.redialFromMs * 2 ** Math.min(link.attempts - 1, 30));
}

function recordClosed(
  state: StationState,
  turn: Turn,
  link: BackendLink,
  code: number | null,
  reason: string,
): void {
  const at = turn.context.wallMs;
  const name = `backend:${link.backend}` as const;
  recordDurably(state, turn, {
    type: 'link',
    at,
    station: state.id,
    link: name,
    change: 'closed',
    version: null,
    code,
    reason,
  });
}

/**
 * Calls that wait for this link have lost their way, and its commands that wait for the station nobody would hear the answer of. What was sent may or may not
 * have arrived, and nobody can know.
 */
function forget(state: StationState, turn: Turn, link: BackendLink): void {
  // What it was being told when the link went is told from the start on the next.
  if (isStillTold(link)) link.hasMissed = true;
  link.isCatchingUp = false;
  link.isStationWaiting = false;
  forgetCopies(state, turn, link);
  const lost = link.lane?.takeWhere(({ purpose }) => purpose === 'relay') ?? [];
  for (const waiting of lost) recordDropped(state, turn, waiting, 'peer_gone');
  const commands = (state.link ?? state.grace)?.lane?.takeWhere(({ from }) => from === link.backend) ?? [];
  for (const command of commands) {
    recordDropped(state, turn, command, 'caller_gone');
    for (const change of commandFailed(command.from, command.command.note, turn.context))
      note(state, turn, change);
  }
  if (link.slot?.purpose === 'held') markCutOff(state, turn, link.backend, link.slot.held);
  link.slot = null;
  if (link.lane?.length === 0) link.lane = null;
  link.answered = null;
  link.expiredId = null;
}
