import { expect, test } from 'vitest';
import type { Order, OrderOutcome } from '../core/migration/events.ts';
import { planWith } from '../testkit/driven-migration.ts';
import type { StationId } from '../protocol/station-id.ts';
import { createOrderDesk, type OrderDesk } from './migration-orders.ts';

const order: Order = { do: 'cut_over', station: 'CP-1' as StationId, isAgain: false };

function deskThatDecides(): OrderDesk {
  const made = { kind: 'done', isChanged: true, before: null, after: null } as const;
  return createOrderDesk({
    registry: { station: () => null },
    assignments: { decide: () => Promise.resolve(made) },
    commander: { command: () => Promise.reject(new Error('nothing is sent')) },
    clock: { wallMs: () => 0 },
  });
}

function take(desk: OrderDesk, isWanted: boolean): OrderOutcome[] {
  const outcomes: OrderOutcome[] = [];
  desk.take({
    order,
    plan: planWith({}),
    isWanted: () => isWanted,
    settle: (outcome) => outcomes.push(outcome),
  });
  return outcomes;
}

test('who wants to know is told once of each order, also of one that is let go', async () => {
  const desk = deskThatDecides();
  const carriedOut = take(desk, true);
  const unwanted = take(desk, false);
  await desk.close();
  const late = take(desk, true);
  expect(carriedOut).toEqual([{ kind: 'done', isChanged: true, primary: null }]);
  expect(unwanted).toEqual([{ kind: 'let_go' }]);
  expect(late).toEqual([{ kind: 'let_go' }]);
});
