/**
 * Operators who change the configuration, most of all while no process runs: what the next one finds on disk was made by other rules than its own.
 *
 * Pure and seeded.
 */
import type { Random } from '../random.ts';
import type { Operated, Plan } from './plan.ts';

interface World {
  readonly plan: Plan;
  random(stream: string): Random;
}

/** What it is from the next start on. */
export type Alter = (operated: Operated) => Operated;

const answerable = ['Heartbeat', 'StatusNotification', 'MeterValues'] as const;

/** Changes nothing where the plan does not reconfigure. */
export function createAlterations(world: World): Alter {
  const random = world.random('altering');
  const { reconfigures, backends, listeners } = world.plan;
  return (operated) => {
    if (!reconfigures || random.chance(0.3)) return operated;
    return {
      ...operated,
      primary: operated.primary + random.below(backends.length),
      covers: random.chance(0.6),
      ownAnswers: random.chance(0.5) ? [] : answerable.filter(() => random.chance(0.5)),
      listeners: listeners.map(({ options }) => options.name).filter(() => random.chance(0.7)),
    };
  };
}
