/**
 * `npm run sim -- --seed N`: lives through one seed with its whole trace (`--tail L`: its last L lines). `--seeds A..B`: through many, and says which broke what. `--day`:
 * a day of each instead of an hour.
 */
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createGateway } from '../../src/runtime/gateway.ts';
import { describeViolations } from '../../src/testkit/checkers.ts';
import { runWorld } from '../../src/testkit/world/world.ts';
import { aDay, dayMs } from './day.ts';
import { hourMs } from './seeds.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    day: { type: 'boolean', default: false },
    tail: { type: 'string', default: '1000000' },
  },
});
const [first, last] = range(values.seeds ?? values.seed ?? '');
const isOne = first === last;
const traceMax = isOne ? Number(values.tail) : 0;
const startedMs = performance.now();
let broken = 0;
let moves = 0;
let decisions = 0;
for (let seed = first; seed <= last; seed += 1) {
  const { violations, trace, stats } = runWorld({
    seed,
    createGateway,
    durationMs: values.day ? dayMs : hourMs,
    traceMax,
    ...(values.day ? { alter: aDay } : {}),
  });
  if (isOne) process.stdout.write(`${trace.join('\n')}\n${JSON.stringify(stats)}\n`);
  moves += stats.moves;
  decisions += stats.decisions;
  // What a dead world still waits for in real time ends here, and its memory with it.
  await setImmediate();
  if (violations.length === 0) continue;
  broken += 1;
  process.stdout.write(`seed ${seed}: ${describeViolations(violations)}\n`);
}
const seconds = (performance.now() - startedMs) / 1_000;
process.stdout.write(
  `${last - first + 1} seeds, ${broken} broken, ${moves} moves, ${decisions} decisions, ${seconds.toFixed(1)} s\n`,
);
process.exitCode = broken === 0 ? 0 : 1;

function range(text: string): [number, number] {
  const [from, to] = text.split('..').map(Number);
  if (from === undefined || !Number.isInteger(from) || text === '') {
    process.stderr.write('Say which: --seed N or --seeds A..B\n');
    process.exit(2);
  }
  return [from, to ?? from];
}
