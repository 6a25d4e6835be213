import { expect, test } from 'vitest';
import { forgetOldest } from './forget-oldest.ts';

test('what was put in first goes, however much has come, gone and come again meanwhile', () => {
  const kept = new Set(Array.from({ length: 3_000 }, (_, at) => at));
  expect([forgetOldest(kept), forgetOldest(kept)]).toEqual([0, 1]);
  kept.delete(2);
  kept.delete(3);
  kept.add(3);
  expect(forgetOldest(kept)).toBe(4);
  for (let at = 5; at < 2_999; at += 1) expect(forgetOldest(kept)).toBe(at);
  expect([forgetOldest(kept), forgetOldest(kept), forgetOldest(kept)]).toEqual([2_999, 3, undefined]);
  for (let at = 0; at < 2_000; at += 1) kept.add(at);
  expect([forgetOldest(kept), forgetOldest(kept)]).toEqual([0, 1]);
});
