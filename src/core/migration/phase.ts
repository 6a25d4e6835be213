/**
 * The phases of a migration, and which of them are the end.
 *
 * Pure.
 */

/**
 * `draft`: it has problems. `ready`: it may be started. `soaking`: its last wave is through, and watched. A migration that is being undone is `running` and
 * `isGoingBack`. The last three are the end; `abandoned` is a draft that was never started.
 */
export const migrationPhases = [
  'draft',
  'ready',
  'running',
  'paused',
  'soaking',
  'done',
  'rolled-back',
  'abandoned',
] as const;

export type MigrationPhase = (typeof migrationPhases)[number];

/** Started, and not over: time is measured, and stations may move. */
export function isUnderWay(phase: MigrationPhase): boolean {
  return phase === 'running' || phase === 'paused' || phase === 'soaking';
}

/** Nothing happens to it any more by itself. Evidence names what it was about as text, and not every entry does. */
export function isOver(phase: string | null): boolean {
  return phase === 'done' || phase === 'rolled-back' || phase === 'abandoned';
}
