/**
 * What became of transactions when their stations were moved, told from the ledgers alone.
 *
 * Pure. A transaction belongs to the backend that was told of it; one that was told to two, or to none, belongs to nobody here.
 */
import { violation, type Violation } from '../testkit/checkers.ts';
import { exchangesOf, textsOf, type Exchange, type Ledger } from '../testkit/ledger.ts';
import type { MoveTime } from '../testkit/move-checkers.ts';
import { contentOf } from '../testkit/read-once.ts';
import { transactionsOf, type ToldTransaction } from '../testkit/told-transactions.ts';

type Ledgers = ReadonlyMap<string, Ledger>;

/** Stations that went from one backend to another together. */
export interface Move extends MoveTime {
  readonly wave: string;
  readonly from: string;
  readonly to: string;
  /** Why they went: `plan`, or back since a gate was red or an operator said so. */
  readonly by: 'plan' | 'gate' | 'operator';
}

export interface MoveAccount {
  readonly stations: number;
  /** Links of theirs that ended while they were moved. */
  readonly linksLost: number;
  /** Transactions that were open when they moved, those of them that nobody but the backend they began with has heard of, and those that have ended since. */
  readonly open: number;
  readonly kept: number;
  readonly ended: number;
  /** Transactions that began afterwards, before their stations moved again, and those of them that only the backend they had moved to has heard of. */
  readonly begun: number;
  readonly begunThere: number;
}

/** `untilMs`: what began later is not of this move. */
export function accountOfMove(
  move: Move,
  stations: Ledgers,
  backends: ReadonlyMap<string, Ledgers>,
  untilMs: number,
): MoveAccount {
  const told = move.stations.flatMap((station) => {
    const source = stations.get(station);
    if (source === undefined) return [];
    const heard = heardBy(station, backends);
    return transactionsOf(source).map((transaction) => ({
      beganAtMs: transaction.beganAtMs,
      endedAtMs: transaction.endedAtMs,
      owners: ownersOf(transaction, heard),
    }));
  });
  const open = told.filter(
    ({ beganAtMs, endedAtMs }) =>
      beganAtMs < move.beganAtMs && (endedAtMs === null || endedAtMs > move.endedAtMs),
  );
  const begun = told.filter(({ beganAtMs }) => beganAtMs > move.endedAtMs && beganAtMs < untilMs);
  return {
    stations: move.stations.length,
    linksLost: move.stations.reduce((sum, station) => sum + linksLost(stations.get(station), move), 0),
    open: open.length,
    kept: open.filter(({ owners }) => owners.length === 1).length,
    ended: open.filter(({ endedAtMs }) => endedAtMs !== null).length,
    begun: begun.length,
    begunThere: begun.filter(({ owners }) => owners.length === 1 && owners[0] === move.to).length,
  };
}

/** Each with what is of it alone: up to the next move of the same stations. */
export function accountsOf(
  moves: readonly Move[],
  stations: Ledgers,
  backends: ReadonlyMap<string, Ledgers>,
): readonly (readonly [Move, MoveAccount])[] {
  return moves.map((move, at) => {
    const next = moves.find((other, place) => place > at && other.wave === move.wave);
    return [move, accountOfMove(move, stations, backends, next?.beganAtMs ?? Infinity)];
  });
}

/** That open transactions stay where they began and new ones begin where their station is; and that there were any at all. */
export function checkMoves(accounts: readonly (readonly [Move, MoveAccount])[]): Violation[] {
  const found: Violation[] = [];
  const note = (message: string): void => void found.push(violation('moves', '', message, []));
  for (const [{ wave, to }, { open, kept, begun, begunThere }] of accounts) {
    if (kept < open) note(`${open - kept} transactions of wave ${wave} did not stay where they began`);
    if (begunThere < begun)
      note(`${begun - begunThere} transactions of wave ${wave} began elsewhere than at ${to}`);
  }
  if (accounts.every(([, { open }]) => open === 0)) note('no transaction was open at any move');
  if (accounts.every(([, { begun }]) => begun === 0)) note('no transaction began after any move');
  return found;
}

/** How many of the stations' drivers a backend was asked about since then, and how many of them it answered with an error. */
export function driversRefused(
  ledgers: Ledgers,
  stations: readonly string[],
  sinceMs: number,
): { readonly asked: number; readonly failed: number } {
  const asked = stations.flatMap((station) => {
    const ledger = ledgers.get(station);
    if (ledger === undefined) return [];
    return exchangesOf(ledger, 'received').exchanges.filter(
      ({ message, atMs }) => message.action === 'Authorize' && atMs >= sinceMs,
    );
  });
  const failed = asked.filter(({ answers }) => answers.some(({ message }) => message.type === 4));
  return { asked: asked.length, failed: failed.length };
}

/**
 * Answers to commands that were kept from stations that were moved: Busbar gives them. Of a backend that is not the primary all that it says, but for its own transactions; of the primary
 * what would touch a transaction that another still has.
 */
export function answersToKept(
  moves: readonly Move[],
  stations: Ledgers,
  backends: ReadonlyMap<string, Ledgers>,
): ReadonlySet<string> {
  const found = new Set<string>();
  for (const station of new Set(moves.flatMap((move) => move.stations))) {
    const itsMoves = moves.filter((move) => move.stations.includes(station));
    const source = stations.get(station);
    const got = source === undefined ? [] : exchangesOf(source, 'received').exchanges;
    for (const [name, ledgers] of backends) {
      const ledger = ledgers.get(station);
      for (const command of ledger === undefined ? [] : exchangesOf(ledger, 'sent').exchanges)
        for (const { atMs, text } of command.answers) {
          const isPrimary = isPrimaryAllThrough(name, itsMoves, command.atMs, atMs);
          if (!isPrimary || !got.some((one) => isSame(one, command, atMs))) found.add(text);
        }
    }
  }
  return found;
}

/** What the station got is the command, since it got it before that was answered. */
function isSame(got: Exchange, command: Exchange, answeredAtMs: number): boolean {
  const isMeanwhile = got.atMs >= command.atMs && got.atMs <= answeredAtMs;
  return isMeanwhile && contentOf(got.text) === contentOf(command.text);
}

function isPrimaryAllThrough(name: string, moves: readonly Move[], fromMs: number, toMs: number): boolean {
  const isMoving = moves.some(({ beganAtMs, endedAtMs }) => beganAtMs <= toMs && endedAtMs >= fromMs);
  const last = moves.findLast(({ endedAtMs }) => endedAtMs < fromMs);
  return !isMoving && (last === undefined ? moves[0]?.from : last.to) === name;
}

/** By backend: the contents that it got of the station. */
function heardBy(station: string, backends: ReadonlyMap<string, Ledgers>): Map<string, ReadonlySet<string>> {
  const heard = new Map<string, ReadonlySet<string>>();
  for (const [name, ledgers] of backends) {
    const ledger = ledgers.get(station);
    if (ledger !== undefined)
      heard.set(name, new Set(textsOf(ledger, 'received').map(({ text }) => contentOf(text))));
  }
  return heard;
}

function ownersOf({ calls }: ToldTransaction, heard: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  return [...heard]
    .filter(([, contents]) => calls.some(({ text }) => contents.has(contentOf(text))))
    .map(([name]) => name);
}

function linksLost(ledger: Ledger | undefined, { beganAtMs, endedAtMs }: MoveTime): number {
  if (ledger === undefined) return 0;
  return ledger.entries.filter(
    ({ type, atMs }) => type === 'closed' && atMs >= beganAtMs && atMs <= endedAtMs,
  ).length;
}
