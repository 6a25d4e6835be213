/**
 * How a station goes back to its old backend, from wherever it is.
 *
 * Pure. Only one that is, or may be, with the new backend is asked to go back: the same decision on another would undo somebody else's cutover. It needs neither the new backend nor
 * the station: what the station was sent because of its move is put back afterwards, when it is there.
 */
import { advanceEffects, areEffectsOver, undoEffects } from './effects.ts';
import type { OrderOutcome } from './events.ts';
import { unblock } from './patience.ts';
import type { StationProgress } from './state.ts';
import { enterStation, explain, order, touch, type Turn } from './turn.ts';

/** Nothing is left to do for it to be where it was before. */
export function isBack({ phase, isStuck, effects, attached }: StationProgress, isForGood: boolean): boolean {
  if (isStuck) return true;
  const isDetached = !isForGood || attached === 'no';
  return phase === 'rolled-back' && isDetached && areEffectsOver({ effects } as StationProgress);
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
  if (seen.primary === head.plan.to || seen.primary === null) {
    order(turn, progress, { do: 'roll_back', station });
    return;
  }
  onBack(
    turn,
    progress,
    seen.primary === head.plan.from ? null : `its primary is ${seen.primary}: somebody else moved it`,
  );
}

/** What came of a `roll_back`. */
export function onBackSettled(turn: Turn, progress: StationProgress, outcome: OrderOutcome): void {
  const { plan } = turn.state.head;
  if (outcome.kind !== 'done' && outcome.kind !== 'refused') return;
  if (outcome.primary === plan.from) return onBack(turn, progress, null);
  if (outcome.kind === 'done') {
    if (outcome.primary === null || outcome.primary === plan.to) return;
    return stick(turn, progress, `it went back to ${outcome.primary}, whose it was before ${plan.from}`);
  }
  switch (outcome.reason) {
    case 'nothing_to_undo':
    case 'not_routed':
      // By its route it belongs where it is, or nowhere: no decision of a migration brings it back.
      if (outcome.primary === plan.to) return stick(turn, progress, outcome.detail);
      return onBack(turn, progress, outcome.detail);
    default:
      progress.refusals += 1;
      explain(turn, progress, outcome.detail);
      touch(turn, progress);
  }
}

/** It is with its old backend, whoever brought it there. */
export function onBack(turn: Turn, progress: StationProgress, reason: string | null): void {
  unblock(turn, progress);
  enterStation(turn, progress, 'rolled-back', reason);
  progress.isCutOrdered = false;
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

function stick(turn: Turn, progress: StationProgress, reason: string): void {
  enterStation(turn, progress, 'failed', `it could not be brought back: ${reason}`);
  progress.isStuck = true;
  touch(turn, progress);
}
