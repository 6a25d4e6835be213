/**
 * What backends that listen in cost: processor time a frame of the stations' exchanges, saturated, with none to four of them.
 *
 *     node bench/observers.ts [--stations 500] [--seconds 1] [--rounds 25]
 *
 * Ordinary messages: of three, the status and the data transfer are copied, and the heartbeat is not, since each backend has its own. The frames of copies are not counted: their cost is
 * added to the exchange that caused them. Gateways and bare pipe take turns in every round. Many short rounds: what one observer adds is a difference of two figures that move by a third while a
 * machine has other things to do, and five rounds of three seconds gave anything from half to twice of it.
 */
import { median, ratios, readOptions, report, type Figure } from './rig/report.ts';
import { startRig } from './rig/rig.ts';

const boundOfA = 1.6;
/** How much dearer the last two may be than the first two. */
const growthBound = 1.25;
const warmUpMs = 4_000;
const bench = 'observers, ordinary';

const { stations, seconds, rounds, figures: file } = readOptions({ stations: 500, seconds: 1, rounds: 25 });
const counts = [0, 1, 2, 3, 4];
const rigs = [];
for (const observers of counts) rigs.push(await startRig({ subject: 'gateway', observers }));
rigs.push(await startRig({ subject: 'pipe' }));
for (const rig of rigs) await rig.connect(stations, 50);
for (const rig of rigs) await rig.drive({ order: 'saturate', mix: 'ordinary', ms: warmUpMs });
const costs = rigs.map(() => [] as number[]);
for (let round = 0; round < rounds; round += 1) {
  for (let turn = 0; turn < rigs.length; turn += 1) {
    const at = (turn + round) % rigs.length;
    const measured = await rigs[at]?.drive({ order: 'saturate', mix: 'ordinary', ms: seconds * 1_000 });
    if (measured !== undefined) costs[at]?.push(measured.cpuUsPerFrame);
  }
}
for (const rig of rigs) await rig.stop();
const pipe = costs.at(-1) ?? [];
await report(
  [
    { bench, name: 'A CPU a frame', unit: 'µs', rounds: pipe, bound: null },
    ...counts.flatMap((count): Figure[] => {
      const own = costs[count] ?? [];
      const name = count === 1 ? '1 observer' : `${count} observers`;
      return [
        { bench, name: `${name}, CPU a frame`, unit: 'µs', rounds: own, bound: null },
        {
          bench,
          name: `${name}, over A`,
          unit: 'A',
          rounds: ratios(own, pipe),
          bound: count === 1 ? boundOfA : null,
        },
      ];
    }),
    {
      bench,
      name: 'the last two over the first two',
      unit: 'x',
      rounds: [addedBetween(2, 4) / addedBetween(0, 2)],
      bound: growthBound,
    },
  ],
  file,
);

/** What those add that the larger number has more than the smaller, in microseconds a frame. */
function addedBetween(fewer: number, more: number): number {
  return median(costs[more] ?? []) - median(costs[fewer] ?? []);
}
