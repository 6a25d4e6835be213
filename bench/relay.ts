/**
 * What relaying costs: processor time a frame, saturated, with the journal on and answers to transaction messages durable before they leave.
 *
 *     node bench/relay.ts [--stations 500] [--seconds 1] [--rounds 25] [--profile FOLDER]
 *
 * A closed loop: every station has one call outstanding, and there are so many that the gateway has work while some wait for the disk, and no more: with 1,000 a round trip
 * takes the 40 ms after which Linux acknowledges what it got in a segment of its own, and gateway and pipe pay for three segments a frame instead of two in some rounds and not
 * in others. Gateway and bare pipe take turns in every round. Once with MeterValues, each of which waits for its commit, once with heartbeats, statuses and data transfers, which do not.
 */
import type { Mix } from './rig/messages.ts';
import { ratios, readOptions, report, type Figure } from './rig/report.ts';
import { startRig, type Rig } from './rig/rig.ts';

const boundOfA = 1.15;
const warmUpMs = 6_000;

const {
  stations,
  seconds,
  rounds,
  figures: file,
  profile,
} = readOptions({ stations: 500, seconds: 1, rounds: 25 });
const gateway = await startRig({
  subject: 'gateway',
  ...(profile === undefined ? {} : { nodeArguments: ['--cpu-prof', `--cpu-prof-dir=${profile}`] }),
});
const pipe = await startRig({ subject: 'pipe' });
const figures: Figure[] = [];
for (const rig of [gateway, pipe]) await rig.connect(stations, 50);
for (const mix of ['transaction', 'ordinary'] as const) figures.push(...(await measure(mix)));
await gateway.stop();
await pipe.stop();
await report(figures, file);

async function measure(mix: Mix): Promise<Figure[]> {
  const costs = { gateway: [] as number[], pipe: [] as number[] };
  const rates: number[] = [];
  for (const rig of [gateway, pipe]) await rig.drive({ order: 'saturate', mix, ms: warmUpMs });
  for (let round = 0; round < rounds; round += 1) {
    // In turn first and second, so that neither always follows the other.
    const turns: readonly Rig[] = round % 2 === 0 ? [gateway, pipe] : [pipe, gateway];
    for (const rig of turns) {
      const measured = await rig.drive({ order: 'saturate', mix, ms: seconds * 1_000 });
      costs[rig === gateway ? 'gateway' : 'pipe'].push(measured.cpuUsPerFrame);
      if (rig === gateway) rates.push((measured.calls * 2_000) / measured.ms);
    }
  }
  const bench = `relay, ${mix}`;
  return [
    { bench, name: 'gateway CPU a frame', unit: 'µs', rounds: costs.gateway, bound: null },
    { bench, name: 'A CPU a frame', unit: 'µs', rounds: costs.pipe, bound: null },
    { bench, name: 'gateway over A', unit: 'A', rounds: ratios(costs.gateway, costs.pipe), bound: boundOfA },
    { bench, name: 'frames a second', unit: '/s', rounds: rates, bound: null },
  ];
}
