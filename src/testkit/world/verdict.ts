/**
 * Whether a run held what the gateway promises: every checker, on everything that was seen.
 *
 * Pure.
 */
import {
  checkAnswers,
  checkBounds,
  checkDelivered,
  checkDuplicates,
  checkHeard,
  checkIdentity,
  checkLinks,
  checkOneOutstanding,
  checkOrder,
  checkSecrets,
  checkVersions,
  type Bound,
  type Evidence,
  type Violation,
} from '../checkers.ts';
import { checkHandedWhole } from '../handover-checkers.ts';
import { checkForeignIds } from '../id-checkers.ts';
import type { Ledger } from '../ledger.ts';
import { checkStarters } from '../start-checkers.ts';
import { stationSecret } from '../life-spelling.ts';
import { readMessage } from '../read-once.ts';
import { checkOwners, checkRepeats, checkSequences } from '../transaction-checkers.ts';
import { checkAskers, checkParts } from '../report-checkers.ts';
import { commitWithinMs, grantedCommands, mayCover, type Plan } from './plan.ts';

export interface Case {
  readonly evidence: Evidence;
  readonly plan: Plan;
  readonly kills: number;
  /** Errors that the gateway wrote itself. */
  readonly ownErrors: ReadonlySet<string>;
  readonly endMs: number;
  readonly bounds: readonly Bound[];
  /** What the gateway holds at the end and says it cannot deliver: contents. */
  readonly parked: ReadonlySet<string>;
  /** What the gateway is not to tell any more (let-go.ts): contents. */
  readonly letGo: ReadonlySet<string>;
  /** Message ids with which transactions begin that were handed over. */
  readonly handed: ReadonlySet<string>;
}

/** Everything that did not hold; empty when all did. */
export function judge({
  evidence,
  plan,
  kills,
  ownErrors,
  endMs,
  bounds,
  parked,
  letGo,
  handed,
}: Case): Violation[] {
  const latencyMs = plan.latencyMs[1];
  const ears = new Set(plan.listeners.map(({ options }) => options.name));
  // A copy proves nothing of delivery, and what listeners say must reach no station.
  const answering = only(evidence, (backend) => !ears.has(backend));
  const listening = only(evidence, (backend) => ears.has(backend));
  const alone = (backend: string): Evidence => only(evidence, (name) => name === backend);
  const isOwnError = (text: string): boolean => ownErrors.has(text);
  return [
    ...checkDelivered(answering, parked),
    // In time is the monitor's to say: the ledgers do not know whether a call reached the gateway.
    ...checkAnswers(answering, { answerWithinMs: Infinity, endMs }),
    ...checkIdentity(withAsked(answering, evidence, plan), { isOwnError }),
    ...[...ears].flatMap((ear) => checkHeard(alone(ear), { isOwnError })),
    ...checkOneOutstanding(evidence, {
      callTimeoutMs: plan.callTimeoutMs - 2 * latencyMs - commitWithinMs(plan),
    }),
    ...checkLinks(evidence),
    // What is handed over comes when it is handed over.
    ...checkOrder(answering, { perTransaction: mayCover(plan) || handed.size > 0 }),
    // A copy that was not answered holds up its own transaction.
    ...checkOrder(listening, { perTransaction: true }),
    ...checkForeignIds(evidence),
    ...checkVersions(evidence),
    ...checkAskers(evidence),
    ...checkStarters(answering, handed),
    ...checkParts(answering, new Set([...parked, ...letGo])),
    ...checkSecrets(evidence, stationSecret),
    ...checkSequences(evidence),
    ...checkOwners(answering, { kills, handed }),
    ...checkHandedWhole(answering, parked),
    ...checkRepeats(evidence, {
      kills,
      callTimeoutMs: plan.callTimeoutMs - 2 * latencyMs,
    }),
    // What Busbar answered is sent until the backend has taken it, as the same bytes; that it is not sent after that is for the rule of repeats to say.
    // Of what was handed over, each of its owners is told.
    ...(handed.size > 0 ? [...answering.backends.keys()].map(alone) : [answering]).flatMap((told) =>
      checkDuplicates(told, { kills: mayCover(plan) || handed.size > 0 ? Infinity : kills }),
    ),
    ...[...ears].flatMap((ear) => checkDuplicates(alone(ear), { kills: Infinity })),
    ...checkBounds(bounds),
  ];
}

/** What a listener may ask of the station reaches it, and nothing else that a listener says. */
function withAsked(answering: Evidence, { backends }: Evidence, { listeners }: Plan): Evidence {
  const asked = listeners.flatMap(({ mayAsk, options: { name } }) => {
    const ledgers = mayAsk ? backends.get(name) : undefined;
    return ledgers === undefined
      ? []
      : [[name, new Map([...ledgers].map(([station, ledger]) => [station, commandsOf(ledger)]))] as const];
  });
  return { ...answering, backends: new Map([...answering.backends, ...asked]) };
}

function commandsOf(ledger: Ledger): Ledger {
  const entries = ledger.entries.filter((entry) => {
    const message = entry.type === 'sent' ? readMessage(entry.text) : null;
    return message?.type === 2 && grantedCommands.has(message.action);
  });
  return { ...ledger, entries };
}

function only(evidence: Evidence, claims: (backend: string) => boolean): Evidence {
  return { ...evidence, backends: new Map([...evidence.backends].filter(([name]) => claims(name))) };
}
