/**
 * What came of an order.
 *
 * Pure. An outcome is told as it is, whatever phase the migration is in by now: a cutover that was ordered before a pause has happened all the same.
 */
import { pluralOf } from '../commands/placed-object.ts';
import { onBackSettled } from './back.ts';
import { onEffectLetGo, onEffectSettled } from './effects.ts';
import type { Order, OrderOutcome } from './events.ts';
import { onMoved, refundPace } from './forward.ts';
import { block } from './patience.ts';
import type { StationProgress } from './state.ts';
import { aboutStation, addEvidence, enterStation, explain, nameOf, touch, type Turn } from './turn.ts';

export function settleOrder(turn: Turn, wanted: Order, outcome: OrderOutcome): void {
  const progress = turn.state.stations.get(wanted.station);
  // The plan was looked at anew: nobody's order any more.
  if (progress === undefined) return;
  tell(turn, progress, wanted, outcome);
  touch(turn, progress);
  if (outcome.kind === 'let_go') return onLetGo(turn, progress, wanted);
  switch (wanted.do) {
    case 'attach':
      return onAttachSettled(turn, progress, outcome);
    case 'detach':
      return onDetachSettled(turn, progress, outcome);
    case 'cut_over':
      return onCutSettled(turn, progress, outcome);
    case 'roll_back':
    case 'return':
      return onBackSettled(turn, progress, outcome);
    case 'effect':
      return onEffectSettled(turn, progress, wanted, outcome);
  }
}

/** What it took before it was begun is given back. It may be ordered again at once. */
function onLetGo(turn: Turn, progress: StationProgress, wanted: Order): void {
  progress.retryAtMs = 0;
  if (wanted.do === 'cut_over') {
    refundPace(turn, progress);
    progress.isCutOrdered = wanted.isAgain;
  }
  if (wanted.do === 'effect') onEffectLetGo(progress, wanted);
}

/** A refusal that is the same as the one before is not told again, nor is the end of an order that was not told. */
function tell(turn: Turn, progress: StationProgress, wanted: Order, outcome: OrderOutcome): void {
  const detail = 'detail' in outcome ? outcome.detail : null;
  if (outcome.kind === 'let_go' && progress.refusals > 0) return;
  if (outcome.kind === 'refused' && progress.refusals > 0 && progress.reason === detail) return;
  addEvidence(turn, {
    ...aboutStation(turn, progress),
    what: 'outcome',
    before: nameOf(wanted),
    after: outcome.kind,
    reason: detail,
    values: valuesOf(outcome),
  });
}

function valuesOf(outcome: OrderOutcome): Record<string, string | number | boolean | null> | null {
  switch (outcome.kind) {
    case 'done':
      return { isChanged: outcome.isChanged, primary: outcome.primary };
    case 'refused':
      return { refusal: outcome.reason, primary: outcome.primary };
    case 'answered':
      return { value: outcome.value };
    case 'asked':
      return { settings: outcome.settings.length };
    case 'found':
      return { [pluralOf[outcome.of]]: outcome.objects.length };
    case 'placed':
      return { [outcome.of]: outcome.is };
    case 'denied':
    case 'inapplicable':
    case 'let_go':
      return null;
  }
}

function onAttachSettled(turn: Turn, progress: StationProgress, outcome: OrderOutcome): void {
  if (outcome.kind === 'refused') {
    progress.refusals += 1;
    explain(turn, progress, outcome.detail);
    return;
  }
  if (progress.attached === 'ordered') progress.attached = 'yes';
  explain(turn, progress, null);
  progress.refusals = 0;
  progress.retryAtMs = 0;
}

/** Only where it cannot be kept is it tried again: for the rest there is nothing to take off. */
function onDetachSettled(turn: Turn, progress: StationProgress, outcome: OrderOutcome): void {
  const isLost =
    outcome.kind === 'refused' &&
    (outcome.reason === 'journal_failing' || outcome.reason === 'unknown_outcome');
  if (isLost) {
    progress.refusals += 1;
    return explain(turn, progress, outcome.detail);
  }
  progress.attached = 'no';
  progress.refusals = 0;
  progress.retryAtMs = 0;
}

function onCutSettled(turn: Turn, progress: StationProgress, outcome: OrderOutcome): void {
  const { plan } = turn.state.head;
  // What it says of the station's primary is newer than anything else that is known.
  if (outcome.kind === 'done' || (outcome.kind === 'refused' && outcome.primary === plan.to)) {
    if (progress.phase !== 'moved' && progress.phase !== 'verified') onMoved(turn, progress, null);
    return;
  }
  if (outcome.kind !== 'refused') return;
  // One of which nobody knows may have moved.
  if (outcome.reason !== 'unknown_outcome') {
    refundPace(turn, progress);
    progress.isCutOrdered = false;
  }
  progress.refusals += 1;
  block(turn, progress, outcome.reason === 'transaction_open' ? 'transaction' : 'other', outcome.detail);
  if (progress.phase === 'synced') enterStation(turn, progress, 'waiting', outcome.detail);
}
