/**
 * What an operator decides about a held message: that it is tried once more, or that its backend never gets it.
 *
 * Pure. Nothing is decided about a message while its backend has it and has not answered: it may be booked there already. One that waits behind a parked one of
 * its transaction cannot be sent before that is decided about, but it can be dropped.
 */
import type { HeldEntry, HeldLane } from '../hold/held-lane.ts';
import { freshDelivery } from '../hold/fresh-delivery.ts';
import { deliverAway } from './away.ts';
import { pumpCalls } from './backend-lane.ts';
import { transactionByKey } from '../ids/transactions.ts';
import { callOf } from './call-id.ts';
import { finish, ofRefusals } from './delivering.ts';
import type { DecisionOutcome, DecisionRefusal, DeliveryDecision } from './events.ts';
import { mark } from './holding.ts';
import { note } from './identifiers.ts';
import type { StationState } from './state.ts';
import type { Turn } from './turn.ts';

export function onDeliveryDecided(
  state: StationState,
  turn: Turn,
  requestId: number,
  number: number,
  decision: DeliveryDecision,
): void {
  const outcome = decide(state, turn, number, decision);
  turn.effects.push({ type: 'decision_settled', requestId, outcome });
}

function decide(
  state: StationState,
  turn: Turn,
  number: number,
  decision: DeliveryDecision,
): DecisionOutcome {
  const found = findHeld(state, number);
  if (found === null) return refused('unknown', `Nothing is held under the number ${number}.`);
  const { lane, entry } = found;
  const link = state.backends.find(({ backend }) => backend === lane.backend);
  if (link?.slot?.held === number)
    return refused('on_its_way', `It is on its way to ${lane.backend}, which has not answered yet.`);
  if (!turn.context.isJournalWritable)
    return refused('journal_failing', 'The journal cannot be written now, so nothing can be decided.');
  if (decision === 'drop') drop(state, turn, lane, entry);
  else {
    const first = parkedBefore(lane, entry);
    if (first !== null)
      return refused(
        'behind',
        `It waits behind ${first.message.number} of its transaction, which is parked; decide about that one first.`,
      );
    const { possiblyDuplicate, refusals } = entry.delivery;
    const fresh = { ...freshDelivery, ...ofRefusals(refusals) };
    mark(
      state,
      turn,
      lane,
      entry,
      'retried',
      possiblyDuplicate === true ? { ...fresh, possiblyDuplicate } : fresh,
    );
  }
  // What stood still may leave at once.
  if (link !== undefined) pumpCalls(state, turn, link);
  deliverAway(state, turn);
  return { kind: 'done' };
}

/** It is remembered, too: a backend that is handed the transaction once more is told what it has not taken of it, but for this. */
function drop(state: StationState, turn: Turn, lane: HeldLane, entry: HeldEntry): void {
  const { transaction, key } = entry.message;
  if (transaction !== null && transactionByKey(state.durable.ids, transaction)?.state === 'open')
    note(state, turn, {
      type: 'transaction_dropped',
      key: transaction,
      backend: lane.backend,
      call: callOf(key),
    });
  finish(state, turn, lane, entry, 'dropped');
}

function findHeld({ held }: StationState, number: number): { lane: HeldLane; entry: HeldEntry } | null {
  for (const lane of held) {
    const entry = lane.find(number);
    if (entry !== null) return { lane, entry };
  }
  return null;
}

/** The parked message that keeps this one, which is not parked itself, from leaving. */
function parkedBefore(lane: HeldLane, entry: HeldEntry): HeldEntry | null {
  if (entry.delivery.state === 'parked') return null;
  for (const standing of lane.standings()) if (standing.entry === entry) return standing.behind;
  return null;
}

function refused(reason: DecisionRefusal, detail: string): DecisionOutcome {
  return { kind: 'refused', reason, detail };
}
