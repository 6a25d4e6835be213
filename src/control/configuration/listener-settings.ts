/**
 * The door for stations, from the section `stations`.
 *
 * Refuses what would leave the door open by accident, or shut for everyone.
 */
import type { KnownStation, LinkLimits, ListenerSettings, ServerTls } from '../../ports/settings.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { assert } from '../../std/assert.ts';
import type { KeyPath } from './problem.ts';
import type { Configuration } from './schema.ts';
import { readCertificates, readPrivateKey, type Place } from './secret-files.ts';
import { isLoopback, parseAddress, type Address } from './units.ts';

/** `hasPasswords`: one of the known stations names a password, readable or not. */
export async function readListener(
  section: Configuration['stations'],
  known: ReadonlyMap<StationId, KnownStation>,
  hasPasswords: boolean,
  limits: LinkLimits,
  place: Place,
): Promise<ListenerSettings> {
  const address = addressOf(section.listen);
  const tls = section.tls === undefined ? null : await readServerTls(section.tls, place);
  const auth = section.auth ?? 'none';
  checkAuth(section, address, known.size, hasPasswords, place);
  return {
    host: address.host,
    port: address.port,
    tls,
    admit: section.admit,
    hideUnknown: section.hideUnknown,
    auth,
    known,
    limits,
  };
}

/** An address that the schema has let through. */
export function addressOf(text: string): Address {
  const address = parseAddress(text);
  assert(address.ok, 'the schema lets only addresses through');
  return address.value;
}

function checkAuth(
  section: Configuration['stations'],
  address: Address,
  knownCount: number,
  hasPasswords: boolean,
  { report }: Place,
): void {
  const path = ['stations', 'auth'];
  if (section.auth === undefined && !isLoopback(address.host) && !report.has(path))
    report.add(
      path,
      `is missing, and ${section.listen} can be reached from other machines, so that anyone could pass for a station`,
      'write basic or certificate, or none if that is meant',
    );
  if (section.auth === 'basic' && !hasPasswords)
    report.add(
      path,
      'no known station has a password, so that none could connect',
      'add passwords under stations.known, or write auth: none',
    );
  if (
    section.auth === 'certificate' &&
    section.tls?.clientCa === undefined &&
    !report.has(['stations', 'tls', 'clientCa'])
  )
    report.add(
      path,
      'client certificates cannot be checked without stations.tls.clientCa',
      'name the authority that issued them',
    );
  if (section.auth === 'certificate' && knownCount === 0)
    report.add(
      path,
      'no station is known, and a certificate proves a name but not that it may come',
      'list the stations under stations.known, or write auth: none',
    );
  if (section.admit === 'listed' && knownCount === 0)
    report.add(
      ['stations', 'admit'],
      'no station is known, so that none could connect',
      'list them under stations.known, or write admit: any',
    );
}

async function readServerTls(
  section: NonNullable<Configuration['stations']['tls']>,
  place: Place,
): Promise<ServerTls> {
  const path = ['stations', 'tls'];
  const certs = listOf(section.cert);
  const keys = listOf(section.key);
  if (section.cert !== undefined && section.key !== undefined && certs.length !== keys.length)
    place.report.add(
      [...path, 'key'],
      `there are ${certs.length} certificates and ${keys.length} keys`,
      'name one key for each certificate, in the same order',
    );
  const pairs: { cert: string; key: NonNullable<Awaited<ReturnType<typeof readPrivateKey>>> }[] = [];
  for (let at = 0; at < Math.max(certs.length, keys.length); at += 1) {
    const certFile = certs[at];
    const keyFile = keys[at];
    const cert =
      certFile === undefined
        ? null
        : await readCertificates(certFile, partOf(section.cert, [...path, 'cert'], at), place);
    const keyPath = partOf(section.key, [...path, 'key'], at);
    const key = keyFile === undefined ? null : await readPrivateKey(keyFile, cert, keyPath, place);
    if (cert !== null && key !== null) pairs.push({ cert, key });
  }
  return {
    pairs,
    clientCa:
      section.clientCa === undefined
        ? null
        : await readAuthorities(section.clientCa, [...path, 'clientCa'], place),
  };
}

/** The certificates of one or many files; those with a problem are left out. */
export async function readAuthorities(
  files: string | readonly string[],
  path: KeyPath,
  place: Place,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const [at, file] of listOf(files).entries()) {
    const pem = await readCertificates(file, partOf(files, path, at), place);
    if (pem !== null) found.push(pem);
  }
  return found;
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** The path of the n-th of one or many. */
function partOf(value: string | readonly string[] | undefined, path: KeyPath, at: number): KeyPath {
  return typeof value === 'string' ? path : [...path, at];
}
