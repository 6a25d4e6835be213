/**
 * The charging profiles of a station that knows nothing else: what the simulation of migrations asks for.
 *
 * Pure. See migration-placed.ts.
 */
import type { PlacedFacts } from './migration-placed.ts';
import { placedCommand } from './migration-placed.ts';

export { placedOutcome as profileOutcome } from './migration-placed.ts';
export type { PlacedStep as ProfileStep } from '../core/migration/events.ts';

/** A station's profiles as they are now. */
interface ProfileFacts extends Omit<PlacedFacts, 'objects'> {
  readonly profiles: PlacedFacts['objects'];
}

export function profileCommand(
  step: Parameters<typeof placedCommand>[0],
  { profiles, ...facts }: ProfileFacts,
): ReturnType<typeof placedCommand> {
  return placedCommand(step, { ...facts, objects: profiles });
}
