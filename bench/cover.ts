/**
 * What it costs to stand in for a backend that is down, and how fast it gets what was held for it.
 *
 *     node bench/cover.ts [--stations 250] [--seconds 6] [--rounds 3]
 *
 * The backend is cut off and comes back at the same port, once a round. While it is away: an open loop of 500 messages a second, half of them MeterValues, which are held and on
 * disk before they are answered, half ordinary; then each saturated, for the processor time. When it is back: how fast it gets what is held, unlimited and with a rate.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mix } from './rig/messages.ts';
import { differences, percentile, readOptions, report, type Figure } from './rig/report.ts';
import { startRig, type Rig } from './rig/rig.ts';

const perSecond = 500;
const p50BoundMs = 2;
/** A transaction message is on disk before it is answered. */
const p99BoundMs = { transaction: 25, ordinary: 10 } as const;
const drainPerSecond = 500;
/** Arrivals of the outage before the drain that has a rate. */
const fillPerSecond = 2_000;
const fillMs = 3_000;
const drainedWithinMs = 120_000;
const mixes: readonly Mix[] = ['transaction', 'ordinary'];

const { stations, seconds, rounds, figures: file } = readOptions({ stations: 250, seconds: 6, rounds: 3 });
/** By mix and percentile, one value a round. */
const answers = new Map<string, number[]>();
const costs = { transaction: [] as number[], ordinary: [] as number[] };
const drains = { unlimited: [] as number[], paced: [] as number[] };
await measureUnlimited();
await measurePaced();
await report([...mixes.flatMap(answerFigures), ...holdFigures()], file);

async function measureUnlimited(): Promise<void> {
  const rig = await startRig({ subject: 'gateway', drainRate: 'unlimited' });
  await rig.connect(stations, 50);
  await rig.drive({ order: 'pace', mixes, perSecond, ms: 2_000 });
  for (let round = 0; round < rounds; round += 1) {
    await rig.backend('down');
    const paced = await rig.drive({ order: 'pace', mixes, perSecond, ms: seconds * 1_000 });
    if (paced.skipped > 0) process.stderr.write(`${paced.skipped} messages left out, no answer yet\n`);
    for (const [at, mix] of mixes.entries())
      for (const share of [0.5, 0.99])
        noted(mix, share).push(percentile(paced.roundTripsMs[at] ?? [], share));
    let held = paced.roundTripsMs[0]?.length ?? 0;
    for (const mix of mixes) {
      const { cpuMs, calls } = await rig.drive({ order: 'saturate', mix, ms: seconds * 500 });
      costs[mix].push((cpuMs * 1_000) / calls);
      if (mix === 'transaction') held += calls;
    }
    drains.unlimited.push((await drain(rig, held)).best);
  }
  await rig.stop();
}

async function measurePaced(): Promise<void> {
  const rig = await startRig({ subject: 'gateway', drainRate: `${drainPerSecond}/s` });
  await rig.connect(stations, 50);
  for (let round = 0; round < rounds; round += 1) {
    await rig.backend('down');
    const { calls } = await rig.drive({
      order: 'pace',
      mixes: ['transaction'],
      perSecond: fillPerSecond,
      ms: fillMs,
    });
    drains.paced.push((await drain(rig, calls)).mean);
  }
  await rig.stop();
}

interface Drained {
  /** Held messages that the backend got in the second in which it got most. */
  readonly best: number;
  /** A second, once a quarter of them was there: delivery starts slower than it goes on. */
  readonly mean: number;
}

/** Has the backend come back, and get all that is held. */
async function drain(rig: Rig, held: number): Promise<Drained> {
  const { readings: before } = await rig.backend();
  await rig.backend('up');
  const deadlineMs = performance.now() + drainedWithinMs;
  const seen: { readonly atMs: number; readonly got: number }[] = [];
  let best = 0;
  for (let oldest = 0; ;) {
    await sleep(20);
    const now = { atMs: performance.now(), got: (await rig.backend()).readings - before };
    seen.push(now);
    while (now.atMs - (seen[oldest]?.atMs ?? now.atMs) > 1_000) oldest += 1;
    best = Math.max(best, now.got - (seen[oldest]?.got ?? 0));
    if (now.got > held) throw new Error(`${now.got} of ${held} held messages were delivered: some twice`);
    if (now.got === held) {
      const from = seen.find(({ got }) => got >= held / 4) ?? now;
      return { best, mean: ((now.got - from.got) * 1_000) / (now.atMs - from.atMs) };
    }
    if (now.atMs > deadlineMs)
      throw new Error(`${now.got} of ${held} held messages in ${drainedWithinMs / 1_000} s`);
  }
}

function answerFigures(mix: Mix): Figure[] {
  const bench = `cover, ${mix}`;
  return [
    { bench, name: 'answer, p50', unit: 'ms', rounds: noted(mix, 0.5), bound: p50BoundMs },
    { bench, name: 'answer, p99', unit: 'ms', rounds: noted(mix, 0.99), bound: p99BoundMs[mix] },
    { bench, name: 'CPU a message', unit: 'µs', rounds: costs[mix], bound: null },
  ];
}

function holdFigures(): Figure[] {
  const bench = 'cover, held';
  const holding = differences(costs.transaction, costs.ordinary);
  return [
    { bench, name: 'to hold it, CPU a message', unit: 'µs', rounds: holding, bound: null },
    { bench, name: 'delivered, unlimited, best second', unit: '/s', rounds: drains.unlimited, bound: null },
    {
      bench,
      name: `delivered, at most ${drainPerSecond}/s`,
      unit: '/s',
      rounds: drains.paced,
      bound: drainPerSecond,
    },
  ];
}

function noted(mix: Mix, share: number): number[] {
  const key = `${mix} ${share}`;
  const values = answers.get(key) ?? [];
  answers.set(key, values);
  return values;
}
