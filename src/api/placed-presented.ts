/**
 * What a station was given through Busbar, as the API shows it: by name, not by content.
 *
 * Pure.
 */
import type { PlacedObject } from '../core/commands/placed-object.ts';
import { hasMoreOf, type PlacedObjects } from '../core/commands/placed-objects.ts';
import { fromOperator } from '../core/station/state.ts';
import { isoTime } from '../std/iso-time.ts';
import type { Station } from './schemas.ts';

type Presented = Pick<
  Station,
  'profiles' | 'moreProfiles' | 'displayMessages' | 'moreDisplayMessages' | 'tariffs' | 'moreTariffs'
>;

export function presentObjects(objects: PlacedObjects | null): Presented {
  const presented: Presented = {
    profiles: [],
    moreProfiles: hasMoreOf(objects, 'profile'),
    displayMessages: [],
    moreDisplayMessages: hasMoreOf(objects, 'displayMessage'),
    tariffs: [],
    moreTariffs: hasMoreOf(objects, 'tariff'),
  };
  for (const object of objects?.rows ?? []) addTo(presented, object);
  return presented;
}

function addTo({ profiles, displayMessages, tariffs }: Presented, object: PlacedObject): void {
  const { id, backend, connector, payload } = object;
  const placed = {
    id,
    backend: backend === fromOperator ? 'operator' : backend,
    connector,
    whole: payload !== null,
    asideAt: timeOrNull(object.asideAt),
  };
  const endsAt = timeOrNull(object.endsAt);
  switch (object.kind) {
    case 'profile': {
      const { purpose, stackLevel } = object;
      profiles.push({ ...placed, purpose, stackLevel, endsAt });
      return;
    }
    case 'displayMessage':
      displayMessages.push({ ...placed, priority: object.priority, endsAt });
      return;
    case 'tariff':
      tariffs.push({ ...placed, currency: object.currency, validFrom: timeOrNull(object.validFrom) });
  }
}

function timeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}
