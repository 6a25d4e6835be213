import { expect, test } from 'vitest';
import { FailureBuckets } from './failure-buckets.ts';

test('as many failures as may come in a minute are free, the next try waits for one to be forgotten', () => {
  const buckets = new FailureBuckets(10);
  for (let failure = 0; failure < 6; failure += 1) {
    expect(buckets.waitMs('a', 6, 0)).toBe(0);
    buckets.add('a', 6, 0);
  }
  expect(buckets.waitMs('a', 6, 0)).toBe(10_000);
  expect(buckets.waitMs('a', 6, 4_000)).toBeCloseTo(6_000);
  expect(buckets.waitMs('a', 6, 10_000)).toBe(0);
  expect(buckets.waitMs('b', 6, 0)).toBe(0);
});

test('a minute later everything is forgotten', () => {
  const buckets = new FailureBuckets(10);
  for (let failure = 0; failure < 6; failure += 1) buckets.add('a', 6, 0);
  for (let failure = 0; failure < 5; failure += 1) buckets.add('a', 6, 60_000);
  expect(buckets.waitMs('a', 6, 60_000)).toBe(0);
});

test('memory is bounded: the key used longest ago goes', () => {
  const buckets = new FailureBuckets(2);
  buckets.add('a', 1, 0);
  buckets.add('b', 1, 0);
  buckets.add('a', 1, 0);
  buckets.add('c', 1, 0);
  expect(buckets.size).toBe(2);
  expect(buckets.waitMs('b', 1, 0)).toBe(0);
  expect(buckets.waitMs('a', 1, 0)).toBeGreaterThan(0);
  expect(buckets.waitMs('c', 1, 0)).toBeGreaterThan(0);
});
