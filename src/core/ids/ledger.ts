/**
 * Which identifier of which backend stands for which identifier at the station: one ledger a station.
 *
 * Plain JSON, so that it is saved with the station and read back after a restart. It changes only through `applyIdChange`. A row is its own
 * key, never the number in it: backends hand out the same number twice, 0 and -1. Everything has a bound: of what is over, the oldest goes first; what is
 * open stays.
 */

/** Transactions that may be open at once. One more takes the place of the oldest that its connector has outlived; where there is none it is not kept. */
export const openTransactionsMax = 64;
/** Transactions kept after their end, so that late messages and answers find them; beside those of which something is held. */
export const endedTransactionsMax = 16;
/** Messages of a transaction that are remembered as dropped; beyond it the oldest are not. */
export const droppedMax = 64;
/** Numbers of 1.6 transactions that ended and are not given out again; beyond it the oldest becomes free before its time. */
export const usedNumbersMax = 128;
/** How long the number of an ended 1.6 transaction is not given out again. */
export const usedNumberDays = 90;
/** Requests that wait for reports or for the start they asked for; beyond it those that ended or are stale go, and then no more are taken. */
export const requestsMax = 64;
/** How long a request is kept after its last part. */
export const closedRequestMs = 86_400_000;
/** When a request that nothing more was heard of may go to make room. */
export const staleRequestMs = 3_600_000;
/** Reservations, profiles, messages, tariffs and controls; beyond it the oldest that ended goes, then the oldest that passes with its transaction, then the oldest whose number was never changed. */
export const objectsMax = 128;
/** How long an object that ended keeps its number from others. */
export const endedObjectMs = 86_400_000;

/** Transaction ids that Busbar makes up for stations are positive 32-bit integers from here on (OCPP 1.6 has no bound; firmware does). */
export const mintedFrom = 0x4000_0000;
export const integerMax = 0x7fff_ffff;

/** The part of the identifiers that a station and a backend can name in common. A `stream` is numbered by the station, and its backend's who let it be opened (2.1 N11). */
export type ObjectKind = 'reservation' | 'profile' | 'message' | 'tariff' | 'control' | 'stream';

/** Whose ids they are: the backend's integers of 1.6, or the station's strings of 2.x. */
export type IdFamily = 'v16' | 'v2';

/** One transaction. */
export interface TransactionRow {
  /** The content key of its start (2.x: of the first event that was seen of it). */
  readonly key: string;
  readonly family: IdFamily;
  /** What the station calls it: 1.6 an integer's text, 2.x its string; null while the station has none. */
  ext: string | null;
  /** Whose it is to the end, whatever the routes say later; another's only where an operator handed it over. */
  owner: string;
  /** 2.x: the EVSE, null until an event has named one. */
  connectorId: number | null;
  /** The driver's token, kept only while it is open: it resolves a 1.6 Stop without an id, and tells whose the driver's next Authorize is. */
  idTag: string | null;
  readonly meterStart: number | null;
  /** The start's timestamp as the station wrote it. */
  readonly startedAt: string | null;
  /**
   * By backend. 1.6: what that backend calls it, as the text of an integer, `pending` until it has answered, `none` when it gave nothing usable. 2.x: `shown`. A
   * backend that is not in here never got the start.
   */
  readonly ids: Record<string, string>;
  /** The station has used `ext`, so it got the answer. */
  isConfirmed: boolean;
  state: 'open' | 'ended';
  endedAtMs: number | null;
  /** The content key of its 1.6 stop, so that a repeat without an id finds it again. */
  stopKey: string | null;
  /** Messages of it are held for a backend that has yet to name it. */
  isHeld?: boolean;
  /** Who had it before it was handed over. What they call it is still known, and they are told nothing more of it. */
  former?: readonly string[];
  /** What an operator decided that a backend never gets of it, while it is open: the backend, and what all ids of the message have in common. */
  dropped?: readonly (readonly [backend: string, call: string])[];
}

/** A number of a 1.6 transaction that is over and has no row any more, and the day it ended (days since 1970): short, since there are many. */
export type UsedNumber = readonly [ext: string, day: number];

export const dayMs = 86_400_000;

/** A command whose consequences come later and name it. */
export interface RequestRow {
  readonly kind: 'request' | 'remote_start';
  /** What the station got in its place; unique per station. */
  readonly minted: number;
  readonly backend: string;
  /** The backend's own, as it wrote it; '' where the version has none (1.6 RemoteStartTransaction). */
  readonly token: string;
  readonly action: string;
  /** Who is to charge, of a remote start while it is open: 1.6 the tag that its StartTransaction is known by, 2.x by type and value. */
  idTag: string | null;
  readonly connectorId: number | null;
  state: 'open' | 'closed';
  /** When it was opened, or closed. Wall clock, milliseconds since 1970. */
  atMs: number;
}

/** Something a backend wrote to the station under a number of its own, or a stream that was opened to it. */
export interface ObjectRow {
  readonly kind: ObjectKind;
  readonly backend: string;
  readonly id: string;
  /** What the station knows it by. */
  readonly ext: string;
  /** It goes with a transaction, a driver or a reboot, and nobody says when: a backend or station that counts them on leaves no end of these behind. */
  readonly isPassing?: true;
  /** When a reservation expires, wall clock, milliseconds since 1970: a 1.6 station says nothing of that. None: it is not known. */
  readonly endsAt?: number;
  state: 'live' | 'ended';
  atMs: number;
}

export interface IdLedger {
  /** Oldest first. */
  readonly transactions: TransactionRow[];
  readonly used: UsedNumber[];
  readonly requests: RequestRow[];
  readonly objects: ObjectRow[];
  /** The last backend to command what reports back without an id: GetDiagnostics and UpdateFirmware of 1.6. */
  readonly issuers: Record<string, string>;
  /** Who installed the station's local authorisation list, and its version as JSON. Of an operator's no backend knows: each sends all of its own. */
  list: { readonly owner: string; readonly version: string } | null;
  /** Where the next made-up transaction or object number is looked for, and the next request number. */
  nextMinted: number;
  nextRequest: number;
  /** Where they began. */
  readonly firstMinted: number;
  readonly firstRequest: number;
  /** The one backend of which every transaction number here is the station's too; null when there is more to it. Derived. */
  plainFor: string | null;
}

/** More numbers than can have been made up between a save and a crash: what is open at once is bounded by as many. */
const unsavedNumbersMax = requestsMax;

/**
 * A ledger that was read back. Commands leave before the commit that holds their numbers, so the last numbers made up before a crash may be missing: they are
 * passed over, and count as made up. Otherwise a report on one of them would be taken for the primary's, or get mixed up with the next request's.
 */
export function resumeLedger(saved: IdLedger): IdLedger {
  const { nextMinted, nextRequest } = saved;
  return {
    ...saved,
    nextMinted: passOver(nextMinted, mintedFrom),
    nextRequest: passOver(nextRequest, 1),
  };
}

function passOver(next: number, from: number): number {
  const passed = next + unsavedNumbersMax;
  return passed > integerMax ? from + (passed - integerMax) : passed;
}

/** A ledger with nothing in it. `random`: an integer from 0 on, so that numbers differ from those of an earlier ledger of this station. */
export function emptyLedger(random: number): IdLedger {
  const firstMinted = mintedFrom + (random % (integerMax - mintedFrom));
  const firstRequest = 1 + (random % mintedFrom);
  return {
    transactions: [],
    used: [],
    requests: [],
    objects: [],
    issuers: {},
    list: null,
    nextMinted: firstMinted,
    nextRequest: firstRequest,
    firstMinted,
    firstRequest,
    plainFor: null,
  };
}
