/**
 * What became of transactions when their stations were moved, told from the ledgers alone.
 *
 * Pure. A transaction belongs to the backend that was told of it; one that was told to two, or to none, belongs to nobody here.
 */
import { violation, type Violation } from '../testkit/checkers.ts';
import { exchangesOf, textsOf, type Exchange, type Ledger } from '../testkit/ledger.ts';
import { linksLost, type MoveTime } from '../testkit/move-checkers.ts';
import { contentOf } from '../testkit/read-once.ts';
import { connectorOf, transactionsOf, type ToldTransaction } from '../testkit/told-transactions.ts';
import { record } from '../testkit/wire.ts';

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
  /** Transactions that began afterwards, before their stations moved again, and those of them that only the backend they had moved to has heard of, or the one before that had asked for it. */
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
  const told = move.stations.flatMap((station) => ownedTransactions(station, stations, backends));
  const open = told.filter(
    ({ beganAtMs, endedAtMs }) =>
      beganAtMs < move.beganAtMs && (endedAtMs === null || endedAtMs > move.endedAtMs),
  );
  const begun = told.filter(({ beganAtMs }) => beganAtMs > move.endedAtMs && beganAtMs < untilMs);
  return {
    stations: move.stations.length,
    linksLost: move.stations.reduce((sum, station) => {
      const source = stations.get(station);
      return source === undefined ? sum : sum + linksLost(source, move);
    }, 0),
    open: open.length,
    kept: open.filter(({ owners }) => owners.length === 1).length,
    ended: open.filter(({ endedAtMs }) => endedAtMs !== null).length,
    begun: begun.length,
    begunThere: begun.filter((one) => isWhereItBelongs(one, move)).length,
  };
}

/** A remote start goes on to be its asker's, though the station was moved before it began. */
function isWhereItBelongs({ owners, askedAtMs }: OwnedTransaction, move: Move): boolean {
  const [owner] = owners;
  if (owners.length !== 1) return false;
  return owner === move.to || (owner === move.from && (askedAtMs ?? Infinity) <= move.endedAtMs);
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

/** M2: what a station is sent from its first move on is a command of its primary of that moment, or of a transaction's owner about that: nothing else, and nothing because of a move. */
export function checkSent(
  moves: readonly Move[],
  stations: Ledgers,
  backends: ReadonlyMap<string, Ledgers>,
): Violation[] {
  return [...byStation(moves)].flatMap(([station, itsMoves]) => {
    const sent = commandsOf(station, backends);
    const owned = ownedTransactions(station, stations, backends);
    return commandsGot(stations.get(station))
      .filter(({ atMs }) => atMs >= (itsMoves[0]?.beganAtMs ?? Infinity))
      .filter((got) => !sent.some((command) => mayBe(got, command, itsMoves, owned)))
      .map(({ text }) =>
        violation('M2', station, 'the station was sent what its primary did not say', [text]),
      );
  });
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
  for (const [station, itsMoves] of byStation(moves)) {
    const got = commandsGot(stations.get(station));
    for (const command of commandsOf(station, backends))
      for (const { atMs, text } of command.exchange.answers) {
        const isPrimary = roleAt(command.backend, itsMoves, command.exchange.atMs, atMs) === 'primary';
        if (!isPrimary || !got.some((one) => isSame(one, command))) found.add(text);
      }
  }
  return found;
}

interface Command {
  readonly backend: string;
  readonly exchange: Exchange;
}

function byStation(moves: readonly Move[]): Map<string, readonly Move[]> {
  const stations = new Set(moves.flatMap((move) => move.stations));
  return new Map(
    [...stations].map((station) => [station, moves.filter((move) => move.stations.includes(station))]),
  );
}

function commandsOf(station: string, backends: ReadonlyMap<string, Ledgers>): Command[] {
  return [...backends].flatMap(([backend, ledgers]) => {
    const ledger = ledgers.get(station);
    if (ledger === undefined) return [];
    return exchangesOf(ledger, 'sent').exchanges.map((exchange) => ({ backend, exchange }));
  });
}

function commandsGot(source: Ledger | undefined): readonly Exchange[] {
  return source === undefined ? [] : exchangesOf(source, 'received').exchanges;
}

function mayBe(
  got: Exchange,
  command: Command,
  moves: readonly Move[],
  owned: readonly OwnedTransaction[],
): boolean {
  if (!isSame(got, command)) return false;
  const sinceMs = Math.max(command.exchange.atMs, got.atMs - underwayMs);
  const isPrimary = roleAt(command.backend, moves, sinceMs, got.atMs) !== 'other';
  return isPrimary || owned.some((one) => isAbout(got, one, command.backend));
}

/** A command that was on its way when its transaction ended, or its station was moved, on a machine that is busy. */
const underwayMs = 2_000;

/** It names a transaction that the backend has, or the connector where that is going on. */
function isAbout(
  { atMs, message: { payload } }: Exchange,
  { owners, connector, beganAtMs, endedAtMs }: OwnedTransaction,
  backend: string,
): boolean {
  if (!owners.includes(backend)) return false;
  if ('transactionId' in payload) return true;
  const named = Number(payload['evseId'] ?? record(payload['evse'])['id'] ?? payload['connectorId']);
  return named === connector && beganAtMs <= atMs && (endedAtMs ?? Infinity) + underwayMs >= atMs;
}

/** What the station got is the command, since it got it before that was answered. */
function isSame(got: Exchange, { exchange }: Command): boolean {
  const isMeanwhile = got.atMs >= exchange.atMs && got.atMs <= (exchange.answers[0]?.atMs ?? Infinity);
  return isMeanwhile && contentOf(got.text) === contentOf(exchange.text);
}

/** `moving`: the station was moved meanwhile. */
function roleAt(
  backend: string,
  moves: readonly Move[],
  fromMs: number,
  toMs: number,
): 'primary' | 'moving' | 'other' {
  if (moves.some(({ beganAtMs, endedAtMs }) => beganAtMs <= toMs && endedAtMs >= fromMs)) return 'moving';
  const last = moves.findLast(({ endedAtMs }) => endedAtMs < fromMs);
  return (last === undefined ? moves[0]?.from : last.to) === backend ? 'primary' : 'other';
}

interface OwnedTransaction {
  readonly beganAtMs: number;
  readonly endedAtMs: number | null;
  readonly connector: number;
  /** Who has heard of it. */
  readonly owners: readonly string[];
  /** When one of them last asked for it by a remote start; null: none did. */
  readonly askedAtMs: number | null;
}

function ownedTransactions(
  station: string,
  stations: Ledgers,
  backends: ReadonlyMap<string, Ledgers>,
): OwnedTransaction[] {
  const source = stations.get(station);
  if (source === undefined) return [];
  const heard = heardBy(station, backends);
  const commands = commandsOf(station, backends);
  return transactionsOf(source).map((transaction) => {
    const start = transaction.calls[0] as Exchange;
    const owners = ownersOf(transaction, heard);
    const asked = commands.findLast(
      ({ backend, exchange }) => owners.includes(backend) && asksFor(exchange, start),
    );
    return {
      beganAtMs: transaction.beganAtMs,
      endedAtMs: transaction.endedAtMs,
      connector: connectorOf(start),
      owners,
      askedAtMs: asked?.exchange.atMs ?? null,
    };
  });
}

/** A remote start for the same driver, before the start. */
function asksFor({ atMs, message: { action, payload } }: Exchange, start: Exchange): boolean {
  const isRemoteStart = action === 'RemoteStartTransaction' || action === 'RequestStartTransaction';
  return isRemoteStart && atMs <= start.atMs && tokenIn(payload) === tokenIn(start.message.payload);
}

function tokenIn(payload: Readonly<Record<string, unknown>>): unknown {
  return payload['idTag'] ?? record(payload['idToken'])['idToken'];
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
