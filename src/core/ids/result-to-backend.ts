/**
 * What a backend gets of the station's answer to its command, and what that tells the ledger.
 *
 * Pure. Numbers come back in that backend's own terms. A backend that did not install the station's authorisation list is told version 0, none, so that it sends its
 * whole list before it sends differences (OCPP 2.0.1 D01.FR.03; hazard H15).
 */
import { eachValue, mayName, tokenAt } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { IdContext } from './arrival.ts';
import type { IdChange } from './change.ts';
import type { IdField } from './field.ts';
import { fieldsOf } from './field-table.ts';
import { integerOf, stringOf } from './id-token.ts';
import type { IdLedger } from './ledger.ts';
import { objectIdOf, objectToken, shownAs } from './objects.ts';
import { rewriteAll, type BodySpan, type Verdict } from './rewrite.ts';
import type { Receiver } from './to-backend.ts';
import type { CommandNote } from './to-station.ts';
import { transactionByExt } from './transactions.ts';

export interface AnswerToBackend {
  /** The same text when nothing changed. */
  readonly text: string;
  readonly changes: readonly IdChange[];
}

/** Reads the station's CALLRESULT to a command; `note` is what `toStation` gave with it. */
export function resultToBackend(
  ledger: IdLedger,
  receiver: Receiver,
  version: OcppVersion,
  action: string,
  note: CommandNote | null,
  text: string,
  span: BodySpan,
  context: IdContext,
): AnswerToBackend {
  const changes = commandAnswered(receiver.backend, note, text, span, context);
  const fields = fieldsOf(version).stationResults.get(action);
  if (fields === undefined) return { text, changes };
  const rewritten = rewriteAll(text, span, fields, (field, token) => judge(ledger, receiver, field, token));
  return { text: rewritten, changes };
}

/** What the station's CALLRESULT to a command tells the ledger. */
export function commandAnswered(
  backend: string,
  note: CommandNote | null,
  text: string,
  span: BodySpan,
  context: IdContext,
): readonly IdChange[] {
  return note === null ? [] : settled(backend, note, isAccepted(text, span), leftBy(text, span), context);
}

/** A command that was never sent, or that the station answered with an error. One whose outcome nobody knows is left as it is: reports may still come. */
export function commandFailed(
  backend: string,
  note: CommandNote | null,
  context: IdContext,
): readonly IdChange[] {
  return note === null ? [] : settled(backend, note, false, nothing, context);
}

function settled(
  backend: string,
  note: CommandNote,
  accepted: boolean,
  isLeft: (ext: string) => boolean,
  { wallMs }: IdContext,
): readonly IdChange[] {
  const changes: IdChange[] = [];
  if (note.minted !== null && !accepted)
    changes.push({ type: 'request_closed', minted: note.minted, atMs: wallMs });
  for (const { kind, backend: writer, ext, outcome } of note.objects) {
    if (accepted === (outcome === 'ended_by') && !isLeft(ext))
      changes.push({ type: 'object_ended', kind, backend: writer ?? backend, ext, atMs: wallMs });
  }
  if (note.issued !== undefined && !accepted)
    changes.push({ type: 'issued', action: note.issued.action, backend: note.issued.before });
  if (note.listVersion !== null && accepted)
    changes.push({ type: 'list_installed', backend, version: note.listVersion });
  return changes;
}

/** What ClearTariffs leaves where it is: it answers one by one (2.1 I10), a refusal without an id is about all that were asked for, and it is taken to have done what it does not say. */
function leftBy(text: string, { bodyStart, bodyEnd }: BodySpan): (ext: string) => boolean {
  if (!mayName(text, bodyStart, bodyEnd, 'clearTariffsResult')) return nothing;
  const left = new Set<string>();
  let isAllLeft = false;
  eachValue(text, bodyStart, ['clearTariffsResult', '*'], (_, start) => {
    if (tokenAt(text, start, ['status']) !== '"Rejected"') return;
    const token = tokenAt(text, start, ['tariffId']);
    const ext = token === null ? null : stringOf(token);
    if (ext === null) isAllLeft = true;
    else left.add(ext);
  });
  return (ext) => isAllLeft || left.has(ext);
}

const nothing = (): boolean => false;

/** `AcceptedCanceled` accepts too. */
function isAccepted(text: string, { bodyStart }: BodySpan): boolean {
  const status = tokenAt(text, bodyStart, ['status']);
  return status === null || status.toLowerCase().startsWith('"accepted');
}

function judge(
  ledger: IdLedger,
  { backend, isPrimary }: Receiver,
  field: IdField,
  token: string,
): Verdict<never> {
  switch (field.kind) {
    case 'list_version': {
      const { list } = ledger;
      const isItsOwn = list === null ? isPrimary : list.owner === backend;
      // Below zero the station has no list to speak of (1.6 §6.24): that is so for everyone.
      return isItsOwn || (integerOf(token) ?? '').startsWith('-') ? 'keep' : { token: '0' };
    }
    case 'transaction': {
      const ext = stringOf(token);
      const row = ext === null ? null : transactionByExt(ledger, 'v2', ext);
      const mayKnow = row === null ? isPrimary : Object.hasOwn(row.ids, backend);
      return mayKnow ? 'keep' : 'remove';
    }
    case 'request':
    case 'remote_start':
      return 'keep';
    default: {
      const ext = objectIdOf(field.kind, token);
      const shown = ext === null ? null : shownAs(ledger, backend, field.kind, ext);
      return shown === null || shown === ext ? 'keep' : { token: objectToken(field.kind, shown) };
    }
  }
}
