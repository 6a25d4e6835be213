/**
 * Every station connects at once, to a process that has just started: how long until all are up, how many are refused, and for how long the event loop stands still.
 *
 *     node bench/storm.ts [--stations 9000] [--rounds 3] [--tls]
 *
 * A station is up when its upgrade is answered, which the gateway does when the backend link is open and A before it dials. Afterwards every station says its boot and must get
 * its answer from the backend, which has a process of its own here. With `--tls` the stations' side is TLS 1.3 with an ECDSA certificate, without resumption.
 */
import { ratios, readOptions, report } from './rig/report.ts';
import { requireSockets, startRig, type Subject } from './rig/rig.ts';

const boundSeconds = { plain: 6, tls: 15 };
const stallBoundMs = 250;

interface Storm {
  readonly seconds: number;
  readonly refused: number;
  readonly stallMs: number;
  readonly cpuMsPerStation: number;
}

const { stations, rounds, isTls, figures: file } = readOptions({ stations: 9_000, seconds: 1, rounds: 3 });
await requireSockets(stations);
const found: Record<'gateway' | 'pipe', Storm[]> = { gateway: [], pipe: [] };
for (let round = 0; round < rounds; round += 1) {
  for (const subject of ['gateway', 'pipe'] as const) found[subject].push(await connectAll(subject));
}
const bench = isTls ? 'storm, TLS' : 'storm';
const { gateway, pipe } = found;
const of = (storms: readonly Storm[], key: keyof Storm): number[] => storms.map((storm) => storm[key]);
await report(
  [
    {
      bench,
      name: `${stations.toLocaleString('en')} stations up`,
      unit: 's',
      rounds: of(gateway, 'seconds'),
      bound: isTls ? boundSeconds.tls : boundSeconds.plain,
    },
    { bench, name: 'refused', unit: '', rounds: of(gateway, 'refused'), bound: 0, isWorstJudged: true },
    { bench, name: 'longest stall', unit: 'ms', rounds: of(gateway, 'stallMs'), bound: stallBoundMs },
    {
      bench,
      name: 'gateway CPU a station',
      unit: 'ms',
      rounds: of(gateway, 'cpuMsPerStation'),
      bound: null,
    },
    { bench, name: 'A: all up', unit: 's', rounds: of(pipe, 'seconds'), bound: null },
    { bench, name: 'A: longest stall', unit: 'ms', rounds: of(pipe, 'stallMs'), bound: null },
    {
      bench,
      name: 'gateway CPU over A',
      unit: 'A',
      rounds: ratios(of(gateway, 'cpuMsPerStation'), of(pipe, 'cpuMsPerStation')),
      bound: null,
    },
  ],
  file,
);

async function connectAll(subject: Subject): Promise<Storm> {
  const rig = await startRig({ subject, isTls, isBackendApart: true });
  const before = await rig.probe('watch');
  const { ms, refused, firstRefusal } = await rig.connect(stations, null);
  const after = await rig.probe('sample');
  await rig.stop();
  if (firstRefusal !== null) process.stderr.write(`${subject}: ${refused} refused: ${firstRefusal}\n`);
  return {
    seconds: ms / 1_000,
    refused,
    stallMs: after.stallMs,
    cpuMsPerStation: (after.cpuMs - before.cpuMs) / stations,
  };
}
