/**
 * Open transactions change hands: the last resort, where the backend that has them is gone.
 *
 * Pure. The new owner is told all of a transaction in the station's own words: its start (1.6: with the reading and the time of then, so that it bills the whole), what was said of it
 * since, as far as the journal reaches, and then the rest as it comes; the one before is told nothing more, and its half has to be voided there by people. What the new owner thinks of the
 * driver is put on record and no more: whoever is charging finishes. A 1.6 transaction of which not all is known that a start needs stays where it is.
 */
import { findValue, tokenAt, valueEnd } from '../../protocol/splice.ts';
import { decode, payloadOf } from '../../protocol/frame.ts';
import type { HeldEntry } from '../hold/held-lane.ts';
import { integerOf, stringOf } from '../ids/id-token.ts';
import type { IdFamily, TransactionRow } from '../ids/ledger.ts';
import { heldLaneOf, hold, release } from './holding.ts';
import { note } from './identifiers.ts';
import type { StationState } from './state.ts';
import type { Turn } from './turn.ts';

/** Makes `to` the owner of everything that is open at `from`. `said`: what the station told of it, oldest first. */
export function handOver(
  state: StationState,
  turn: Turn,
  from: string,
  to: string,
  said: readonly string[],
): void {
  const calls = said.flatMap((text) => callIn(text) ?? []);
  for (const row of state.durable.ids.transactions)
    if (row.state === 'open' && row.owner === from) handOne(state, turn, row, from, to, calls);
}

function handOne(
  state: StationState,
  turn: Turn,
  row: TransactionRow,
  from: string,
  to: string,
  said: readonly SaidCall[],
): void {
  // One that listened in has had all of it.
  const isShown = Object.hasOwn(row.ids, to);
  const start = startOf(row);
  if (row.family === 'v16' && !isShown && start === null) return;
  const owed = undelivered(state, row.key, from);
  note(state, turn, { type: 'transaction_handed', key: row.key, to });
  const lane = heldLaneOf(state, from);
  for (const entry of owed) if (lane !== null) release(state, turn, lane, entry, 'dropped');
  if (isShown) return;
  if (row.family === 'v16')
    holdFor(state, turn, row, to, 'StartTransaction', `[2,"${row.key}","StartTransaction",${start}]`);
  const rest = owed.flatMap(({ message }) => callIn(inStationsWords(row, message.text)) ?? []);
  for (const { action, text } of within(partsOf(row, [...said, ...rest]), turn.context.settings.heldMax))
    holdFor(state, turn, row, to, action, text);
}

/** A call of the station about a transaction. */
interface SaidCall {
  readonly action: string;
  readonly text: string;
  readonly family: IdFamily;
  /** What the station calls the transaction; null: it does not say. */
  readonly ext: string | null;
  /** The same in each repetition, and in no other call of the transaction. */
  readonly part: string;
}

function callIn(text: string): SaidCall | null {
  // The framing is the same in all versions.
  const frame = decode(text, 'ocpp1.6');
  if (frame.kind !== 'call') return null;
  const { action, bodyStart } = frame;
  const payload = payloadOf(text, frame);
  if (action !== 'TransactionEvent') {
    const token = tokenAt(text, bodyStart, ['transactionId']);
    return { action, text, family: 'v16', ext: token === null ? null : integerOf(token), part: payload };
  }
  const token = tokenAt(text, bodyStart, ['transactionInfo', 'transactionId']);
  const part = tokenAt(text, bodyStart, ['seqNo']) ?? payload;
  return { action, text, family: 'v2', ext: token === null ? null : stringOf(token), part };
}

/** What is to be told of it beside a 1.6 start, which is made of the row: each part once. */
function partsOf(row: TransactionRow, calls: readonly SaidCall[]): SaidCall[] {
  const parts = new Map<string, SaidCall>();
  for (const call of calls)
    if (call.family === row.family && call.ext !== null && call.ext === row.ext && !parts.has(call.part))
      parts.set(call.part, call);
  return [...parts.values()];
}

/** At most half of what may be held for a station, so that it can go on: of more, the first and the newest. */
function within(parts: readonly SaidCall[], heldMax: number): readonly SaidCall[] {
  const max = Math.max(2, Math.floor(heldMax / 2));
  return parts.length <= max ? parts : [...parts.slice(0, 1), ...parts.slice(1 - max)];
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
    // Not the station's: what it was told of that one stands, should it repeat itself.
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
