/** Billing that is at risk is on record, once when it begins and once when it is over. */
import { describe, expect, test } from 'vitest';
import { Hands, stationId, stop } from '../testkit/data-plane-bench.ts';
import type { BillingRisk } from '../core/hold/billing-risk.ts';
import { freshDelivery } from '../core/hold/fresh-delivery.ts';
import type { HeldEntry } from '../core/hold/held-lane.ts';
import type { Delivery } from '../core/hold/held-message.ts';

const minuteMs = 60_000;
const startMs = 1_700_000_000_000 + 1_000;

function held(
  number: number,
  ageMs: number,
  given: Partial<HeldEntry['message']> = {},
  delivery: Delivery = freshDelivery,
): HeldEntry {
  return {
    message: {
      number,
      backend: 'old',
      key: `k${number}`,
      version: 'ocpp1.6',
      action: 'StopTransaction',
      transaction: `t${number}`,
      hasLeft: false,
      answer: '{}',
      isWorded: true,
      text: stop(String(number)),
      since: startMs - ageMs,
      ...given,
    },
    delivery,
  };
}

const parked: Delivery = { state: 'parked', attempts: 5, retryAt: 0, lastError: 'InternalError' };
const onRecord = (hands: Hands) => hands.journal.records.filter(({ type }) => type === 'billing');
const drop = (hands: Hands, number: number) =>
  void hands.gateway.deliveries.decide({ station: stationId, number }, 'drop');

describe('what is held', () => {
  test('is no risk while it is young and not parked, or of no transaction', () => {
    const hands = new Hands({}, [held(1, 90 * minuteMs, { transaction: null }), held(2, 59 * minuteMs)]);
    hands.pass(0);
    hands.pass(50_000);
    expect(onRecord(hands)).toEqual([]);
    expect(hands.gateway.registry.backends()[0]?.billingAtRisk).toBeNull();
  });

  test('puts billing at risk at an hour, and it is over once none is near to it', () => {
    const ages = [61, 59, 29].map((minutes, at) => held(at + 1, minutes * minuteMs));
    const hands = new Hands({}, ages);
    hands.pass(0);
    const began = { type: 'billing', at: startMs, backend: 'old', since: startMs, stations: 1 };
    const oldest = startMs - 61 * minuteMs;
    expect(onRecord(hands)).toEqual([{ ...began, change: 'at_risk', messages: 1, oldest }]);
    expect(hands.gateway.registry.backends()[0]?.billingAtRisk).toEqual({
      since: new Date(startMs).toISOString(),
      stations: 1,
      messages: 1,
      oldest: new Date(oldest).toISOString(),
    });
    // Two at once, then the one that comes of age next: all of it is one time at risk.
    hands.pass(minuteMs + 1);
    drop(hands, 1);
    drop(hands, 2);
    hands.pass(10_000);
    drop(hands, 3);
    expect(onRecord(hands)).toHaveLength(1);
    hands.pass(10_000);
    const at = startMs + minuteMs + 20_001;
    expect(onRecord(hands).slice(1)).toEqual([{ ...began, at, change: 'over', messages: 2, oldest }]);
    hands.pass(10_000);
    expect(onRecord(hands)).toHaveLength(2);
    expect(hands.gateway.registry.backends()[0]?.billingAtRisk).toBeNull();
  });

  test('keeps billing at risk while some of it is older than half an hour', () => {
    const hands = new Hands({}, [held(1, 61 * minuteMs), held(2, 31 * minuteMs)]);
    hands.pass(0);
    drop(hands, 1);
    hands.pass(10_000);
    expect(onRecord(hands)).toHaveLength(1);
    drop(hands, 2);
    hands.pass(10_000);
    expect(onRecord(hands)).toMatchObject([{ change: 'at_risk' }, { change: 'over' }]);
  });

  test('puts billing at risk at once where it is parked', () => {
    const hands = new Hands({}, [held(1, 1_000, {}, parked)]);
    hands.pass(0);
    expect(onRecord(hands)).toMatchObject([{ change: 'at_risk', messages: 1, oldest: startMs - 1_000 }]);
    drop(hands, 1);
    hands.pass(10_000);
    expect(onRecord(hands)).toMatchObject([{ change: 'at_risk' }, { change: 'over' }]);
  });

  test('is judged for each backend by itself, also for one that is not configured', () => {
    const hands = new Hands({}, [held(1, 61 * minuteMs), held(2, 62 * minuteMs, { backend: 'gone' })]);
    hands.pass(0);
    expect(onRecord(hands)).toMatchObject([
      { backend: 'old', change: 'at_risk' },
      { backend: 'gone', change: 'at_risk' },
    ]);
  });
});

describe('what the last process put on record', () => {
  const risk: BillingRisk = { since: 7, stations: 3, messages: 9, oldest: 5 };
  const risks = new Map([['old', risk]]);

  test('is not said again', () => {
    const hands = new Hands({}, [held(1, 61 * minuteMs)], risks);
    hands.pass(0);
    expect(onRecord(hands)).toEqual([]);
    expect(hands.gateway.registry.backends()[0]?.billingAtRisk).toMatchObject({ messages: 9 });
  });

  test('is over where nothing is held any more', () => {
    const hands = new Hands({}, [], risks);
    hands.pass(0);
    expect(onRecord(hands)).toEqual([
      { type: 'billing', at: startMs, backend: 'old', change: 'over', ...risk },
    ]);
  });
});

test('nothing is said while the journal cannot be written, and all of it once it can', () => {
  const hands = new Hands({}, [held(1, 61 * minuteMs)]);
  hands.journal.turn(false);
  hands.pass(0);
  expect([onRecord(hands), hands.gateway.registry.backends()[0]?.billingAtRisk]).toEqual([[], null]);
  hands.journal.turn(true);
  hands.pass(10_000);
  expect(onRecord(hands)).toMatchObject([{ change: 'at_risk' }]);
});
