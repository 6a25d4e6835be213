/**
 * Transactions of one station: which one a message is about, and what each backend calls it.
 *
 * Pure. In 1.6 the backend that answers a start names it, and every backend names it otherwise; the station is told its owner's name where that is a positive
 * 32-bit integer that no other row has, so that Busbar could be taken out again, else one of Busbar's own. In 2.x the station names it, and a backend is
 * shown all of it or nothing (H24).
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { spanOf, splice, type Span } from '../../protocol/splice.ts';
import {
  findTransaction,
  mintTransactionId,
  type IdChange,
  type IdLedger,
  type TransactionRow,
} from './ledger.ts';

/** A call's text and where its payload stands in it. */
export interface Body extends Span {
  readonly text: string;
}

/** What a start says of its transaction: `key` is the content key of the message in 1.6. Null for any other message. */
export function openedBy(
  ledger: IdLedger,
  version: OcppVersion,
  action: string,
  body: Body,
  key: string,
  owner: string,
  shownTo: readonly string[],
): IdChange | null {
  if (version === 'ocpp1.6') {
    if (action !== 'StartTransaction' || findTransaction(ledger, key) !== null) return null;
    const row: TransactionRow = {
      key,
      ext: null,
      connector: numberAt(body, ['connectorId']),
      idTag: stringAt(body, ['idTag']),
      meterStart: numberAt(body, ['meterStart']),
      startedAt: stringAt(body, ['timestamp']) ?? '',
      owner,
      ids: {},
      isOpen: true,
    };
    return { what: 'opened', row };
  }
  if (action !== 'TransactionEvent' || stringAt(body, ['eventType']) !== 'Started') return null;
  const id = stringAt(body, ['transactionInfo', 'transactionId']);
  if (id === null || findTransaction(ledger, id) !== null) return null;
  const ext = JSON.stringify(id);
  return {
    what: 'opened',
    row: {
      key: id,
      ext,
      connector: numberAt(body, ['evse', 'id']),
      idTag: null,
      meterStart: null,
      startedAt: stringAt(body, ['timestamp']) ?? '',
      owner,
      ids: Object.fromEntries([owner, ...shownTo].map((backend) => [backend, ext])),
      isOpen: true,
    },
  };
}

/** A message that ends its transaction; null for any other. */
export function endedBy(ledger: IdLedger, version: OcppVersion, action: string, body: Body): IdChange | null {
  const ends =
    version === 'ocpp1.6'
      ? action === 'StopTransaction'
      : action === 'TransactionEvent' && stringAt(body, ['eventType']) === 'Ended';
  const row = ends ? transactionOf(ledger, version, action, body) : null;
  return row?.isOpen === true ? { what: 'ended', key: row.key } : null;
}

/** The row that a station's message is about, or null: it names none, or none that Busbar saw begin. */
export function transactionOf(
  ledger: IdLedger,
  version: OcppVersion,
  action: string,
  body: Body,
): TransactionRow | null {
  if (version !== 'ocpp1.6') {
    if (action !== 'TransactionEvent') return null;
    const id = stringAt(body, ['transactionInfo', 'transactionId']);
    return id === null ? null : findTransaction(ledger, id);
  }
  if (action !== 'StopTransaction' && action !== 'MeterValues') return null;
  const span = spanOf(body.text, body.start, body.end, ['transactionId']);
  if (span === null) return null;
  const ext = integerText(body.text.slice(span.start, span.end));
  return ext === '-1' ? resolveUnnamed(ledger, action, body) : newest(ledger, (row) => row.ext === ext);
}

/**
 * The row of a transaction whose name the station never learnt (1.6 erratum 3.18): by connector for meter values; for a stop by the token, then by a register
 * that fits, then the only one there is.
 */
function resolveUnnamed(ledger: IdLedger, action: string, body: Body): TransactionRow | null {
  const unnamed = ledger.transactions.filter(({ ext }) => ext === null);
  // What waited in a lane may be sent when the stop has been heard already.
  const isAnyOpen = unnamed.some(({ isOpen }) => isOpen);
  const open = isAnyOpen ? unnamed.filter(({ isOpen }) => isOpen) : unnamed.slice(-1);
  if (action === 'MeterValues') {
    const connector = numberAt(body, ['connectorId']);
    return open.findLast((row) => row.connector === connector) ?? null;
  }
  const idTag = stringAt(body, ['idTag']);
  const byTag = open.filter((row) => row.idTag === idTag);
  if (idTag !== null && byTag.length === 1) return byTag[0] ?? null;
  const meterStop = numberAt(body, ['meterStop']);
  const byMeter = open.filter(
    ({ meterStart }) => meterStop !== null && meterStart !== null && meterStart <= meterStop,
  );
  if (byMeter.length === 1) return byMeter[0] ?? null;
  return open.length === 1 ? (open[0] ?? null) : null;
}

/** A backend's answer to a 1.6 start. `text` is what the station gets where this is the owner's. */
export function nameGiven(
  ledger: IdLedger,
  key: string,
  backend: string,
  body: Body,
): { readonly text: string; readonly changes: readonly IdChange[] } {
  const row = findTransaction(ledger, key);
  const span = spanOf(body.text, body.start, body.end, ['transactionId']);
  if (row === null || span === null) return { text: body.text, changes: [] };
  const id = body.text.slice(span.start, span.end);
  if (backend !== row.owner)
    return { text: body.text, changes: [{ what: 'named', key, backend, id, ext: null, minted: false }] };
  const isGood = isStationId(id) && !ledger.transactions.some((other) => other !== row && other.ext === id);
  const ext = row.ext ?? (isGood ? id : mintTransactionId(ledger));
  const text = ext === id ? body.text : splice(body.text, [{ ...span, text: ext }]);
  const minted = row.ext === null && !isGood;
  return { text, changes: [{ what: 'named', key, backend, id, ext, minted }] };
}

/** The newest row, an open one before one that is over, that a backend calls so. */
export function transactionCalled(ledger: IdLedger, backend: string, id: string): TransactionRow | null {
  const calledSo = (row: TransactionRow): boolean =>
    Object.hasOwn(row.ids, backend) && row.ids[backend] === id;
  return newest(ledger, (row) => row.isOpen && calledSo(row)) ?? newest(ledger, calledSo);
}

/** An integer as the station and backends compare it: some write it as a text. */
export function integerText(token: string): string {
  return token.startsWith('"') ? token.slice(1, -1).trim() : token;
}

/** What a 1.6 station may be told: a positive 32-bit integer, written plainly. */
function isStationId(token: string): boolean {
  return /^[1-9]\d{0,9}$/.test(token) && Number(token) <= 0x7fff_ffff;
}

function newest({ transactions }: IdLedger, claims: (row: TransactionRow) => boolean): TransactionRow | null {
  return transactions.findLast(claims) ?? null;
}

function numberAt({ text, start, end }: Body, path: readonly string[]): number | null {
  const value = valueAt(text, start, end, path);
  return typeof value === 'number' ? value : null;
}

function stringAt({ text, start, end }: Body, path: readonly string[]): string | null {
  const value = valueAt(text, start, end, path);
  return typeof value === 'string' ? value : null;
}

function valueAt(text: string, start: number, end: number, path: readonly string[]): unknown {
  const span = spanOf(text, start, end, path);
  return span === null ? null : (JSON.parse(text.slice(span.start, span.end)) as unknown);
}
