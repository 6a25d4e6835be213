/**
 * What a station's call tells the ledger when it arrives, and whose it is.
 *
 * Pure. A transaction belongs to one backend from its start to its end, whatever the routes say later (architecture M1): to the one that asked for it by a remote
 * start, else to the primary. The parts of a report belong to the one that asked.
 */
import { mayName, tokenAt } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { transactionToDisplace } from './apply-change.ts';
import type { IdChange } from './change.ts';
import { fieldsOf } from './field-table.ts';
import { integerOf, kept, stringOf } from './id-token.ts';
import { lastPartOf } from './last-part.ts';
import type { IdLedger, ObjectKind, RequestRow, TransactionRow } from './ledger.ts';
import { objectByExt, objectIdOf } from './objects.ts';
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
} from './transactions.ts';

/** A call or SEND of the station as it arrives. */
export interface ArrivedCall {
  readonly version: OcppVersion;
  readonly action: string;
  /** The content key of a transaction message: the same for a repeat of it, and for nothing else. '' for others. */
  readonly key: string;
}

/** Who is there, when a call arrives. */
export interface Attendance {
  readonly primary: string;
  /** Backends besides the primary that may own a transaction which they started. */
  readonly owners: readonly string[];
  /** Backends besides its owner that get a transaction which begins now. */
  readonly listeners: readonly string[];
}

/** The wall clock, milliseconds since 1970: the only thing besides the ledger that a decision depends on. */
export interface IdContext {
  readonly wallMs: number;
}

/** What a call is to the ledger. */
export interface Arrival {
  /** The backend it belongs to; null: the route decides. */
  readonly owner: string | null;
  /** The key of its transaction, to be kept with the call until it is sent; null when it has none that is known. */
  readonly transaction: string | null;
  /** The backend whose remote start began this transaction. */
  readonly issuer: string | null;
  readonly changes: readonly IdChange[];
}

const nobodys: Arrival = { owner: null, transaction: null, issuer: null, changes: [] };

/** Reads a call once, when it arrives: before the changes are applied, and before `toBackend`. */
export function callArrived(
  ledger: IdLedger,
  call: ArrivedCall,
  attendance: Attendance,
  text: string,
  span: BodySpan,
  context: IdContext,
): Arrival {
  if (call.version === 'ocpp1.6') {
    switch (call.action) {
      case 'StartTransaction':
        return startArrived(ledger, call, attendance, text, span, context);
      case 'StopTransaction':
        return stopArrived(ledger, call, attendance, text, span, context);
      case 'MeterValues':
        return meterValuesArrived(ledger, call, attendance, text, span, context);
      case 'DiagnosticsStatusNotification':
        return ofIssuer(ledger, 'GetDiagnostics');
      case 'FirmwareStatusNotification':
        return ofIssuer(ledger, 'UpdateFirmware');
      default:
    }
  } else if (call.action === 'TransactionEvent') {
    return eventArrived(ledger, call, attendance, text, span, context);
  }
  return subjectArrived(ledger, call, text, span, context);
}

function startArrived(
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
  const owner = known?.owner ?? (isKept ? ownerFor(attendance, asked) : attendance.primary);
  if (asked !== null) changes.push({ type: 'request_closed', minted: asked.minted, atMs: wallMs });
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
      startedAt: keptText(text, span, 'timestamp'),
      to: recipients(owner, attendance),
      ids: 'pending',
      atMs: wallMs,
    });
  }
  useReservation(ledger, text, span, wallMs, changes);
  return { owner, transaction: isKept ? key : null, issuer: asked?.backend ?? null, changes };
}

function stopArrived(
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
    stopKey: call.key,
    atMs: wallMs,
  };
  if (row !== null) {
    const changes = row.state === 'open' ? [...confirmed(row, ext), ended] : [];
    return { owner: row.owner, transaction: row.key, issuer: null, changes };
  }
  return ext !== null && isUsable(ext)
    ? adopted(ledger, call.key, ext, attendance, null, wallMs, [ended])
    : nobodys;
}

function meterValuesArrived(
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
  const row = named ?? (ext === '-1' ? rowOfMeterValues(ledger, text, span.bodyStart) : null);
  if (row !== null)
    return { owner: row.owner, transaction: row.key, issuer: null, changes: confirmed(row, ext) };
  if (ext === null || !isUsable(ext)) return nobodys;
  const connectorId = numberAt(text, span.bodyStart, 'connectorId');
  return adopted(ledger, call.key, ext, attendance, connectorId, wallMs, []);
}

/** A transaction that began before Busbar knew of it: the primary gave it its number, and keeps it. */
function adopted(
  ledger: IdLedger,
  key: string,
  ext: string,
  { primary }: Attendance,
  connectorId: number | null,
  wallMs: number,
  then: readonly IdChange[],
): Arrival {
  if (hasNoRowAnyMore(ledger, ext) || transactionToDisplace(ledger, connectorId) === 'full') return nobodys;
  const opened: IdChange = {
    type: 'transaction_opened',
    key,
    family: 'v16',
    ext,
    owner: primary,
    connectorId,
    idTag: null,
    meterStart: null,
    startedAt: null,
    to: [primary],
    ids: 'as_station',
    atMs: wallMs,
  };
  return { owner: primary, transaction: key, issuer: null, changes: [opened, ...then] };
}

function eventArrived(
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
  const known = transactionByExt(ledger, 'v2', ext);
  const eventType = tokenAt(text, span.bodyStart, ['eventType']);
  const isStart = eventType === '"Started"';
  const asked = remoteStartIn(ledger, text, span);
  const owner = known?.owner ?? (isStart ? ownerFor(attendance, asked) : attendance.primary);
  const connectorId = known === null ? evseOf(text, span) : known.connectorId;
  if (asked?.state === 'open') changes.push({ type: 'request_closed', minted: asked.minted, atMs: wallMs });
  const row = known?.key ?? key;
  const isKept = known !== null || transactionToDisplace(ledger, connectorId) !== 'full';
  if (isKept && (known === null || (isStart && known.state === 'open'))) {
    changes.push({
      type: 'transaction_opened',
      key: row,
      family: 'v2',
      ext: kept(ext),
      owner,
      connectorId,
      idTag: null,
      meterStart: null,
      startedAt: null,
      // Whoever did not get the start gets none of it (H24), but for the one it was always going to.
      to: isStart ? recipients(owner, attendance) : [owner],
      ids: 'shown',
      atMs: wallMs,
    });
  }
  if (eventType === '"Ended"' && isKept && known?.state !== 'ended')
    changes.push({ type: 'transaction_ended', key: row, stopKey: null, atMs: wallMs });
  useReservation(ledger, text, span, wallMs, changes);
  return { owner, transaction: isKept ? row : null, issuer: asked?.backend ?? null, changes };
}

function evseOf(text: string, span: BodySpan): number | null {
  const token = tokenAt(text, span.bodyStart, ['evse', 'id']);
  const integer = token === null ? null : integerOf(token);
  return integer === null ? null : Number(integer);
}

/** The other calls: whose they are follows from what they are about. */
function subjectArrived(
  ledger: IdLedger,
  call: ArrivedCall,
  text: string,
  span: BodySpan,
  { wallMs }: IdContext,
): Arrival {
  const subject = fieldsOf(call.version)
    .stationCalls.get(call.action)
    ?.find(({ use }) => use === 'subject');
  const token = subject === undefined ? null : tokenAt(text, span.bodyStart, subject.path);
  if (subject === undefined || token === null) return nobodys;
  switch (subject.kind) {
    case 'transaction': {
      const ext = stringOf(token);
      const row = ext === null ? null : transactionByExt(ledger, 'v2', ext);
      return row === null ? nobodys : { owner: row.owner, transaction: row.key, issuer: null, changes: [] };
    }
    case 'request': {
      const row = requestByMinted(ledger, 'request', token);
      if (row === null) return nobodys;
      const isLast = row.state === 'open' && lastPartOf(call.action, text, span);
      const changes: IdChange[] = isLast
        ? [{ type: 'request_closed', minted: row.minted, atMs: wallMs }]
        : [];
      return { owner: row.backend, transaction: null, issuer: null, changes };
    }
    case 'list_version':
    case 'remote_start':
      return nobodys;
    default:
      return ofObject(ledger, subject.kind, token, call.action, text, span, wallMs);
  }
}

function ofObject(
  ledger: IdLedger,
  kind: ObjectKind,
  token: string,
  action: string,
  text: string,
  span: BodySpan,
  wallMs: number,
): Arrival {
  const ext = objectIdOf(kind, token);
  const row = ext === null ? null : objectByExt(ledger, kind, ext);
  if (row === null) return nobodys;
  const isOver =
    action === 'ReservationStatusUpdate' && row.state === 'live' && lastPartOf(action, text, span);
  const changes: IdChange[] = isOver
    ? [{ type: 'object_ended', kind, backend: row.backend, ext: row.ext, atMs: wallMs }]
    : [];
  return { owner: row.backend, transaction: null, issuer: null, changes };
}

function ofIssuer(ledger: IdLedger, action: string): Arrival {
  const issuer = Object.hasOwn(ledger.issuers, action) ? ledger.issuers[action] : undefined;
  return issuer === undefined ? nobodys : { ...nobodys, owner: issuer };
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

function ownerFor({ primary, owners }: Attendance, asked: RequestRow | null): string {
  return asked !== null && owners.includes(asked.backend) ? asked.backend : primary;
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
