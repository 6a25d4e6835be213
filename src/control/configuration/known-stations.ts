/**
 * The stations that the configuration knows: `stations.known` and the file of `stations.knownFrom`.
 *
 * Passwords are read here, all of them, so that no connection waits for a disk.
 */
import { basicBytesMax, canBePresented } from '../../core/admission/basic-credentials.ts';
import {
  checkStationId,
  stationIdCharactersMax,
  type StationId,
  type StationIdFault,
} from '../../protocol/station-id.ts';
import type { KnownStation } from '../../ports/settings.ts';
import type { Secret } from '../../std/secret.ts';
import { nearestName } from './nearest.ts';
import type { KeyPath } from './problem.ts';
import type { KnownStationsEntry } from './schema.ts';
import type { SecretReference } from './schema-parts.ts';
import { readSecret, type Place } from './secret-files.ts';

/** Entries, and where they stand: which file, under which key. */
export interface KnownSource {
  readonly entries: KnownStationsEntry;
  readonly path: KeyPath;
  readonly place: Place;
}

type Entry = KnownStationsEntry[string];

interface ListedStation {
  readonly id: StationId;
  readonly entry: Entry;
  readonly path: KeyPath;
}

const readsAtOnce = 64;

/** Every known station of every source. A station that stands twice, or has a wrong identity, is reported and left out. */
export async function readKnownStations(
  sources: readonly KnownSource[],
  backends: readonly string[],
): Promise<ReadonlyMap<StationId, KnownStation>> {
  const known = new Map<StationId, KnownStation>();
  const aliases = new Map<string, StationId>();
  for (const { entries, path, place } of sources) {
    const stations: ListedStation[] = [];
    for (const [name, entry] of Object.entries(entries)) {
      const entryPath = [...path, name];
      const id = checkStationId(name);
      if (!id.ok) place.report.add(entryPath, explainId(id.fault), 'write it as the station sends it');
      else if (known.has(id.value)) {
        place.report.add(entryPath, 'this station stands in knownFrom and in known', 'keep one');
      } else stations.push({ id: id.value, entry, path: entryPath });
    }
    for (let at = 0; at < stations.length; at += readsAtOnce) {
      const some = stations.slice(at, at + readsAtOnce);
      const made = await Promise.all(some.map((station) => makeStation(station, place)));
      some.forEach((station, index) => known.set(station.id, made[index] as KnownStation));
    }
    for (const { id, entry, path: entryPath } of stations)
      checkIdentities(id, entry, [...entryPath, 'identities'], place, backends, aliases);
  }
  return known;
}

async function makeStation({ id, entry, path }: ListedStation, place: Place): Promise<KnownStation> {
  const commonName = entry.certificate?.commonName;
  return {
    password:
      entry.password === undefined
        ? null
        : await readPassword(entry.password, id, [...path, 'password'], place),
    certificate: commonName === undefined ? null : { commonName },
    tags: entry.tags,
    site: entry.site ?? null,
    identities: new Map(Object.entries(entry.identities)),
  };
}

/** One that is too long is a problem: the station would be told for ever that its password is wrong. */
async function readPassword(
  reference: SecretReference,
  id: StationId,
  path: KeyPath,
  place: Place,
): Promise<Secret | null> {
  const password = await readSecret(reference, path, place);
  if (password !== null && !canBePresented(password.reveal(), id))
    place.report.add(
      path,
      `is longer than a station can present (${basicBytesMax} bytes with its identity and a colon)`,
      'name the right file, or give the station a shorter one',
    );
  return password;
}

/** Each must name a backend, be fit for a URL and a user name, and be this station's alone there. */
function checkIdentities(
  id: StationId,
  entry: Entry,
  path: KeyPath,
  place: Place,
  backends: readonly string[],
  aliases: Map<string, StationId>,
): void {
  for (const [backend, identity] of Object.entries(entry.identities)) {
    const at = [...path, backend];
    if (!backends.includes(backend)) place.report.add(at, ...unknownBackend(backend, backends));
    const fault = identityFault(identity);
    if (fault !== null) place.report.add(at, fault, 'write it as that backend has it');
    const alias = JSON.stringify([backend, identity]);
    const other = aliases.get(alias);
    if (other !== undefined)
      place.report.add(
        at,
        `${backend} would take this station for ${other}, which has the same identity there`,
        'give each its own',
      );
    else aliases.set(alias, id);
  }
}

/** What a backend may not call a station, or null. OCPP leaves the form to the backend, but HTTP Basic has no place for a colon (RFC 7617 §2). */
export function identityFault(identity: string): string | null {
  if (identity.length > 255) return 'an identity has at most 255 characters';
  if (identity.includes(':')) return 'an identity cannot hold a colon, since it is also a user name';
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return /[\u0000-\u001f\u007f]/.test(identity) ? 'an identity cannot hold control characters' : null;
}

export function unknownBackend(name: string, backends: readonly string[]): readonly [string, string] {
  const nearest = nearestName(name, backends);
  return [
    `there is no backend ${JSON.stringify(name)}`,
    nearest === null
      ? `the backends are ${backends.join(', ') || 'none so far'}`
      : `did you mean ${nearest}?`,
  ];
}

function explainId(fault: StationIdFault): string {
  switch (fault) {
    case 'missing':
      return 'an identity cannot be empty';
    case 'has_colon':
      return 'an identity cannot hold a colon (OCPP 2.1 Part 4 §3.1.1)';
    case 'too_long':
      return `an identity has at most ${stationIdCharactersMax} characters (OCPP 2.1 Part 4 §3.1.1)`;
    case 'bad_character':
    case 'bad_encoding':
      return 'an identity is made of letters, digits and * - _ = + | @ . (OCPP 2.x identifierString)';
  }
}
