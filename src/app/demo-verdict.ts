/**
 * What the demo may claim: every checker over the ledgers of both sides, and the journal.
 */
import {
  checkAnswers,
  checkDelivered,
  checkDiscarded,
  checkDuplicates,
  checkHeard,
  checkIdentity,
  checkLinks,
  checkOneOutstanding,
  checkOrder,
  guaranteedCalls,
  violation,
  type Evidence,
  type Violation,
} from '../testkit/checkers.ts';
import { checkForeignIds } from '../testkit/id-checkers.ts';
import { billedSessions, checkEnergy, energyWh } from '../testkit/energy-checkers.ts';
import { checkAccounts, checkDurable } from '../testkit/journal-checkers.ts';
import { exchangesOf, textsOf, type Ledger } from '../testkit/ledger.ts';
import { checkLinksKept, checkStatuses } from '../testkit/move-checkers.ts';
import { checkUnaffected, checkWhole } from '../testkit/observer-checkers.ts';
import { checkKnownWhole, checkOwners } from '../testkit/transaction-checkers.ts';
import {
  accountsOf,
  answersToKept,
  checkMoves,
  checkSent,
  type Move,
  type MoveAccount,
} from './demo-moves.ts';
import { accountOf, type Outage, type OutageAccount } from './demo-outage.ts';
import { ledgersByBackend, ledgersOf, observerName, type DemoWorld } from './demo-world.ts';

export interface Verdict {
  /** What became of stations and sessions while the backends were away, as a table. */
  readonly outage: readonly string[];
  /** What became of transactions when their stations were moved, as a table. */
  readonly moves: readonly string[];
  readonly lines: readonly string[];
  readonly violations: readonly Violation[];
}

export async function verifyDemo(world: DemoWorld, moves: readonly Move[]): Promise<Verdict> {
  const stations = ledgersOf(world.stations);
  const primaries = ledgersByBackend(world);
  const observers = new Map([[observerName, world.observer.ledgers]]);
  // A copy proves nothing of delivery, and what an observer says must reach no station.
  const answering: Evidence = { stations, backends: primaries };
  const heard: Evidence = { stations, backends: observers };
  const evidence: Evidence = { stations, backends: new Map([...primaries, ...observers]) };
  const { outage } = world;
  if (outage === null) throw new Error('the backends were never away');
  const covered = accountFor(world, 'old', outage, moves[0]?.beganAtMs);
  const uncovered = accountFor(world, 'new', outage);
  const accounts = accountsOf(moves, stations, primaries);
  const toKept = answersToKept(moves, stations, primaries);
  const isOwn = (text: string): boolean => covered.ownAnswers.has(text) || toKept.has(text);
  const journal = await world.journalEntries();
  const checks: readonly Claim[] = [
    [
      'every call was answered once, or its link was closed',
      checkAnswers(answering, { answerWithinMs: 20_000, endMs: performance.now() }),
    ],
    [
      'every transaction message reached a backend, and none was thrown away',
      [...checkDelivered(answering), ...checkDiscarded(answering)],
    ],
    [
      'those of each transaction arrived in the order they were sent',
      // What is of no transaction does not wait behind what is held.
      checkOrder(evidence, { perTransaction: true }),
    ],
    [
      `every session that began and ended without its backend reached it whole, in order, once: ${covered.whole} of ${covered.sessions}`,
      [...covered.violations, ...checkStoodIn(covered)],
    ],
    [
      'every byte but the ids is as it was sent, both ways, and an answer of Busbar’s own only where a backend was away or a command not let through',
      // Busbar answers the commands of those itself that do not decide.
      [...checkIdentity(answering, { isOwnError: isOwn }), ...checkHeard(heard, { isOwnError: () => true })],
    ],
    [
      'one call was outstanding at a time, on every link, both ways',
      checkOneOutstanding(evidence, { callTimeoutMs: 20_000 }),
    ],
    ['no answer went to another link than the one that asked', checkLinks(evidence)],
    [
      'a repeated message was the same bytes, and only where its link had been lost',
      [
        // What had left for a backend that was cut off leaves once more.
        ...checkDuplicates(answering, { kills: 1 }),
        ...checkDuplicates(heard, { kills: mostLinks(world.observer.ledgers) }),
      ],
    ],
    ['each backend was told of transactions in its own numbers only', checkForeignIds(evidence)],
    [
      `"${observerName}" got every transaction that began after it was attached, whole, and of no other a part`,
      checkWhole(heard, { attachedAtMs: world.attachedAtMs }),
    ],
    [
      `no station and no primary got a frame because of it: ${commandCount(world.observer.ledgers)} commands of "${observerName}" ended at Busbar`,
      checkUnaffected(answering).filter((one) => !isOfHeld(one, covered)),
    ],
    ...claimsOfMoves(answering, moves, accounts),
    ['every answered call is in the journal', checkDurable(evidence, journal, { calls: 'all' })],
    [
      'what came in is what went out and what was dropped for a stated reason',
      checkAccounts(evidence, journal, { covers: true }),
    ],
  ];
  const sent = [...stations.values()].reduce((sum, ledger) => sum + textsOf(ledger, 'sent').length, 0);
  let received = 0;
  for (const ledgers of evidence.backends.values()) {
    for (const ledger of ledgers.values()) received += textsOf(ledger, 'received').length;
  }
  const guaranteed = [...stations.values()].reduce((sum, ledger) => sum + guaranteedCalls(ledger).length, 0);
  return {
    outage: outageTable([
      ['old (cover)', covered],
      ['new (disconnect)', uncovered],
    ]),
    moves: movesTable(accounts),
    lines: [
      `${sent} frames sent by stations, ${received} received by backends, ${guaranteed} of them transaction messages; ${journal.length} records in the journal`,
      ...checks.map(
        ([claim, found]) =>
          `${found.length === 0 ? 'ok  ' : 'NOT '} ${claim}${found.length === 0 ? '' : ` (${found.length})`}`,
      ),
    ],
    violations: checks.flatMap(([, found]) => found),
  };
}

type Claim = readonly [claim: string, found: readonly Violation[]];

function claimsOfMoves(
  answering: Evidence,
  moves: readonly Move[],
  accounts: readonly (readonly [Move, MoveAccount])[],
): Claim[] {
  const sum = (count: (account: MoveAccount) => number): number =>
    accounts.reduce((total, [, account]) => total + count(account), 0);
  const sessions = billedSessions(answering);
  const kWh = sessions.reduce((total, session) => total + energyWh(session), 0) / 1_000;
  return [
    [
      `no station lost its link by being moved: ${sum(({ stations }) => stations)} moves, there and back`,
      checkLinksKept(answering, moves),
    ],
    [
      'no station was sent anything because of it: each command it got is its primary’s, or of a transaction’s owner',
      checkSent(moves, answering.stations, answering.backends),
    ],
    [
      `open transactions stayed where they began: ${sum(({ kept }) => kept)} of ${sum(({ open }) => open)}; new ones began where their station was, or with who had asked for them: ${sum(({ begunThere }) => begunThere)} of ${sum(({ begun }) => begun)}`,
      checkMoves(accounts),
    ],
    [
      'each transaction was told to one of "old" and "new", never to both',
      checkOwners(answering, { kills: 0 }),
    ],
    ['each is known whole to the one that was told of it', checkKnownWhole(answering)],
    [
      `what "old" and "new" bill is what the meters moved, without gap, overlap or double: ${sessions.length} sessions, ${kWh.toFixed(1)} kWh`,
      checkEnergy(answering),
    ],
    [
      'each of them takes every connector for what its station said last, as far as it was kept told',
      checkStatuses(answering),
    ],
  ];
}

function accountFor(world: DemoWorld, backend: string, outage: Outage, untilMs?: number): OutageAccount {
  const ledgers = world.backends.get(backend)?.ledgers ?? new Map<string, Ledger>();
  return accountOf(ledgersOf(world.stationsOf(backend)), ledgers, outage, untilMs);
}

/** What the demo is to show has happened at all. */
function checkStoodIn({ stations, connected, held, sessions }: OutageAccount): Violation[] {
  const missing = [
    connected < stations ? `${stations - connected} stations were not kept connected` : null,
    held === 0 ? 'nothing was held' : null,
    sessions === 0 ? 'no session began and ended while the backend was away' : null,
  ];
  return missing.flatMap((message) => (message === null ? [] : [violation('held', '', message, [])]));
}

/** The number of a start that Busbar answered is its own. */
function isOfHeld({ station, texts }: Violation, { heldContents }: OutageAccount): boolean {
  const content = texts[0]?.replace(/^\d+ for /, '');
  return heldContents.has(`${station} ${content}`);
}

function outageTable(
  columns: readonly (readonly [title: string, account: OutageAccount])[],
): readonly string[] {
  const rows: readonly (readonly [what: string, cell: (account: OutageAccount) => string])[] = [
    ['stations that stayed connected', ({ connected, stations }) => `${connected} of ${stations}`],
    ['calls answered meanwhile', ({ answered }) => `${answered}`],
    ['drivers accepted, turned away', ({ accepted, refused }) => `${accepted}, ${refused}`],
    ['messages held by Busbar', ({ held }) => `${held}`],
    ['of them delivered since, once each', ({ delivered }) => `${delivered}`],
    ['sessions begun and ended meanwhile', ({ sessions }) => `${sessions}`],
    ['of them at the backend, whole, in order', ({ whole }) => `${whole}`],
  ];
  return table([
    ['backend', ...columns.map(([title]) => title)],
    ...rows.map(([what, cell]) => [what].concat(columns.map(([, account]) => cell(account)))),
  ]);
}

function movesTable(accounts: readonly (readonly [Move, MoveAccount])[]): readonly string[] {
  const why = { plan: '', gate: ', by its gate', operator: ', by an operator' } as const;
  return table([
    ['wave', 'stations', 'links lost', 'open, kept', 'begun, there'],
    ...accounts.map(([{ wave, to, by }, { stations, linksLost, open, kept, begun, begunThere }]) => [
      `${wave} to ${to}${why[by]}`,
      `${stations}`,
      `${linksLost}`,
      `${open}, ${kept}`,
      `${begun}, ${begunThere}`,
    ]),
  ]);
}

function table(lines: readonly (readonly string[])[]): readonly string[] {
  const width = Math.max(...lines.map(([what = '']) => what.length));
  return lines.map(([what = '', ...cells]) =>
    [what.padEnd(width), ...cells.map((cell) => cell.padStart(16))].join('  '),
  );
}

/** A copy is sent again, as the same bytes, when its link was lost before the answer. */
function mostLinks(ledgers: ReadonlyMap<string, Ledger>): number {
  return Math.max(0, ...[...ledgers.values()].map(({ links }) => links));
}

function commandCount(ledgers: ReadonlyMap<string, Ledger>): number {
  return [...ledgers.values()].reduce((sum, ledger) => sum + exchangesOf(ledger, 'sent').exchanges.length, 0);
}
