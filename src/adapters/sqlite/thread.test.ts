import { expect, test } from 'vitest';
import { closing, startThread } from './thread.ts';

test('whoever closes waits until it has ended, and no longer than the bound where it does not', async () => {
  const ending = Promise.withResolvers<null>();
  const order: string[] = [];
  const waits = closing(ending.promise, 60_000).then(() => order.push('closed'));
  order.push('asked');
  ending.resolve(null);
  await waits;
  expect(order).toEqual(['asked', 'closed']);
  await closing(Promise.withResolvers<null>().promise, 5);
});

test('one that the system does not start has ended, and says why', async () => {
  const thread = startThread(new URL('./reader-thread.ts', import.meta.url), {
    file: () => 'cannot be sent',
  });
  const ended = Promise.withResolvers<string>();
  thread.onEnd(ended.resolve);
  thread.send({});
  expect(await ended.promise).toMatch('could not be cloned');
  await thread.ended;
});
