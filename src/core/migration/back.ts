/**
 * How a station goes back to its old backend, from wherever it is.
 *
 * Pure. Only one that is, or may be, with the new backend is asked to go back: the same decision on another would undo somebody else's cutover. It needs neither the new backend nor
 * the station: what the station was sent because of its move is put back afterwards, when it is there.
 */
import { advanceEffects, areEffectsOver, undoEffects } from './effects.ts';
import type { OrderOutcome, StationView } from './events.ts';
import { block, isOverdue, unblock } from './patience.ts';
import type { StationProgress, WaveProgress } from './state.ts';
import { aboutStation, addEvidence, enterStation, enterWave, order, touch, type Turn } from './turn.ts';

/**
 * How long a station may be kept from going back, milliseconds, by what may never end by itself: one that has to be cut over to come back needs its backend and itself, and one whose cutover is
 * undone a backend that is configured.
 */
const returnWithinMs = 24 * 3_600_000;

/** Nothing is left to do for it to be where it was before. */
export function isBack({ phase, isStuck, effects, attached }: StationProgress, isForGood: boolean): boolean {
  if (isStuck) return true;
  const isDetached = !isForGood || attached === 'no';
  return phase === 'rolled-back' && isDetached && areEffectsOver({ effects } as StationProgress);
}

/** Some station was to go back and could not, so that there is something to roll back once more. */
export function hasStuck(stations: Iterable<StationProgress>): boolean {
  for (const { isStuck } of stations) if (isStuck) return true;
  return false;
}

/** A wave goes back from now on: with a patience of its own, and once more with what could not be brought back before. */
export function sendBack(turn: Turn, wave: WaveProgress, reason: string): void {
  const { head, byWave } = turn.state;
  enterWave(turn, wave, 'rolling-back', reason);
  for (const progress of byWave[head.waves.indexOf(wave)] ?? []) {
    if (progress.blocked === null && progress.waitedMs.other === 0 && !progress.isStuck) continue;
    progress.blocked = null;
    progress.waitedMs.other = 0;
    progress.isStuck = false;
    touch(turn, progress);
  }
}

export function bringBack(turn: Turn, progress: StationProgress): void {
  const { head } = turn.state;
  const { station } = progress;
  if (progress.isStuck || turn.view.busy.has(station)) return;
  if (progress.phase === 'rolled-back') return finishBack(turn, progress);
  const seen = turn.view.stations.get(station);
  const mayBeMoved = progress.isCutOrdered || progress.movedAt !== null;
  if (!mayBeMoved) {
    // There may be a hundred thousand of them, and each is a row to save.
    if (turn.room.roll_back === 0) return;
    turn.room.roll_back -= 1;
    return onBack(turn, progress, 'it had not moved');
  }
  if (seen === undefined) return;
  if (seen.primary === head.plan.to || seen.primary === null) return askBack(turn, progress, seen);
  if (seen.primary === head.plan.from) return onBack(turn, progress, null);
  // It did not go back, and what the old backend wants of it is nothing to be sent under a third.
  stick(turn, progress, `its primary is ${seen.primary}: somebody else moved it`);
}

/** An undone cutover needs nobody's help. One that cannot be undone, since too long ago, is a cutover to the old backend like any other; that one may be given up. */
function askBack(turn: Turn, progress: StationProgress, { primary, before }: StationView): void {
  const { plan } = turn.state.head;
  const { station } = progress;
  if (primary === null || before === plan.from) {
    order(turn, progress, { do: 'roll_back', station });
  } else if (isOverdue(turn, progress, returnWithinMs))
    stick(turn, progress, progress.reason ?? 'it was refused');
  else order(turn, progress, { do: 'return', station });
}

/** What came of a `roll_back`, or of a `return`. */
export function onBackSettled(turn: Turn, progress: StationProgress, outcome: OrderOutcome): void {
  const { plan } = turn.state.head;
  if (outcome.kind !== 'done' && outcome.kind !== 'refused') return;
  if (outcome.primary === plan.from) return onBack(turn, progress, null);
  // Where it is by now says the next look at it.
  if (outcome.kind === 'done') return;
  // It belongs to nobody any more, so that no decision brings it anywhere.
  if (outcome.reason === 'not_routed') return onBack(turn, progress, outcome.detail);
  progress.refusals += 1;
  block(turn, progress, 'other', outcome.detail);
  // A backend that is only down is waited for without end: it comes back by itself.
  const isForAPerson = outcome.reason === 'unknown_backend' || outcome.reason === 'wrong_version';
  if (isForAPerson && isOverdue(turn, progress, returnWithinMs)) stick(turn, progress, outcome.detail);
}

/** It is with its old backend, whoever brought it there. */
export function onBack(turn: Turn, progress: StationProgress, reason: string | null): void {
  unblock(turn, progress);
  enterStation(turn, progress, 'rolled-back', reason);
  progress.isCutOrdered = false;
  progress.isStuck = false;
  progress.refusals = 0;
  progress.retryAtMs = 0;
  undoEffects(turn, progress);
}

/** What it was sent is put back; and, for good, the new backend is not told of it any more. */
function finishBack(turn: Turn, progress: StationProgress): void {
  if (!areEffectsOver(progress)) advanceEffects(turn, progress);
  else if (turn.state.head.isGoingBack) detachStation(turn, progress);
}

/** The new backend is not to be told of it any more, since it stays with the old one. */
export function detachStation(turn: Turn, progress: StationProgress): void {
  const { station } = progress;
  if (progress.attached === 'no' || turn.view.busy.has(station)) return;
  order(turn, progress, { do: 'detach', station });
}

/** Given up until somebody rolls it back again. */
function stick(turn: Turn, progress: StationProgress, reason: string): void {
  unblock(turn, progress);
  const why = `it could not be brought back: ${reason}`;
  const before = progress.phase;
  enterStation(turn, progress, 'failed', why);
  if (before === 'failed') {
    // It is no change of phase, and a time at which something went wrong all the same.
    progress.since = turn.view.wallMs;
    addEvidence(turn, {
      ...aboutStation(turn, progress),
      what: 'station',
      before,
      after: 'failed',
      reason: why,
    });
  }
  progress.isStuck = true;
  touch(turn, progress);
}
