/**
 * What Busbar holds for a backend: taking a message into the books, and out of them.
 *
 * Pure. A message is in the lane from the step that answers it, and on disk before that answer leaves.
 */
import type { HeldEntry, HeldLane } from '../hold/held-lane.ts';
import { freshDelivery } from '../hold/fresh-delivery.ts';
import type { Delivery, HeldMessage } from '../hold/held-message.ts';
import { transactionByKey } from '../ids/transactions.ts';
import type { DeliveryOutcome } from '../journal/record.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { laneFor, type StationState } from './state.ts';
import { notice, recordDurably, type Turn } from './turn.ts';

/** What is to be held: see HeldMessage. */
export interface Holding {
  readonly backend: string;
  readonly key: string;
  readonly version: OcppVersion;
  readonly action: string;
  readonly transaction: string | null;
  readonly hasLeft: boolean;
  readonly refusedBefore?: number;
  readonly answer: string | null;
  readonly isWorded: boolean;
  readonly isHandedOver?: true;
  readonly isApart?: true;
  readonly text: string;
}

/** Part of the bound of a station's lane above which somebody should look, and the part it must fall to before that is said again: a lane that is filled and emptied at once would say it with each message. */
const nearShare = 0.8;
const easedShare = 0.6;

/** Takes a message into the books. */
export function hold(state: StationState, turn: Turn, holding: Holding): HeldEntry {
  const { wallMs } = turn.context;
  // From the clock, so that a number is not given twice though all were delivered before a restart.
  const number = Math.max(state.lastHeld + 1, Math.floor(wallMs));
  state.lastHeld = number;
  const message = { number, ...holding, since: wallMs };
  const entry = { message, delivery: freshDelivery };
  const lane = laneFor(state.held, holding.backend);
  lane.push(entry);
  if (!lane.isNearBound && lane.length > turn.context.settings.heldMax * nearShare) {
    lane.isNearBound = true;
    notice(turn, 'held_near_bound', holding.backend);
  }
  turn.records.push({ type: 'held', at: wallMs, station: state.id, message });
  if (!message.isWorded) keepRow(state, turn, message.transaction, true);
  return entry;
}

/** What a backend calls a transaction must be known until the last message of it has left, however many others begin and end meanwhile. */
function keepRow(state: StationState, turn: Turn, transaction: string | null, isHeld: boolean): void {
  if (transaction === null) return;
  const row = transactionByKey(state.durable.ids, transaction);
  if (row === null || (row.isHeld ?? false) === isHeld) return;
  const at = turn.context.wallMs;
  const change = { type: 'transaction_held', key: row.key, isHeld, atMs: at } as const;
  recordDurably(state, turn, { type: 'changed', at, station: state.id, change: { what: 'ids', change } });
}

/**
 * The held message that a station repeats; null: it is not held. The journal is told of it once more, with the answer that is given again: the first time it may have been
 * left out, because the disk failed.
 */
export function holdAgain(state: StationState, turn: Turn, key: string): HeldMessage | null {
  for (const lane of state.held) {
    const message = lane.findKey(key)?.message;
    if (message === undefined || message.answer === null) continue;
    turn.records.push({ type: 'held', at: turn.context.wallMs, station: state.id, message });
    return message;
  }
  return null;
}

export function heldLaneOf({ held }: StationState, backend: string): HeldLane | null {
  for (const lane of held) if (lane.backend === backend) return lane;
  return null;
}

/** The message is over: its backend took it, or an operator dropped it. */
export function release(
  state: StationState,
  turn: Turn,
  lane: HeldLane,
  entry: HeldEntry,
  outcome: Extract<DeliveryOutcome, 'delivered' | 'dropped'>,
): void {
  lane.remove(entry);
  if (lane.length <= turn.context.settings.heldMax * easedShare) lane.isNearBound = false;
  if (lane.length === 0) state.held.splice(state.held.indexOf(lane), 1);
  record(state, turn, entry, outcome, null);
  const { transaction } = entry.message;
  if (!state.held.some((other) => other.holds(transaction))) keepRow(state, turn, transaction, false);
}

/** The message stays, and stands otherwise than before. */
export function mark(
  state: StationState,
  turn: Turn,
  lane: HeldLane,
  entry: HeldEntry,
  outcome: Extract<DeliveryOutcome, 'refused' | 'unanswered' | 'parked' | 'retried'>,
  delivery: Delivery,
): void {
  lane.mark(entry, delivery);
  record(state, turn, entry, outcome, delivery);
}

/** The link went while the message was out on it: it leaves again on the next one. */
export function markCutOff(state: StationState, turn: Turn, backend: string, number: number): void {
  const lane = heldLaneOf(state, backend);
  const entry = lane?.find(number) ?? null;
  // Of copies nobody asks whether they came twice.
  if (lane === null || entry === null || entry.message.answer === null) return;
  const { delivery } = entry;
  mark(state, turn, lane, entry, 'unanswered', {
    ...delivery,
    lastError: noAnswer,
    possiblyDuplicate: true,
  });
}

/** What stands in the place of a backend's error where there is none. */
export const noAnswer = 'no answer';

function record(
  state: StationState,
  turn: Turn,
  { message: { backend, number, action } }: HeldEntry,
  outcome: DeliveryOutcome,
  delivery: Delivery | null,
): void {
  turn.records.push({
    type: 'delivery',
    at: turn.context.wallMs,
    station: state.id,
    backend,
    number,
    action,
    outcome,
    delivery,
  });
}
