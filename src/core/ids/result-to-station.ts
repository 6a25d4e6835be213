/**
 * What a backend's answer to a station's call tells the ledger, and what of it reaches the station.
 *
 * Pure. An answer to a 1.6 start says what that backend calls the transaction; the owner's, what the station calls it. Backends answer with 0, with -1, with the
 * same number twice and with numbers beyond 32 bits (MaEVe, OCPP.Core #55, lbbrhzn #2123): each keeps what it gave, and the station gets a number it can use.
 */
import { findValue, valueEnd, withMember } from '../../protocol/splice.ts';
import type { IdChange } from './change.ts';
import type { IdContext } from './arrival.ts';
import { fieldsOf } from './field-table.ts';
import { integerOf, kept, stringOf } from './id-token.ts';
import type { IdLedger } from './ledger.ts';
import { extToWrite, objectById, objectToken, written } from './objects.ts';
import { rewriteAll, type BodySpan } from './rewrite.ts';
import type { SentCall } from './to-backend.ts';
import { extFor, isPositiveInt32, transactionByKey } from './transactions.ts';

/** What was wrong with the number a backend gave: it is mended, and worth telling. `id_in_use`: another transaction of this station has it. */
export type IdFault = 'id_missing' | 'id_not_integer' | 'id_out_of_range' | 'id_in_use';

export interface AnswerToStation {
  /** For the station, if this backend's answer is the one it gets. The same text when nothing changed. */
  readonly text: string;
  readonly changes: readonly IdChange[];
  readonly fault: IdFault | null;
}

/** Reads a backend's CALLRESULT, whether it is awaited, late, or of a backend whose answers the station never gets. */
export function resultToStation(
  ledger: IdLedger,
  backend: string,
  call: SentCall,
  text: string,
  span: BodySpan,
  context: IdContext,
): AnswerToStation {
  if (call.version === 'ocpp1.6' && call.action === 'StartTransaction')
    return startAnswered(ledger, backend, call, text, span, context);
  const fields = fieldsOf(call.version).backendResults.get(call.action);
  if (fields === undefined) return { text, changes: [], fault: null };
  const changes: IdChange[] = [];
  const rewritten = rewriteAll(text, span, fields, (_field, token) => {
    const id = stringOf(token);
    const copy = id === null ? null : kept(id);
    if (copy === null) return 'keep';
    const own = objectById(ledger, backend, 'tariff', copy);
    const ext = extToWrite(ledger, backend, 'tariff', copy, context.wallMs);
    const change = written(own, { kind: 'tariff', backend, id: copy, ext }, true, context.wallMs);
    if (change !== null) changes.push(change);
    return ext === copy ? 'keep' : { token: objectToken('tariff', ext) };
  });
  return { text: rewritten, changes, fault: null };
}

/** A backend did not get a station's call, or answered it with an error, or not at all. Give it again when the call is sent again. */
export function callFailed(ledger: IdLedger, backend: string, call: SentCall): readonly IdChange[] {
  if (call.transaction === null || call.action !== 'StartTransaction') return [];
  const row = transactionByKey(ledger, call.transaction);
  if (row?.ids[backend] !== 'pending') return [];
  return [{ type: 'transaction_unanswered', key: row.key, backend }];
}

/** A 2.x listener was not sent the start of a transaction after all: it gets nothing more of it (H24). */
export function startWithheld(ledger: IdLedger, backend: string, transaction: string): readonly IdChange[] {
  const row = transactionByKey(ledger, transaction);
  if (row === null || row.owner === backend || !Object.hasOwn(row.ids, backend)) return [];
  return [{ type: 'transaction_unanswered', key: row.key, backend }];
}

function startAnswered(
  ledger: IdLedger,
  backend: string,
  { transaction }: SentCall,
  text: string,
  span: BodySpan,
  { wallMs }: IdContext,
): AnswerToStation {
  const row = transaction === null ? null : transactionByKey(ledger, transaction);
  const at = findValue(text, span.bodyStart, ['transactionId']);
  const token = at === -1 ? null : text.slice(at, valueEnd(text, at));
  const integer = token === null ? null : integerOf(token);
  const id = integer === null ? 'none' : (kept(integer) ?? 'none');
  if (row === null) return { text, changes: [], fault: faultOf(token, id, id) };
  const isObject = text.charCodeAt(span.bodyStart) === openBrace;
  const isOwner = row.owner === backend;
  // A station that got no number for it before gets one now; one that did keeps it, whatever the backend calls it this time.
  const ext = row.ext ?? (isOwner && isObject ? extFor(ledger, id, wallMs) : null);
  const changes: readonly IdChange[] =
    row.ids[backend] === id && row.ext === ext
      ? []
      : [{ type: 'transaction_answered', key: row.key, backend, id, ext: row.ext === null ? ext : null }];
  const fault = faultOf(token, id, isOwner ? ext : id);
  if (ext === null || !isOwner || !isObject) return { text, changes, fault };
  return { text: withNumber(text, span, ext), changes, fault };
}

/** The result with this number in it, in every place that says `transactionId`. */
function withNumber(text: string, span: BodySpan, ext: string): string {
  const fields = fieldsOf('ocpp1.6').backendResults.get('StartTransaction') ?? [];
  if (findValue(text, span.bodyStart, ['transactionId']) === -1)
    return withMember(text, span.bodyStart, 'transactionId', ext);
  return rewriteAll(text, span, fields, () => ({ token: ext }));
}

function faultOf(token: string | null, id: string, ext: string | null): IdFault | null {
  if (token === null) return 'id_missing';
  if (id === 'none') return 'id_not_integer';
  if (!isPositiveInt32(id)) return 'id_out_of_range';
  return ext === null || ext === id ? null : 'id_in_use';
}

const openBrace = 0x7b;
