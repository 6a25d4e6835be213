/** Breaks what Busbar does in the place of backends that are down, one place at a time: the ledgers have to show each. */
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { breakGateway, type Break } from './sabotage.ts';
import { firstToBreak } from './seeds.ts';

/** Within so many seeds a break must be seen. */
const seedsMax = 120;
/** Of days. */
const daysMax = 20;

const breaks: readonly Break[] = [
  {
    // As without fsync, which no kill shows: the world's disk loses whatever was not committed.
    name: 'what is held is answered before it is on disk',
    rule: 'D2',
    file: 'core/station/covering.ts',
    from: "isKept ? 'afterCommit' : 'now'",
    to: "'now'",
    seed: 103,
  },
  {
    name: 'what was held when the process ended is forgotten',
    rule: 'liveness',
    file: 'runtime/gateway.ts',
    from: 'const held = new Map(ports.held);',
    to: 'const held = new Map(Array.from(ports.held).slice(0, 0));',
    seed: 4,
  },
  {
    name: 'what a station repeats while it is held is held again',
    rule: 'D5',
    file: 'core/station/repeats.ts',
    from: 'holdAgain(state, turn, key)?.answer ??',
    to: '',
    seed: 178,
  },
  {
    name: 'what was held leaves under a new id each time',
    rule: 'duplicates',
    file: 'core/station/delivering.ts',
    from: 'const idToken = `"${sentId}"`;',
    to: 'const idToken = `"${sentId}${Math.floor(turn.context.nowMs)}"`;',
    seed: 4,
  },
  {
    name: 'the newest of what is held leaves first',
    rule: 'order',
    file: 'core/hold/held-lane.ts',
    from: 'if (this.#blocked === 0) return this.#entries[this.#from] ?? null;',
    to: 'if (this.#blocked === 0) return this.#entries.at(-1) ?? null;',
    seed: 7,
  },
  {
    name: 'an operator may drop what the backend has and has not answered',
    rule: 'decided',
    file: 'core/station/deciding.ts',
    from: 'if (link?.slot?.held === number)',
    to: 'if (link?.slot?.held === -number)',
    seed: 8,
  },
  {
    name: 'the rest of a transaction whose start an operator dropped is answered and gone',
    rule: 'D2',
    file: 'core/station/from-station.ts',
    from: 'if (isKept && hasRoom(state, turn, backend))\n      return coverCall',
    to: 'if (messageId === null)\n      return coverCall',
    seed: 177,
  },
  {
    name: 'a station that speaks of a connector in two ways is remembered twice',
    rule: 'views',
    file: 'core/priming/station-image.ts',
    from: "component['name'] === 'Connector' ? place",
    to: "component['name'] === 'Nothing' ? place",
    seed: 39,
  },
  {
    name: 'parts of a report that were answered in the backend’s place are not held for it',
    rule: 'reports',
    file: 'core/cover/cover-table.ts',
    from: "'held',   reportKeptMs, 'NotifyReport'",
    to: "'none',   reportKeptMs, 'NotifyReport'",
    seed: 35,
  },
  {
    name: 'parts of a report pass those that are held',
    rule: 'reports',
    file: 'core/station/covering.ts',
    from: 'return lane !== null && laterOf',
    to: 'return lane?.length === -1 && laterOf',
    seed: 22,
  },
  {
    name: 'what backends have missed is forgotten with the process',
    rule: 'views',
    file: 'core/station/backend-link.ts',
    from: 'hasMissed: state.durable.unaware.includes(backend),',
    to: 'hasMissed: false,',
    seed: 39,
  },
  {
    name: 'what was answered in the last seconds and not saved yet is forgotten with the process',
    rule: 'views',
    file: 'runtime/gateway.ts',
    from: 'relearn(plane.remembered, ports.recent)',
    to: 'relearn(plane.remembered, [])',
    seed: 57,
  },
];

test.each(breaks)('$rule: $name', { timeout: 120_000 }, (each) => expectBroken(each, false));

test('billing: what was put on record of it is forgotten with the process', { timeout: 120_000 }, () =>
  // It takes an hour to come to be at risk.
  expectBroken(
    {
      name: 'billing',
      rule: 'billing',
      file: 'runtime/gateway.ts',
      from: 'risks: new Map(ports.risks),',
      to: 'risks: new Map(),',
      seed: 8,
    },
    true,
  ),
);

async function expectBroken(each: Break, isDay: boolean): Promise<void> {
  const url = await breakGateway(each);
  try {
    const search = { max: isDay ? daysMax : seedsMax, first: each.seed, isDay };
    expect(await firstToBreak(url, each.rule, search)).not.toBeNull();
  } finally {
    await rm(join(dirname(fileURLToPath(url)), '../..'), { recursive: true });
  }
}
