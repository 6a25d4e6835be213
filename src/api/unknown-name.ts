/**
 * What is said of a name that nothing configured has.
 *
 * Pure. A list that is asked for by such a name is not empty but wrong: whoever mistyped it would take the empty one for an all-clear.
 */
import { nearestName } from '../control/configuration/nearest.ts';
import type { Registry } from '../ports/registry.ts';
import { problem, type Problem } from './problem.ts';

/** null: it is configured. */
export function unknownBackend(registry: Pick<Registry, 'backends'>, name: string): Problem | null {
  return unknown(
    'backend',
    name,
    registry.backends().map((backend) => backend.name),
  );
}

/** null: it is configured. */
export function unknownGroup(registry: Pick<Registry, 'groups'>, name: string): Problem | null {
  return unknown('group', name, registry.groups());
}

function unknown(kind: 'backend' | 'group', name: string, known: readonly string[]): Problem | null {
  if (known.includes(name)) return null;
  const nearest = nearestName(name, known);
  const all = known.length === 0 ? 'there is none' : `the ${kind}s are ${known.join(', ')}`;
  const advice = nearest === null ? all : `did you mean ${nearest}?`;
  return problem(
    `unknown-${kind}`,
    `No ${kind} ${name} is configured: ${advice}${nearest === null ? '.' : ''}`,
  );
}
