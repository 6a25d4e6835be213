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
  type Evidence,
  type Violation,
} from '../testkit/checkers.ts';
import { checkForeignIds } from '../testkit/id-checkers.ts';
import { checkAccounts, checkDurable } from '../testkit/journal-checkers.ts';
import { exchangesOf, textsOf, type Ledger } from '../testkit/ledger.ts';
import { checkUnaffected, checkWhole } from '../testkit/observer-checkers.ts';
import { observerName, stationLedgers, type DemoWorld } from './demo-world.ts';

export interface Verdict {
  readonly lines: readonly string[];
  readonly violations: readonly Violation[];
}

export async function verifyDemo(world: DemoWorld): Promise<Verdict> {
  const stations = stationLedgers(world);
  const primaries = new Map([...world.backends].map(([name, backend]) => [name, backend.ledgers]));
  const observers = new Map([[observerName, world.observer.ledgers]]);
  // A copy proves nothing of delivery, and what an observer says must reach no station.
  const answering: Evidence = { stations, backends: primaries };
  const heard: Evidence = { stations, backends: observers };
  const evidence: Evidence = { stations, backends: new Map([...primaries, ...observers]) };
  const journal = await world.journalEntries();
  const checks: readonly (readonly [claim: string, found: readonly Violation[]])[] = [
    [
      'every call was answered once, or its link was closed',
      checkAnswers(answering, { answerWithinMs: 20_000, endMs: performance.now() }),
    ],
    [
      'every transaction message reached a backend, and none was thrown away',
      [...checkDelivered(answering), ...checkDiscarded(answering)],
    ],
    ['each arrived in the order it was sent', checkOrder(evidence)],
    [
      'every byte but the ids is as it was sent, both ways',
      // Busbar answers the observer's commands itself.
      [...checkIdentity(answering), ...checkHeard(heard, { isOwnError: () => true })],
    ],
    [
      'one call was outstanding at a time, on every link, both ways',
      checkOneOutstanding(evidence, { callTimeoutMs: 20_000 }),
    ],
    ['no answer went to another link than the one that asked', checkLinks(evidence)],
    [
      'a repeated message was the same bytes, and only where its link had been lost',
      [
        ...checkDuplicates(answering, { kills: 0 }),
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
      checkUnaffected(answering),
    ],
    ['every answered call is in the journal', checkDurable(evidence, journal, { calls: 'all' })],
    [
      'what came in is what went out and what was dropped for a stated reason',
      checkAccounts(evidence, journal),
    ],
  ];
  const sent = [...stations.values()].reduce((sum, ledger) => sum + textsOf(ledger, 'sent').length, 0);
  let received = 0;
  for (const ledgers of evidence.backends.values()) {
    for (const ledger of ledgers.values()) received += textsOf(ledger, 'received').length;
  }
  const guaranteed = [...stations.values()].reduce((sum, ledger) => sum + guaranteedCalls(ledger).length, 0);
  return {
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

/** A copy is sent again, as the same bytes, when its link was lost before the answer. */
function mostLinks(ledgers: ReadonlyMap<string, Ledger>): number {
  return Math.max(0, ...[...ledgers.values()].map(({ links }) => links));
}

function commandCount(ledgers: ReadonlyMap<string, Ledger>): number {
  return [...ledgers.values()].reduce((sum, ledger) => sum + exchangesOf(ledger, 'sent').exchanges.length, 0);
}
