/**
 * What of the old backend's stays at a station that moves, and what its report says of it.
 *
 * Pure. Never a profile that limits the station's connection, without which a site may draw more than its fuse holds; nor what could not be put back.
 */
import type { FoundObject } from '../commands/placed-objects.ts';

/** null: it is taken away. */
export function whyKept({ fate }: FoundObject): string | null {
  if (fate !== 'clear') return keptReasons[fate];
  return null;
}

const keptReasons = {
  limit: 'kept: it limits what the station draws, and clearing it can overload its connection',
  not_whole: 'kept: it is not known whole, and could not be put back',
} as const;
