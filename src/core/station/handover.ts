/**
 * Open transactions change hands: the last resort, where the backend that has them is gone.
 *
 * Pure. The new owner is told all of a transaction in the station's own words: its start (1.6: with the reading and the time of then, so that it bills the whole), what was said of it
 * since, as far as the journal reaches, and then the rest as it comes; the one before is told nothing more, and its half has to be voided there by people. One that has taken some of it
 * already, since it had it before or listened in, is told the others alone: it bills nothing twice, and misses nothing that was said meanwhile. What the new owner thinks of the
 * driver is put on record and no more: whoever is charging finishes. A 1.6 transaction of which not all is known that a start needs stays where it is, and so does one whose start an operator
 * dropped for the new owner. Nor is it told anything else that was dropped for it.
 */
import { findValue, tokenAt, valueEnd } from '../../protocol/splice.ts';
import { decode, payloadOf } from '../../protocol/frame.ts';
import { asides, type HeldEntry } from '../hold/held-lane.ts';
import type { HeldMessage } from '../hold/held-message.ts';
import { integerOf, stringOf } from '../ids/id-token.ts';
import type { IdFamily, TransactionRow } from '../ids/ledger.ts';
import { finish } from './delivering.ts';
import { heldLaneOf, hold, release } from './holding.ts';
import { note } from './identifiers.ts';
import { transactionListeners } from './listening.ts';
import { answerGiven, contentKey } from './repeats.ts';
import { callOf } from './call-id.ts';
import { findCall } from './slot.ts';
import type { BackendLink, StationState } from './state.ts';
import type { Turn } from './turn.ts';

/** What the journal tells of open transactions; see `assignment_decided`. */
export interface History {
  readonly said: readonly string[];
  readonly taken: ReadonlySet<string>;
  readonly left: ReadonlyMap<string, string>;
}

/** Makes `to` the owner of everything that is open at `from`. */
export function handOver(
  state: StationState,
  turn: Turn,
  from: string,
  to: BackendLink,
  { said, ...answers }: History,
): void {
  const calls = said.flatMap((text) => callIn(text) ?? []);
  const rows = state.durable.ids.transactions.filter((row) => row.state === 'open' && row.owner === from);
  const { heldMax, heldCharactersMax } = turn.context.settings;
  // At most half of what may be held for a station, so that it can go on.
  const share: Share = {
    messages: Math.max(2, Math.floor(heldMax / 2 / rows.length)),
    characters: Math.floor(heldCharactersMax / 2 / rows.length),
  };
  for (const row of rows) handOne(state, turn, row, from, to, { said: calls, ...answers }, share);
}

/** How much may be told of one transaction. */
interface Share {
  readonly messages: number;
  readonly characters: number;
}

function handOne(
  state: StationState,
  turn: Turn,
  row: TransactionRow,
  from: string,
  to: BackendLink,
  { said, left, ...answers }: Omit<History, 'said'> & { readonly said: readonly SaidCall[] },
  share: Share,
): void {
  const name = to.backend;
  const dropped = droppedFor(row, name);
  // An operator has decided that it never hears of it.
  if (dropped.has(callOf(row.key))) return;
  const taken = new Set([...answers.taken, ...dropped]);
  const isShown = Object.hasOwn(row.ids, name);
  const start = lacksStart(row, to, taken) ? startOf(row, (call) => keyOf(state, turn, call), said) : null;
  if (start === 'unknown') return;
  const owed = undelivered(state, row.key, from);
  const isAnew = row.family === 'v16' && isShown && start !== null;
  note(state, turn, { type: 'transaction_handed', key: row.key, to: name, ...(isAnew ? { isAnew } : {}) });
  const lane = heldLaneOf(state, from);
  for (const entry of owed) if (lane !== null) finish(state, turn, lane, entry, 'dropped');
  // Where the journal does not reach: one that listened in has had all of it, and one that had it before all that was said until then.
  const hasListened = transactionListeners(state, turn).includes(name);
  const untold = owed.filter(({ message }) => !isShown || (!hasListened && isOwnersAlone(message)));
  const rest = untold.flatMap(({ message: { text, key } }) => callIn(inStationsWords(row, text), key) ?? []);
  const parts = partsOf(row, [...said, ...rest]).filter((part) => {
    const key = keyOf(state, turn, part);
    return !taken.has(callOf(key)) && findCall(to, key) === null;
  });
  if (start !== null) holdFor(state, turn, row, name, start, left);
  // Before it named the transaction they cannot have left.
  const before = start === null ? left : nothingLeft;
  for (const part of within(parts, share)) holdFor(state, turn, row, name, part, before);
}

/** What an operator decided that this backend never gets of it. */
function droppedFor({ dropped }: TransactionRow, backend: string): ReadonlySet<string> {
  return new Set((dropped ?? []).flatMap(([name, call]) => (name === backend ? [call] : [])));
}

/** True where a 1.6 backend has yet to get the start, and it is not on its way there. */
function lacksStart(
  { family, key, ids }: TransactionRow,
  to: BackendLink,
  taken: ReadonlySet<string>,
): boolean {
  if (family === 'v2') return false;
  const id = Object.hasOwn(ids, to.backend) ? ids[to.backend] : undefined;
  if (id === undefined) return true;
  // It took it and gave nothing usable, or it did not take it.
  const isUntold = id === 'pending' || (id === 'none' && !taken.has(callOf(key)));
  return isUntold && findCall(to, key) === null;
}

/** It was said while that backend had the transaction, and nobody else was told. */
function isOwnersAlone({ answer, isHandedOver }: HeldMessage): boolean {
  return answer !== null && isHandedOver !== true;
}

/** A call of the station about a transaction. */
interface SaidCall {
  readonly action: string;
  readonly text: string;
  readonly payload: string;
  readonly family: IdFamily;
  /** What the station calls the transaction; null: it does not say. */
  readonly ext: string | null;
  /** The same in each repetition, and in no other call of the transaction. */
  readonly part: string;
  /** Its content key; null: it is still to be made of the text. */
  readonly key: string | null;
}

function callIn(text: string, key: string | null = null): SaidCall | null {
  // The framing is the same in all versions.
  const frame = decode(text, 'ocpp1.6');
  if (frame.kind !== 'call') return null;
  const { action, bodyStart } = frame;
  const payload = payloadOf(text, frame);
  const isEvent = action === 'TransactionEvent';
  const token = tokenAt(text, bodyStart, isEvent ? ['transactionInfo', 'transactionId'] : ['transactionId']);
  const family = isEvent || asides.has(action) ? 'v2' : 'v16';
  const ext = token === null ? null : family === 'v2' ? stringOf(token) : integerOf(token);
  const part = (isEvent ? tokenAt(text, bodyStart, ['seqNo']) : null) ?? payload;
  return { action, text, payload, family, ext, part, key };
}

/** What is to be told of it beside a 1.6 start, which is made of the row: each part once. */
function partsOf(row: TransactionRow, calls: readonly SaidCall[]): SaidCall[] {
  const parts = new Map<string, SaidCall>();
  for (const call of calls)
    if (call.family === row.family && call.ext !== null && call.ext === row.ext && !parts.has(call.part))
      parts.set(call.part, call);
  return [...parts.values()];
}

/** Of more than may be told, the first and the newest. */
function within([first, ...later]: readonly SaidCall[], share: Share): readonly SaidCall[] {
  if (first === undefined) return [];
  const newest: SaidCall[] = [];
  let characters = first.text.length;
  for (const part of later.toReversed()) {
    characters += part.text.length;
    if (newest.length >= share.messages - 1 || characters > share.characters) break;
    newest.push(part);
  }
  return [first, ...newest.toReversed()];
}

/** What `from` has not got of it, but for what is on its way. */
function undelivered(state: StationState, transaction: string, from: string): HeldEntry[] {
  const onItsWay = state.backends.find(({ backend }) => backend === from)?.slot?.held ?? 0;
  return [...(heldLaneOf(state, from) ?? [])].filter(
    ({ message }) => message.transaction === transaction && message.number !== onItsWay,
  );
}

/**
 * Under the key it has from the station, and with the answer that it got: should the station repeat itself, it is told the same, and the new owner nothing twice. What waits for it as a
 * copy, which is given up where it is refused, becomes a message that counts. What left for it before leaves again as the same bytes.
 */
function holdFor(
  state: StationState,
  turn: Turn,
  row: TransactionRow,
  to: string,
  part: SaidCall,
  left: ReadonlyMap<string, string>,
): void {
  const { action } = part;
  const key = keyOf(state, turn, part);
  const answer = answerGiven(state, key);
  const lane = heldLaneOf(state, to);
  const waiting = lane?.findKey(key) ?? null;
  if (waiting !== null && waiting.message.answer !== null) return;
  if (lane !== null && waiting !== null) release(state, turn, lane, waiting, 'dropped');
  const usual =
    action === 'StartTransaction'
      ? `{"transactionId":${row.ext ?? '0'},"idTagInfo":{"status":"Accepted"}}`
      : '{}';
  hold(state, turn, {
    backend: to,
    key,
    version: row.family === 'v16' ? 'ocpp1.6' : (state.link?.version ?? 'ocpp2.0.1'),
    action,
    transaction: row.key,
    hasLeft: left.has(callOf(key)),
    answer: answer ?? usual,
    isWorded: left.has(callOf(key)),
    isHandedOver: true,
    text: left.get(callOf(key)) ?? part.text,
  });
}

const nothingLeft: ReadonlyMap<string, string> = new Map();

function keyOf(state: StationState, turn: Turn, { action, payload, key }: SaidCall): string {
  return key ?? contentKey(state, turn, action, payload);
}

/** The start as the station said it, or as far as it is known; `unknown`: not far enough. */
function startOf(
  { key, connectorId, idTag, meterStart, startedAt, ext }: TransactionRow,
  keyIn: (call: SaidCall) => string,
  said: readonly SaidCall[],
): SaidCall | 'unknown' {
  if (connectorId === null || idTag === null || meterStart === null || startedAt === null || ext === null)
    return 'unknown';
  const itself = said.find((call) => call.action === 'StartTransaction' && keyIn(call) === key);
  if (itself !== undefined) return { ...itself, key };
  const payload = JSON.stringify({ connectorId, idTag, meterStart, timestamp: startedAt });
  const action = 'StartTransaction';
  return { action, text: `[2,"${key}","${action}",${payload}]`, payload, family: 'v16', ext, part: '', key };
}

/** What is held in the words of the one before, with the station's number again. */
function inStationsWords({ family, ext }: TransactionRow, text: string): string {
  const frame = decode(text, 'ocpp1.6');
  if (family === 'v2' || ext === null || frame.kind !== 'call') return text;
  const at = findValue(text, frame.bodyStart, ['transactionId']);
  return at === -1 ? text : text.slice(0, at) + ext + text.slice(valueEnd(text, at));
}
