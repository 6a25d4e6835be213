/**
 * How a station comes to its new backend: told of it ahead, cut over once that backend knows it and its wave's pace allows.
 *
 * Pure. What the station's placement says is the truth, and this only the plan of it: a station that is with the new backend has moved, whoever moved it and whatever was
 * lost with a process; one that is with a third backend is somebody else's by now.
 */
import { onBack } from './back.ts';
import { enterEffect, isEffectOver } from './effect-phase.ts';
import { effectsOf } from './effects.ts';
import type { StationView } from './events.ts';
import { block, isOverdue, unblock } from './patience.ts';
import type { StationProgress, WaveProgress } from './state.ts';
import { enterStation, explain, order, touch, type Turn } from './turn.ts';

/** The pace is caught up with for this long at most, milliseconds: a wave does not leap after a pause. */
const paceLagMs = 1_000;

/** It is at the new backend, whoever moved it. */
export function isMoved({ phase }: StationProgress): boolean {
  return phase === 'moved' || phase === 'verified';
}

/** It has its place, with the old backend or with the new one. */
export function isSettled(progress: StationProgress): boolean {
  return isMoved(progress) || progress.phase === 'failed' || progress.phase === 'rolled-back';
}

/** What its placement says of it, whether or not anything may be ordered now. */
export function observeStation(turn: Turn, progress: StationProgress): void {
  const { plan } = turn.state.head;
  const seen = turn.view.stations.get(progress.station);
  if (seen === undefined || turn.view.busy.has(progress.station)) return;
  if (seen.primary === plan.to && !isMoved(progress))
    onMoved(turn, progress, progress.isCutOrdered ? null : 'somebody else moved it');
  else if (isMoved(progress) && seen.primary === plan.from)
    onBack(turn, progress, 'somebody else put it back');
  else if (isMoved(progress) && seen.primary !== null && seen.primary !== plan.to)
    onTaken(turn, progress, `its primary is ${seen.primary}: somebody else moved it`);
  else if (progress.phase === 'attaching' && seen.isSynced) enterStation(turn, progress, 'synced');
}

/** The same of one whose wave was rolled back: what it was sent then is nothing to be sent again because of what somebody else decided. */
export function observeGone(turn: Turn, progress: StationProgress): void {
  const { plan } = turn.state.head;
  const seen = turn.view.stations.get(progress.station);
  if (seen === undefined || turn.view.busy.has(progress.station)) return;
  if (progress.phase === 'rolled-back' && seen.primary === plan.to) {
    enterStation(turn, progress, 'moved', 'somebody else moved it after its wave was rolled back');
    progress.movedAt = turn.view.wallMs;
    progress.isAnswered = false;
  } else if (progress.phase !== 'rolled-back' && seen.primary === plan.from)
    onBack(turn, progress, 'somebody else put it back');
}

/** It is the new backend's now. */
export function onMoved(turn: Turn, progress: StationProgress, reason: string | null): void {
  const { head } = turn.state;
  enterStation(turn, progress, 'moved', reason);
  unblock(turn, progress);
  progress.movedAt = turn.view.wallMs;
  progress.isCutOrdered = true;
  // It would not have been synced otherwise. A route asks for no such proof.
  if (reason === null) progress.isBootAccepted ??= true;
  progress.isAnswered = false;
  progress.refusals = 0;
  progress.retryAtMs = 0;
  progress.waitedMs.other = 0;
  progress.effects = effectsOf(head.plan, progress.effects);
  touch(turn, progress);
  const wave = head.waves[progress.wave] as WaveProgress;
  wave.firstMoveAt ??= turn.view.wallMs;
  // What the journal told of it may be lost with a process, and a route tells nothing.
  wave.sessions.since ??= turn.view.wallMs;
}

/** It moved, and is a third backend’s by now: what that one has of it is no business of this migration, and neither is who is kept ready beside. */
function onTaken(turn: Turn, progress: StationProgress, reason: string): void {
  enterStation(turn, progress, 'failed', reason);
  unblock(turn, progress);
  progress.attached = 'no';
  for (const effect of progress.effects)
    if (!isEffectOver(effect)) enterEffect(turn, progress, effect, 'skipped', reason);
}

/** Ahead of its turn: the new backend is told of it. */
export function attachStation(turn: Turn, progress: StationProgress): void {
  const { station, phase } = progress;
  if (turn.view.busy.has(station)) return;
  if (phase === 'planned' || (phase === 'attaching' && progress.attached !== 'yes')) {
    if (!order(turn, progress, { do: 'attach', station })) return;
    progress.attached = 'ordered';
    enterStation(turn, progress, 'attaching', progress.reason);
  } else if (phase === 'attaching') {
    const seen = turn.view.stations.get(station);
    if (seen !== undefined) explain(turn, progress, syncOf(turn, progress, seen));
  }
}

/** It is its turn: cut over, or what it waits for is shown, and in the end excused. */
export function moveStation(turn: Turn, wave: WaveProgress, progress: StationProgress): void {
  const { head } = turn.state;
  const { station } = progress;
  const seen = turn.view.stations.get(station);
  if (isSettled(progress) || seen === undefined || turn.view.busy.has(station)) return;
  if (seen.primary !== null && seen.primary !== head.plan.from)
    return enterStation(turn, progress, 'failed', `its primary is ${seen.primary}: somebody else moved it`);
  const obstacle = obstacleOf(turn, progress, seen);
  if (obstacle !== null) {
    block(turn, progress, obstacle.by, obstacle.why);
    if (progress.phase === 'synced') enterStation(turn, progress, 'waiting', obstacle.why);
    return excuseIfOverdue(turn, progress);
  }
  if (progress.blocked !== null && isOverdue(turn, progress)) return excuseIfOverdue(turn, progress);
  if (progress.phase === 'planned' || progress.phase === 'attaching') enterStation(turn, progress, 'synced');
  if (head.watchedMs < progress.retryAtMs) return;
  if (!hasPace(turn, wave)) {
    // Nothing is in its way any more. What it was refused for is still told once only.
    if (progress.phase === 'waiting' && progress.refusals === 0)
      explain(turn, progress, 'the pace of its wave has yet to allow it');
    return unblock(turn, progress);
  }
  if (!order(turn, progress, { do: 'cut_over', station, isAgain: progress.isCutOrdered })) return;
  progress.isCutOrdered = true;
  // A cutover tells the new backend of it too.
  if (progress.attached === 'no') progress.attached = 'ordered';
  spendPace(turn, wave, 1);
}

/** A cutover that was refused took no place in the pace. */
export function refundPace(turn: Turn, progress: StationProgress): void {
  spendPace(turn, turn.state.head.waves[progress.wave] as WaveProgress, -1);
}

/** `firmware_update` and the like are not to be seen: they are what a cutover was refused for. */
function obstacleOf(
  turn: Turn,
  progress: StationProgress,
  seen: StationView,
): { readonly by: 'transaction' | 'other'; readonly why: string } | null {
  const { plan } = turn.state.head;
  if (seen.primary === null) return { by: 'other', why: 'no route takes it, or it is not known whose it is' };
  if (!seen.isConnected) return { by: 'other', why: 'it is not connected' };
  if (!seen.isSynced) return { by: 'other', why: syncOf(turn, progress, seen) };
  if (plan.openTransactions === 'wait' && seen.hasTransaction)
    return { by: 'transaction', why: 'a transaction is open' };
  return null;
}

function syncOf(turn: Turn, { attached }: StationProgress, { isAttached, sync }: StationView): string {
  const { to } = turn.state.head.plan;
  if (attached === 'yes' && !isAttached && sync === null)
    return `somebody else, or a route, took it off ${to} before it moved`;
  return sync === null ? `${to} has yet to be told of it` : `${to} does not know it yet: ${sync}`;
}

function excuseIfOverdue(turn: Turn, progress: StationProgress): void {
  if (!isOverdue(turn, progress)) return;
  const why = `excused, since it was in the way for too long: ${progress.reason ?? 'it was refused'}`;
  unblock(turn, progress);
  enterStation(turn, progress, 'failed', why);
}

function hasPace(turn: Turn, { paceAtMs }: WaveProgress): boolean {
  return paceAtMs <= turn.state.head.ranMs;
}

function spendPace(turn: Turn, wave: WaveProgress, moves: number): void {
  const { head } = turn.state;
  const perMinute = head.plan.waves[head.waves.indexOf(wave)]?.perMinute ?? null;
  if (perMinute === null) return;
  wave.paceAtMs = Math.max(wave.paceAtMs, head.ranMs - paceLagMs) + (moves * 60_000) / perMinute;
}
