/**
 * A message's identifiers in the words of the one it goes to.
 *
 * Pure. No backend ever sees an id that was minted for or by another (S2): what cannot be said in its words is left out where the field is optional, else the message
 * is withheld. Only the fields change; everything else stays as it was written, to the byte. A message without such fields comes back as the same text.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { memberAround, spanOf, spansOf, splice, type Edit, type Span } from '../../protocol/splice.ts';
import { fieldsOfCall, fieldsOfCommand, goingOn, type IdField } from './fields.ts';
import type { IdChange, IdLedger, ObjectKind, ObjectRow, RequestRow } from './ledger.ts';
import { integerText, transactionCalled, transactionOf, type Body } from './transactions.ts';

/** Who it goes to, or comes from. */
export interface Party {
  readonly backend: string;
  /** It knew the station before Busbar did: ids that nobody else has are its own. */
  readonly isPrimary: boolean;
}

/** The station's call or SEND as this backend may see it; null: it may not see it. */
export function toBackend(
  ledger: IdLedger,
  to: Party,
  version: OcppVersion,
  action: string,
  body: Body,
): string | null {
  const fields = fieldsOfCall(version, action);
  if (version !== 'ocpp1.6' && action === 'TransactionEvent' && !isShown(ledger, to, version, body))
    return null;
  if (fields.length === 0) return body.text;
  const edits: Edit[] = [];
  for (const field of fields) {
    for (const span of spansOf(body.text, body.start, body.end, field.path)) {
      const edit = upward(ledger, to, version, action, body, field, span);
      if (edit === null) return null;
      if (edit !== 'same') edits.push(edit);
    }
  }
  return splice(body.text, edits);
}

/** The backend that a station's call belongs to: its transaction's owner, or who asked for what it reports. Null: the route decides. */
export function ownerOf(ledger: IdLedger, version: OcppVersion, action: string, body: Body): string | null {
  const fields = fieldsOfCall(version, action);
  if (fields.length === 0) return null;
  const transaction = transactionOf(ledger, version, action, body);
  if (transaction !== null) return transaction.owner;
  if (action === 'TransactionEvent' || action === 'StartTransaction') return null;
  for (const { path, kind } of fields) {
    const [span] = spansOf(body.text, body.start, body.end, path);
    if (span === undefined || kind === 'transaction') continue;
    const token = body.text.slice(span.start, span.end);
    const owner =
      kind === 'request' ? requestOf(ledger, token)?.backend : objectKnownAs(ledger, kind, token)?.backend;
    if (owner !== undefined) return owner;
  }
  return null;
}

export type Command =
  | { readonly what: 'send'; readonly text: string; readonly changes: readonly IdChange[] }
  /** It is about something of another backend's, or of nobody's. */
  | { readonly what: 'refuse'; readonly reason: 'unknown_transaction' | 'no_authority' };

/** A backend's command in the station's words. `wallMs` seeds the numbers of a station that has had none. */
export function toStation(
  ledger: IdLedger,
  from: Party,
  version: OcppVersion,
  action: string,
  body: Body,
  wallMs: number,
): Command {
  const edits: Edit[] = [];
  const changes: IdChange[] = [];
  for (const field of fieldsOfCommand(version, action)) {
    for (const span of spansOf(body.text, body.start, body.end, field.path)) {
      const token = body.text.slice(span.start, span.end);
      const ext = downward(ledger, from, action, field, token, wallMs, changes);
      if (ext === null)
        return {
          what: 'refuse',
          reason: field.kind === 'transaction' ? 'unknown_transaction' : 'no_authority',
        };
      if (ext !== token) edits.push({ ...span, text: ext });
    }
  }
  return { what: 'send', text: splice(body.text, edits), changes };
}

/** A station's message after which nothing more comes for its request; null for any other. */
export function requestEndedBy(
  ledger: IdLedger,
  version: OcppVersion,
  action: string,
  body: Body,
): IdChange | null {
  if (action === 'TransactionEvent') return null;
  const field = fieldsOfCall(version, action).find(({ kind }) => kind === 'request');
  const span = field === undefined ? null : spanOf(body.text, body.start, body.end, field.path);
  const row = span === null ? null : requestOf(ledger, body.text.slice(span.start, span.end));
  if (row?.isOpen !== true) return null;
  const isMore =
    textAt(body, 'tbc') === 'true' || goingOn.has((textAt(body, 'status') ?? '').replaceAll('"', ''));
  return isMore ? null : { what: 'request_over', minted: row.minted };
}

function isShown(ledger: IdLedger, to: Party, version: OcppVersion, body: Body): boolean {
  const row = transactionOf(ledger, version, 'TransactionEvent', body);
  return row === null ? to.isPrimary : Object.hasOwn(row.ids, to.backend);
}

/** The edit that says one id of the station's in the backend's words; `same` where it says so already; null where it cannot be said. */
function upward(
  ledger: IdLedger,
  to: Party,
  version: OcppVersion,
  action: string,
  body: Body,
  field: IdField,
  span: Span,
): Edit | 'same' | null {
  const token = body.text.slice(span.start, span.end);
  const say = (words: string): Edit | 'same' => (words === token ? 'same' : { ...span, text: words });
  switch (field.kind) {
    case 'transaction': {
      const row = transactionOf(ledger, version, action, body);
      if (row === null) return to.isPrimary ? 'same' : null;
      const id = Object.hasOwn(row.ids, to.backend) ? row.ids[to.backend] : undefined;
      if (id !== undefined) return say(id);
      // Its owner has not named it: it takes what the station says of a start that went unanswered. Another never got the start.
      if (to.backend === row.owner) return say('-1');
      return null;
    }
    case 'request': {
      const row = requestOf(ledger, token);
      if (row?.backend === to.backend) return say(row.original);
      if (row === null && to.isPrimary) return 'same';
      return action === 'TransactionEvent' ? { ...memberAround(body.text, span), text: '' } : null;
    }
    default: {
      const row = objectKnownAs(ledger, field.kind, token);
      if (row?.backend === to.backend) return say(row.original);
      if (row === null && to.isPrimary) return 'same';
      return field.isOptional ? { ...memberAround(body.text, span), text: '' } : null;
    }
  }
}

/** One id of a backend's in the station's words; null where it has none for this backend. */
function downward(
  ledger: IdLedger,
  from: Party,
  action: string,
  field: IdField,
  token: string,
  wallMs: number,
  changes: IdChange[],
): string | null {
  switch (field.kind) {
    case 'transaction': {
      const id = integerText(token);
      const row =
        transactionCalled(ledger, from.backend, id) ?? transactionCalled(ledger, from.backend, token);
      if (row !== null) return row.ext;
      return from.isPrimary && !ledger.transactions.some(({ ext }) => ext === id) ? token : null;
    }
    case 'request': {
      const last = ledger.lastRequest === 0 ? Math.floor(wallMs / 1_000) % 0x3fff_ffff : ledger.lastRequest;
      const minted = last >= 0x7fff_fffe ? 1 : last + 1;
      const row: RequestRow = { minted, backend: from.backend, original: token, action, isOpen: true };
      changes.push({ what: 'requested', row });
      return String(minted);
    }
    default: {
      const own = objectOf(ledger, field.kind, from.backend, token);
      if (own !== null) return own.ext;
      const isTaken = objectKnownAs(ledger, field.kind, token) !== null;
      if (field.use === 'refer') return isTaken ? null : token;
      const ext = isTaken ? mintObject(ledger, token, changes) : token;
      changes.push({
        what: 'placed',
        row: { kind: field.kind, backend: from.backend, original: token, ext },
        minted: isTaken,
      });
      return ext;
    }
  }
}

/** Two objects of one command get different ids. */
function mintObject(ledger: IdLedger, token: string, changes: readonly IdChange[]): string {
  const minted = ledger.lastObject + 1 + changes.filter(({ what }) => what === 'placed').length;
  return token.startsWith('"') ? `"${minted}"` : String(minted);
}

function requestOf({ requests }: IdLedger, token: string): RequestRow | null {
  const minted = Number(integerText(token));
  return requests.findLast((row) => row.minted === minted) ?? null;
}

/** The object that a backend calls so. */
export function objectOf(
  { objects }: IdLedger,
  kind: ObjectKind,
  backend: string,
  original: string,
): ObjectRow | null {
  return (
    objects.findLast((row) => row.kind === kind && row.backend === backend && row.original === original) ??
    null
  );
}

/** The object that the station calls so. */
function objectKnownAs({ objects }: IdLedger, kind: ObjectKind, ext: string): ObjectRow | null {
  return objects.findLast((row) => row.kind === kind && row.ext === ext) ?? null;
}

function textAt({ text, start, end }: Body, name: string): string | null {
  const span = spanOf(text, start, end, [name]);
  return span === null ? null : text.slice(span.start, span.end);
}
