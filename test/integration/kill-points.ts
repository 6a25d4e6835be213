/**
 * The places at which a test has Busbar's process kill itself.
 *
 * Where a crash is told from another by what is on disk and what has left: see trapped-ports.ts for where each of them stands.
 */
import type { Random } from '../../src/testkit/random.ts';
import type { Break } from '../sim/sabotage.ts';

export const killPoints = [
  /** A record is taken, and on no disk. */
  'after_append',
  /** A batch is on disk, and nobody has been told. */
  'after_commit',
  /** A call has left for a backend. */
  'after_relay',
  /** A backend's answer was taken; what it says is on no disk. */
  'after_result',
  /** An answer is about to leave for a station. */
  'before_answer',
  /** An answer has left for a station. */
  'after_answer',
] as const;

export type KillPoint = (typeof killPoints)[number];

/** At the `count`th passage of the point after it was armed; optionally of a Busbar that is wrong in one place. */
export interface Trap {
  readonly point: KillPoint;
  readonly count: number;
  readonly broken?: Break;
}

/** How a process is told of its trap. Nothing in `src/` reads it. */
export const trapVariable = 'BUSBAR_TEST_TRAP';

/** Arms the trap: by then the test has the load that it wants. */
export const armSignal = 'SIGUSR2';

/** Every other kill is at a named point, each point in its turn; the others (null) come when they come. */
export function trapFor(kill: number, random: Random): Trap | null {
  if (kill % 2 === 1) return null;
  const point = killPoints[(kill / 2) % killPoints.length] ?? 'after_append';
  return { point, count: 1 + random.below(40) };
}
