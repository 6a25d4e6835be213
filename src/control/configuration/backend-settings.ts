/**
 * Backends, from the section `backends`.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { BackendSettings } from '../../ports/settings.ts';
import { assert } from '../../std/assert.ts';
import { backendUrl } from './backend-url.ts';
import { readAuthorities } from './listener-settings.ts';
import { durationOf } from './limit-settings.ts';
import { identityFault } from './known-stations.ts';
import type { KeyPath } from './problem.ts';
import type { BackendEntry } from './schema.ts';
import { readCertificates, readPrivateKey, readSecret, type Place } from './secret-files.ts';
import { readStationSecrets } from './station-secrets.ts';
import { parseRate } from './units.ts';

/** A backend and what its links depend on. */
export interface ReadBackend {
  readonly settings: BackendSettings;
  /** Changes whenever its links have to be dialled anew. Means something in this process only. */
  readonly revision: string;
}

/**
 * Fresh in every process: a revision is made of passwords too, and an unkeyed digest of a weak one could be guessed from wherever revisions
 * get printed.
 */
const revisionKey = randomBytes(32);

/** Reads every backend. What is wrong is reported; a backend without a usable address is left out. */
export async function readBackends(
  entries: Readonly<Record<string, BackendEntry>>,
  place: Place,
): Promise<ReadonlyMap<string, ReadBackend>> {
  const backends = new Map<string, ReadBackend>();
  let owner: string | null = null;
  for (const [name, entry] of Object.entries(entries)) {
    const path: KeyPath = ['backends', name];
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
      place.report.add(
        path,
        'the name of a backend has 1 to 63 letters, digits and . _ -, since it stands in metrics and addresses',
        'choose another',
      );
    const backend = await readBackend(name, entry, path, place);
    if (backend !== null) backends.set(name, backend);
    if (entry.credentials?.forward !== true) continue;
    if (owner !== null)
      place.report.add(
        [...path, 'credentials', 'forward'],
        `${owner} already gets the stations’ own passwords, and they belong to one backend only`,
        'give this one its own under credentials.password',
      );
    owner ??= name;
  }
  return backends;
}

async function readBackend(
  name: string,
  entry: BackendEntry,
  path: KeyPath,
  place: Place,
): Promise<ReadBackend | null> {
  const { report } = place;
  const url = entry.url === undefined ? null : readUrl(entry.url, [...path, 'url'], place);
  checkIdentity(entry.identity, [...path, 'identity'], place);
  checkHeaders(entry, [...path, 'headers'], place);
  const credentials = await readCredentials(entry, [...path, 'credentials'], place);
  const tls = await readClientTls(entry, url, [...path, 'tls'], place);
  const redialFromMs = durationOf(entry.redial.from);
  const redialToMs = durationOf(entry.redial.to);
  if (redialFromMs > redialToMs)
    report.add(
      [...path, 'redial', 'from'],
      `${entry.redial.from} is longer than redial.to, ${entry.redial.to}`,
      'make it shorter',
    );
  if (url === null) return null;
  const settings: BackendSettings = {
    name,
    url,
    identity: entry.identity,
    versions: entry.versions,
    credentials: credentials.settings,
    headers: new Map(Object.entries(entry.headers)),
    tls,
    callTimeoutMs: durationOf(entry.callTimeout),
    redialFromMs,
    redialToMs,
    connectsPerSecond: rateOf(entry.connectRate),
    deliveriesPerSecond: rateOf(entry.drainRate),
  };
  return { settings, revision: revisionOf(settings, credentials.marks) };
}

function readUrl(text: string, path: KeyPath, { report }: Place): string | null {
  const url = backendUrl(text);
  if (url.ok) return url.value;
  if (!report.has(path)) report.add(path, url.fault.what, url.fault.remedy);
  return null;
}

function checkIdentity(identity: string, path: KeyPath, { report }: Place): void {
  if (!identity.includes('{station}')) {
    const what = 'without {station} this backend would take all stations for one';
    report.add(path, what, 'write {station} where the station’s own identity belongs, such as DE-{station}');
    return;
  }
  const fault = /[{}]/.test(identity.replaceAll('{station}', ''))
    ? 'only {station} is replaced'
    : identityFault(identity);
  if (fault !== null) report.add(path, fault, 'mend the template');
}

/** Headers that make up the WebSocket handshake itself (RFC 6455 §4.1) and those whose value Busbar decides. */
const ownHeaders = /^(host|upgrade|connection|content-length|transfer-encoding|sec-websocket-.*)$/i;

function checkHeaders(entry: BackendEntry, path: KeyPath, { report }: Place): void {
  for (const [name, value] of Object.entries(entry.headers)) {
    const at = [...path, name];
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
      report.add(at, 'this is not the name of a header', 'mend it');
    else if (ownHeaders.test(name)) report.add(at, 'Busbar writes this header itself', 'remove it');
    else if (/^authorization$/i.test(name) && entry.credentials !== undefined)
      report.add(at, 'credentials write this header too', 'keep one of the two');
    // oxlint-disable-next-line no-control-regex -- control characters would end the header (RFC 9110 §5.5)
    if (/[^\t\u0020-\u007e\u0080-\u00ff]/.test(value))
      report.add(
        at,
        'the value holds characters that a header cannot carry',
        'keep to printable Latin letters',
      );
  }
}

interface ReadCredentials {
  readonly settings: BackendSettings['credentials'];
  /** What of them a link depends on. */
  readonly marks: readonly (string | Uint8Array)[];
}

async function readCredentials(entry: BackendEntry, path: KeyPath, place: Place): Promise<ReadCredentials> {
  const none: ReadCredentials = { settings: { kind: 'none' }, marks: ['none'] };
  if (entry.credentials === undefined) return none;
  const { password, forward } = entry.credentials;
  if ((password === undefined) === (forward === undefined)) {
    const what = password === undefined ? 'names no credentials' : 'names two ways to authenticate';
    const isReported = place.report.has([...path, 'password']) || place.report.has([...path, 'forward']);
    if (!isReported) place.report.add(path, what, 'write password or forward: true');
    return none;
  }
  if (password === undefined) return { settings: { kind: 'forward' }, marks: ['forward'] };
  const passwordPath = [...path, 'password'];
  if (password.env?.includes('{station}') === true) {
    place.report.add(
      [...passwordPath, 'env'],
      '{station} has no place in the name of a variable',
      'use files instead',
    );
    return none;
  }
  if (password.file?.includes('{station}') === true && password.env === undefined) {
    const secrets = await readStationSecrets(password.file, [...passwordPath, 'file'], place);
    // One station's new password is no reason to dial the links of all others anew, so only the place counts.
    return {
      settings: { kind: 'password', password: secrets },
      marks: ['files', password.file],
    };
  }
  const secret = await readSecret(password, passwordPath, place);
  if (secret === null) return none;
  return { settings: { kind: 'password', password: secret }, marks: ['password', secret.reveal()] };
}

async function readClientTls(
  entry: BackendEntry,
  url: string | null,
  path: KeyPath,
  place: Place,
): Promise<BackendSettings['tls']> {
  const { ca, cert, key } = entry.tls ?? {};
  if (entry.tls !== undefined && url !== null && !url.startsWith('wss:'))
    place.report.add(path, 'has no effect on a ws:// address', 'write wss:// or remove the key');
  if ((cert === undefined) !== (key === undefined))
    place.report.add(
      path,
      `${cert === undefined ? 'key' : 'cert'} alone authenticates nobody`,
      'name both cert and key',
    );
  const authorities = ca === undefined ? null : await readAuthorities(ca, [...path, 'ca'], place);
  const certificate = cert === undefined ? null : await readCertificates(cert, [...path, 'cert'], place);
  return {
    ca: authorities,
    cert: certificate,
    key: key === undefined ? null : await readPrivateKey(key, certificate, [...path, 'key'], place),
  };
}

function revisionOf(settings: BackendSettings, marks: readonly (string | Uint8Array)[]): string {
  const { url, identity, headers, tls } = settings;
  const digest = createHmac('sha256', revisionKey);
  for (const part of [
    JSON.stringify([url, identity, [...headers], tls.ca, tls.cert]),
    tls.key?.reveal() ?? '',
    ...marks,
  ]) {
    digest.update(`${part.length}:`);
    digest.update(part);
  }
  return digest.digest('base64url');
}

function rateOf(text: string): number {
  const rate = parseRate(text);
  assert(rate.ok, 'the schema lets only rates through');
  return rate.value;
}
