/** When billing is at risk, and when that is over. */
import { expect, test } from 'vitest';
import { judgeBilling, type BillingRisk } from './billing-risk.ts';

const risk: BillingRisk = { since: 50, stations: 2, messages: 9, oldest: 20 };
const asked = (): never => {
  throw new Error('asked in vain');
};

test('billing comes to be at risk with the first message, and that is news once', () => {
  const now = { stations: 1, messages: 1, oldest: 7 };
  const first = judgeBilling(null, now, asked, 100);
  expect(first).toEqual({ risk: { since: 100, ...now }, change: 'at_risk' });
  expect(judgeBilling(first.risk, now, asked, 200)).toEqual({ risk: first.risk, change: null });
  expect(judgeBilling(null, null, asked, 100)).toEqual({ risk: null, change: null });
});

test('while it lasts the most at once is kept, and the oldest', () => {
  expect(judgeBilling(risk, { stations: 3, messages: 4, oldest: 30 }, asked, 100).risk).toEqual({
    since: 50,
    stations: 3,
    messages: 9,
    oldest: 20,
  });
});

test('it is over only once nothing comes near to being at risk', () => {
  expect(judgeBilling(risk, null, () => false, 100)).toEqual({ risk, change: null });
  expect(judgeBilling(risk, null, () => true, 100)).toEqual({ risk: null, change: 'over' });
});
