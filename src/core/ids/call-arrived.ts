/**
 * What a station's call tells the ledger when it arrives, and whose it is.
 *
 * Pure. The parts of a report belong to the backend that asked for it, what is said of a reservation or a control to the one that wrote it, what a vehicle asks for to who has its
 * transaction; transactions are in transaction-arrived.ts.
 */
import { tokenAt } from '../../protocol/splice.ts';
import { nobodys, type Arrival, type ArrivedCall, type Attendance, type IdContext } from './arrival.ts';
import type { IdChange } from './change.ts';
import { fieldsOf } from './field-table.ts';
import { stringOf } from './id-token.ts';
import { lastPartOf } from './last-part.ts';
import type { IdLedger, ObjectKind, TransactionRow } from './ledger.ts';
import { hasRoomForObject, objectByExt, objectIdOf } from './objects.ts';
import { requestByMinted } from './requests.ts';
import type { BodySpan } from './rewrite.ts';
import { eventArrived, meterValuesArrived, startArrived, stopArrived } from './transaction-arrived.ts';
import { numberAt, transactionByExt } from './transactions.ts';

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
      default:
        if (issuedBy.has(call.action)) return ofIssuer(ledger, call.action);
    }
  } else if (call.action === 'TransactionEvent') {
    return eventArrived(ledger, call, attendance, text, span, context);
  } else if (ofSession.has(call.action)) {
    return { ...nobodys, owner: ownerAt(ledger, text, span) };
  } else if (call.action === 'OpenPeriodicEventStream') {
    return streamOpened(ledger, attendance, text, span, context);
  }
  return subjectArrived(ledger, call, text, span, context);
}

/** 2.x: what a vehicle asks for while it charges names its EVSE only. The profile that answers it is of the transaction there, and only that one's owner can set it (K15 to K17). */
export const ofSession: ReadonlySet<string> = new Set(['NotifyEVChargingNeeds', 'NotifyEVChargingSchedule']);

/** Who owns the transaction that is open at the EVSE; null: there is none that is known. */
function ownerAt({ transactions }: IdLedger, text: string, { bodyStart }: BodySpan): string | null {
  const evse = numberAt(text, bodyStart, 'evseId');
  const isThere = ({ family, state, connectorId }: TransactionRow): boolean =>
    family === 'v2' && state === 'open' && connectorId === evse;
  return evse === null ? null : (transactions.findLast(isThere)?.owner ?? null);
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
      return ofObject(ledger, subject.kind, token, call.action, wallMs);
  }
}

/** 2.1: what a stream reports has no answer, and is of use to the one alone that let it be opened (N11). Where that one refuses, nothing is ever reported. */
function streamOpened(
  ledger: IdLedger,
  { primary, authority = primary }: Attendance,
  text: string,
  { bodyStart }: BodySpan,
  { wallMs }: IdContext,
): Arrival {
  const token = tokenAt(text, bodyStart, ['constantStreamData', 'id']);
  const id = token === null ? null : objectIdOf('stream', token);
  if (id === null || !hasRoomForObject(ledger)) return nobodys;
  const kind = 'stream';
  const before = objectByExt(ledger, kind, id);
  const changes: IdChange[] = [];
  // A station that counts from the start again.
  if (before?.state === 'live' && before.backend !== authority)
    changes.push({ type: 'object_ended', kind, backend: before.backend, ext: id, atMs: wallMs });
  const stream = { kind, backend: authority, id, ext: id, isPassing: true } as const;
  return { ...nobodys, changes: [...changes, { type: 'object_written', ...stream, atMs: wallMs }] };
}

function ofObject(
  ledger: IdLedger,
  kind: ObjectKind,
  token: string,
  action: string,
  wallMs: number,
): Arrival {
  const ext = objectIdOf(kind, token);
  const row = ext === null ? null : objectByExt(ledger, kind, ext);
  if (row === null) return nobodys;
  const isOver = endings.has(action) && row.state === 'live';
  const changes: IdChange[] = isOver
    ? [{ type: 'object_ended', kind, backend: row.backend, ext: row.ext, atMs: wallMs }]
    : [];
  return { owner: row.backend, transaction: null, issuer: null, changes };
}

/** What says that what it is about is over. */
const endings: ReadonlySet<string> = new Set(['ReservationStatusUpdate', 'ClosePeriodicEventStream']);

/** 1.6: the notifications without a number, by what is asked for. */
export const issuedBy: ReadonlyMap<string, string> = new Map([
  ['DiagnosticsStatusNotification', 'GetDiagnostics'],
  ['FirmwareStatusNotification', 'UpdateFirmware'],
]);

/** Whose they are: who asked last. */
function ofIssuer(ledger: IdLedger, notification: string): Arrival {
  const action = issuedBy.get(notification) ?? '';
  const issuer = Object.hasOwn(ledger.issuers, action) ? ledger.issuers[action] : undefined;
  return issuer === undefined ? nobodys : { ...nobodys, owner: issuer };
}
