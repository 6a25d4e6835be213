/**
 * What a second brings: waves that start, soak and pass, gates that pause or undo, and the end.
 *
 * Pure. A wave starts by itself once all before it have passed, its time has come and, where the plan asks for it, a person has approved. Red pauses; red with `rollback` undoes
 * the wave first, also in a pause: that is no order to go on.
 */
import { isoTime } from '../../std/iso-time.ts';
import { bringBack, detachStation, isBack, sendBack } from './back.ts';
import { addCounts, addSessions } from './counts.ts';
import { advanceEffects, areEffectsOver, hasEffectFailed } from './effects.ts';
import type { Heard } from './events.ts';
import { attachStation, isMoved, isSettled, moveStation, observeGone, observeStation } from './forward.ts';
import { holdOf, measureGates, redOf } from './gates.ts';
import { unblock } from './patience.ts';
import { isUnderWay } from './phase.ts';
import type { StationProgress, WaveProgress } from './state.ts';
import { enterMigration, enterStation, enterWave, explainWave, touch, type Turn } from './turn.ts';

/** A wave with a time of its own is made ready this long before, milliseconds. */
const attachAheadMs = 3_600_000;

/** What a tick may add to the clocks: a process that stood still has not watched. */
const elapsedMaxMs = 60_000;

export function tick(turn: Turn, sinceMs: number, heard: Heard): void {
  const { head, byWave } = turn.state;
  if (!isUnderWay(head.phase)) return;
  const elapsedMs = Math.min(sinceMs, elapsedMaxMs);
  head.watchedMs += elapsedMs;
  const isUndoing = head.waves.some(({ phase }) => phase === 'rolling-back');
  if (head.phase === 'paused' && isUndoing) rest(turn);
  // What is put back has its deadline too, also in a pause.
  if (head.phase !== 'paused' || isUndoing) head.ranMs += elapsedMs;
  hear(turn, heard);
  for (const [at, wave] of head.waves.entries()) watch(turn, wave, byWave[at] ?? [], at, elapsedMs);
  if (head.isGoingBack) return goBack(turn);
  for (const [at, wave] of head.waves.entries())
    if (wave.phase === 'rolling-back') bringWaveBack(turn, wave, byWave[at] ?? []);
  heedGates(turn);
  // The gates may have paused it just now.
  if ((head.phase as string) === 'paused') return explainPause(turn);
  for (const [at, { phase }] of head.waves.entries())
    if (head.completedBy === null || phase === 'passed' || phase === 'rolled-back') advanceWave(turn, at);
  conclude(turn);
}

/** What is not put back is in nobody's way in a pause, whatever the clock does for what is. */
function rest(turn: Turn): void {
  const { head, byWave } = turn.state;
  for (const [at, { phase }] of head.waves.entries())
    if (phase !== 'rolling-back') for (const progress of byWave[at] ?? []) unblock(turn, progress);
}

function hear(turn: Turn, { counted, undelivered, boots, answered }: Heard): void {
  const { head, stations } = turn.state;
  for (const { wave, before, after, sessions } of counted) {
    const progress = head.waves[wave];
    if (progress === undefined) continue;
    addCounts(progress.before, before);
    addCounts(progress.after, after);
    addSessions(progress.sessions, sessions);
  }
  for (const { wave, messages } of undelivered) {
    const progress = head.waves[wave];
    if (progress !== undefined) progress.undelivered = messages;
  }
  for (const { station, isAccepted } of boots) {
    const progress = stations.get(station);
    if (progress === undefined || progress.isBootAccepted === isAccepted) continue;
    progress.isBootAccepted = isAccepted;
    touch(turn, progress);
  }
  for (const station of answered) {
    const progress = stations.get(station);
    if (progress?.phase !== 'moved' || progress.isAnswered) continue;
    progress.isAnswered = true;
    touch(turn, progress);
    // Its wave may have passed by now.
    verify(turn, progress);
  }
}

/** What is seen and measured of a wave, whether or not anything may be ordered. */
function watch(
  turn: Turn,
  wave: WaveProgress,
  stations: readonly StationProgress[],
  at: number,
  elapsedMs: number,
): void {
  const { phase } = wave;
  if (phase === 'planned') {
    wave.before.watchedMs += elapsedMs * stations.length;
    return;
  }
  const isFollowed = phase === 'attaching' || phase === 'moving' || phase === 'soaking';
  let moved = 0;
  for (const progress of stations) {
    if (phase === 'rolled-back') observeGone(turn, progress);
    else if (phase !== 'rolling-back') observeStation(turn, progress);
    if (isFollowed && progress.phase === 'moved') verify(turn, progress);
    if (!isMoved(progress)) continue;
    moved += 1;
    lookFor(turn, wave, progress);
  }
  // Counts come in whatever the wave does: so does the time in which they were counted.
  wave.before.watchedMs += elapsedMs * (stations.length - moved);
  wave.after.watchedMs += elapsedMs * moved;
  if (!isFollowed) return;
  if (phase === 'soaking' && !isDeserted(wave, stations)) wave.soakedMs += elapsedMs;
  if (wave.firstMoveAt !== null) measureGates(turn, at, elapsedMs);
}

function lookFor({ view }: Turn, wave: WaveProgress, { station }: StationProgress): void {
  const seen = view.stations.get(station);
  if (seen !== undefined) wave.awayInARow = seen.isConnected ? 0 : wave.awayInARow + 1;
}

/** Each that has moved was looked at, and none was there: its gates are green since nobody is there to break them. */
function isDeserted({ awayInARow }: WaveProgress, stations: readonly StationProgress[]): boolean {
  const moved = stations.filter(isMoved).length;
  return moved > 0 && awayInARow >= moved;
}

/** Moved, answered since, and sent what it was to be sent. */
function verify(turn: Turn, progress: StationProgress): void {
  if (progress.isAnswered && areEffectsOver(progress) && !hasEffectFailed(progress))
    enterStation(turn, progress, 'verified');
}

function heedGates(turn: Turn): void {
  const { head } = turn.state;
  for (const wave of head.waves) {
    const red = redOf(turn.state, wave);
    if (red === null) continue;
    if (red.gate.rollback) sendBack(turn, wave, red.reason);
    else if (head.phase === 'paused') continue;
    enterMigration(turn, 'paused', red.reason);
  }
}

function bringWaveBack(turn: Turn, wave: WaveProgress, stations: readonly StationProgress[]): void {
  const { isGoingBack } = turn.state.head;
  for (const progress of stations) if (!isBack(progress, isGoingBack)) bringBack(turn, progress);
  if (!stations.every((progress) => isBack(progress, isGoingBack))) return;
  const stuck = stations.filter(({ isStuck }) => isStuck).length;
  enterWave(
    turn,
    wave,
    'rolled-back',
    stuck > 0 ? `${stuck} stations could not be brought back` : wave.reason,
  );
}

function goBack(turn: Turn): void {
  const { head, byWave } = turn.state;
  // What moved last goes back first.
  for (const [at, wave] of [...head.waves.entries()].toReversed())
    if (wave.phase !== 'rolled-back') bringWaveBack(turn, wave, byWave[at] ?? []);
  if (head.waves.every(({ phase }) => phase === 'rolled-back'))
    enterMigration(turn, 'rolled-back', head.reason);
}

function advanceWave(turn: Turn, at: number): void {
  const { head, byWave } = turn.state;
  const wave = head.waves[at] as WaveProgress;
  const stations = byWave[at] ?? [];
  if (wave.phase === 'planned' && mayAttach(turn, at)) enterWave(turn, wave, 'attaching');
  if (wave.phase === 'planned' || wave.phase === 'attaching') {
    const hold = startHoldOf(turn, at);
    if (hold === null) beginWave(turn, wave);
    else explainWave(turn, wave, hold);
  }
  switch (wave.phase) {
    case 'attaching':
      for (const progress of stations) attachStation(turn, progress);
      return;
    case 'moving':
      for (const progress of stations) {
        attachStation(turn, progress);
        moveStation(turn, wave, progress);
        advanceSent(turn, progress);
      }
      if (stations.every((progress) => isSettled(progress) && areEffectsOver(progress))) {
        wave.soakedMs = 0;
        enterWave(turn, wave, 'soaking');
      }
      return;
    case 'soaking':
      for (const progress of stations) advanceSent(turn, progress);
      return pass(turn, at);
    case 'passed':
      // What is put back at a station that somebody else put back holds no wave up, and is done all the same.
      for (const progress of stations) advanceSent(turn, progress);
      return;
    case 'rolled-back':
      // The same at one that was given up, and that somebody has put back by now.
      for (const progress of stations) if (progress.phase === 'rolled-back') advanceSent(turn, progress);
      return;
    case 'planned':
    case 'rolling-back':
      return;
  }
}

/** The wave's turn has come. */
export function beginWave(turn: Turn, wave: WaveProgress): void {
  wave.paceAtMs = turn.state.head.ranMs;
  enterWave(turn, wave, 'moving');
}

/** What it is to be sent; or to have put back, where somebody else put it back. */
function advanceSent(turn: Turn, progress: StationProgress): void {
  if (progress.effects.length > 0 && !turn.view.busy.has(progress.station)) advanceEffects(turn, progress);
}

/** One wave is made ready while the one before it moves. */
function mayAttach({ state: { head }, view }: Turn, at: number): boolean {
  const { atMs } = head.plan.waves[at] as { atMs: number | null };
  if (atMs !== null && view.wallMs < atMs - attachAheadMs) return false;
  return head.waves.slice(0, at).every(({ phase }) => phase !== 'planned' && phase !== 'attaching');
}

/** Says anew what waves wait for that said it before: somebody decided, and is shown at once what came of it. */
export function explainWaiting(turn: Turn): void {
  for (const [at, wave] of turn.state.head.waves.entries()) {
    const isWaiting = wave.phase === 'planned' || wave.phase === 'attaching';
    if (isWaiting && wave.reason !== null) explainWave(turn, wave, startHoldOf(turn, at));
  }
}

/** What the wave waits for before its first station moves; null: nothing. */
function startHoldOf({ state: { head }, view }: Turn, at: number): string | null {
  const before = head.waves.slice(0, at).find(({ phase }) => phase !== 'passed');
  if (before !== undefined) {
    if (before.phase === 'rolled-back') return `wave ${before.name} was rolled back`;
    return `wave ${before.name} is not through${before.reason === null ? '' : `: ${before.reason}`}`;
  }
  const { atMs } = head.plan.waves[at] as { atMs: number | null };
  if (atMs !== null && view.wallMs < atMs) return `its time is ${isoTime(atMs)}`;
  if (head.plan.approve && at > 0 && !(head.waves[at] as WaveProgress).isApproved)
    return 'a person has yet to approve it';
  return null;
}

function pass(turn: Turn, at: number): void {
  const wave = turn.state.head.waves[at] as WaveProgress;
  const hold = soakHoldOf(turn, at);
  if (hold !== null) explainWave(turn, wave, hold);
  else enterWave(turn, wave, 'passed', wave.isWaived ? 'a person let it pass' : null);
}

/** What the wave waits for before it passes; null: nothing. */
function soakHoldOf({ state }: Turn, at: number): string | null {
  const { plan, waves } = state.head;
  const wave = waves[at] as WaveProgress;
  if (wave.isWaived) return null;
  const hold = holdOf(state, wave);
  if (hold !== null) return hold;
  const soakMs = plan.waves[at]?.soakMs ?? plan.soakMs;
  if (wave.soakedMs >= soakMs) return null;
  if (isDeserted(wave, state.byWave[at] ?? []))
    return 'none of its stations that moved is connected, which is no time soaked';
  return `it soaks for ${lengthOf(soakMs)}`;
}

/** Nothing goes on, and what each wave waits for may be another all the same. */
function explainPause(turn: Turn): void {
  for (const [at, wave] of turn.state.head.waves.entries()) {
    const isToStart = wave.phase === 'planned' || wave.phase === 'attaching';
    if (!isToStart && wave.phase !== 'soaking') continue;
    const hold = isToStart ? startHoldOf(turn, at) : soakHoldOf(turn, at);
    explainWave(turn, wave, hold ?? 'the migration is paused');
  }
}

function lengthOf(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 6) / 10} h`;
}

/** All through, and watched; or to be watched still. */
function conclude(turn: Turn): void {
  const { head, byWave } = turn.state;
  if (head.completedBy === null && !head.waves.every(({ phase }) => phase === 'passed')) {
    const isLast = head.waves.every(({ phase }) => phase === 'soaking' || phase === 'passed');
    enterMigration(turn, isLast ? 'soaking' : 'running', stopOf(turn));
    return;
  }
  let left = 0;
  let sent = 0;
  for (const progress of byWave.flat()) {
    // One that was given up on its way back is sent nothing any more.
    if (!progress.isStuck && !areEffectsOver(progress)) sent += 1;
    if (isMoved(progress) || progress.attached === 'no') continue;
    left += 1;
    detachStation(turn, progress);
  }
  if (left + sent === 0) enterMigration(turn, 'done', completionOf(turn));
  else if (left === 0)
    enterMigration(turn, 'soaking', 'what is sent to stations because of their move is not through');
  else enterMigration(turn, 'soaking', 'those that stay are taken off the new backend');
}

/** Who ended it before it was through, and what of it stays; null: it is through. */
function completionOf({ state: { head } }: Turn): string | null {
  if (head.completedBy === null) return null;
  const staying = head.waves.filter(({ phase }) => phase !== 'passed').map(({ name }) => name);
  const who = `completed by ${head.completedBy}`;
  if (staying.length === 0) return who;
  return `${who}; ${staying.length === 1 ? 'wave' : 'waves'} ${staying.join(', ')} not moved`;
}

/** Why nothing goes on by itself any more, and what a person can do; null: something does. */
function stopOf({ state: { head } }: Turn): string | null {
  const at = head.waves.findIndex(({ phase }) => phase === 'rolled-back');
  if (at === -1) return null;
  const isGoing = head.waves.some(
    ({ phase }, place) =>
      phase === 'moving' ||
      phase === 'soaking' ||
      phase === 'rolling-back' ||
      (place < at && phase !== 'passed'),
  );
  if (isGoing) return null;
  return `wave ${head.waves[at]?.name ?? ''} was rolled back: start it again, complete the migration without it, or roll back the migration`;
}
