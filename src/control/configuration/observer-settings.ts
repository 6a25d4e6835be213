/**
 * The observers of a route: who listens in, to what, and what it may send.
 *
 * Pure. What no observer may be given says core/routing/observer-rules.ts.
 */
import { observerFaults } from '../../core/routing/observer-rules.ts';
import type { Observer } from '../../core/routing/table.ts';
import { unknownBackend } from './known-stations.ts';
import type { KeyPath } from './problem.ts';
import { explainNoVersion, type RoutingSources } from './routing-sources.ts';
import type { RouteEntry } from './schema.ts';

/** Reads `observers`. What is wrong is reported, and what is unusable is left out. */
export function readObservers(
  route: RouteEntry,
  path: KeyPath,
  sources: RoutingSources,
): readonly Observer[] {
  const observers = new Map<string, Observer>();
  for (const [index, entry] of route.observers.entries()) {
    const at = [...path, 'observers', index];
    const { backend } = entry;
    if (backend === undefined) continue;
    checkBackend(backend, route.primary, [...at, 'backend'], sources);
    if (observers.has(backend))
      sources.report.add([...at, 'backend'], `${backend} is an observer of this route already`, 'keep one');
    const isNonBilling = Object.hasOwn(sources.entries, backend)
      ? sources.entries[backend]?.nonBilling === true
      : null;
    for (const fault of observerFaults({ ...entry, backend }, isNonBilling))
      sources.report.add([...at, ...fault.path], fault.what, fault.remedy);
    observers.set(backend, {
      backend,
      receives: new Set(entry.receives),
      commands: new Set(entry.commands),
    });
  }
  return [...observers.values()];
}

function checkBackend(
  backend: string,
  primary: string | undefined,
  path: KeyPath,
  { entries, report }: RoutingSources,
): void {
  if (!Object.hasOwn(entries, backend)) {
    report.add(path, ...unknownBackend(backend, Object.keys(entries)));
    return;
  }
  if (backend === primary) {
    report.add(path, `${backend} is the primary of this route, and gets everything anyway`, 'remove it');
    return;
  }
  const noVersion = explainNoVersion(backend, primary, { entries });
  if (noVersion !== null) report.add(path, ...noVersion);
}
