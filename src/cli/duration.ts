/**
 * Durations as arguments, in the notation of the configuration.
 *
 * Pure.
 */
import { InvalidArgumentError } from 'commander';
import { waitMaxMs } from '../api/assignment-schemas.ts';

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `30s` as milliseconds. */
export function readDurationMs(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,6})(ms|s|min|h|d)$/.exec(text) ?? [];
  const unitMs = unitsMs[unit];
  if (unitMs === undefined)
    throw new InvalidArgumentError('Write a duration such as 500ms, 30s, 5min or 2h.');
  return Number(digits) * unitMs;
}

/** A duration that the API is asked to wait for. */
export function readWaitMs(text: string): number {
  const ms = readDurationMs(text);
  if (ms > waitMaxMs) throw new InvalidArgumentError('It may be 4min at most.');
  return ms;
}
