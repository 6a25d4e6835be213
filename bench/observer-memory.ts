/**
 * What one more link to a backend that listens in costs in memory: a station with two observers less one with none, halved.
 *
 *     node bench/observer-memory.ts [--stations 3000] [--rounds 3]
 *
 * Idle stations that have said their boot, of which the observers were told. Measured as in memory.ts.
 */
import { measureFootprint } from './rig/footprint.ts';
import { differences, readOptions, report } from './rig/report.ts';
import { requireSockets } from './rig/rig.ts';

const boundKb = 12;
const observers = 2;
const bench = 'observers, memory';

const { stations, rounds, figures: file } = readOptions({ stations: 3_000, seconds: 1, rounds: 3 });
// Of a station: its own link, the primary's, and the observers'.
await requireSockets((stations * (2 + observers)) / 2);
const without: number[] = [];
const observed: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  without.push((await measureFootprint({ subject: 'gateway' }, stations)).kilobytesEach);
  observed.push((await measureFootprint({ subject: 'gateway', observers }, stations)).kilobytesEach);
}
const unit = 'KB';
await report(
  [
    { bench, name: 'RSS a station, no observer', unit, rounds: without, bound: null },
    { bench, name: `RSS a station, ${observers} observers`, unit, rounds: observed, bound: null },
    {
      bench,
      name: 'RSS an observer link',
      unit,
      rounds: differences(observed, without).map((kilobytes) => kilobytes / observers),
      bound: boundKb,
    },
  ],
  file,
);
