/**
 * A backend that refuses a driver hours after Busbar has let that driver charge.
 *
 * Pure. What is acted on is the transaction, never whoever is at the connector by now. 2.x: the verdict goes into the answer to the transaction's next event, as the
 * backend would have put it there, and the station ends it by itself with the right reason (E05.FR.02, E06.FR.04); a station that says nothing for a minute is told to
 * stop. 1.6 has no such answer but to the start, which is long over: it is told to stop at once. A transaction that is over is left alone.
 */
import { findValue, valueEnd, withMember } from '../../protocol/splice.ts';
import { transactionByKey } from '../ids/transactions.ts';
import { isOfHanded, type HeldEntry } from '../hold/held-lane.ts';
import type { DurableStation, Refusal } from '../journal/record.ts';
import { sendOwnCommand } from './commands.ts';
import type { StationLink, StationState } from './state.ts';
import { notice, recordDurably, type Received, type Turn } from './turn.ts';

/** How long a 2.x station may be silent about the transaction before it is told to stop it. */
const patienceMs = 60_000;
/** How soon a station for which too much waits is to be told. */
const busyMs = 1_000;

/** The backend has answered a held message: does it refuse the driver? */
export function readVerdict(
  state: StationState,
  turn: Turn,
  { message, delivery }: HeldEntry,
  { text, frame }: Received,
): void {
  const { version, action, transaction, hasLeft, answer } = message;
  const is16 = version === 'ocpp1.6';
  if (isOfHanded(message)) return;
  if (answer === null || transaction === null || action !== (is16 ? 'StartTransaction' : 'TransactionEvent'))
    return;
  const at = findValue(text, frame.bodyStart, [is16 ? 'idTagInfo' : 'idTokenInfo']);
  if (at === -1) return;
  const info = text.slice(at, valueEnd(text, at));
  const status = statusOf(info);
  // One that was there before under another answer takes its own session for a second one (H2).
  const mayBeThere = hasLeft || delivery.possiblyDuplicate === true;
  if (status === null || status === 'Accepted' || (status === 'ConcurrentTx' && mayBeThere)) return;
  notice(turn, 'late_refusal', message.backend);
  if (transactionByKey(state.durable.ids, transaction)?.state !== 'open') return;
  change(state, turn, transaction, is16 ? '' : info);
  tendRefusals(state, turn);
}

/** The answer to a transaction's event with the refusal in it, where there is one to tell. `payload` and the result are JSON. */
export function withRefusal(
  state: StationState,
  turn: Turn,
  transaction: string | null,
  payload: string,
): string {
  const { refusals } = state.durable;
  if (refusals.length === 0 || transaction === null) return payload;
  const refusal = refusals.find((one) => one.transaction === transaction);
  if (refusal === undefined || refusal.info === '') return payload;
  const at = findValue(payload, 0, ['idTokenInfo']);
  change(state, turn, transaction, null);
  // What the backend says now is newer.
  if (at !== -1) return payload;
  return withMember(payload.startsWith('{') ? payload : '{}', 0, 'idTokenInfo', refusal.info);
}

/** The same for a whole CALLRESULT. */
export function resultWithRefusal(
  state: StationState,
  turn: Turn,
  transaction: string | null,
  received: Received,
  text: string,
): string {
  if (state.durable.refusals.length === 0 || received.frame.kind !== 'result') return text;
  const { bodyStart } = received.frame;
  const bodyEnd = received.frame.bodyEnd + text.length - received.text.length;
  const said = text.slice(bodyStart, bodyEnd);
  const payload = withRefusal(state, turn, transaction, said);
  const comma = said === '' && payload !== '' ? ',' : '';
  return text.slice(0, bodyStart) + comma + payload + text.slice(bodyEnd);
}

/** Tells a connected station to stop what was refused, when it is time. */
export function tendRefusals(state: StationState, turn: Turn): void {
  const { link, durable } = state;
  if (link === null) return;
  const { wallMs } = turn.context;
  const due = durable.refusals.filter(
    (refusal) => isSayable(durable, link, refusal) && dueAt(refusal, wallMs) <= wallMs,
  );
  for (const refusal of due)
    if (isOver(state, refusal) || tellToStop(state, turn, refusal.transaction))
      change(state, turn, refusal.transaction, null);
}

/** What began in 1.6 has a name that 2.x has no words for, and the other way round: it is stopped once the station speaks as it did. */
function isSayable({ ids }: DurableStation, { version }: StationLink, { transaction }: Refusal): boolean {
  const row = transactionByKey(ids, transaction);
  return row === null || (row.family === 'v16') === (version === 'ocpp1.6');
}

/** There is nothing to stop, or no name to stop it by. */
function isOver({ durable }: StationState, { transaction }: Refusal): boolean {
  const row = transactionByKey(durable.ids, transaction);
  return row?.state !== 'open' || row.ext === null;
}

/** False where too much waits for the station already: it is told a little later. */
function tellToStop(state: StationState, turn: Turn, transaction: string): boolean {
  const row = transactionByKey(state.durable.ids, transaction);
  if (row === null || row.ext === null) return false;
  const is16 = row.family === 'v16';
  const action = is16 ? 'RemoteStopTransaction' : 'RequestStopTransaction';
  const payload = `{"transactionId":${is16 ? row.ext : JSON.stringify(row.ext)}}`;
  return sendOwnCommand(state, turn, action, payload, row.key);
}

/** When the next of them is due, by the monotonic clock; Infinity while the station is away. What is due already found no place in its queue. */
export function refusalsDueMs({ link, durable }: StationState, { context }: Turn): number {
  if (link === null || durable.refusals.length === 0) return Infinity;
  const { nowMs, wallMs } = context;
  return Math.min(
    ...durable.refusals.map((refusal) => {
      if (!isSayable(durable, link, refusal)) return Infinity;
      const inMs = dueAt(refusal, wallMs) - wallMs;
      return nowMs + (inMs > 0 ? inMs : busyMs);
    }),
  );
}

/** Wall clock. What came at a time still to come did so by a clock that was ahead, however long ago that is. */
function dueAt({ info, since }: Refusal, wallMs: number): number {
  if (since > wallMs) return wallMs;
  return info === '' ? since : since + patienceMs;
}

function change(state: StationState, turn: Turn, transaction: string, info: string | null): void {
  recordDurably(state, turn, {
    type: 'changed',
    at: turn.context.wallMs,
    station: state.id,
    change: { what: 'refusal', transaction, info },
  });
}

function statusOf(info: string): string | null {
  const at = findValue(info, 0, ['status']);
  return at === -1 ? null : info.slice(at + 1, valueEnd(info, at) - 1);
}
