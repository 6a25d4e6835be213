/**
 * What the station gets of a backend's command, and what it is refused for.
 *
 * Pure. Every number that one side gives out is put into the station's terms; a command about what is another backend's never gets there. Refused is not answered: the
 * caller has each action's words for that.
 */
import { parseIsoTime } from '../../std/iso-time.ts';
import { tokenAt } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { hasRoomForRequest } from './apply-change.ts';
import type { IdContext } from './arrival.ts';
import { issuedBy } from './call-arrived.ts';
import type { IdChange } from './change.ts';
import type { IdField } from './field.ts';
import { fieldsOf } from './field-table.ts';
import { integerOf, kept, stringOf } from './id-token.ts';
import type { IdLedger, ObjectKind, ObjectRow } from './ledger.ts';
import {
  extToWrite,
  hasRoomForObject,
  isOthers,
  meantBy,
  objectByExt,
  objectById,
  objectIdOf,
  objectToken,
  written,
} from './objects.ts';
import { nextRequest } from './requests.ts';
import { rewrite, type BodySpan, type Verdict } from './rewrite.ts';
import type { Receiver } from './to-backend.ts';
import { driverOf } from './transaction-arrived.ts';
import { numberAt, textAt, transactionByExt, transactionById, transactionNamed } from './transactions.ts';

/**
 * `unknown_transaction`: no transaction that this backend may name. `not_yours`: what it names is another backend's. `list_not_yours`: a differential update of a list that another
 * installed; OCPP answers VersionMismatch, and a full one follows (2.0.1 D01.FR.03). `too_many_open`: no more requests can be told apart.
 */
export type RefuseReason = 'unknown_transaction' | 'not_yours' | 'list_not_yours' | 'too_many_open';

/** What the answer to a command will tell the ledger: to be kept with the command, and given back with its answer. */
export interface CommandNote {
  /** The number of the request, which no report will follow if the station refuses it. */
  readonly minted: number | null;
  /** What it writes or removes. */
  readonly objects: readonly NotedObject[];
  /** The version of the list it installs. */
  readonly listVersion: string | null;
  /** It has left, and is reported on without a number: to whom that was reported before, null: to nobody in particular. */
  readonly issued?: { readonly action: string; readonly before: string | null };
}

export interface NotedObject {
  readonly kind: ObjectKind;
  /** Who wrote it, where that is not who commands. */
  readonly backend?: string;
  readonly ext: string;
  /** `ended_by`: acceptance removes it; `kept_by`: only acceptance keeps it. */
  readonly outcome: 'ended_by' | 'kept_by';
}

/** Who commands. */
export interface Sender extends Receiver {
  /** True for a backend that has nothing to do with the station any more: what it left behind is the primary's to take away. */
  readonly isGone?: (backend: string) => boolean;
}

export type ToStation =
  | {
      readonly what: 'send';
      /** The same text when nothing changed. */
      readonly text: string;
      readonly note: CommandNote | null;
      readonly changes: readonly IdChange[];
    }
  | { readonly what: 'refuse'; readonly reason: RefuseReason };

/** Reads a command once, when it arrives; its changes are applied whether it is sent at once or waits. */
export function toStation(
  ledger: IdLedger,
  sender: Sender,
  version: OcppVersion,
  action: string,
  text: string,
  span: BodySpan,
  context: IdContext,
): ToStation {
  const draft = draftOf(ledger, sender, version, action, text, span, context);
  if (version === 'ocpp1.6') noteV16(draft, text, span);
  return translated(draft, fieldsOf(version).backendCalls.get(action) ?? noFields, text, span);
}

/**
 * The same for an operator's command: it speaks in the station's own terms, but for the number of a request. What the station says of that later is nobody's, and must not reach a backend that
 * has used the same number. `operator`: how the ledger calls whoever is no backend.
 */
export function operatorToStation(
  ledger: IdLedger,
  operator: string,
  version: OcppVersion,
  action: string,
  text: string,
  span: BodySpan,
  context: IdContext,
): ToStation {
  const fields = fieldsOf(version).backendCalls.get(action) ?? noFields;
  const requests = fields.filter(({ kind }) => kind === 'request' || kind === 'remote_start');
  const sender = { backend: operator, isPrimary: false };
  const draft = draftOf(ledger, sender, version, action, text, span, context);
  if (action === 'CancelReservation') noteCancelled(draft, text, span);
  return translated(draft, requests, text, span);
}

/** Whoever made the reservation, it is over once an operator has cancelled it: it stands in the way of no move any more. */
function noteCancelled({ ledger, objects }: Draft, text: string, { bodyStart }: BodySpan): void {
  const token = tokenAt(text, bodyStart, ['reservationId']);
  const ext = token === null ? null : integerOf(token);
  const row = ext === null ? null : objectByExt(ledger, 'reservation', ext);
  if (row?.state !== 'live') return;
  objects.push({ kind: 'reservation', backend: row.backend, ext: row.ext, outcome: 'ended_by' });
}

const noFields: readonly IdField[] = [];

function draftOf(
  ledger: IdLedger,
  sender: Sender,
  version: OcppVersion,
  action: string,
  text: string,
  span: BodySpan,
  { wallMs }: IdContext,
): Draft {
  return {
    ledger,
    sender,
    version,
    action,
    driver: action === 'RequestStartTransaction' ? driverOf(text, span) : null,
    isPassing: goesWithTransaction(action, text, span.bodyStart),
    endsAt: action === 'ReserveNow' ? expiryIn(text, span.bodyStart) : null,
    wallMs,
    changes: [],
    objects: [],
    minted: null,
    listVersion: null,
  };
}

function translated(draft: Draft, fields: readonly IdField[], text: string, span: BodySpan): ToStation {
  const isFull = textAt(text, span.bodyStart, 'updateType') !== 'Differential';
  const rewritten = rewrite(text, span, fields, (field, token) => judge(draft, field, token, isFull));
  if (typeof rewritten !== 'string') return { what: 'refuse', reason: rewritten.stop };
  const { minted, objects, listVersion, changes } = draft;
  const note =
    minted === null && objects.length === 0 && listVersion === null ? null : { minted, objects, listVersion };
  return { what: 'send', text: rewritten, note, changes };
}

/** What has been decided of one command so far. */
interface Draft {
  readonly ledger: IdLedger;
  readonly sender: Sender;
  readonly version: OcppVersion;
  readonly action: string;
  /** 2.x: who is to charge. */
  readonly driver: string | null;
  /** What it writes goes with a transaction. */
  readonly isPassing: boolean;
  /** When the reservation that it makes expires; null: it makes none, or does not say. */
  readonly endsAt: number | null;
  readonly wallMs: number;
  readonly changes: IdChange[];
  readonly objects: NotedObject[];
  minted: number | null;
  listVersion: string | null;
}

/**
 * What a command that leaves for the station tells the ledger. What GetDiagnostics and UpdateFirmware of 1.6 lead to has no number: one that never left has not asked for it, and one that the
 * station refuses has not either. `backend`: null for an operator's.
 */
export function commandSent(
  ledger: IdLedger,
  backend: string | null,
  version: OcppVersion,
  action: string,
  note: CommandNote | null,
): { readonly changes: readonly IdChange[]; readonly note: CommandNote | null } {
  if (version !== 'ocpp1.6' || !reportedWithoutNumber.has(action)) return { changes: [], note };
  const before = ledger.issuers[action] ?? null;
  if (before === backend) return { changes: [], note };
  return {
    changes: [{ type: 'issued', action, backend }],
    note: { ...(note ?? emptyNote), issued: { action, before } },
  };
}

const reportedWithoutNumber: ReadonlySet<string> = new Set(issuedBy.values());
const emptyNote: CommandNote = { minted: null, objects: [], listVersion: null };

/** A remote start of 1.6 carries no number, and its consequence comes all the same. */
function noteV16(draft: Draft, text: string, span: BodySpan): void {
  const { ledger, action } = draft;
  if (action !== 'RemoteStartTransaction') return;
  const idTag = textAt(text, span.bodyStart, 'idTag');
  const copy = idTag === null ? null : kept(idTag);
  // Without room it is sent all the same: its transaction is then the primary's.
  if (copy === null || !hasRoomForRequest(ledger, draft.wallMs)) return;
  openRequest(draft, 'remote_start', '', copy, numberAt(text, span.bodyStart, 'connectorId'));
}

function judge(draft: Draft, field: IdField, token: string, isFull: boolean): Verdict<RefuseReason> {
  const { ledger, sender, version } = draft;
  switch (field.kind) {
    case 'transaction':
      return version === 'ocpp1.6'
        ? numberAtStation(ledger, sender, token)
        : nameAtStation(ledger, sender, token);
    case 'request':
    case 'remote_start': {
      if (draft.minted !== null) return { token: String(draft.minted) };
      const copy = kept(token);
      if (copy === null || !hasRoomForRequest(ledger, draft.wallMs)) return { stop: 'too_many_open' };
      return { token: String(openRequest(draft, field.kind, copy, draft.driver, null)) };
    }
    case 'list_version': {
      const { list } = ledger;
      const isItsOwn = list === null ? sender.isPrimary : list.owner === sender.backend;
      if (!isFull && !isItsOwn) return { stop: 'list_not_yours' };
      draft.listVersion = kept(token);
      return 'keep';
    }
    default:
      return objectAtStation(draft, field, field.kind, token);
  }
}

function openRequest(
  draft: Draft,
  kind: 'request' | 'remote_start',
  token: string,
  idTag: string | null,
  connectorId: number | null,
): number {
  const minted = nextRequest(draft.ledger);
  draft.minted = minted;
  draft.changes.push({
    type: 'request_opened',
    kind,
    minted,
    backend: draft.sender.backend,
    token,
    action: draft.action,
    idTag,
    connectorId,
    atMs: draft.wallMs,
  });
  return minted;
}

function numberAtStation(ledger: IdLedger, sender: Receiver, token: string): Verdict<RefuseReason> {
  const id = integerOf(token);
  if (id === null) return sender.isPrimary ? 'keep' : { stop: 'unknown_transaction' };
  const row = transactionById(ledger, sender.backend, id);
  if (row !== null) {
    if (row.ext === null) return { stop: 'unknown_transaction' };
    return row.ext === id ? 'keep' : { token: row.ext };
  }
  if (transactionByExt(ledger, 'v16', id) !== null) return { stop: 'not_yours' };
  return sender.isPrimary ? 'keep' : { stop: 'unknown_transaction' };
}

function nameAtStation(ledger: IdLedger, sender: Receiver, token: string): Verdict<RefuseReason> {
  const name = stringOf(token);
  const row = name === null ? null : transactionNamed(ledger, name);
  if (row === null) return sender.isPrimary ? 'keep' : { stop: 'unknown_transaction' };
  return Object.hasOwn(row.ids, sender.backend) ? 'keep' : { stop: 'not_yours' };
}

function objectAtStation(
  draft: Draft,
  field: IdField,
  kind: ObjectKind,
  token: string,
): Verdict<RefuseReason> {
  const { ledger, sender, wallMs } = draft;
  const { backend } = sender;
  const read = objectIdOf(kind, token);
  const id = read === null ? null : kept(read);
  if (id === null) return 'keep';
  const own = objectById(ledger, backend, kind, id);
  if (field.use === 'write') {
    if (own === null && !hasRoomForObject(ledger)) return { stop: 'too_many_open' };
    const ext = extToWrite(ledger, backend, kind, id, wallMs);
    const ends = draft.endsAt === null ? {} : { endsAt: draft.endsAt };
    const change = written(own, { kind, backend, id, ext, ...ends }, draft.isPassing, wallMs);
    if (change !== null) draft.changes.push(change);
    // Where the station has it, a refusal leaves it there.
    if (own === null || own.ext !== ext || own.state === 'ended')
      draft.objects.push({ kind, ext, outcome: 'kept_by' });
    return ext === id ? 'keep' : { token: objectToken(kind, ext) };
  }
  const meant = meantBy(ledger, backend, kind, id);
  if (field.use === 'refer') {
    const left = own === null ? leftBehind(draft, kind, meant) : null;
    const isForeign =
      own === null &&
      (objectByExt(ledger, kind, id)?.state === 'live' ||
        meant !== id ||
        isOthers(ledger, backend, kind, id));
    if (isForeign && left === null) return { stop: 'not_yours' };
    const removed = own ?? left;
    if (removed !== null && removals.has(draft.action))
      draft.objects.push({ kind, backend: removed.backend, ext: removed.ext, outcome: 'ended_by' });
  }
  return meant === id ? 'keep' : { token: objectToken(kind, meant) };
}

/** 1.6 and 2.x have a name each for it. */
function expiryIn(text: string, bodyStart: number): number | null {
  const expiry = textAt(text, bodyStart, 'expiryDate') ?? textAt(text, bodyStart, 'expiryDateTime');
  return expiry === null ? null : parseIsoTime(expiry);
}

/** True where the command writes a profile, message or tariff that ends with its transaction, of which no number says so. */
function goesWithTransaction(action: string, text: string, bodyStart: number): boolean {
  switch (action) {
    case 'RemoteStartTransaction':
    case 'RequestStartTransaction':
    case 'ChangeTransactionTariff':
      return true;
    case 'SetChargingProfile':
      return profileNames.some(
        (name) => tokenAt(text, bodyStart, [name, 'chargingProfilePurpose']) === '"TxProfile"',
      );
    case 'SetDisplayMessage':
      return tokenAt(text, bodyStart, ['message', 'transactionId']) !== null;
    default:
      return false;
  }
}

const profileNames = ['csChargingProfiles', 'chargingProfile'] as const;

/** What is known at the station by this id, where the primary may touch it though another wrote it. */
function leftBehind({ ledger, sender }: Draft, kind: ObjectKind, ext: string): ObjectRow | null {
  const row = objectByExt(ledger, kind, ext);
  const isLeft = row?.state === 'live' && sender.isPrimary && sender.isGone?.(row.backend) === true;
  return isLeft ? row : null;
}

const removals: ReadonlySet<string> = new Set([
  'CancelReservation',
  'ClearChargingProfile',
  'ClearDisplayMessage',
  'ClearTariffs',
  'ClearDERControl',
]);
