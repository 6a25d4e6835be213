import { expect, test } from 'vitest';
import { createBesideAsker } from '../../src/adapters/sqlite/beside-asker.ts';

test('closing ends in time where the disk hangs', { timeout: 30_000 }, async () => {
  const asker = createBesideAsker<{ type: 'x' }, { type: 'x' }>(
    new URL('./hanging-thread.ts', import.meta.url),
    null,
    'it',
  );
  const asked = asker.ask({ type: 'x' });
  await new Promise((resolve) => setTimeout(resolve, 500));
  const from = performance.now();
  await asker.close();
  expect(performance.now() - from).toBeLessThan(7_000);
  expect((await asked).ok).toBe(false);
});
