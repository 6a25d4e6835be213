/**
 * What a connected station costs in memory: resident memory of the process for each idle station with its backend link, beside A.
 *
 *     node bench/memory.ts [--stations 8000] [--rounds 3] [--tls]
 *
 * Measured between a quarter of the stations and all of them, after each has said its boot and the garbage is collected, so that what the process needs anyway is not in it.
 * The whole process is told as well, as it stands with all stations before its garbage is collected.
 * With `--tls` the stations' side is TLS.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ratios, readOptions, report } from './rig/report.ts';
import { requireSockets, startRig, type Rig } from './rig/rig.ts';

const boundKb = 24;
/** A TLS socket holds its OpenSSL state beside. */
const tlsBoundKb = 24 + 45;
const inFlight = 50;
/** Resident memory has settled when it moved less than this in a second. */
const settledBytes = 512 * 1_024;
const settleSecondsMax = 15;

const { stations, rounds, isTls, figures: file } = readOptions({ stations: 8_000, seconds: 1, rounds: 3 });
await requireSockets(stations);
const found = { gateway: noFootprints(), pipe: noFootprints() };
for (let round = 0; round < rounds; round += 1) {
  for (const subject of ['gateway', 'pipe'] as const) await measure(subject);
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

async function measure(subject: 'gateway' | 'pipe'): Promise<void> {
  const rig = await startRig({ subject, isTls });
  const few = Math.ceil(stations / 4);
  await rig.connect(few, inFlight);
  const fewBytes = await settledRss(rig);
  await rig.connect(stations, inFlight);
  found[subject].megabytes.push((await rig.probe('sample')).rssBytes / 1e6);
  found[subject].kilobytesEach.push(((await settledRss(rig)) - fewBytes) / (stations - few) / 1_024);
  await rig.stop();
}

async function settledRss(rig: Rig): Promise<number> {
  let before = Infinity;
  for (let second = 0; second < settleSecondsMax; second += 1) {
    await sleep(1_000);
    const { rssBytes } = await rig.probe('settle');
    if (Math.abs(before - rssBytes) < settledBytes) return rssBytes;
    before = rssBytes;
  }
  return before;
}
