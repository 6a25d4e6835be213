/**
 * Reservations, charging profiles, display messages, tariffs and DER controls: whose id is whose.
 *
 * Pure. An id stays as it is while only one backend has written it on this station; where another backend's is in the way the station gets a made-up one (OCPP 2.0.1
 * K01.FR.05: a profile with a known id replaces the other). What a backend sees is a permutation of the station's ids: its own numbers stand for its own
 * objects, and whatever had that number is shown under the number its own one has at the station. So nothing is ever shown twice.
 */
import { integerOf, stringOf } from './id-token.ts';
import type { IdChange } from './change.ts';
import { isMintedName, isMintedNumber, mintedPrefix } from './minted.ts';
import {
  endedObjectMs,
  integerMax,
  mintedFrom,
  objectsMax,
  type IdLedger,
  type ObjectKind,
  type ObjectRow,
} from './ledger.ts';

/** The id that this token says, or null when it cannot be one of its kind. */
export function objectIdOf(kind: ObjectKind, token: string): string | null {
  return isNumbered(kind) ? integerOf(token) : stringOf(token);
}

/** The id as JSON. */
export function objectToken(kind: ObjectKind, id: string): string {
  return isNumbered(kind) ? id : JSON.stringify(id);
}

/** The backend's own object with this id of its own. */
export function objectById(
  ledger: IdLedger,
  backend: string,
  kind: ObjectKind,
  id: string,
): ObjectRow | null {
  return find(ledger, (row) => row.kind === kind && row.id === id && row.backend === backend);
}

/** The object that the station knows by this id: the one that is there, or the last that was. */
export function objectByExt(ledger: IdLedger, kind: ObjectKind, ext: string): ObjectRow | null {
  const named = (row: ObjectRow): boolean => row.kind === kind && row.ext === ext;
  return find(ledger, (row) => row.state === 'live' && named(row)) ?? find(ledger, named);
}

/** What the station is to know the backend's object by when it writes it now. */
export function extToWrite(
  ledger: IdLedger,
  backend: string,
  kind: ObjectKind,
  id: string,
  nowMs: number,
): string {
  const own = objectById(ledger, backend, kind, id);
  if (own !== null && !isTaken(ledger, backend, kind, own.ext, nowMs)) return own.ext;
  if (!isTaken(ledger, backend, kind, id, nowMs) && !isOwnExt(ledger, backend, kind, id)) return id;
  let minted = ledger.nextMinted;
  for (;;) {
    const ext = isNumbered(kind) ? String(minted) : `${mintedPrefix}${minted.toString(36)}`;
    const isFree = !ledger.objects.some((row) => row.kind === kind && (row.ext === ext || row.id === ext));
    if (isFree) return ext;
    minted = minted >= integerMax ? mintedFrom : minted + 1;
  }
}

/** What the ledger is told when the backend writes an object that the station is to know by `ext`; null: it is known so. `own`: its row for that id. */
export function written(
  own: ObjectRow | null,
  object: Pick<ObjectRow, 'kind' | 'backend' | 'id' | 'ext' | 'endsAt'>,
  isPassing: boolean,
  atMs: number,
): Extract<IdChange, { readonly type: 'object_written' }> | null {
  // A reservation counts from when it was made last: one that nobody came for has ended without a word (1.6).
  const isKnown =
    own !== null && own.ext === object.ext && own.state === 'live' && object.kind !== 'reservation';
  // What stays is not forgotten sooner because a transaction goes by it too.
  if (isKnown && (isPassing || own.isPassing !== true)) return null;
  return { type: 'object_written', ...object, ...(isPassing ? { isPassing } : {}), atMs };
}

/** True when one more object can be kept, now or after what is over, goes with a transaction, or was never in anyone's way, has gone. */
export function hasRoomForObject(ledger: IdLedger): boolean {
  return (
    ledger.objects.length < objectsMax ||
    ledger.objects.some(
      ({ state, isPassing, id, ext }) => state === 'ended' || isPassing === true || id === ext,
    )
  );
}

/** The station's id in the backend's view. */
export function shownAs(ledger: IdLedger, backend: string, kind: ObjectKind, ext: string): string {
  const own = find(ledger, (row) => row.kind === kind && row.ext === ext && row.backend === backend);
  if (own !== null) return own.id;
  // Not its own: it must not be shown under a number that is. Each step leaves one of the backend's own rows behind, so there is an end.
  let shown = ext;
  for (let steps = ledger.objects.length; steps > 0; steps -= 1) {
    const holder = objectById(ledger, backend, kind, shown);
    if (holder === null) break;
    shown = holder.ext;
  }
  return shown;
}

/** The backend's number in the station's view: what `shownAs` turns back. */
export function meantBy(ledger: IdLedger, backend: string, kind: ObjectKind, id: string): string {
  const own = objectById(ledger, backend, kind, id);
  if (own !== null) return own.ext;
  let meant = id;
  for (let steps = ledger.objects.length; steps > 0; steps -= 1) {
    const current = meant;
    const holder = find(ledger, (row) => row.kind === kind && row.ext === current && row.backend === backend);
    if (holder === null) break;
    meant = holder.id;
  }
  return meant;
}

/** True for an id that Busbar made up. */
export function isMadeUp(ledger: IdLedger, kind: ObjectKind, ext: string): boolean {
  return isNumbered(kind) ? isMintedNumber(ledger, ext) : isMintedName(ext);
}

/** True where the station has something of another backend's under this id. */
export function isOthers(ledger: IdLedger, backend: string, kind: ObjectKind, ext: string): boolean {
  return ledger.objects.some(
    (row) =>
      row.kind === kind && row.backend !== backend && row.state === 'live' && isSame(kind, row.ext, ext),
  );
}

/** Names have no case (identifierString, 2.x Part 2, primitive data types). */
function isSame(kind: ObjectKind, one: string, other: string): boolean {
  return one === other || (!isNumbered(kind) && one.toLowerCase() === other.toLowerCase());
}

/** Controls and tariffs are named by strings, the others by integers. */
function isNumbered(kind: ObjectKind): boolean {
  return kind !== 'tariff' && kind !== 'control';
}

function isTaken(ledger: IdLedger, backend: string, kind: ObjectKind, ext: string, nowMs: number): boolean {
  return ledger.objects.some(
    (row) =>
      row.kind === kind &&
      isSame(kind, row.ext, ext) &&
      row.backend !== backend &&
      (row.state === 'live' || nowMs - row.atMs < endedObjectMs),
  );
}

function isOwnExt(ledger: IdLedger, backend: string, kind: ObjectKind, ext: string): boolean {
  return ledger.objects.some((row) => row.kind === kind && row.ext === ext && row.backend === backend);
}

/** The newest row that fits. */
function find(ledger: IdLedger, claims: (row: ObjectRow) => boolean): ObjectRow | null {
  for (let at = ledger.objects.length - 1; at >= 0; at -= 1) {
    const row = ledger.objects[at] as ObjectRow;
    if (claims(row)) return row;
  }
  return null;
}
