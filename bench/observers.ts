/**
 * What backends that listen in cost: processor time a frame of the stations' exchanges, saturated, with none to four of them.
 *
 *     node bench/observers.ts [--stations 250] [--seconds 3] [--rounds 5]
 *
 * Ordinary messages: of three, the status and the data transfer are copied, and the heartbeat is not, since each backend has its own. The frames of copies are not counted: their cost is
 * added to the exchange that caused them. Gateways and bare pipe take turns in every round.
 */
import { median, ratios, readOptions, report, type Figure } from './rig/report.ts';
import { startRig } from './rig/rig.ts';

const boundOfA = 1.6;
/** How much dearer the fourth may be than the first. */
const growthBound = 1.25;
const warmUpMs = 4_000;
const bench = 'observers, ordinary';

const { stations, seconds, rounds, figures: file } = readOptions({ stations: 250, seconds: 3, rounds: 5 });
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
      name: 'the fourth over the first',
      unit: 'x',
      rounds: [added(4) / added(1)],
      bound: growthBound,
    },
  ],
  file,
);

/** What the last of so many adds, in microseconds a frame. */
function added(count: number): number {
  return median(costs[count] ?? []) - median(costs[count - 1] ?? []);
}
