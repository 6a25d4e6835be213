import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  classOfCommand,
  commandsMax,
  commandsOfAskerMax,
  CommandQueue,
  urgentReserve,
  type CommandClass,
  type Queued,
} from './command-queue.ts';

interface Numbered extends Queued {
  readonly number: number;
}

function command(from: string, commandClass: CommandClass, number = 0, deadlineMs = 25_000): Numbered {
  return { from, commandClass, number, deadlineMs };
}

/** The rule in its plainest words: a flat list of what waits, and a list of whose turn it is. */
class Model {
  items: Numbered[] = [];
  readonly turns: [string[], string[], string[], string[]] = [[], [], [], []];

  push(item: Numbered): boolean {
    const extra = item.commandClass === 0 ? urgentReserve : 0;
    const share = this.items.filter(({ from }) => from === item.from).length;
    if (this.items.length >= commandsMax - urgentReserve + extra || share >= commandsOfAskerMax + extra)
      return false;
    this.items.push(item);
    const turns = this.turns[item.commandClass];
    if (!turns.includes(item.from)) turns.push(item.from);
    return true;
  }

  shift(): Numbered | undefined {
    for (const [commandClass, turns] of this.turns.entries()) {
      const from = turns.shift();
      if (from === undefined) continue;
      const isNext = (item: Numbered): boolean => item.commandClass === commandClass && item.from === from;
      const next = this.items.find(isNext);
      this.items = this.items.filter((item) => item !== next);
      if (this.items.some(isNext)) turns.push(from);
      return next;
    }
    return undefined;
  }

  takeWhere(claims: (item: Numbered) => boolean): Numbered[] {
    const taken = this.inOrder().filter(claims);
    this.items = this.items.filter((item) => !taken.includes(item));
    for (const [commandClass, turns] of this.turns.entries()) {
      const left = turns.filter((from) =>
        this.items.some((item) => item.from === from && item.commandClass === commandClass),
      );
      turns.splice(0, turns.length, ...left);
    }
    return taken;
  }

  inOrder(): Numbered[] {
    return this.turns.flatMap((turns, commandClass) =>
      turns.flatMap((from) =>
        this.items.filter((item) => item.from === from && item.commandClass === commandClass),
      ),
    );
  }
}

const deed = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      from: fc.constantFrom('a', 'b', 'c', 'operator'),
      commandClass: fc.constantFrom<CommandClass>(0, 1, 2, 3),
      deadlineMs: fc.nat(20),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('shift' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const), nowMs: fc.nat(20) }) },
);

test('it does what the plain model does: order, turns, bounds and deadlines (H4)', () => {
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 250, size: 'max' }), (deeds) => {
      const queue = new CommandQueue<Numbered>();
      const model = new Model();
      for (const [number, next] of deeds.entries()) {
        if (next.do === 'push') {
          const item = command(next.from, next.commandClass, number, next.deadlineMs);
          expect(queue.push(item)).toBe(model.push(item));
        } else if (next.do === 'shift') expect(queue.shift()).toBe(model.shift());
        else {
          const isDue = (item: Numbered): boolean => item.deadlineMs <= next.nowMs;
          expect(queue.takeWhere(isDue)).toEqual(model.takeWhere(isDue));
        }
        expect(queue.length).toBe(model.items.length);
        expect([...queue]).toEqual(model.inOrder());
        expect(queue.nextDeadlineMs()).toBe(
          Math.min(Infinity, ...model.items.map((item) => item.deadlineMs)),
        );
      }
    }),
    { numRuns: 150 },
  );
});

test('a backend that floods fills its share, and the others are served in turn with it', () => {
  const queue = new CommandQueue<Numbered>();
  let taken = 0;
  while (queue.push(command('flood', 2, taken))) taken += 1;
  expect(taken).toBe(commandsOfAskerMax);
  expect(queue.push(command('quiet', 2, 100))).toBe(true);
  expect(queue.push(command('operator', 2, 200))).toBe(true);
  const first = [queue.shift(), queue.shift(), queue.shift(), queue.shift()];
  expect(first.map((item) => item?.from)).toEqual(['flood', 'quiet', 'operator', 'flood']);
});

test('bulk that fills the queue leaves room for what stops a transaction, up to the bound', () => {
  const queue = new CommandQueue<Numbered>();
  for (let at = 0; at < 100; at += 1) queue.push(command(`backend-${at % 4}`, 3, at));
  expect(queue.length).toBe(commandsMax - urgentReserve);
  for (let at = 0; at < urgentReserve; at += 1) expect(queue.push(command('backend-0', 0, at))).toBe(true);
  expect(queue.push(command('operator', 0))).toBe(false);
  expect(queue.length).toBe(commandsMax);
  expect(queue.shift()?.commandClass).toBe(0);
});

test('stopping goes before starting, starting before settings, settings before bulk', () => {
  const actions = [
    'GetDiagnostics',
    'ChangeConfiguration',
    'RemoteStartTransaction',
    'RemoteStopTransaction',
  ];
  const queue = new CommandQueue<Numbered & { readonly action: string }>();
  for (const action of actions)
    queue.push({
      from: 'a',
      number: 0,
      deadlineMs: 1,
      action,
      commandClass: classOfCommand('ocpp1.6', action, 'primary'),
    });
  const sent: string[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) sent.push(item.action);
  expect(sent).toEqual(actions.toReversed());
});

test('reads of those who only listen in are bulk, and only the primary or operator resets at once', () => {
  expect(classOfCommand('ocpp1.6', 'GetCompositeSchedule', 'observer')).toBe(3);
  expect(classOfCommand('ocpp1.6', 'GetCompositeSchedule', 'primary')).toBe(2);
  expect(classOfCommand('ocpp2.0.1', 'Reset', 'operator')).toBe(0);
  expect(classOfCommand('ocpp2.0.1', 'Reset', 'authority')).toBe(1);
});
