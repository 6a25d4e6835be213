/**
 * What a connected station costs a process in resident memory.
 *
 * Not pure. Between a quarter of the stations and all of them, after each has said its boot and the garbage is collected: what the process needs anyway is not in it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { startRig, type Rig, type RigOptions } from './rig.ts';

export interface Footprint {
  readonly kilobytesEach: number;
  /** The whole process with all stations, before its garbage is collected. */
  readonly megabytes: number;
}

const inFlight = 50;
/** Resident memory has settled when it moved less than this in a second. */
const settledBytes = 512 * 1_024;
const settleSecondsMax = 15;

export async function measureFootprint(options: RigOptions, stations: number): Promise<Footprint> {
  const rig = await startRig(options);
  const few = Math.ceil(stations / 4);
  await rig.connect(few, inFlight);
  const fewBytes = await settledRss(rig);
  await rig.connect(stations, inFlight);
  const megabytes = (await rig.probe('sample')).rssBytes / 1e6;
  const kilobytesEach = ((await settledRss(rig)) - fewBytes) / (stations - few) / 1_024;
  await rig.stop();
  return { kilobytesEach, megabytes };
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
