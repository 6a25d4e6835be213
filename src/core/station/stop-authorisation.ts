/**
 * A driver at the reader whose transaction another backend than the primary has, or has just asked for.
 *
 * Pure. Authorize says neither connector nor transaction, so the new primary would be asked about the card of a session it does not know, refuse it, and the driver could not stop
 * (H9). Who has that card's open transaction, or one of its group, is asked instead.
 */
import { openGroup, tokenKey } from '../cover/learned-tokens.ts';
import { presentedToken } from '../cover/presented-token.ts';
import { payloadReader } from '../commands/payload.ts';
import { payloadOf } from '../../protocol/frame.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { TransactionRow } from '../ids/ledger.ts';
import { remoteStartMs } from '../ids/requests.ts';
import { textAt } from '../ids/transactions.ts';
import { parseIsoTime } from '../../std/iso-time.ts';
import { factsOf } from './find-backend.ts';
import { formerPrimaries } from './roles.ts';
import type { StationState } from './state.ts';
import type { Received, Turn } from './turn.ts';

/** Whom the station's Authorize is for; null: its route decides. */
export function ownerOfDriver(
  state: StationState,
  turn: Turn,
  version: OcppVersion,
  { text, frame }: Received,
): string | null {
  const primary = state.assignment?.primary;
  const { transactions, requests } = state.durable.ids;
  const others = transactions.filter(
    (row) => row.state === 'open' && row.owner !== primary && !isConnectorFree(state, row),
  );
  const asked = requests.filter(({ idTag, backend }) => idTag !== null && backend !== primary);
  if (others.length === 0 && asked.length === 0) return null;
  const token = presentedToken(version, payloadReader(payloadOf(text, frame))())?.text ?? null;
  if (token === null) return null;
  const former = formerPrimaries(state);
  for (const { idTag, backend, atMs } of asked)
    if (
      idTag?.toLowerCase() === token &&
      former.includes(backend) &&
      turn.context.wallMs - atMs < remoteStartMs
    )
      return backend;
  for (const { owner, idTag } of others) {
    if (idTag === null || factsOf(turn, owner)?.versions.includes(version) !== true) continue;
    const driver = idTag.toLowerCase();
    if (driver === token || isOneGroup(turn, owner, driver, token)) return owner;
  }
  return null;
}

/** A 1.6 station says that the connector was free at a time after the transaction began: its stop is late, or never comes, and whoever shows the card wants to begin. */
function isConnectorFree(
  { durable }: StationState,
  { family, connectorId, startedAt }: TransactionRow,
): boolean {
  if (family !== 'v16' || startedAt === null) return false;
  const payload = durable.image.statuses.find(({ key }) => key === String(connectorId))?.payload ?? '{}';
  if (textAt(payload, 0, 'status') !== 'Available') return false;
  const freeAt = parseIsoTime(textAt(payload, 0, 'timestamp') ?? '');
  const begunAt = parseIsoTime(startedAt);
  return freeAt !== null && begunAt !== null && freeAt > begunAt;
}

/** Both are known to be of one group, by what the backend said of them. */
function isOneGroup(turn: Turn, backend: string, one: string, other: string): boolean {
  const group = groupOf(turn, backend, one);
  return group !== null && group === groupOf(turn, backend, other);
}

function groupOf({ context: { learned, digest } }: Turn, backend: string, token: string): string | null {
  const sealed = learned(tokenKey(backend, token, digest))?.group ?? null;
  return sealed === null ? null : openGroup(sealed, token, digest);
}
