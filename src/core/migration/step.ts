/**
 * A migration, one event at a time: ticks, outcomes and decisions in, orders and evidence out.
 *
 * Pure. The state is changed in place. Orders are derived from where each station is and should be, never from what was ordered before, so that a crash between any two steps costs
 * no more than ordering again. They may be carried out once the step is on disk, and need not be: what was not done is ordered again.
 */
import { assert } from '../../std/assert.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { isBack } from './back.ts';
import { applyFrozen } from './create.ts';
import { decide } from './decide.ts';
import type { MigrationEvent, MigrationStep, MigrationView, Order } from './events.ts';
import { isSettled } from './forward.ts';
import { isOver } from './phase.ts';
import { settleOrder } from './settle.ts';
import type { MigrationOutcome, MigrationState, StationProgress } from './state.ts';
import { beginTurn, type Turn } from './turn.ts';
import { tick } from './waves.ts';

export function stepMigration(
  state: MigrationState,
  event: MigrationEvent,
  view: MigrationView,
): MigrationStep {
  const turn = beginTurn(state, view, 'by' in event ? event.by.who : 'busbar');
  let outcome: MigrationOutcome | null = null;
  switch (event.type) {
    case 'tick':
      tick(turn, event.elapsedMs, event.heard);
      break;
    case 'decided':
      outcome = decide(turn, event.decision, event.by);
      break;
    case 'planned':
      applyFrozen(turn, event.frozen);
      break;
    case 'settled':
      settleOrder(turn, event.order, event.outcome);
      break;
  }
  checkOrders(turn);
  return {
    orders: turn.orders,
    evidence: turn.evidence,
    isChanged: turn.isChanged,
    changed: [...turn.changed],
    isReplaced: turn.isReplaced,
    outcome,
  };
}

/** Whether an order that was given and has not been carried out still is to be. What is not is ordered again when it is. */
export function isStillWanted({ head, stations }: MigrationState, wanted: Order): boolean {
  const progress = stations.get(wanted.station);
  if (progress === undefined || isOver(head.phase)) return false;
  if (head.waves[progress.wave]?.phase === 'rolling-back') {
    // What is done to one that has yet to go back was ordered before, and would only have to be undone.
    if (wanted.do === 'effect') return progress.phase === 'rolled-back';
    return wanted.do !== 'attach' && wanted.do !== 'cut_over';
  }
  return head.phase !== 'paused' && wanted.do !== 'roll_back' && wanted.do !== 'return';
}

/**
 * Which stations a tick wants to see. `soon`: something may be decided of them. `sometimes`: they are where they should be, and somebody else may have changed that. A tick that
 * sees a part of them only decides of that part.
 */
export function stationsToSee({ head, byWave }: MigrationState): {
  readonly soon: readonly StationId[];
  readonly sometimes: readonly StationId[];
} {
  const soon: StationId[] = [];
  const sometimes: StationId[] = [];
  for (const [at, { phase }] of head.waves.entries()) {
    for (const progress of byWave[at] ?? []) {
      if (phase === 'rolling-back') {
        if (!isBack(progress, head.isGoingBack)) soon.push(progress.station);
      } else if (phase === 'attaching' || phase === 'moving' || phase === 'soaking')
        (isWatched(progress) ? soon : sometimes).push(progress.station);
      else if (phase !== 'planned') sometimes.push(progress.station);
    }
  }
  return { soon, sometimes };
}

/** One that failed after a cutover was ordered may have moved all the same. */
function isWatched(progress: StationProgress): boolean {
  return !isSettled(progress) || (progress.phase === 'failed' && progress.isCutOrdered);
}

/** What no step may ever want, whatever it was told. */
function checkOrders({ orders, state: { head, stations }, view }: Turn): void {
  const seen = new Set<StationId>();
  for (const wanted of orders) {
    const progress = stations.get(wanted.station);
    assert(progress !== undefined, 'an order is about a station of the migration');
    assert(!seen.has(wanted.station) && !view.busy.has(wanted.station), 'a station has one order at a time');
    seen.add(wanted.station);
    const wave = head.waves[progress.wave]?.phase;
    const isBackwards = wave === 'rolling-back';
    assert(isBackwards || head.phase !== 'paused', 'nothing goes on in a pause');
    if (wanted.do === 'cut_over')
      assert(wave === 'moving' && !head.isGoingBack, 'a station moves in a wave that does');
    if (wanted.do === 'roll_back' || wanted.do === 'return')
      assert(isBackwards, 'a station goes back in a wave that does');
  }
}
