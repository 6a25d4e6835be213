/**
 * Commands whose consequences name them: who asked, and by which number.
 *
 * Pure. The station always gets a made-up number, since backends count from 1 each, and stations may refuse one they have seen (DuplicateRequestId).
 */
import { integerOf, isSameTag } from './id-token.ts';
import { integerMax, type IdLedger, type RequestRow } from './ledger.ts';

/** How long after a 1.6 RemoteStartTransaction a start of that driver counts as its consequence: a connection timeout of five minutes, and half a minute. */
export const remoteStartMs = 330_000;

/** The request that the station names by this token. */
export function requestByMinted(
  ledger: IdLedger,
  kind: RequestRow['kind'],
  token: string,
): RequestRow | null {
  const integer = integerOf(token);
  if (integer === null) return null;
  const minted = Number(integer);
  return ledger.requests.find((row) => row.minted === minted && row.kind === kind) ?? null;
}

/** The number that the next request gets. */
export function nextRequest(ledger: IdLedger): number {
  let minted = ledger.nextRequest;
  while (ledger.requests.some((row) => row.minted === minted)) minted = minted >= integerMax ? 1 : minted + 1;
  return minted;
}

/** The 1.6 remote start that a start by this driver at this connector answers: the oldest that is open (hazard: the owner is who asked). */
export function remoteStartFor(
  ledger: IdLedger,
  idTag: string | null,
  connectorId: number | null,
  nowMs: number,
): RequestRow | null {
  return (
    ledger.requests.find(
      (row) =>
        row.kind === 'remote_start' &&
        row.state === 'open' &&
        isSameTag(row.idTag, idTag) &&
        (row.connectorId === null || row.connectorId === connectorId) &&
        nowMs - row.atMs < remoteStartMs,
    ) ?? null
  );
}
