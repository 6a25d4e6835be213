/**
 * Does a frame cost more when more stations are connected? Processor time a frame with 250 and with many stations, at the same rate of frames, beside A.
 *
 *     node bench/growth.ts [--stations 9000] [--seconds 5] [--rounds 5]
 *
 * Four processes under test stand side by side and take turns in every round. Messages come at fixed times round all stations: half MeterValues, half ordinary.
 */
import type { Mix } from './rig/messages.ts';
import { ratios, readOptions, report } from './rig/report.ts';
import { requireSockets, startRig, type Rig } from './rig/rig.ts';

const few = 250;
const bound = 1.2;
const callsPerSecond = 1_500;
const warmUpMs = 4_000;
const inFlight = 50;
const mixes: readonly Mix[] = ['transaction', 'ordinary'];

const { stations, seconds, rounds, figures: file } = readOptions({ stations: 9_000, seconds: 5, rounds: 5 });
await requireSockets(stations);
const lanes: { readonly rig: Rig; readonly costs: number[] }[] = [];
for (const [subject, count] of [
  ['gateway', few],
  ['gateway', stations],
  ['pipe', few],
  ['pipe', stations],
] as const) {
  const rig = await startRig({ subject });
  await rig.connect(count, inFlight);
  lanes.push({ rig, costs: [] });
}
for (const { rig } of lanes) await rig.drive(paced(warmUpMs));
for (let round = 0; round < rounds; round += 1) {
  for (const { rig, costs } of round % 2 === 0 ? lanes : lanes.toReversed()) {
    const { cpuUsPerFrame, skipped } = await rig.drive(paced(seconds * 1_000));
    if (skipped > 0) process.stderr.write(`${rig.subject}: ${skipped} messages left out, no answer yet\n`);
    costs.push(cpuUsPerFrame);
  }
}
for (const { rig } of lanes) await rig.stop();
const [gatewayFew = [], gatewayMany = [], pipeFew = [], pipeMany = []] = lanes.map(({ costs }) => costs);
const bench = 'growth';
const many = stations.toLocaleString('en');
await report(
  [
    { bench, name: `gateway CPU a frame, ${few} stations`, unit: 'µs', rounds: gatewayFew, bound: null },
    { bench, name: `gateway CPU a frame, ${many} stations`, unit: 'µs', rounds: gatewayMany, bound: null },
    {
      bench,
      name: `gateway, ${many} over ${few}`,
      unit: 'x',
      rounds: ratios(gatewayMany, gatewayFew),
      bound,
    },
    { bench, name: `A, ${many} over ${few}`, unit: 'x', rounds: ratios(pipeMany, pipeFew), bound: null },
    {
      bench,
      name: `gateway over A, ${many} stations`,
      unit: 'A',
      rounds: ratios(gatewayMany, pipeMany),
      bound: null,
    },
  ],
  file,
);

function paced(ms: number): { order: 'pace'; mixes: readonly Mix[]; perSecond: number; ms: number } {
  return { order: 'pace', mixes, perSecond: callsPerSecond, ms };
}
