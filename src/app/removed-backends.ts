/**
 * Says of a backend that a reload took out of the configuration what still hangs on it: nothing refuses that, since it may be meant, but its stations stay away until it is back.
 */
import { isOver } from '../core/migration/phase.ts';
import type { Deliveries } from '../ports/deliveries.ts';
import type { Log } from '../ports/log.ts';
import type { Migrations } from '../ports/migrations.ts';
import type { Registry } from '../ports/registry.ts';

export interface RemovedSources {
  readonly registry: Pick<Registry, 'stations'>;
  readonly deliveries: Pick<Deliveries, 'heldByBackend'>;
  /** null before they are there. */
  readonly migrations: Pick<Migrations, 'list'> | null;
  readonly log: Log;
}

/** To be called once the new configuration is in force: what is routed anew does not hang on them any more. */
export function warnOfRemoved(removed: ReadonlySet<string>, sources: RemovedSources): void {
  if (removed.size === 0) return;
  const { registry, deliveries, migrations, log } = sources;
  const stations = new Map<string, number>();
  for (const { primary } of registry.stations())
    if (primary !== null && removed.has(primary)) stations.set(primary, (stations.get(primary) ?? 0) + 1);
  const held = deliveries.heldByBackend();
  const running = migrations?.list().filter(({ phase }) => !isOver(phase)) ?? [];
  for (const backend of removed) {
    const named = running.filter(({ plan }) => plan.from === backend || plan.to === backend);
    const found = {
      stations: stations.get(backend) ?? 0,
      messages: (held.get(backend)?.held ?? 0) + (held.get(backend)?.parked ?? 0),
      migrations: named.map(({ plan }) => plan.name).join(', '),
    };
    if (found.stations + found.messages + named.length > 0)
      log.warn('backend_removed_in_use', { backend, ...found });
  }
}
