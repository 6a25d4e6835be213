/**
 * Carries out what migrations order, some at a time.
 *
 * Not pure. Decisions about placements settle within a commit or two; commands take as long as a station does, and have lanes of their own. What is not wanted any more by the time
 * its turn comes is let go: a pause takes effect at once.
 */
import { rulesOf } from '../core/commands/placed-objects.ts';
import type { Order, OrderOutcome } from '../core/migration/events.ts';
import type { MigrationPlan } from '../core/migration/plan.ts';
import type { AssignmentDecision, AssignmentMade, Assignments } from '../ports/assignments.ts';
import type { Clock } from '../ports/clock.ts';
import type { Registry, StationSnapshot } from '../ports/registry.ts';
import type { StationCommander } from '../ports/station-commander.ts';
import { commandOf, outcomeOf } from './migration-effects.ts';
import { placedCommand, placedOutcome } from './migration-placed.ts';

/** At a time, of all migrations. What is beyond waits. */
const decisionsMax = 64;
const commandsMax = 64;

export interface OrderPorts {
  readonly registry: Pick<Registry, 'station'>;
  readonly assignments: Assignments;
  readonly commander: StationCommander;
  readonly clock: Pick<Clock, 'wallMs'>;
}

/** An order, and who wants to know what came of it: told once, also of one that was let go. */
export interface Errand {
  readonly order: Order;
  readonly plan: MigrationPlan;
  readonly isWanted: () => boolean;
  readonly settle: (outcome: OrderOutcome) => void;
}

export interface OrderDesk {
  take(errand: Errand): void;
  /** Nothing is begun any more; resolves once what was begun is settled. */
  close(): Promise<void>;
}

export function createOrderDesk(ports: OrderPorts): OrderDesk {
  const decisions = createLane(decisionsMax, (errand) => decideOn(ports, errand));
  const commands = createLane(commandsMax, (errand) => sendTo(ports, errand));
  return {
    take: (errand) => (errand.order.do === 'effect' ? commands : decisions).take(errand),
    close: async () => {
      await Promise.all([decisions.close(), commands.close()]);
    },
  };
}

type Lane = OrderDesk;

function createLane(atATimeMax: number, carryOut: (errand: Errand) => Promise<OrderOutcome>): Lane {
  let waiting: Errand[] = [];
  let head = 0;
  let isOpen = true;
  const under = new Set<Promise<void>>();

  const run = async (): Promise<void> => {
    for (;;) {
      const errand = waiting[head];
      if (errand === undefined) return;
      head += 1;
      if (head * 2 > waiting.length) {
        waiting = waiting.slice(head);
        head = 0;
      }
      const isBegun = isOpen && errand.isWanted();
      errand.settle(isBegun ? await carryOut(errand) : { kind: 'let_go' });
    }
  };

  return {
    take(errand) {
      waiting.push(errand);
      if (under.size >= atATimeMax) return;
      const running: Promise<void> = run().finally(() => under.delete(running));
      under.add(running);
    },
    async close() {
      isOpen = false;
      await Promise.all(under);
    },
  };
}

async function decideOn(
  { assignments, registry }: OrderPorts,
  { order, plan }: Errand,
): Promise<OrderOutcome> {
  const decision = decisionOf(order, plan);
  const made = await assignments.decide(order.station, decision);
  // Without a placement it is where its route says.
  return outcomeOfDecision(made, made.after?.primary ?? registry.station(order.station)?.primary ?? null);
}

function decisionOf(order: Order, plan: MigrationPlan): AssignmentDecision {
  switch (order.do) {
    case 'attach':
    case 'detach':
      return { do: order.do, backend: plan.to };
    case 'roll_back':
      return { do: 'roll_back' };
    case 'return':
      // The way back is open whatever a firmware update or a reservation says.
      return {
        do: 'cut_over',
        primary: plan.from,
        openTransactions: 'pin',
        keepWarmMs: plan.keepOldWarmMs,
        isForced: true,
      };
    case 'cut_over':
    case 'effect':
      return {
        do: 'cut_over',
        primary: plan.to,
        openTransactions: plan.openTransactions,
        keepWarmMs: plan.keepOldWarmMs,
        isForced: false,
      };
  }
}

function outcomeOfDecision(made: AssignmentMade, primary: string | null): OrderOutcome {
  return made.kind === 'done'
    ? { kind: 'done', isChanged: made.isChanged, primary }
    : { kind: 'refused', reason: made.reason, detail: made.detail, primary };
}

async function sendTo(
  { registry, commander, clock }: OrderPorts,
  { order, plan }: Errand,
): Promise<OrderOutcome> {
  const snapshot = registry.station(order.station);
  if (order.do !== 'effect' || snapshot?.connected !== true || snapshot.version === null)
    return notNow('The station is not connected.');
  const { station, step, isAgain } = order;
  const { version, objects, placing } = snapshot;
  switch (step.do) {
    case 'list_asked':
      return askedOf(snapshot, plan.to);
    case 'list_placed':
    case 'clear_placed':
    case 'place_again': {
      // The old backend's last word may still be on its way: it is the one that is to be found.
      if (step.do === 'list_placed' && placing?.kind === step.kind && placing.backend === plan.from)
        return notNow(`The station has yet to answer a ${rulesOf(step.kind).places} of ${plan.from}.`);
      const facts = { objects, version, from: plan.from, wallMs: clock.wallMs() };
      const command = placedCommand(step, facts);
      if ('outcome' in command) return command.outcome;
      const { isUncertain, ...sent } = command;
      return placedOutcome(step, isAgain || isUncertain, await commander.command({ station, ...sent }));
    }
    default: {
      const command = commandOf(step, version);
      if ('inapplicable' in command) return { kind: 'inapplicable', detail: command.inapplicable };
      return outcomeOf(step, await commander.command({ station, ...command }));
    }
  }
}

function askedOf({ backends }: StationSnapshot, to: string): OrderOutcome {
  const link = backends.find(({ backend }) => backend === to);
  return link === undefined
    ? notNow(`The station has no link to ${to}.`)
    : { kind: 'asked', settings: link.asked };
}

function notNow(detail: string): OrderOutcome {
  return { kind: 'refused', reason: 'not_sent', detail, primary: null };
}
