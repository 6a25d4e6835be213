/**
 * How one backend is brought to know a station that it did not see boot: registered, told every connector's state, kept alive.
 *
 * Pure. connecting → registering → pending → priming → synced, or rejected, failed. Every backend must see a conformant station: nothing but the boot
 * before it is accepted (1.6 §4.2; 2.x B02, B03), then the faults it has missed and the status of every connector, then heartbeats at the interval this backend asked for and only
 * while the station is proved alive. A backend's verdict stays between it and Busbar: the station hears of its primary's only.
 */
import { parseIsoTime } from '../../std/iso-time.ts';
import type { MessageClass } from '../../protocol/message-class.ts';
import { findValue, tokenAt, valueEnd } from '../../protocol/splice.ts';
import { actionOfTold, type MissedStatus, type StationImage, type StatusImage } from './station-image.ts';

/** `idle`: this backend needs no help, the station itself speaks to it. Without a link every phase reads as `connecting`. */
export type PrimingPhase = 'idle' | 'registering' | 'pending' | 'priming' | 'synced' | 'rejected' | 'failed';

export interface Priming {
  phase: PrimingPhase;
  /** Why it is not synced: a status or an error code of the backend's, or null. */
  reason: string | null;
  /** The backend accepted the boot: other calls may follow. */
  isRegistered: boolean;
  /** The station has not booted since Busbar knows it: the backend is told the rest, and is not synced by that. */
  isUnbooted: boolean;
  /** The boot that is told next has just happened, and says so. */
  isLiveBoot: boolean;
  /** The number of the last missed fault that it was told on this link. */
  toldMissed: number;
  /** Which status of the image is told next. */
  nextStatus: number;
  /** A status was refused: the backend is served, and not synced before all are told again. */
  isFaulty: boolean;
  /** How often one that hears the station itself was told all of them again on this link. */
  repeats: number;
  /** Between heartbeats, by the backend's own word; Infinity: none wanted. */
  intervalMs: number;
  /** Monotonic time of the next boot or heartbeat. */
  dueAtMs: number;
  /** When a SecurityError last made it start again. */
  restartedAtMs: number;
}

/** What a backend thinks of a station's boot; outlives the process. */
export interface Verdict {
  /** `Unknown`: it answered something else. */
  readonly status: 'Accepted' | 'Pending' | 'Rejected' | 'Unknown';
  readonly intervalS: number;
  /** Of the boot it was about: see `BootImage.number`. */
  readonly boot: number;
}

/** A call that Busbar makes of its own accord. */
export interface OwnCall {
  readonly what: 'boot' | 'status' | 'heartbeat';
  readonly action: string;
  readonly payload: string;
}

/** What the priming of one backend may look at. */
export interface PrimingView {
  readonly image: StationImage;
  /** Faults of the station that this backend has not heard of, oldest first. */
  readonly missed: readonly MissedStatus[];
  readonly receives: ReadonlySet<MessageClass>;
  readonly isStationAlive: boolean;
  readonly nowMs: number;
  readonly random: () => number;
}

/** A SecurityError starts the registration again at most this often. */
const restartEveryMs = 60_000;
const fallbackIntervalMs = 300_000;
/** A backend that is just back may refuse for some minutes what it takes later. */
const repeatsMax = 5;
/** OCPP 2.1 Part 4 §5.3 asks for at least one heartbeat a day. */
const dayMs = 86_400_000;
/** A station without proof of life may show one soon. */
const lookAgainMs = 30_000;

export function idlePriming(): Priming {
  return {
    phase: 'idle',
    reason: null,
    isRegistered: false,
    isUnbooted: false,
    isLiveBoot: false,
    toldMissed: 0,
    nextStatus: 0,
    isFaulty: false,
    repeats: 0,
    intervalMs: Infinity,
    dueAtMs: Infinity,
    restartedAtMs: -Infinity,
  };
}

/** The backend's link is open. A backend that accepted this very boot before is not told it again: a station would not either. */
export function startPriming(priming: Priming, view: PrimingView, verdict: Verdict | null): void {
  const { boot } = view.image;
  priming.reason = null;
  priming.isFaulty = false;
  priming.isLiveBoot = false;
  priming.isUnbooted = boot === null;
  const isKnown = verdict?.status === 'Accepted' && boot !== null && verdict.boot === boot.number;
  if (boot === null) {
    // Nothing is known to tell. The station's next boot comes here too; until then it is served as it is.
    priming.phase = 'idle';
    priming.isRegistered = true;
    priming.reason = 'the station has not booted yet';
    return;
  }
  if (!view.receives.has('registration')) return beginStatuses(priming, view, Infinity);
  if (isKnown) return beginStatuses(priming, view, heartbeatMs(verdict.intervalS));
  register(priming, view.nowMs);
}

/** A backend that hears the station itself has missed something. Where the station has not booted since Busbar knows it, it did for that backend: the statuses alone are told. */
export function startCatchingUp(priming: Priming, view: PrimingView, verdict: Verdict | null): void {
  const { boot, statuses } = view.image;
  if (boot === null && statuses.length > 0) beginStatuses(priming, view, Infinity);
  else startPriming(priming, view, verdict);
}

/** The station itself spoke to this backend, and Busbar does from now on. One that took the last boot knows the station; another is told that boot, and when it wants to be. */
export function takeOver(priming: Priming, view: PrimingView, verdict: Verdict | null): void {
  const { boot } = view.image;
  const isAccepted = verdict?.status === 'Accepted';
  const isOfThisBoot = verdict !== null && verdict.boot === boot?.number;
  if (boot === null || !view.receives.has('registration') || (isAccepted && isOfThisBoot)) {
    priming.phase = isAccepted ? 'synced' : 'idle';
    priming.isRegistered = true;
    priming.intervalMs = verdict === null ? Infinity : heartbeatMs(verdict.intervalS);
    priming.dueAtMs = view.nowMs + priming.intervalMs;
    return;
  }
  register(priming, view.nowMs);
  if (isOfThisBoot && verdict.status !== 'Unknown') awaitAcceptance(priming, view, verdict);
}

/** The station has just booted: the backend is told, whatever it thought before. */
export function onStationBooted(priming: Priming, view: PrimingView): void {
  if (!view.receives.has('registration') || view.image.boot === null) return;
  register(priming, view.nowMs);
  priming.isLiveBoot = true;
}

/** The backend wants to be told something again (TriggerMessage). */
export function onTriggered(
  priming: Priming,
  view: PrimingView,
  what: 'boot' | 'statuses' | 'heartbeat',
): void {
  if (what === 'boot') {
    if (view.image.boot !== null) register(priming, view.nowMs);
    return;
  }
  if (what === 'heartbeat') priming.dueAtMs = view.nowMs;
  else if (priming.isRegistered) beginStatuses(priming, view, priming.intervalMs);
}

/** The backend answered with SecurityError: it has forgotten the station (2.x B01.FR.10). True when the boot is told again. */
export function onForgotten(priming: Priming, view: PrimingView): boolean {
  if (view.image.boot === null || view.nowMs - priming.restartedAtMs < restartEveryMs) return false;
  register(priming, view.nowMs);
  priming.restartedAtMs = view.nowMs;
  return true;
}

/** An operator asks for it: what failed is tried again now, and not when its wait is over. One that said how long it wants to be left alone is. */
export function tryAgain(priming: Priming, nowMs: number): void {
  if (priming.phase === 'failed') priming.dueAtMs = nowMs;
}

/** The next call of Busbar's own on this link, or null. The slot must be free; the answer goes to `onOwnAnswer`. */
export function nextOwnCall(priming: Priming, view: PrimingView): OwnCall | null {
  const { image, nowMs, receives } = view;
  switch (priming.phase) {
    case 'idle':
    case 'synced':
      return beat(priming, view);
    case 'registering':
    case 'pending':
    case 'rejected':
      if (nowMs < priming.dueAtMs) return null;
      priming.dueAtMs = Infinity;
      if (image.boot === null) return null;
      return {
        what: 'boot',
        action: 'BootNotification',
        payload: bootPayload(image.boot, priming.isLiveBoot),
      };
    case 'failed':
      if (nowMs < priming.dueAtMs) return null;
      if (priming.isRegistered) beginStatuses(priming, view, priming.intervalMs);
      else register(priming, nowMs);
      return nextOwnCall(priming, view);
    case 'priming': {
      // What has passed comes before what is: the last word on a connector must be the current one.
      const missed = nextMissed(priming, view);
      if (missed !== undefined) {
        priming.toldMissed = missed.number;
        return { what: 'status', action: actionOfTold(missed.payload), payload: missed.payload };
      }
      const status = nextStatus(priming, view);
      if (status !== undefined) {
        priming.nextStatus += 1;
        return { what: 'status', action: status.action, payload: status.payload };
      }
      if (receives.has('liveness')) return beat(priming, view);
      priming.dueAtMs = Infinity;
      settle(priming, view);
      return null;
    }
  }
}

/** What the answer to an own call changes. `result` is the payload's JSON, null for an error, whose code is in `error` (`timeout` for silence). */
export function onOwnAnswer(
  priming: Priming,
  view: PrimingView,
  call: OwnCall['what'],
  result: string | null,
  error: string,
): Verdict | null {
  switch (call) {
    case 'boot':
      return result === null ? fail(priming, view, error) : onVerdict(priming, view, result);
    case 'status':
      if (result === null) {
        priming.isFaulty = true;
        priming.reason = `status: ${error}`;
      }
      return null;
    case 'heartbeat':
      if (result === null) priming.reason = `heartbeat: ${error}`;
      if (priming.phase !== 'priming') return null;
      // It was out when the statuses were to be told again: they are yet to come.
      if (nextMissed(priming, view) !== undefined || nextStatus(priming, view) !== undefined) {
        priming.dueAtMs = view.nowMs;
        return null;
      }
      // Otherwise it would be the next heartbeat that settles it, hours from now if the backend asked for that.
      priming.isFaulty ||= result === null;
      settle(priming, view);
      return null;
  }
}

/** Reads the answer to a boot, its own or one of the station itself; null where it is none. */
export function readVerdict(result: string, boot: number): Verdict | null {
  const body = JSON.parse(result) as unknown;
  if (typeof body !== 'object' || body === null) return null;
  const { status, interval } = body as { status?: unknown; interval?: unknown };
  if (status !== 'Accepted' && status !== 'Pending' && status !== 'Rejected') return null;
  const intervalS =
    typeof interval === 'number' && Number.isFinite(interval) ? Math.max(0, Math.trunc(interval)) : 0;
  return { status, intervalS, boot };
}

/** Between heartbeats, milliseconds, by what a backend asked for when it accepted the boot. */
export function heartbeatMs(intervalS: number): number {
  return intervalS > 0 ? intervalS * 1_000 : fallbackIntervalMs;
}

/** How far the clock that gave this answer is ahead of Busbar's, milliseconds; null where it does not say. */
export function clockSkewOf(result: string, wallMs: number): number | null {
  const token = tokenAt(result, 0, ['currentTime']);
  const text: unknown = token === null ? null : JSON.parse(token);
  const atMs = typeof text === 'string' ? parseIsoTime(text) : null;
  return atMs === null ? null : Math.round(atMs - wallMs);
}

/** The backend is to be told the boot, and nothing else before it has accepted it. */
export function register(priming: Priming, nowMs: number): void {
  priming.phase = 'registering';
  priming.isRegistered = false;
  priming.isUnbooted = false;
  priming.isLiveBoot = false;
  priming.dueAtMs = nowMs;
}

function beginStatuses(priming: Priming, view: PrimingView, intervalMs: number): void {
  priming.phase = 'priming';
  priming.isRegistered = true;
  priming.toldMissed = 0;
  priming.nextStatus = 0;
  priming.isFaulty = false;
  priming.intervalMs = intervalMs;
  priming.dueAtMs = view.nowMs;
}

/** A fault that still holds is the current status of its connector, and told as that. */
function nextMissed(
  { toldMissed }: Priming,
  { missed, image, receives }: PrimingView,
): MissedStatus | undefined {
  if (!receives.has('state')) return undefined;
  return missed.find(
    ({ number, payload }) =>
      number > toldMissed && !image.statuses.some((status) => status.payload === payload),
  );
}

function nextStatus(
  { nextStatus: next }: Priming,
  { image, receives }: PrimingView,
): StatusImage | undefined {
  return receives.has('state') ? image.statuses[next] : undefined;
}

function onVerdict(priming: Priming, view: PrimingView, result: string): Verdict | null {
  const verdict = readVerdict(result, view.image.boot?.number ?? 0);
  if (verdict === null) return fail(priming, view, 'no verdict');
  if (verdict.status === 'Accepted') {
    priming.reason = null;
    beginStatuses(priming, view, heartbeatMs(verdict.intervalS));
    return verdict;
  }
  awaitAcceptance(priming, view, verdict);
  return verdict;
}

/** It is told the boot again when it said it wants to be. */
function awaitAcceptance(priming: Priming, view: PrimingView, { status, intervalS }: Verdict): void {
  priming.phase = status === 'Pending' ? 'pending' : 'rejected';
  priming.reason = status;
  priming.dueAtMs = view.nowMs + (intervalS > 0 ? intervalS * 1_000 : retryMs(view));
}

function fail(priming: Priming, view: PrimingView, error: string): null {
  priming.phase = 'failed';
  priming.reason = `boot: ${error}`;
  priming.dueAtMs = view.nowMs + retryMs(view);
  return null;
}

/**
 * Every connector is told and a heartbeat sent right after was answered. What was refused of it is told again, with the rest, after a while: it may have been a mood. One that
 * hears the station itself is told so a few times only: the station goes on to say how it is.
 */
function settle(priming: Priming, view: PrimingView): void {
  priming.phase = priming.isFaulty ? 'failed' : priming.isUnbooted ? 'idle' : 'synced';
  if (!priming.isFaulty) priming.repeats = 0;
  else if (view.receives.has('liveness') || priming.repeats < repeatsMax) {
    if (!view.receives.has('liveness')) priming.repeats += 1;
    priming.dueAtMs = Math.min(priming.dueAtMs, view.nowMs + retryMs(view));
  }
}

/** A heartbeat, if one is due and the station lives; without proof of life there is none (a backend must not believe in a dead station). */
function beat(priming: Priming, view: PrimingView): OwnCall | null {
  if (view.nowMs < priming.dueAtMs) return null;
  if (!view.receives.has('liveness')) {
    priming.dueAtMs = Infinity;
    return null;
  }
  if (!view.isStationAlive) {
    priming.dueAtMs = view.nowMs + Math.min(priming.intervalMs, lookAgainMs);
    return null;
  }
  priming.dueAtMs = view.nowMs + Math.min(priming.intervalMs, dayMs);
  return { what: 'heartbeat', action: 'Heartbeat', payload: '{}' };
}

/** OCPP leaves the wait to us when a backend says 0 (1.6 §4.2): one to five minutes. */
function retryMs(view: PrimingView): number {
  return 60_000 + view.random() * 240_000;
}

/** The boot as it was, but for 2.x's reason when it is told for another reason than that the station has just booted. */
function bootPayload(boot: NonNullable<StationImage['boot']>, isLive: boolean): string {
  if (isLive || boot.version === 'ocpp1.6') return boot.payload;
  const at = findValue(boot.payload, 0, ['reason']);
  if (at === -1) return boot.payload;
  return `${boot.payload.slice(0, at)}"Unknown"${boot.payload.slice(valueEnd(boot.payload, at))}`;
}
