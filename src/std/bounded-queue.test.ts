import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoundedQueue } from './bounded-queue.ts';

const action = fc.oneof(
  fc.record({ do: fc.constant('push' as const), item: fc.nat(9) }),
  fc.record({ do: fc.constant('shift' as const) }),
  fc.record({ do: fc.constant('takeWhere' as const), item: fc.nat(9) }),
);

test('it behaves like a list with a bound, whatever is done to it', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (actions, itemsMax) => {
      const queue = new BoundedQueue<number>(itemsMax);
      let list: number[] = [];
      for (const next of actions) {
        if (next.do === 'push') {
          const hasRoom = list.length < itemsMax;
          expect(queue.push(next.item)).toBe(hasRoom);
          if (hasRoom) list.push(next.item);
        } else if (next.do === 'shift') expect(queue.shift()).toBe(list.shift());
        else {
          expect(queue.takeWhere((item) => item === next.item)).toEqual(
            list.filter((item) => item === next.item),
          );
          list = list.filter((item) => item !== next.item);
        }
        expect([...queue]).toEqual(list);
        expect([queue.length, queue.isFull, queue.peek()]).toEqual([
          list.length,
          list.length === itemsMax,
          list[0],
        ]);
      }
    }),
  );
});

test('a hundred thousand items come out in order', () => {
  const queue = new BoundedQueue<number>(100_000);
  for (let item = 0; item < 100_000; item += 1) queue.push(item);
  for (let item = 0; item < 100_000; item += 1) expect(queue.shift()).toBe(item);
  expect(queue.shift()).toBe(undefined);
});
