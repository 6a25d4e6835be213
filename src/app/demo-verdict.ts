/**
 * What the demo may claim: every checker over the ledgers of both sides, and the journal.
 */
import {
  checkAnswers,
  checkDelivered,
  checkDiscarded,
  checkDuplicates,
  checkIdentity,
  checkLinks,
  checkOneOutstanding,
  checkOrder,
  guaranteedCalls,
  type Evidence,
  type Violation,
} from '../testkit/checkers.ts';
import { checkAccounts, checkDurable } from '../testkit/journal-checkers.ts';
import { textsOf } from '../testkit/ledger.ts';
import { stationLedgers, type DemoWorld } from './demo-world.ts';

export interface Verdict {
  readonly lines: readonly string[];
  readonly violations: readonly Violation[];
}

export async function verifyDemo(world: DemoWorld): Promise<Verdict> {
  const stations = stationLedgers(world);
  const backends = new Map([...world.backends].map(([name, backend]) => [name, backend.ledgers]));
  const evidence: Evidence = { stations, backends };
  const journal = await world.journalEntries();
  const checks: readonly (readonly [claim: string, found: readonly Violation[]])[] = [
    [
      'every call was answered once, or its link was closed',
      checkAnswers(evidence, { answerWithinMs: 20_000, endMs: performance.now() }),
    ],
    [
      'every transaction message reached a backend, and none was thrown away',
      [...checkDelivered(evidence), ...checkDiscarded(evidence)],
    ],
    ['each arrived in the order it was sent', checkOrder(evidence)],
    ['every byte but the message ids is as it was sent, both ways', checkIdentity(evidence)],
    [
      'one call was outstanding at a time, on every link, both ways',
      checkOneOutstanding(evidence, { callTimeoutMs: 20_000 }),
    ],
    ['no answer went to another link than the one that asked', checkLinks(evidence)],
    [
      'a repeated message was the same bytes, and only where its link had been lost',
      checkDuplicates(evidence, { kills: 0 }),
    ],
    ['every answered call is in the journal', checkDurable(evidence, journal, { calls: 'all' })],
    [
      'what came in is what went out and what was dropped for a stated reason',
      checkAccounts(evidence, journal),
    ],
  ];
  const sent = [...stations.values()].reduce((sum, ledger) => sum + textsOf(ledger, 'sent').length, 0);
  let received = 0;
  for (const ledgers of backends.values()) {
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
