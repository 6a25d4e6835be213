/**
 * What no observer may be given, wherever it is named: by a route, or by a decision about one station.
 *
 * Pure. Refuses what could bill a session twice or take a station away from its primary.
 */
import { isActionName } from '../../protocol/action-name.ts';
import { billingClasses } from '../../protocol/message-class.ts';
import type { PlacedObserver } from './placement.ts';

/** Something about an observer that cannot be. */
export interface ObserverFault {
  /** Keys and places, from the observer on, or from the list of them. */
  readonly path: readonly (string | number)[];
  readonly what: string;
  /** What to do, after a semicolon. */
  readonly remedy: string;
}

/** `isNonBilling`: what the configuration says of the backend; null: it is not configured. */
export function observerFaults(observer: PlacedObserver, isNonBilling: boolean | null): ObserverFault[] {
  return [...billingFaults(observer, isNonBilling), ...commandFaults(observer)];
}

function billingFaults(
  { backend, receives }: PlacedObserver,
  isNonBilling: boolean | null,
): readonly ObserverFault[] {
  if (isNonBilling !== false) return [];
  const billing = receives.filter((name) => billingClasses.has(name));
  if (billing.length === 0) return [];
  return [
    {
      path: ['receives'],
      what: `${backend} would get ${billing.join(' and ')} beside the primary, and could bill sessions a second time`,
      remedy: `remove ${billing.length === 1 ? 'it' : 'them'}, or write nonBilling: true at backends.${backend} if it bills nobody`,
    },
  ];
}

const otherBackend = 'it sends a station to another backend, past Busbar and its primary';
const newFirmware = 'firmware can end a station’s connection for good, and belongs to its primary';
const newTrust = 'certificates decide whom a station trusts and how it is known, and belong to its primary';

/**
 * Commands that no observer may have, each with its reason. Reset is not among them: a station comes back from it, to the same place.
 */
const neverAnObservers: ReadonlyMap<string, string> = new Map([
  ['SetNetworkProfile', otherBackend],
  ['UpdateFirmware', newFirmware],
  ['SignedUpdateFirmware', newFirmware],
  ['PublishFirmware', newFirmware],
  ['UnpublishFirmware', newFirmware],
  ['InstallCertificate', newTrust],
  ['DeleteCertificate', newTrust],
  ['CertificateSigned', newTrust],
]);

function commandFaults({ commands }: PlacedObserver): ObserverFault[] {
  return commands.flatMap((action, index): ObserverFault[] => {
    const path = ['commands', index];
    const never = neverAnObservers.get(action);
    if (never !== undefined)
      return [{ path, what: `${action} is never taken from an observer: ${never}`, remedy: 'remove it' }];
    if (isActionName(action)) return [];
    const what = 'this is not the name of an OCPP action';
    return [{ path, what, remedy: 'write it as OCPP does, such as GetConfiguration' }];
  });
}
