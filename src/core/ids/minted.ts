/**
 * Which numbers Busbar has made up for this station so far, also those it no longer has a row for.
 *
 * Pure. A number from such a range that nobody claims is not one from before Busbar: it is told to nobody. Numbers are made up in order, so
 * the first and the next one say it all, around the end of the range too.
 */
import { integerMax, mintedFrom, type IdLedger } from './ledger.ts';

/** A request's or remote start's number. */
export function isMintedRequest(ledger: IdLedger, integer: string): boolean {
  return isBetween(Number(integer), ledger.firstRequest, ledger.nextRequest);
}

/** A number of a 1.6 transaction, or of a reservation, profile or message. */
export function isMintedNumber(ledger: IdLedger, integer: string): boolean {
  const value = Number(integer);
  return value >= mintedFrom && isBetween(value, ledger.firstMinted, ledger.nextMinted);
}

/** The name of a tariff or control. */
export function isMintedName(name: string): boolean {
  return name.startsWith(mintedPrefix);
}

/** What made-up names begin with. */
export const mintedPrefix = 'busbar-';

function isBetween(value: number, first: number, next: number): boolean {
  if (!(value > 0 && value <= integerMax)) return false;
  return first <= next ? value >= first && value < next : value >= first || value < next;
}
