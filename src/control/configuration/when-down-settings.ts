/**
 * What a route says of the time when its primary is down.
 *
 * Pure.
 */
import { disconnects, type WhenDown } from '../../core/routing/table.ts';
import type { KeyPath, Report } from './problem.ts';
import type { RouteEntry } from './schema.ts';
import { parseDuration } from './units.ts';

const covers: WhenDown = { covers: true, untilMs: Infinity, untilMessages: Infinity };

export function readWhenDown({ whenDown }: RouteEntry, path: KeyPath, report: Report): WhenDown {
  if (whenDown === 'cover') return covers;
  if (whenDown === 'disconnect') return disconnects;
  const { cover } = whenDown;
  if (typeof cover === 'number') return { ...covers, untilMessages: cover };
  const duration = parseDuration(cover);
  if (duration.ok && duration.value > 0) return { ...covers, untilMs: duration.value };
  report.add(
    [...path, 'whenDown', 'cover'],
    `${JSON.stringify(cover)} is neither a duration nor a number of messages`,
    'write how long Busbar answers, such as 2h, or for how many held messages of a station, such as 5000',
  );
  return disconnects;
}
