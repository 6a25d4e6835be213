/**
 * The observers of a route: who listens in, to what, and what it may send.
 *
 * Pure. Refuses what could bill a session twice or take a station away from its primary.
 */
import type { Observer } from '../../core/routing/table.ts';
import { billingClasses } from '../../protocol/message-class.ts';
import { unknownBackend } from './known-stations.ts';
import type { KeyPath } from './problem.ts';
import { explainNoVersion, isActionName, type RoutingSources } from './routing-sources.ts';
import type { ObserverEntry, RouteEntry } from './schema.ts';

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
    checkReceived(entry, backend, [...at, 'receives'], sources);
    checkCommands(entry, [...at, 'commands'], sources);
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

function checkReceived(
  entry: ObserverEntry,
  backend: string,
  path: KeyPath,
  { entries, report }: RoutingSources,
): void {
  if (!Object.hasOwn(entries, backend) || entries[backend]?.nonBilling === true) return;
  const billing = entry.receives.filter((name) => billingClasses.has(name));
  if (billing.length > 0)
    report.add(
      path,
      `${backend} would get ${billing.join(' and ')} beside the primary, and could bill sessions a second time`,
      `remove ${billing.length === 1 ? 'it' : 'them'}, or write nonBilling: true at backends.${backend} if it bills nobody`,
    );
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

function checkCommands(entry: ObserverEntry, path: KeyPath, { report }: RoutingSources): void {
  for (const [index, action] of entry.commands.entries()) {
    const never = neverAnObservers.get(action);
    if (never !== undefined)
      report.add([...path, index], `${action} is never taken from an observer: ${never}`, 'remove it');
    if (!isActionName(action))
      report.add(
        [...path, index],
        'this is not the name of an OCPP action',
        'write it as OCPP does, such as GetConfiguration',
      );
  }
}
