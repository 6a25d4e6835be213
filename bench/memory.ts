/**
 * What a connected station costs in memory: resident memory of the process for each idle station with its backend link, beside A.
 *
 *     node bench/memory.ts [--stations 8000] [--rounds 3] [--tls]
 *
 * Measured between a quarter of the stations and all of them, after each has said its boot and the garbage is collected, so that what the process needs anyway is not in it.
 * The whole process is told as well, as it stands with all stations before its garbage is collected.
 * With `--tls` the stations' side is TLS.
 */
import { measureFootprint } from './rig/footprint.ts';
import { ratios, readOptions, report } from './rig/report.ts';
import { requireSockets } from './rig/rig.ts';

const boundKb = 24;
/** A TLS socket holds its OpenSSL state beside. */
const tlsBoundKb = 24 + 45;

const { stations, rounds, isTls, figures: file } = readOptions({ stations: 8_000, seconds: 1, rounds: 3 });
await requireSockets(stations);
const found = { gateway: noFootprints(), pipe: noFootprints() };
for (let round = 0; round < rounds; round += 1) {
  for (const subject of ['gateway', 'pipe'] as const) {
    const { kilobytesEach, megabytes } = await measureFootprint({ subject, isTls }, stations);
    found[subject].kilobytesEach.push(kilobytesEach);
    found[subject].megabytes.push(megabytes);
  }
}
const bench = isTls ? 'memory, TLS' : 'memory';
await report(
  [
    {
      bench,
      name: 'gateway RSS a station',
      unit: 'KB',
      rounds: found.gateway.kilobytesEach,
      bound: isTls ? tlsBoundKb : boundKb,
    },
    { bench, name: 'A RSS a station', unit: 'KB', rounds: found.pipe.kilobytesEach, bound: null },
    {
      bench,
      name: 'gateway over A',
      unit: 'A',
      rounds: ratios(found.gateway.kilobytesEach, found.pipe.kilobytesEach),
      bound: null,
    },
    {
      bench,
      name: `gateway RSS, ${stations} stations`,
      unit: 'MB',
      rounds: found.gateway.megabytes,
      bound: null,
    },
    { bench, name: `A RSS, ${stations} stations`, unit: 'MB', rounds: found.pipe.megabytes, bound: null },
  ],
  file,
);

interface Footprints {
  readonly kilobytesEach: number[];
  readonly megabytes: number[];
}

function noFootprints(): Footprints {
  return { kilobytesEach: [], megabytes: [] };
}
