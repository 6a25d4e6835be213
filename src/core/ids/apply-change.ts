/**
 * The one place where a ledger of identifiers changes: live, at restart and in the simulator.
 *
 * Pure. A change that finds no row is ignored: its row was over and had to make room. Bounds are kept here, by the times in the changes, so
 * that the same changes always leave the same ledger.
 */
import { unreachable } from '../../std/assert.ts';
import type { IdChange } from './change.ts';
import { isNumberAlone } from './transactions.ts';
import {
  closedRequestMs,
  dayMs,
  droppedMax,
  endedObjectMs,
  endedTransactionsMax,
  integerMax,
  mintedFrom,
  objectsMax,
  openTransactionsMax,
  requestsMax,
  staleRequestMs,
  usedNumberDays,
  usedNumbersMax,
  type IdLedger,
  type ObjectRow,
  type RequestRow,
  type TransactionRow,
} from './ledger.ts';

type Change<Type extends IdChange['type']> = Extract<IdChange, { readonly type: Type }>;

/** Changes the ledger in place. */
export function applyIdChange(ledger: IdLedger, change: IdChange): void {
  switch (change.type) {
    case 'transaction_opened':
      openTransaction(ledger, change);
      break;
    case 'transaction_answered':
      answerTransaction(ledger, change);
      break;
    case 'transaction_unanswered': {
      const row = transactionByKey(ledger, change.key);
      if (row?.family === 'v2') delete row.ids[change.backend];
      else if (row?.ids[change.backend] === 'pending') row.ids[change.backend] = 'none';
      break;
    }
    case 'transaction_handed': {
      const row = transactionByKey(ledger, change.key);
      if (row === null) break;
      row.former = [...(row.former ?? []).filter((backend) => backend !== change.to), row.owner];
      row.owner = change.to;
      if (change.isAnew === true || !Object.hasOwn(row.ids, change.to))
        row.ids[change.to] = row.family === 'v2' ? 'shown' : 'pending';
      break;
    }
    case 'transaction_dropped': {
      const row = transactionByKey(ledger, change.key);
      if (row?.state === 'open')
        row.dropped = [...(row.dropped ?? []), [change.backend, change.call] as const].slice(-droppedMax);
      break;
    }
    case 'transaction_driver': {
      const row = transactionByKey(ledger, change.key);
      if (row !== null && row.state === 'open') row.idTag = change.idTag;
      break;
    }
    case 'transaction_located': {
      const row = transactionByKey(ledger, change.key);
      if (row !== null) row.connectorId ??= change.connectorId;
      break;
    }
    case 'transaction_confirmed': {
      const row = transactionByKey(ledger, change.key);
      if (row !== null) row.isConfirmed = true;
      break;
    }
    case 'transaction_held': {
      const row = transactionByKey(ledger, change.key);
      if (row === null) return;
      row.isHeld = change.isHeld;
      keepTransactions(ledger, change.atMs);
      break;
    }
    case 'transaction_ended':
      endTransaction(ledger, change);
      break;
    case 'request_opened': {
      const { type: _type, ...request } = change;
      keepRequests(ledger, change.atMs);
      ledger.requests.push({ ...request, state: 'open' });
      ledger.nextRequest = change.minted >= integerMax ? 1 : change.minted + 1;
      return;
    }
    case 'request_closed': {
      const row = ledger.requests.find(({ minted }) => minted === change.minted);
      if (row === undefined || row.state === 'closed') return;
      row.state = 'closed';
      row.atMs = change.atMs;
      row.idTag = null;
      return;
    }
    case 'issued':
      if (change.backend === null) delete ledger.issuers[change.action];
      else ledger.issuers[change.action] = change.backend;
      return;
    case 'object_written':
      return writeObject(ledger, change);
    case 'object_ended': {
      const row = objectByExt(ledger, change.kind, change.ext, change.backend);
      if (row === null || row.state === 'ended') return;
      row.state = 'ended';
      row.atMs = change.atMs;
      return;
    }
    case 'list_installed':
      ledger.list = { owner: change.backend, version: change.version };
      return;
    default:
      return unreachable(change, 'every change of identifiers is applied');
  }
  ledger.plainFor = plainBackend(ledger);
}

/** True when one more request can be kept, now or after what is over has gone. */
export function hasRoomForRequest(ledger: IdLedger, nowMs: number): boolean {
  return (
    ledger.requests.length < requestsMax ||
    ledger.requests.some((row) => row.state === 'closed' || nowMs - row.atMs >= staleRequestMs)
  );
}

/** The row that would make room for one more open transaction; `full` when none may, `free` when there is room. */
export function transactionToDisplace(
  ledger: IdLedger,
  connectorId: number | null,
): TransactionRow | 'free' | 'full' {
  const open = ledger.transactions.filter(({ state }) => state === 'open');
  if (open.length < openTransactionsMax) return 'free';
  const connectors = new Set<number | null>([connectorId]);
  let displaced: TransactionRow | 'full' = 'full';
  // From the newest back: a row whose connector has been seen already was outlived there.
  for (const row of open.toReversed()) {
    if (connectors.has(row.connectorId)) displaced = row;
    else connectors.add(row.connectorId);
  }
  return displaced;
}

function transactionByKey(ledger: IdLedger, key: string): TransactionRow | null {
  return ledger.transactions.find((row) => row.key === key) ?? null;
}

function openTransaction(ledger: IdLedger, change: Change<'transaction_opened'>): void {
  const known = transactionByKey(ledger, change.key);
  if (known !== null) {
    for (const backend of change.to) if (known.ids[backend] === 'none') known.ids[backend] = 'pending';
    return;
  }
  const displaced = transactionToDisplace(ledger, change.connectorId);
  if (displaced === 'full') return;
  if (displaced !== 'free') close(displaced, change.atMs);
  if (change.isBeginning && change.connectorId !== null) forgetUnseen(ledger, change);
  const id = change.ids === 'as_station' ? (change.ext ?? 'none') : change.ids;
  ledger.transactions.push({
    key: change.key,
    family: change.family,
    ext: change.ext,
    owner: change.owner,
    connectorId: change.connectorId,
    idTag: change.idTag,
    meterStart: change.meterStart,
    startedAt: change.startedAt,
    ids: Object.fromEntries(change.to.map((backend) => [backend, id])),
    isConfirmed: change.ext !== null,
    state: 'open',
    endedAtMs: null,
    stopKey: null,
  });
  keepTransactions(ledger, change.atMs);
}

/**
 * Of one that nobody saw begin only a number is known, and once its connector has begun another the station may use that number again for any transaction (EVBox): it is forgotten, where others are ended by
 * a change of their own.
 */
function forgetUnseen(ledger: IdLedger, { connectorId }: Change<'transaction_opened'>): void {
  const isUnseen = (row: TransactionRow): boolean =>
    row.family === 'v16' && row.state === 'open' && row.connectorId === connectorId && isNumberAlone(row);
  for (const row of ledger.transactions.filter(isUnseen))
    ledger.transactions.splice(ledger.transactions.indexOf(row), 1);
}

function answerTransaction(ledger: IdLedger, change: Change<'transaction_answered'>): void {
  const row = transactionByKey(ledger, change.key);
  if (row === null) return;
  row.ids[change.backend] = change.id;
  if (change.ext === null || row.ext !== null) return;
  row.ext = change.ext;
  if (change.ext !== change.id) ledger.nextMinted = nextMintedAfter(Number(change.ext));
}

function nextMintedAfter(minted: number): number {
  return minted >= integerMax ? mintedFrom : minted + 1;
}

function endTransaction(ledger: IdLedger, change: Change<'transaction_ended'>): void {
  const row = transactionByKey(ledger, change.key);
  if (row === null) return;
  row.stopKey ??= change.stopKey;
  if (row.state === 'ended') return;
  close(row, change.atMs);
  keepTransactions(ledger, change.atMs);
}

function close(row: TransactionRow, atMs: number): void {
  row.state = 'ended';
  row.endedAtMs = atMs;
  row.idTag = null;
  delete row.dropped;
}

/** Ended transactions beyond the bound leave their number behind, which is not given out again for a while. */
function keepTransactions(ledger: IdLedger, nowMs: number): void {
  let ended = 0;
  for (const row of ledger.transactions) if (isOver(row)) ended += 1;
  while (ended > endedTransactionsMax) {
    const at = oldestEnded(ledger.transactions);
    const [row] = ledger.transactions.splice(at, 1);
    ended -= 1;
    if (row?.family === 'v16' && row.ext !== null)
      ledger.used.push([row.ext, Math.floor((row.endedAtMs ?? nowMs) / dayMs)]);
  }
  const forgotten = Math.floor(nowMs / dayMs) - usedNumberDays;
  while (ledger.used.length > usedNumbersMax || (ledger.used[0]?.[1] ?? nowMs) < forgotten)
    ledger.used.shift();
}

function oldestEnded(rows: readonly TransactionRow[]): number {
  let oldest = -1;
  for (const [at, row] of rows.entries()) {
    if (isOver(row) && (oldest === -1 || (row.endedAtMs ?? 0) < (rows[oldest]?.endedAtMs ?? 0))) oldest = at;
  }
  return oldest;
}

/** It has ended, and nobody is still to be told of it. */
function isOver({ state, isHeld }: TransactionRow): boolean {
  return state === 'ended' && isHeld !== true;
}

/** So long a start may be sent again after it was first. */
const repeatedMs = 600_000;
/** A station that is asked to start a transaction has begun it by then, mostly. */
const startedMs = 120_000;

function keepRequests(ledger: IdLedger, nowMs: number): void {
  const { requests } = ledger;
  // A start that was asked for and never came is forgotten, and whose card it was with it.
  removeWhere(
    requests,
    (row) => nowMs - row.atMs >= closedRequestMs && (row.state === 'closed' || row.kind === 'remote_start'),
  );
  if (requests.length < requestsMax) return;
  // A remote start is named by the start of its transaction, which may leave once more; one that never led to a start is worth less than that.
  const isOlder = ({ atMs }: RequestRow, ms: number): boolean => nowMs - atMs >= ms;
  const worthless: readonly ((row: RequestRow) => boolean)[] = [
    ({ kind, state }) => state === 'closed' && kind === 'request',
    (row) => row.state === 'closed' && isOlder(row, repeatedMs),
    (row) => isOlder(row, staleRequestMs),
    (row) => row.kind === 'remote_start' && row.state === 'open' && isOlder(row, startedMs),
    ({ state }) => state === 'closed',
  ];
  for (const isWorthless of worthless) {
    const at = requests.findIndex(isWorthless);
    if (at !== -1) return void requests.splice(at, 1);
  }
  requests.shift();
}

function writeObject(ledger: IdLedger, change: Change<'object_written'>): void {
  const { objects } = ledger;
  const { type: _type, ...written } = change;
  // One that gets the number back that was made up for it before.
  const isKnown = objectByExt(ledger, change.kind, change.ext, change.backend) !== null;
  removeWhere(
    objects,
    (row) =>
      (row.kind === change.kind && row.backend === change.backend && row.id === change.id) ||
      (row.state === 'ended' && change.atMs - row.atMs >= endedObjectMs),
  );
  if (objects.length >= objectsMax) {
    const worthless: readonly ((row: ObjectRow) => boolean)[] = [
      ({ state }) => state === 'ended',
      ({ isPassing }) => isPassing === true,
      ({ id, ext }) => id === ext,
    ];
    const at = worthless.map((isWorthless) => objects.findIndex(isWorthless)).find((index) => index !== -1);
    objects.splice(at ?? 0, 1);
  }
  objects.push({ ...written, state: 'live' });
  if (isKnown || change.ext === change.id) return;
  const isName = change.kind === 'tariff' || change.kind === 'control';
  ledger.nextMinted = nextMintedAfter(isName ? ledger.nextMinted : Number(change.ext));
}

function objectByExt(
  ledger: IdLedger,
  kind: ObjectRow['kind'],
  ext: string,
  backend: string,
): ObjectRow | null {
  return (
    ledger.objects.find((row) => row.kind === kind && row.ext === ext && row.backend === backend) ?? null
  );
}

function removeWhere<Row extends RequestRow | ObjectRow>(rows: Row[], claims: (row: Row) => boolean): void {
  for (let at = rows.length - 1; at >= 0; at -= 1) if (claims(rows[at] as Row)) rows.splice(at, 1);
}

function plainBackend(ledger: IdLedger): string | null {
  let only: string | null = null;
  for (const row of ledger.transactions) {
    if (row.family === 'v2') continue;
    const isPlain =
      row.ext !== null && row.ids[row.owner] === row.ext && (row.isConfirmed || row.state === 'ended');
    if (!isPlain || (only !== null && only !== row.owner) || Object.keys(row.ids).length !== 1) return null;
    only = row.owner;
  }
  return only;
}
