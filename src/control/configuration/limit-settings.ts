/**
 * Bounds and times of links, from the sections `limits` and `stationSettings`.
 *
 * Pure.
 */
import type { LinkLimits, Settings } from '../../ports/settings.ts';
import { assert } from '../../std/assert.ts';
import type { Report } from './problem.ts';
import type { Configuration } from './schema.ts';
import { parseDuration, parseSize } from './units.ts';

export function readLinkLimits({ limits }: Configuration, report: Report): LinkLimits {
  const congestedBytes = sizeOf(limits.congested);
  const bufferedBytesMax = sizeOf(limits.buffered);
  if (congestedBytes >= bufferedBytesMax)
    report.add(
      ['limits', 'congested'],
      `${limits.congested} is not below limits.buffered, ${limits.buffered}, so that links are cut before reading stops`,
      'make it smaller',
    );
  return {
    stationFrameBytes: sizeOf(limits.stationFrame),
    backendFrameBytes: sizeOf(limits.backendFrame),
    fragmentsMax: limits.fragments,
    messageTimeoutMs: durationOf(limits.messageTimeout),
    controlFramesPerSecond: limits.controlFramesPerSecond,
    handshakesMax: limits.handshakes,
    handshakeTimeoutMs: durationOf(limits.handshakeTimeout),
    upgradeTimeoutMs: durationOf(limits.upgradeTimeout),
    headerBytes: sizeOf(limits.headers),
    closeTimeoutMs: durationOf(limits.closeTimeout),
    failuresPerMinute: limits.failuresPerMinute,
    congestedBytes,
    bufferedBytesMax,
  };
}

export function readStationSettings({ stationSettings, limits }: Configuration): Settings['station'] {
  return {
    callTimeoutMs: durationOf(stationSettings.callTimeout),
    answerWithinMs: durationOf(stationSettings.answerWithin),
    heldMax: limits.heldPerStation,
    heldCharactersMax: sizeOf(limits.heldBytesPerStation),
    heldInAllMax: sizeOf(limits.heldBytes),
    pingIntervalMs: durationOf(stationSettings.ping),
    pongTimeoutMs: durationOf(stationSettings.pong),
    callsPerSecond: numberOf(limits.callsPerSecond),
    connectsPerHour: numberOf(limits.connectsPerHour),
  };
}

/** Bytes of a size that the schema has let through. */
export function sizeOf(text: string): number {
  const size = parseSize(text);
  assert(size.ok, 'the schema lets only sizes through');
  return size.value;
}

/** Milliseconds of a duration that the schema has let through. */
export function durationOf(text: string): number {
  const duration = parseDuration(text);
  assert(duration.ok, 'the schema lets only durations through');
  return duration.value;
}

function numberOf(limit: number | 'unlimited'): number {
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : limit;
}
