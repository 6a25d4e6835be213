/**
 * What the messages of a transaction tell the ledger when they arrive.
 *
 * Pure. A transaction belongs to one backend from its start to its end, whatever the routes say later (architecture M1): to the one that asked for it by a remote
 * start (hazard H33), else to the primary.
 */
import { parseIsoTime } from '../../std/iso-time.ts';
import { eachValue, mayName, tokenAt } from '../../protocol/splice.ts';
import { transactionToDisplace } from './apply-change.ts';
import { nobodys, type Arrival, type ArrivedCall, type Attendance, type IdContext } from './arrival.ts';
import type { IdChange } from './change.ts';
import { integerOf, kept, stringOf } from './id-token.ts';
import type { IdFamily, IdLedger, RequestRow, TransactionRow } from './ledger.ts';
import { objectByExt } from './objects.ts';
import { requestByMinted, remoteStartFor } from './requests.ts';
import type { BodySpan } from './rewrite.ts';
import {
  hasNoRowAnyMore,
  isPositiveInt32,
  numberAt,
  rowOfMeterValues,
  rowOfStop,
  textAt,
  transactionByExt,
  transactionByKey,
  isNumberAlone,
  wasSeenToBegin,
} from './transactions.ts';

/** 1.6 StartTransaction. */
export function startArrived(
  ledger: IdLedger,
  { key }: ArrivedCall,
  attendance: Attendance,
  text: string,
  span: BodySpan,
  { wallMs }: IdContext,
): Arrival {
  const changes: IdChange[] = [];
  const known = transactionByKey(ledger, key);
  const connectorId = numberAt(text, span.bodyStart, 'connectorId');
  const idTag = keptText(text, span, 'idTag');
  const asked = known === null ? remoteStartFor(ledger, idTag, connectorId, wallMs) : null;
  const isKept = known !== null || transactionToDisplace(ledger, connectorId) !== 'full';
  const owner = known?.owner ?? (isKept ? ownerFor(attendance, asked, text, span) : attendance.primary);
  if (asked !== null) changes.push({ type: 'request_closed', minted: asked.minted, atMs: wallMs });
  const startedAt = keptText(text, span, 'timestamp');
  if (known === null)
    changes.push(...outlived(ledger, 'v16', connectorId, (row) => isNoLater(row, startedAt), wallMs));
  if (isKept) {
    changes.push({
      type: 'transaction_opened',
      key,
      family: 'v16',
      ext: null,
      owner,
      connectorId,
      idTag,
      meterStart: numberAt(text, span.bodyStart, 'meterStart'),
      startedAt,
      // A repeat goes to those who got the start the first time.
      to: known === null ? recipients(owner, attendance) : Object.keys(known.ids),
      ids: 'pending',
      isBeginning: known === null,
      atMs: wallMs,
    });
  }
  useReservation(ledger, text, span, wallMs, changes);
  return { owner, transaction: isKept ? key : null, issuer: asked?.backend ?? null, changes };
}

/** 1.6 StopTransaction. */
export function stopArrived(
  ledger: IdLedger,
  call: ArrivedCall,
  attendance: Attendance,
  text: string,
  span: BodySpan,
  { wallMs }: IdContext,
): Arrival {
  const ext = extIn(text, span);
  const named = ext === null ? null : transactionByExt(ledger, 'v16', ext);
  const row = named ?? (isUsable(ext) ? null : rowOfStop(ledger, text, span.bodyStart, call.key));
  const ended: IdChange = {
    type: 'transaction_ended',
    key: row?.key ?? call.key,
    owner: row?.owner ?? adopterOf(attendance),
    stopKey: call.key,
    atMs: wallMs,
  };
  if (row !== null) {
    // One that another start at its connector has ended still gets its stop, once.
    const isFirst = row.state === 'open' || row.stopKey === null;
    const changes = isFirst ? [...confirmed(row, ext), ended] : [];
    return { owner: row.owner, transaction: row.key, issuer: null, changes };
  }
  return ext !== null && isUsable(ext)
    ? adopted(ledger, call.key, ext, attendance, null, wallMs, [ended])
    : nobodys;
}

/** 1.6 MeterValues, of a transaction or of none. */
export function meterValuesArrived(
  ledger: IdLedger,
  call: ArrivedCall,
  attendance: Attendance,
  text: string,
  span: BodySpan,
  { wallMs }: IdContext,
): Arrival {
  if (!mayName(text, span.bodyStart, span.bodyEnd, 'transactionId')) return nobodys;
  const token = tokenAt(text, span.bodyStart, ['transactionId']);
  if (token === null) return nobodys;
  const ext = integerOf(token);
  const named = ext === null ? null : transactionByExt(ledger, 'v16', ext);
  const row = named ?? rowAtConnector(ledger, ext, text, span);
  if (row !== null)
    return { owner: row.owner, transaction: row.key, issuer: null, changes: confirmed(row, ext) };
  if (ext === null || !isUsable(ext)) return nobodys;
  const connectorId = numberAt(text, span.bodyStart, 'connectorId');
  return adopted(ledger, call.key, ext, attendance, connectorId, wallMs, []);
}

/**
 * The transaction that the station can only mean, since it is under way at that connector: it has no number for it, or one of its own (EVBox: always 1; Etrel, of those that it
 * authorises itself).
 */
function rowAtConnector(
  ledger: IdLedger,
  ext: string | null,
  text: string,
  span: BodySpan,
): TransactionRow | null {
  if (ext === '-1') return rowOfMeterValues(ledger, text, span.bodyStart);
  if (ext === null || !isUsable(ext) || hasNoRowAnyMore(ledger, ext)) return null;
  const row = rowOfMeterValues(ledger, text, span.bodyStart);
  return row !== null && wasSeenToBegin(row) && !isOlder(text, span, row) ? row : null;
}

/** What was measured before the transaction began is of another one, and told late. */
function isOlder(text: string, span: BodySpan, { startedAt }: TransactionRow): boolean {
  let first: string | null = null;
  eachValue(text, span.bodyStart, ['meterValue', '*', 'timestamp'], (_, start, end) => {
    first ??= stringOf(text.slice(start, end));
  });
  const [measuredMs, startedMs] = [parseIsoTime(first ?? ''), parseIsoTime(startedAt ?? '')];
  return measuredMs !== null && startedMs !== null && measuredMs < startedMs;
}

/** A transaction that began before Busbar knew of it: whoever was the primary then gave it its number, and keeps it. */
function adopted(
  ledger: IdLedger,
  key: string,
  ext: string,
  attendance: Attendance,
  connectorId: number | null,
  wallMs: number,
  then: readonly IdChange[],
): Arrival {
  const owner = adopterOf(attendance);
  if (hasNoRowAnyMore(ledger, ext) || transactionToDisplace(ledger, connectorId) === 'full') return nobodys;
  const opened: IdChange = {
    type: 'transaction_opened',
    key,
    family: 'v16',
    ext,
    owner,
    connectorId,
    idTag: null,
    meterStart: null,
    startedAt: null,
    to: [owner],
    ids: 'as_station',
    isBeginning: false,
    atMs: wallMs,
  };
  return { owner, transaction: key, issuer: null, changes: [opened, ...then] };
}

/** 2.x TransactionEvent. */
export function eventArrived(
  ledger: IdLedger,
  { key }: ArrivedCall,
  attendance: Attendance,
  text: string,
  span: BodySpan,
  { wallMs }: IdContext,
): Arrival {
  const token = tokenAt(text, span.bodyStart, ['transactionInfo', 'transactionId']);
  const ext = token === null ? null : stringOf(token);
  if (ext === null) return nobodys;
  const changes: IdChange[] = [];
  const eventType = tokenAt(text, span.bodyStart, ['eventType']);
  const isStart = eventType === '"Started"';
  const last = transactionByExt(ledger, 'v2', ext);
  const known = last !== null && isStart && isOutlived(last, key, text, span) ? null : last;
  const asked = remoteStartIn(ledger, text, span);
  const owner = known?.owner ?? (isStart ? ownerFor(attendance, asked, text, span) : adopterOf(attendance));
  const driver = driverOf(text, span);
  const connectorId = known?.connectorId ?? evseOf(text, span);
  if (asked?.state === 'open') changes.push({ type: 'request_closed', minted: asked.minted, atMs: wallMs });
  const row = known?.key ?? key;
  const isKept = known !== null || transactionToDisplace(ledger, connectorId) !== 'full';
  // What a station has queued it may tell behind what has begun since.
  if (isStart && known === null && tokenAt(text, span.bodyStart, ['offline']) !== 'true')
    changes.push(...outlived(ledger, 'v2', connectorId, () => true, wallMs));
  if (isKept && known === null) {
    changes.push({
      type: 'transaction_opened',
      key: row,
      family: 'v2',
      ext: kept(ext),
      owner,
      connectorId,
      idTag: driver,
      meterStart: null,
      startedAt: null,
      // Whoever did not get the start gets none of it (H24), but for the one it was always going to.
      to: isStart ? recipients(owner, attendance) : [owner],
      ids: 'shown',
      isBeginning: isStart,
      atMs: wallMs,
    });
  }
  if (known !== null && known.connectorId === null && connectorId !== null)
    changes.push({ type: 'transaction_located', key: row, connectorId });
  if (driver !== null && known?.state === 'open' && known.idTag === null)
    changes.push({ type: 'transaction_driver', key: row, idTag: driver });
  if (eventType === '"Ended"' && isKept && known?.state !== 'ended')
    changes.push({ type: 'transaction_ended', key: row, owner, stopKey: null, atMs: wallMs });
  useReservation(ledger, text, span, wallMs, changes);
  return { owner, transaction: isKept ? row : null, issuer: asked?.backend ?? null, changes };
}

/** True where this start is of another transaction than the one that had its name: that was over by the time at which this began. Stations that count from the start again give a name twice. */
function isOutlived(
  { key, state, endedAtMs }: TransactionRow,
  startKey: string,
  text: string,
  span: BodySpan,
): boolean {
  if (state !== 'ended' || endedAtMs === null || key === startKey) return false;
  const startedAt = parseIsoTime(textAt(text, span.bodyStart, 'timestamp') ?? '');
  return startedAt !== null && startedAt > endedAtMs;
}

/**
 * Ends what is open still at the connector at which another begins: it was refused, and many stations send no stop for that, or its end was lost. Nothing else would ever end it, and its
 * station would count as charging for as long. What is said of it late finds it all the same.
 */
function outlived(
  { transactions }: IdLedger,
  family: IdFamily,
  connectorId: number | null,
  claims: (row: TransactionRow) => boolean,
  atMs: number,
): readonly IdChange[] {
  if (connectorId === null) return [];
  return transactions
    .filter(
      (row) =>
        row.state === 'open' && row.family === family && row.connectorId === connectorId && claims(row),
    )
    .map(({ key, owner }) => ({ type: 'transaction_ended', key, owner, stopKey: null, atMs }));
}

/** It was seen to begin, and not after that by the station's clock: a start that was queued may come behind what has begun since. */
function isNoLater(row: TransactionRow, startedAt: string | null): boolean {
  const ms = parseIsoTime(startedAt ?? '');
  return !isNumberAlone(row) && ms !== null && (parseIsoTime(row.startedAt ?? '') ?? -Infinity) <= ms;
}

function evseOf(text: string, span: BodySpan): number | null {
  const token = tokenAt(text, span.bodyStart, ['evse', 'id']);
  const integer = token === null ? null : integerOf(token);
  return integer === null ? null : Number(integer);
}

/** A start that names a reservation has used it up. */
function useReservation(
  ledger: IdLedger,
  text: string,
  span: BodySpan,
  wallMs: number,
  changes: IdChange[],
): void {
  if (!mayName(text, span.bodyStart, span.bodyEnd, 'reservationId')) return;
  const token = tokenAt(text, span.bodyStart, ['reservationId']);
  const ext = token === null ? null : integerOf(token);
  const row = ext === null ? null : objectByExt(ledger, 'reservation', ext);
  if (row?.state === 'live')
    changes.push({
      type: 'object_ended',
      kind: 'reservation',
      backend: row.backend,
      ext: row.ext,
      atMs: wallMs,
    });
}

function remoteStartIn(ledger: IdLedger, text: string, span: BodySpan): RequestRow | null {
  if (!mayName(text, span.bodyStart, span.bodyEnd, 'remoteStartId')) return null;
  const token = tokenAt(text, span.bodyStart, ['transactionInfo', 'remoteStartId']);
  return token === null ? null : requestByMinted(ledger, 'remote_start', token);
}

function ownerFor(
  { primary, owners, before }: Attendance,
  asked: RequestRow | null,
  text: string,
  span: BodySpan,
): string {
  // Also where the station's clock says that it began before: it has been asked since.
  if (asked !== null && (asked.backend === primary || owners.includes(asked.backend))) return asked.backend;
  if (before == null || before.startsUntil === 0) return primary;
  // Told late: it began under the primary before (H29). What is older than any queue is a wrong clock.
  const startedAt = parseIsoTime(textAt(text, span.bodyStart, 'timestamp') ?? '');
  const isBefore =
    startedAt !== null && startedAt < before.startsUntil && startedAt >= before.startsUntil - queuedMaxMs;
  return isBefore ? before.backend : primary;
}

/** How long a station may have been away with its starts. */
const queuedMaxMs = 7 * 86_400_000;

/** Whose is a transaction of which nobody saw the start. */
function adopterOf({ primary, before }: Attendance): string {
  return before?.backend ?? primary;
}

/** The token that a 2.x event presents, or a command to start, by type and value and without case; null: none. */
export function driverOf(text: string, span: BodySpan): string | null {
  if (!mayName(text, span.bodyStart, span.bodyEnd, 'idToken')) return null;
  const value = stringAt(text, span, ['idToken', 'idToken']);
  const type = stringAt(text, span, ['idToken', 'type']);
  return value === null || type === null ? null : kept(`${type}:${value}`.toLowerCase());
}

function stringAt(text: string, span: BodySpan, path: readonly string[]): string | null {
  const token = tokenAt(text, span.bodyStart, path);
  return token === null ? null : stringOf(token);
}

function recipients(owner: string, { listeners }: Attendance): readonly string[] {
  return [owner, ...listeners.filter((backend) => backend !== owner)];
}

function confirmed(row: TransactionRow, ext: string | null): readonly IdChange[] {
  return row.isConfirmed || ext === null || row.ext !== ext
    ? []
    : [{ type: 'transaction_confirmed', key: row.key }];
}

function extIn(text: string, span: BodySpan): string | null {
  const token = tokenAt(text, span.bodyStart, ['transactionId']);
  return token === null ? null : integerOf(token);
}

/** False for -1, 0 and whatever no backend can have given a station. */
function isUsable(ext: string | null): boolean {
  return ext !== null && isPositiveInt32(ext);
}

function keptText(text: string, span: BodySpan, key: string): string | null {
  const value = textAt(text, span.bodyStart, key);
  return value === null ? null : kept(value);
}
