/**
 * Who may write which configuration keys, from `configurationKeys` of a route.
 *
 * Pure. Keys are compared without their case (OCPP 1.6 §7.11 CiString, OCPP 2.x identifierString); the first pattern that matches decides.
 */
import { matchesPattern } from '../../core/routing/pattern.ts';
import type { KeyOwner } from '../../core/routing/table.ts';
import { unknownBackend } from './known-stations.ts';
import type { KeyPath } from './problem.ts';
import type { RoutingSources } from './routing-sources.ts';
import type { RouteEntry } from './schema.ts';

/** Reads `configurationKeys`. What is wrong is reported. */
export function readKeyOwners(
  route: RouteEntry,
  path: KeyPath,
  { entries, report }: RoutingSources,
): readonly KeyOwner[] {
  const owners: KeyOwner[] = [];
  for (const [pattern, backend] of Object.entries(route.configurationKeys)) {
    const at = [...path, 'configurationKeys', pattern];
    const earlier = owners.find((one) => matchesPattern(one.pattern.toLowerCase(), pattern.toLowerCase()));
    // The order of names that are whole numbers would not be kept (ECMA-262, OrdinaryOwnPropertyKeys).
    if (!/^[^\s\p{Cc}]{1,200}$/u.test(pattern) || /^\d+$/.test(pattern))
      report.add(
        at,
        'this is not the name of a configuration key',
        'write it as OCPP does, such as MeterValueSampleInterval, or OCPPCommCtrlr.HeartbeatInterval',
      );
    else if (earlier !== undefined)
      report.add(
        at,
        `can never match: ${JSON.stringify(earlier.pattern)} comes first and takes the same keys`,
        'move it up, or remove it',
      );
    const isWritten = Object.hasOwn(entries, backend);
    if (!isWritten) report.add(at, ...unknownBackend(backend, Object.keys(entries)));
    else if (!isOfRoute(route, backend))
      report.add(
        at,
        `${backend} is neither the primary nor an observer nor an authority of this route, and has no link to its stations`,
        `add it to observers, or name one of ${backendsOf(route).join(', ')}`,
      );
    owners.push({ pattern, backend });
  }
  return owners;
}

/** A route whose primary is missing has a problem of its own, and any backend may have been meant. */
function isOfRoute(route: RouteEntry, backend: string): boolean {
  return route.primary === undefined || backendsOf(route).includes(backend);
}

function backendsOf({ primary, observers, actions }: RouteEntry): readonly string[] {
  const names = [primary, ...observers.map((one) => one.backend), ...Object.values(actions)];
  return [...new Set(names.filter((name) => name !== undefined))];
}
