/**
 * The fleet as migrations see it, read from the registry.
 *
 * Not pure: it reads live state, and lets others have their turn now and then.
 */
import type { StationView } from '../core/migration/events.ts';
import type { Fleet, FleetStation } from '../core/migration/fleet.ts';
import { isMember } from '../core/routing/table.ts';
import type { Registry, StationSnapshot } from '../ports/registry.ts';
import type { Settings } from '../ports/settings.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { Turns } from './turns.ts';

/** What of the configuration says which stations there are, and where they may go. */
export interface FleetSettings extends Pick<Settings, 'backends' | 'routing'> {
  readonly listener: Pick<Settings['listener'], 'admit' | 'auth' | 'known'>;
}

/** Every station that is there or may come: what the journal remembers of one that was renamed or taken away is in no wave's way. */
export async function readFleet(
  registry: Registry,
  { backends, routing, listener }: FleetSettings,
  turns: Turns,
): Promise<Fleet> {
  const groups = [...routing.groups.values()];
  const stations: FleetStation[] = [];
  for (const snapshot of registry.stations()) {
    const { id: station, version, vendor, model, firmware, site, tags, connected } = snapshot;
    if (!connected && !mayCome(listener, station)) continue;
    stations.push({
      station,
      primary: snapshot.primary,
      version,
      vendor,
      model,
      firmware,
      groups: groups.filter((group) => isMember(group, snapshot)).map(({ name }) => name),
      site,
      tags,
      isConnected: connected,
      hasTransaction: hasTransaction(snapshot),
    });
    await turns.next();
  }
  return {
    stations,
    backends: new Map([...backends.values()].map(({ name, versions }) => [name, versions])),
    groups: new Set(routing.groups.keys()),
  };
}

/** Where stations show who they are, only those that are listed can. */
function mayCome({ admit, auth, known }: FleetSettings['listener'], station: StationId): boolean {
  return known.has(station) || (admit === 'any' && auth === 'none');
}

/** `to`: the backend that it is to move to; `isConfigured`: there is one of that name. null: the registry does not know the station. */
export function viewOf(snapshot: StationSnapshot | null, to: string, isConfigured: boolean): StationView {
  // One that was forgotten is none that may be passed over in silence.
  if (snapshot === null) return gone;
  const link = snapshot.backends.find(({ backend }) => backend === to);
  return {
    primary: snapshot.primary,
    before: snapshot.placement?.before ?? null,
    isConnected: snapshot.connected,
    isAttached: snapshot.placement?.ready.some(({ backend }) => backend === to) === true,
    isSynced: link?.state === 'synced',
    sync: !isConfigured ? 'it is not in the configuration' : link === undefined ? null : wordsOf(link),
    hasTransaction: hasTransaction(snapshot),
  };
}

const gone: StationView = {
  primary: null,
  before: null,
  isConnected: false,
  isAttached: false,
  isSynced: false,
  sync: null,
  hasTransaction: false,
};

/** Messages that the backend has yet to get of this station. */
export function undeliveredTo(snapshot: StationSnapshot | null, to: string): number {
  const link = snapshot?.backends.find(({ backend }) => backend === to);
  return link === undefined ? 0 : link.held + link.parked;
}

function wordsOf({ state, link, lastError }: StationSnapshot['backends'][number]): string {
  const words = state ?? link;
  return lastError === null ? words : `${words} (${lastError})`;
}

function hasTransaction({ backends }: StationSnapshot): boolean {
  return backends.some(({ transactions }) => transactions.length > 0);
}
