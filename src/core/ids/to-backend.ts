/**
 * What one backend gets of a station's call, when it is sent.
 *
 * Pure. No backend sees a number that was made up for, or given out by, another (architecture S2), and none gets the rest of what it never got the start of (H24). The
 * primary alone is told of what nobody knows: that began before Busbar was there.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import type { IdField } from './field.ts';
import { fieldsOf } from './field-table.ts';
import { integerOf, stringOf } from './id-token.ts';
import type { IdLedger, ObjectKind, TransactionRow } from './ledger.ts';
import { isMadeUp, objectByExt, objectIdOf, objectToken, shownAs } from './objects.ts';
import { isMintedRequest } from './minted.ts';
import { plainNumberAt } from './plain-number.ts';
import { requestByMinted } from './requests.ts';
import { rewrite, type BodySpan, type Verdict } from './rewrite.ts';
import {
  hasNoRowAnyMore,
  isAnothersId,
  isPositiveInt32,
  transactionByExt,
  transactionByKey,
} from './transactions.ts';

/** A call or SEND of the station on its way to a backend. */
export interface SentCall {
  readonly version: OcppVersion;
  readonly action: string;
  /** From its `Arrival`. */
  readonly transaction: string | null;
}

export interface Receiver {
  readonly backend: string;
  readonly isPrimary: boolean;
  /** The route gives it this action of the station: what nobody knows anything of is its to be told. */
  readonly isAuthority?: boolean;
}

/**
 * Why a backend does not get it. `not_shown`: it never got the transaction's start. `not_requested`: another asked for it, or owns it. `id_pending`: its answer to the start,
 * which says what to call the transaction, is not here; with one lane a backend, that is only so once the answer was given up, and `callFailed` says so.
 */
export type WithholdReason = 'not_shown' | 'not_requested' | 'id_pending';

export interface Withheld {
  readonly stop: WithholdReason;
}

/** The text for this backend: the same text when nothing changed, and then nothing is allocated. */
export function toBackend(
  ledger: IdLedger,
  receiver: Receiver,
  call: SentCall,
  text: string,
  span: BodySpan,
): string | Withheld {
  const isV16 = call.version === 'ocpp1.6';
  if (isV16 && call.action === 'MeterValues') {
    const { plainFor } = ledger;
    if (receiver.isPrimary && plainFor === receiver.backend && plainNumberAt(text, span) !== -1) return text;
  }
  if (isV16 && isReportOfOther(ledger, receiver, call.action)) return notRequested;
  const fields = fieldsOf(call.version).stationCalls.get(call.action);
  const row = call.transaction === null ? null : transactionByKey(ledger, call.transaction);
  if (row !== null && !Object.hasOwn(row.ids, receiver.backend)) return notShown;
  // A start that is not kept (the bound on open transactions) is its owner's alone: nobody else could be given the rest.
  if (isV16 && row === null && call.action === 'StartTransaction' && !receiver.isPrimary) return notShown;
  if (fields === undefined) return text;
  // What it calls a 2.x transaction was looked up when it arrived: those who were shown it may read it.
  const rest = row !== null && !isV16 ? (withoutSubject.get(fields) ?? fields) : fields;
  return rewrite(text, span, rest, (field, token) => judge(ledger, receiver, row, isV16, field, token));
}

/** The fields of 2.x messages that name their transaction first, without that. */
const withoutSubject: ReadonlyMap<readonly IdField[], readonly IdField[]> = new Map(
  [...fieldsOf('ocpp2.1').stationCalls.values()]
    .filter(([first]) => first?.kind === 'transaction' && first.use === 'subject')
    .map((fields) => [fields, fields.slice(1)]),
);

const notShown: Withheld = { stop: 'not_shown' };
const notRequested: Withheld = { stop: 'not_requested' };
const idPending: Withheld = { stop: 'id_pending' };

/** What a station says of a 1.6 transaction that it never learned the number of. */
const unknownNumber = { token: '-1' };

/** 1.6 reports on these without an id: they are for whoever asked last. */
function isReportOfOther(ledger: IdLedger, { backend }: Receiver, action: string): boolean {
  const { issuers } = ledger;
  if (action === 'DiagnosticsStatusNotification') return (issuers.GetDiagnostics ?? backend) !== backend;
  if (action === 'FirmwareStatusNotification') return (issuers.UpdateFirmware ?? backend) !== backend;
  return false;
}

function judge(
  ledger: IdLedger,
  receiver: Receiver,
  row: TransactionRow | null,
  isV16: boolean,
  field: IdField,
  token: string,
): Verdict<WithholdReason> {
  switch (field.kind) {
    case 'transaction':
      return isV16 ? numberFor(ledger, receiver, row, token) : nameFor(ledger, receiver, field, token);
    case 'request':
    case 'remote_start': {
      const request = requestByMinted(ledger, field.kind, token);
      if (request?.backend === receiver.backend) return request.token === '' ? 'remove' : request;
      const integer = integerOf(token);
      const isOurs = request !== null || (integer !== null && isMintedRequest(ledger, integer));
      if (!isOurs && isAnswering(receiver)) return 'keep';
      return field.use === 'optional' ? 'remove' : notRequested;
    }
    case 'list_version':
      return 'keep';
    default:
      return objectFor(ledger, receiver, row, field, field.kind, token);
  }
}

/** The 1.6 number of a transaction in the backend's own count. */
function numberFor(
  ledger: IdLedger,
  { backend, isPrimary }: Receiver,
  resolved: TransactionRow | null,
  token: string,
): Verdict<WithholdReason> {
  const ext = integerOf(token);
  const row = resolved ?? (ext === null ? null : transactionByExt(ledger, 'v16', ext));
  if (row === null) {
    if (!isPrimary) return notShown;
    const isOthers = ext !== null && (isAnothersId(ledger, backend, ext) || hasNoRowAnyMore(ledger, ext));
    return isOthers && ledger.plainFor !== backend ? unknownNumber : 'keep';
  }
  // A number of the station's own stays as it is, and is nothing to others.
  if (resolved !== null && ext !== null && ext !== row.ext && isPositiveInt32(ext))
    return row.owner === backend ? 'keep' : notShown;
  const id = Object.hasOwn(row.ids, backend) ? row.ids[backend] : undefined;
  switch (id) {
    case undefined:
      return notShown;
    case 'pending':
      return idPending;
    case 'none':
      return row.owner === backend ? unknownNumber : notShown;
    default:
      return id === ext ? 'keep' : { token: id };
  }
}

/** A 2.x transaction keeps the station's name, for those who were shown it. */
function nameFor(
  ledger: IdLedger,
  { backend, isPrimary }: Receiver,
  field: IdField,
  token: string,
): Verdict<WithholdReason> {
  const ext = stringOf(token);
  const row = ext === null ? null : transactionByExt(ledger, 'v2', ext);
  const mayKnow = row === null ? isPrimary : Object.hasOwn(row.ids, backend);
  if (mayKnow) return 'keep';
  return field.use === 'optional' ? 'remove' : notShown;
}

function objectFor(
  ledger: IdLedger,
  receiver: Receiver,
  row: TransactionRow | null,
  field: IdField,
  kind: ObjectKind,
  token: string,
): Verdict<WithholdReason> {
  const { backend } = receiver;
  const ext = objectIdOf(kind, token);
  if (ext === null) return isAnswering(receiver) ? 'keep' : 'remove';
  if (field.use !== 'view') {
    const owner = objectByExt(ledger, kind, ext)?.backend ?? null;
    const isFor =
      owner === null
        ? (isAnswering(receiver) || row?.owner === backend) && !isMadeUp(ledger, kind, ext)
        : owner === backend;
    if (!isFor) return field.use === 'optional' ? 'remove' : notRequested;
  }
  const shown = shownAs(ledger, backend, kind, ext);
  return shown === ext ? 'keep' : { token: objectToken(kind, shown) };
}

function isAnswering({ isPrimary, isAuthority }: Receiver): boolean {
  return isPrimary || isAuthority === true;
}
