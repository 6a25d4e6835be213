/**
 * What a backend that listens in does to the primary: round trips at fixed arrival times with one that is healthy, dead, slow or hostile, beside the same gateway without one.
 *
 *     node bench/observer-harm.ts [--stations 250] [--seconds 1] [--rounds 40]
 *
 * An open loop as in latency.ts. Many short rounds: a few percent are sought where a disk's sync varies by more than that, so the two sides of a ratio are to be close in time, and the
 * ratios many. Limits are those of a configuration that names none: what a backend may send is part of what protects the others. The observer gets all classes; of
 * the ordinary messages the status and the data transfer are copied.
 */
import type { Mix } from './rig/messages.ts';
import { percentile, ratios, readOptions, report, type Figure } from './rig/report.ts';
import { startRig, type RigOptions } from './rig/rig.ts';

const perSecond = 500;
/** How much more of a round trip, in percent of it. */
const movedBound = 5;
const warmUpMs = 3_000;
const mixes: readonly Mix[] = ['transaction', 'ordinary'];
const observers = ['none', 'healthy', 'dead', 'slow', 'hostile'] as const;
type Observer = (typeof observers)[number];

const { stations, seconds, rounds, figures: file } = readOptions({ stations: 250, seconds: 1, rounds: 40 });
const rigs = await Promise.all(
  observers.map(async (observer) => ({ observer, rig: await startRig(rigFor(observer)) })),
);
/** Median round trip by observer and mix, one value a round. */
const found = new Map<string, number[]>();
for (const { rig } of rigs) await rig.connect(stations, 50);
for (const { rig } of rigs) await rig.drive({ order: 'pace', mixes, perSecond, ms: warmUpMs });
for (let round = 0; round < rounds; round += 1) await measureRound(round);
for (const { rig } of rigs) await rig.stop();
await report(mixes.flatMap(figuresOf), file);

async function measureRound(round: number): Promise<void> {
  for (let turn = 0; turn < rigs.length; turn += 1) {
    const { observer, rig } = rigs[(turn + round) % rigs.length] ?? {};
    const driven = await rig?.drive({ order: 'pace', mixes, perSecond, ms: seconds * 1_000 });
    if (observer === undefined || driven === undefined) continue;
    for (const [at, mix] of mixes.entries())
      noted(observer, mix).push(percentile(driven.roundTripsMs[at] ?? [], 0.5));
  }
}

function rigFor(observer: Observer): RigOptions {
  return { subject: 'gateway', isLimited: true, ...(observer === 'none' ? {} : { observer }) };
}

function figuresOf(mix: Mix): Figure[] {
  const bench = `observer, ${mix}`;
  return observers.flatMap((observer): Figure[] => {
    const name = observer === 'none' ? 'no observer, p50' : `${observer} observer, p50`;
    const p50 = noted(observer, mix);
    const own: Figure = { bench, name, unit: 'ms', rounds: p50, bound: null };
    if (observer === 'none') return [own];
    const moved = ratios(p50, noted('none', mix)).map((ratio) => (ratio - 1) * 100);
    return [own, { bench, name: `${name} moved by`, unit: '%', rounds: moved, bound: movedBound }];
  });
}

function noted(observer: Observer, mix: Mix): number[] {
  const key = `${observer} ${mix}`;
  const values = found.get(key) ?? [];
  found.set(key, values);
  return values;
}
