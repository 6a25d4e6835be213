/**
 * Which id means what to whom: one station's identifiers as its backends and it know them.
 *
 * Plain JSON, saved with the station; `applyIdChange` is its one mutator, live and at restart. The key of a transaction is its row, never a number: backends hand
 * out the same numbers, -1 and 0. What a backend gave is kept as it wrote it, so that an integer beyond JavaScript's survives.
 */

export interface IdLedger {
  /** Oldest first. */
  readonly transactions: TransactionRow[];
  readonly requests: RequestRow[];
  readonly objects: ObjectRow[];
  readonly list: { owner: string | null; versions: Record<string, string> };
  /** The last ids that were minted. */
  lastTransaction: number;
  lastRequest: number;
  lastObject: number;
}

/** One transaction. */
export interface TransactionRow {
  /** Names it for ever: the content key of a 1.6 start, the station's own id in 2.x. */
  readonly key: string;
  /** As the station knows it, as JSON: a number in 1.6, null until it was told; its own text in 2.x. */
  ext: string | null;
  readonly connector: number | null;
  /** While it is open: to resolve a -1. */
  idTag: string | null;
  readonly meterStart: number | null;
  /** As the station wrote it. */
  readonly startedAt: string;
  /** The backend that bills it: the primary when Busbar first got the start. */
  readonly owner: string;
  /** What each backend that knows it calls it, as JSON. In 2.x everyone calls it as the station does. */
  readonly ids: Record<string, string>;
  isOpen: boolean;
}

/** A request or remote start that a backend numbered; the station knows Busbar's number. */
export interface RequestRow {
  readonly minted: number;
  readonly backend: string;
  /** As the backend wrote it. */
  readonly original: string;
  readonly action: string;
  isOpen: boolean;
}

export type ObjectKind = 'reservation' | 'profile' | 'display' | 'tariff' | 'control';

/** Something a backend put on the station under an id of its choice. */
export interface ObjectRow {
  readonly kind: ObjectKind;
  readonly backend: string;
  /** As the backend wrote it, and as the station knows it. The same while no other backend uses it. */
  readonly original: string;
  readonly ext: string;
}

/** Plain JSON, as the journal keeps it. */
export type IdChange =
  | { readonly what: 'opened'; readonly row: TransactionRow }
  /** A backend has named it; `ext` where the station is told that now. */
  | {
      readonly what: 'named';
      readonly key: string;
      readonly backend: string;
      readonly id: string;
      readonly ext: string | null;
      readonly minted: boolean;
    }
  | { readonly what: 'ended'; readonly key: string }
  | { readonly what: 'requested'; readonly row: RequestRow }
  | { readonly what: 'request_over'; readonly minted: number }
  | { readonly what: 'placed'; readonly row: ObjectRow; readonly minted: boolean }
  | { readonly what: 'list'; readonly owner: string; readonly version: string };

/** Rows kept of each sort. Of transactions and requests the oldest that is over goes first; with none over, the oldest. */
export const transactionsMax = 96;
export const requestsMax = 64;
export const objectsMax = 128;

/** Minted 1.6 transaction ids: positive 32-bit integers that backends hardly ever use. */
export const firstMinted = 0x4000_0000;
const lastMintable = 0x7fff_ffff;

export function emptyLedger(): IdLedger {
  return {
    transactions: [],
    requests: [],
    objects: [],
    list: { owner: null, versions: {} },
    lastTransaction: firstMinted,
    lastRequest: 0,
    lastObject: firstMinted,
  };
}

export function applyIdChange(ledger: IdLedger, change: IdChange): void {
  switch (change.what) {
    case 'opened':
      makeRoom(ledger.transactions, transactionsMax);
      ledger.transactions.push({ ...change.row, ids: { ...change.row.ids } });
      return;
    case 'named': {
      const row = findTransaction(ledger, change.key);
      if (change.minted && change.ext !== null) ledger.lastTransaction = Number(change.ext);
      if (row === null) return;
      row.ids[change.backend] = change.id;
      row.ext ??= change.ext;
      return;
    }
    case 'ended': {
      const row = findTransaction(ledger, change.key);
      if (row === null) return;
      row.isOpen = false;
      row.idTag = null;
      return;
    }
    case 'requested':
      makeRoom(ledger.requests, requestsMax);
      ledger.requests.push({ ...change.row });
      ledger.lastRequest = change.row.minted;
      return;
    case 'request_over':
      for (const row of ledger.requests) if (row.minted === change.minted) row.isOpen = false;
      return;
    case 'placed': {
      const { kind, backend, original } = change.row;
      const at = ledger.objects.findIndex(
        (row) => row.kind === kind && row.backend === backend && row.original === original,
      );
      if (at !== -1) ledger.objects.splice(at, 1);
      else if (ledger.objects.length >= objectsMax) ledger.objects.shift();
      ledger.objects.push(change.row);
      if (change.minted) ledger.lastObject = Number(change.row.ext.replaceAll('"', ''));
      return;
    }
    case 'list':
      ledger.list.owner = change.owner;
      ledger.list.versions[change.owner] = change.version;
  }
}

export function findTransaction({ transactions }: IdLedger, key: string): TransactionRow | null {
  for (let at = transactions.length - 1; at >= 0; at -= 1) {
    const row = transactions[at] as TransactionRow;
    if (row.key === key) return row;
  }
  return null;
}

/** An id for the station that none of its rows has. */
export function mintTransactionId({ transactions, lastTransaction }: IdLedger): string {
  let id = lastTransaction;
  do id = id >= lastMintable ? firstMinted + 1 : id + 1;
  while (transactions.some(({ ext }) => ext === String(id)));
  return String(id);
}

function makeRoom(rows: { isOpen: boolean }[], max: number): void {
  if (rows.length < max) return;
  const over = rows.findIndex(({ isOpen }) => !isOpen);
  rows.splice(over === -1 ? 0 : over, 1);
}
