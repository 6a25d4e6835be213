/**
 * Open transactions change hands: the last resort, where the backend that has them is gone.
 *
 * Pure. The new owner is told the start as it was (1.6: with the reading and the time of then, so that it bills the whole), then what the one before has not got, then the rest as it
 * comes; the one before is told nothing more, and its half has to be voided there by people. What the new owner thinks of the driver is put on record and no more: whoever is charging
 * finishes. A 1.6 transaction of which not all is known that a start needs stays where it is.
 */
import { findValue, valueEnd } from '../../protocol/splice.ts';
import { decode } from '../../protocol/frame.ts';
import type { HeldEntry } from '../hold/held-lane.ts';
import type { TransactionRow } from '../ids/ledger.ts';
import { heldLaneOf, hold, release } from './holding.ts';
import { note } from './identifiers.ts';
import type { StationState } from './state.ts';
import type { Turn } from './turn.ts';

/** Makes `to` the owner of everything that is open at `from`. */
export function handOver(state: StationState, turn: Turn, from: string, to: string): void {
  for (const row of state.durable.ids.transactions)
    if (row.state === 'open' && row.owner === from) handOne(state, turn, row, from, to);
}

function handOne(state: StationState, turn: Turn, row: TransactionRow, from: string, to: string): void {
  // One that listened in has had all of it.
  const isShown = Object.hasOwn(row.ids, to);
  const start = startOf(row);
  if (row.family === 'v16' && !isShown && start === null) return;
  const owed = undelivered(state, row.key, from);
  note(state, turn, { type: 'transaction_handed', key: row.key, to });
  const isStartOwed = owed.some(({ message }) => message.action === 'StartTransaction');
  if (row.family === 'v16' && !isShown && !isStartOwed)
    holdFor(state, turn, row, to, 'StartTransaction', `[2,"${row.key}","StartTransaction",${start}]`);
  for (const entry of owed) {
    const { action, text } = entry.message;
    const lane = heldLaneOf(state, from);
    if (lane !== null) release(state, turn, lane, entry, 'dropped');
    if (!isShown) holdFor(state, turn, row, to, action, inStationsWords(row, text));
  }
}

/** What `from` has not got of it, but for what is on its way. */
function undelivered(state: StationState, transaction: string, from: string): HeldEntry[] {
  const onItsWay = state.backends.find(({ backend }) => backend === from)?.slot?.held ?? 0;
  return [...(heldLaneOf(state, from) ?? [])].filter(
    ({ message }) => message.transaction === transaction && message.number !== onItsWay,
  );
}

function holdFor(
  state: StationState,
  turn: Turn,
  row: TransactionRow,
  to: string,
  action: string,
  text: string,
): void {
  const isStart = action === 'StartTransaction';
  hold(state, turn, {
    backend: to,
    key: isStart ? row.key : turn.context.digest(`${to} ${text}`),
    version: row.family === 'v16' ? 'ocpp1.6' : (state.link?.version ?? 'ocpp2.0.1'),
    action,
    transaction: row.key,
    hasLeft: false,
    answer: isStart ? `{"transactionId":${row.ext ?? '0'},"idTagInfo":{"status":"Accepted"}}` : '{}',
    isWorded: false,
    isHandedOver: true,
    text,
  });
}

/** The start as the station said it, as far as it is known; null: not far enough. */
function startOf({ connectorId, idTag, meterStart, startedAt, ext }: TransactionRow): string | null {
  if (connectorId === null || idTag === null || meterStart === null || startedAt === null || ext === null)
    return null;
  return JSON.stringify({ connectorId, idTag, meterStart, timestamp: startedAt });
}

/** What is held in the words of the one before, with the station's number again. */
function inStationsWords({ family, ext }: TransactionRow, text: string): string {
  const frame = decode(text, 'ocpp1.6');
  if (family === 'v2' || ext === null || frame.kind !== 'call') return text;
  const at = findValue(text, frame.bodyStart, ['transactionId']);
  return at === -1 ? text : text.slice(0, at) + ext + text.slice(valueEnd(text, at));
}
