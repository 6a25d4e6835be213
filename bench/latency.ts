/**
 * What the gateway adds to a round trip, at fixed arrival times: it minus the same load with nothing between, and A beside it.
 *
 *     node bench/latency.ts [--stations 250] [--seconds 6] [--rounds 5]
 *
 * An open loop: 500 messages a second, whatever became of those before; half of them MeterValues, whose answers wait for their commit, half ordinary. The load has its own
 * process, so a slow answer delays no later message.
 */
import type { Mix } from './rig/messages.ts';
import { differences, percentile, readOptions, report, type Figure } from './rig/report.ts';
import { startRig, type Subject } from './rig/rig.ts';

const perSecond = 500;
const p50BoundMs = 2;
const p99BoundMs = 10;
const warmUpMs = 3_000;
const subjects: readonly Subject[] = ['gateway', 'pipe', 'direct'];
const mixes: readonly Mix[] = ['transaction', 'ordinary'];

const { stations, seconds, rounds, figures: file } = readOptions({ stations: 250, seconds: 6, rounds: 5 });
const rigs = await Promise.all(subjects.map((subject) => startRig({ subject })));
/** By subject, mix and percentile, one value a round. */
const found = new Map<string, number[]>();
for (const rig of rigs) await rig.connect(stations, 50);
for (const rig of rigs) await rig.drive({ order: 'pace', mixes, perSecond, ms: warmUpMs });
for (let round = 0; round < rounds; round += 1) {
  for (let turn = 0; turn < rigs.length; turn += 1) {
    const rig = rigs[(turn + round) % rigs.length];
    if (rig === undefined) continue;
    const { roundTripsMs, skipped } = await rig.drive({
      order: 'pace',
      mixes,
      perSecond,
      ms: seconds * 1_000,
    });
    if (skipped > 0) process.stderr.write(`${rig.subject}: ${skipped} messages left out, no answer yet\n`);
    for (const [at, mix] of mixes.entries()) {
      const times = roundTripsMs[at] ?? [];
      note(rig.subject, mix, 0.5, percentile(times, 0.5));
      note(rig.subject, mix, 0.99, percentile(times, 0.99));
    }
  }
}
for (const rig of rigs) await rig.stop();
await report(mixes.flatMap(figuresOf), file);

function figuresOf(mix: Mix): Figure[] {
  const bench = `latency, ${mix}`;
  const added = (subject: Subject, share: number): number[] =>
    differences(noted(subject, mix, share), noted('direct', mix, share));
  const unit = 'ms';
  return [
    { bench, name: 'gateway adds, p50', unit, rounds: added('gateway', 0.5), bound: p50BoundMs },
    { bench, name: 'gateway adds, p99', unit, rounds: added('gateway', 0.99), bound: p99BoundMs },
    { bench, name: 'A adds, p50', unit, rounds: added('pipe', 0.5), bound: null },
    { bench, name: 'A adds, p99', unit, rounds: added('pipe', 0.99), bound: null },
  ];
}

function note(subject: Subject, mix: Mix, share: number, value: number): void {
  noted(subject, mix, share).push(value);
}

function noted(subject: Subject, mix: Mix, share: number): number[] {
  const key = `${subject} ${mix} ${share}`;
  const values = found.get(key) ?? [];
  found.set(key, values);
  return values;
}
