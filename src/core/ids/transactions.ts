/**
 * Which transaction a number means, and which number the station gets for one.
 *
 * Pure. 1.6: the owner's id becomes the station's where it is a positive 32-bit integer that no other transaction of this station has or had within 90 days, so that the
 * gateway can be taken away at any time; otherwise the station gets a made-up one. A station that never got an answer to its start says -1 (1.6 errata
 * 3.18); which transaction that is follows from connector, driver, meter and time.
 */
import { findValue, tokenAt, valueEnd } from '../../protocol/splice.ts';
import { integerOf, isSameTag, stringOf } from './id-token.ts';
import { isMintedNumber } from './minted.ts';
import {
  dayMs,
  integerMax,
  mintedFrom,
  usedNumberDays,
  type IdFamily,
  type IdLedger,
  type TransactionRow,
} from './ledger.ts';

export function transactionByKey(ledger: IdLedger, key: string): TransactionRow | null {
  return newest(ledger, (row) => row.key === key);
}

/** False for an open one that was under way when it was first heard of: nothing but its number is known. */
export function wasSeenToBegin({ startedAt, meterStart, idTag }: TransactionRow): boolean {
  return startedAt !== null || meterStart !== null || idTag !== null;
}

/** Nothing but its number is known of it, and nothing of it is to be delivered. */
export function isNumberAlone(row: TransactionRow): boolean {
  return !wasSeenToBegin(row) && row.isHeld !== true;
}

/** True for the owner of a transaction that is not over. */
export function ownsOpen(ledger: IdLedger, backend: string): boolean {
  for (const row of ledger.transactions) if (row.state === 'open' && row.owner === backend) return true;
  return false;
}

/** What the station calls so. Two never have the same name at once. */
export function transactionByExt(ledger: IdLedger, family: IdFamily, ext: string): TransactionRow | null {
  return newest(ledger, (row) => row.ext === ext && row.family === family);
}

/** The 2.x transaction that a backend means: it may spell a name in another case than the station, to which that is the same name (identifierString, 2.x Part 2, primitive data types). */
export function transactionNamed(ledger: IdLedger, name: string): TransactionRow | null {
  const folded = name.toLowerCase();
  return (
    transactionByExt(ledger, 'v2', name) ??
    newest(ledger, ({ family, ext }) => family === 'v2' && ext?.toLowerCase() === folded)
  );
}

/** What this backend calls so: of several, an open one, and the newest. */
export function transactionById(ledger: IdLedger, backend: string, id: string): TransactionRow | null {
  const named = (row: TransactionRow): boolean => row.family === 'v16' && row.ids[backend] === id;
  return newest(ledger, (row) => row.state === 'open' && named(row)) ?? newest(ledger, named);
}

/** True when this is what some other backend calls one of its 1.6 transactions. */
export function isAnothersId(ledger: IdLedger, backend: string, id: string): boolean {
  return ledger.transactions.some(
    (row) =>
      row.family === 'v16' &&
      Object.entries(row.ids).some(([name, given]) => name !== backend && given === id),
  );
}

/** True when the number was one of a transaction that is over and has no row any more. */
export function hasNoRowAnyMore(ledger: IdLedger, ext: string): boolean {
  return ledger.used.some(([used]) => used === ext) || isMintedNumber(ledger, ext);
}

/** What the station is to call a 1.6 transaction of which the owner says `id` (the text of an integer, or `none`). */
export function extFor(ledger: IdLedger, id: string, nowMs: number): string {
  if (isPositiveInt32(id) && isFree(ledger, id, nowMs)) return id;
  let minted = ledger.nextMinted;
  while (!isFree(ledger, String(minted), nowMs)) minted = minted >= integerMax ? mintedFrom : minted + 1;
  return String(minted);
}

/** True for what a 1.6 station can be given as a transaction's id. */
export function isPositiveInt32(id: string): boolean {
  const value = Number(id);
  return Number.isInteger(value) && value > 0 && value <= integerMax;
}

/** The open transaction that 1.6 MeterValues without a usable id belong to, or null. */
export function rowOfMeterValues(ledger: IdLedger, text: string, bodyStart: number): TransactionRow | null {
  const connectorId = numberAt(text, bodyStart, 'connectorId');
  const open = ledger.transactions.filter((row) => row.family === 'v16' && row.state === 'open');
  return (
    open.findLast((row) => row.connectorId === connectorId) ?? (connectorId === null ? onlyOne(open) : null)
  );
}

/**
 * The transaction that a 1.6 StopTransaction without a usable id ends, or null when that is not certain. A Stop names no connector: the driver decides, then meter and
 * time, then that there is only one. A repeat finds the one that the first has ended.
 */
export function rowOfStop(
  ledger: IdLedger,
  text: string,
  bodyStart: number,
  stopKey: string,
): TransactionRow | null {
  const repeated = newest(ledger, (row) => row.stopKey === stopKey);
  if (repeated !== null) return repeated;
  const idTag = textAt(text, bodyStart, 'idTag');
  const stoppedAt = textAt(text, bodyStart, 'timestamp');
  const open = lastAtEachConnector(ledger).filter((row) => !isOfAnother(row, idTag, stoppedAt));
  const unconfirmed = open.filter((row) => !row.isConfirmed);
  const candidates = unconfirmed.length > 0 ? unconfirmed : open;
  const ofDriver = candidates.filter((row) => isSameTag(row.idTag, idTag));
  const stillOpen = ofDriver.length > 0 ? ofDriver : candidates;
  const byDriver = onlyOne(ofDriver);
  if (byDriver !== null) return byDriver;
  const meterStop = numberAt(text, bodyStart, 'meterStop');
  const fitting = stillOpen.filter((row) => couldEndAt(row, meterStop, stoppedAt));
  return onlyOne(fitting) ?? onlyOne(open);
}

/** The open 1.6 transactions; of several at one connector, the newest: the others were refused, or their stop was lost. */
function lastAtEachConnector(ledger: IdLedger): readonly TransactionRow[] {
  const last = new Map<number | null, TransactionRow>();
  for (const row of ledger.transactions)
    if (row.family === 'v16' && row.state === 'open') last.set(row.connectorId, row);
  return [...last.values()];
}

/**
 * A station that has used the number of its transaction says it in the stop too. So this is the stop of another one, whose start never came (free charging, or before a reboot), where driver or
 * time speak for that.
 */
function isOfAnother(row: TransactionRow, idTag: string | null, stoppedAt: string | null): boolean {
  if (!row.isConfirmed) return false;
  const isAnothers = idTag !== null && row.idTag !== null && !isSameTag(row.idTag, idTag);
  return isAnothers || !couldEndAt(row, null, stoppedAt);
}

/** The text of a string member of the body, or null. */
export function textAt(text: string, bodyStart: number, key: string): string | null {
  const token = tokenAt(text, bodyStart, [key]);
  return token === null ? null : stringOf(token);
}

/** An integer member of the body as a number, or null. */
export function numberAt(text: string, bodyStart: number, key: string): number | null {
  const at = findValue(text, bodyStart, [key]);
  if (at === -1) return null;
  const integer = integerOf(text.slice(at, valueEnd(text, at)));
  return integer === null ? null : Number(integer);
}

function isFree(ledger: IdLedger, ext: string, nowMs: number): boolean {
  return (
    !ledger.transactions.some((row) => row.ext === ext && row.family === 'v16') &&
    !ledger.used.some(([used, day]) => used === ext && Math.floor(nowMs / dayMs) - day <= usedNumberDays)
  );
}

/** Timestamps without a zone or from before 2000 decide nothing; two in the same notation compare as text. */
function couldEndAt(row: TransactionRow, meterStop: number | null, stoppedAt: string | null): boolean {
  if (meterStop !== null && row.meterStart !== null && row.meterStart > meterStop) return false;
  if (stoppedAt === null || row.startedAt === null || !isUtc(stoppedAt) || !isUtc(row.startedAt)) return true;
  return row.startedAt.slice(0, secondsLength) <= stoppedAt.slice(0, secondsLength);
}

/** As in 2026-01-31T12:00:00. */
const secondsLength = 19;

function isUtc(timestamp: string): boolean {
  return timestamp.length > secondsLength && timestamp.endsWith('Z') && timestamp > '2001';
}

function onlyOne(rows: readonly TransactionRow[]): TransactionRow | null {
  return rows.length === 1 ? (rows[0] ?? null) : null;
}

function newest(ledger: IdLedger, claims: (row: TransactionRow) => boolean): TransactionRow | null {
  const { transactions } = ledger;
  for (let at = transactions.length - 1; at >= 0; at -= 1) {
    const row = transactions[at] as TransactionRow;
    if (claims(row)) return row;
  }
  return null;
}
