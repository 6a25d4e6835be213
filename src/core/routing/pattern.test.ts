import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesPattern } from './pattern.ts';

test('a star stands for any run of characters, also none', () => {
  const matches = [
    ['*', ''],
    ['*', 'CP-1'],
    ['CP-*', 'CP-'],
    ['DE*BER*', 'DE-X-BER-7'],
    ['DE*BER*', 'DEBER'],
    ['*1', 'CP-11'],
    ['**', 'a'],
    ['a*b*c', 'axbxbxc'],
  ] as const;
  for (const [pattern, text] of matches)
    expect(matchesPattern(pattern, text), `${pattern} ${text}`).toBe(true);
});

test('everything else stands for itself, case too', () => {
  const misses = [
    ['', 'a'],
    ['CP-1', 'CP-11'],
    ['CP-1', 'cp-1'],
    ['CP.1', 'CPx1'],
    ['DE*BER', 'DE-BER-1'],
    ['a*b', 'a'],
    ['[a-z]', 'a'],
    ['?', 'a'],
  ] as const;
  for (const [pattern, text] of misses)
    expect(matchesPattern(pattern, text), `${pattern} ${text}`).toBe(false);
});

test('it agrees with the regular expression it stands for', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 12 });
  fc.assert(
    fc.property(letters, letters, (pattern, text) => {
      expect(matchesPattern(pattern, text)).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text));
    }),
    { numRuns: 2_000 },
  );
});

test('a hostile pattern costs its length times that of the text, not more', () => {
  const startedMs = performance.now();
  expect(matchesPattern(`${'*a'.repeat(500)}b`, 'a'.repeat(5_000))).toBe(false);
  expect(performance.now() - startedMs).toBeLessThan(1_000);
});
