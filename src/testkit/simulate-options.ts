/**
 * The options of `busbar simulate`, read and checked: what is wrong is told with the option's name and what to write instead.
 *
 * Shell: reads credential files. Paths may hold `{station}`, which stands for the identity, so that each station has its own file.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fail, ok, type Result } from '../std/result.ts';
import { misbehaviours, type BackendOptions, type Misbehaviour } from './backend-life.ts';
import type { StationConnection } from './simulated-station.ts';

/** Files as given on the command line; absent: none. */
export interface CredentialFiles {
  /** The HTTP Basic password; one newline at the end is not part of it. */
  readonly passwordFile?: string;
  /** PEM: certificate authorities the peer is checked against. */
  readonly ca?: string;
  /** PEM: the own certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
}

/** What is in them; the password without its newline. */
export type Credentials = Pick<StationConnection, 'ca' | 'cert' | 'key'> & { readonly password?: Buffer };

/** How a station of that identity connects, or one line that says what is wrong. */
export async function readConnection(
  url: string,
  files: CredentialFiles,
  station: string,
): Promise<Result<StationConnection, string>> {
  if (!/^wss?:\/\/[^/]/.test(url)) {
    return fail(`--url: "${url}" is no WebSocket address; write ws://host:port/path or wss://…`);
  }
  const credentials = await readCredentials(files, station);
  return credentials.ok ? ok({ url, ...credentials.value }) : credentials;
}

/** The files' content, or one line that says which cannot be read and why. */
export async function readCredentials(
  files: CredentialFiles,
  station: string,
): Promise<Result<Credentials, string>> {
  if ((files.cert === undefined) !== (files.key === undefined)) {
    return fail('--cert and --key belong together: give both or none');
  }
  const read: Record<string, string | Buffer> = {};
  for (const [name, option, path] of named(files)) {
    const file = path.replaceAll(placeholder, station);
    try {
      const bytes = await readFile(file);
      const lack = lackOf(name, bytes);
      if (lack !== null) return fail(`${option}: ${file} holds no ${lack}`);
      read[name] = name === 'password' ? withoutNewline(bytes) : bytes.toString('utf8');
    } catch (error) {
      return fail(`${option}: cannot read ${file}: ${(error as Error).message}`);
    }
  }
  return ok(read as Credentials);
}

/** What should be in the file of that name and is not, or null. OpenSSL takes authorities that are none without a word, and then trusts nobody. */
function lackOf(name: string, bytes: Buffer): string | null {
  if (name === 'password') return null;
  const read = name === 'key' ? createPrivateKey : (pem: Buffer) => new X509Certificate(pem);
  try {
    read(bytes);
    return null;
  } catch {
    return name === 'key' ? 'private key that can be read' : 'certificate that can be read';
  }
}

/** True where every station has files of its own, so that they are read for each. */
export function areFilesPerStation(files: CredentialFiles): boolean {
  return named(files).some(([, , path]) => path.includes(placeholder));
}

/** Reads `hang=0.01,slow=0.2`: misbehaviours with their probability per answer. */
export function parseMisbehave(text: string): Result<BackendOptions['misbehave'], string> {
  const misbehave: Partial<Record<Misbehaviour, number>> = {};
  for (const part of text.split(',')) {
    const [name = '', share = ''] = part.split('=').map((side) => side.trim());
    const kind = misbehaviours.find((known) => known === name);
    if (kind === undefined) return fail(`"${name}" is none of ${misbehaviours.join(', ')}`);
    const probability = Number(share);
    if (share === '' || !(probability >= 0 && probability <= 1))
      return fail(`${name} needs a probability from 0 to 1, such as ${name}=0.01`);
    misbehave[kind] = probability;
  }
  return ok(misbehave);
}

/** Reads `host:port`; a port alone means loopback. Port 0: any free one. */
export function parseListen(text: string): Result<{ readonly host: string; readonly port: number }, string> {
  const match = /^(?:(.+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535)
    return fail(`--listen: "${text}" is no address; write host:port, such as 127.0.0.1:9301`);
  return ok({ host: (match[1] ?? '127.0.0.1').replaceAll(/^\[|\]$/g, ''), port });
}

const placeholder = '{station}';

function withoutNewline(bytes: Buffer): Buffer {
  const last = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length;
  return bytes.subarray(0, last > 0 && bytes[last - 1] === 0x0d ? last - 1 : last);
}

function named({
  passwordFile,
  ca,
  cert,
  key,
}: CredentialFiles): [name: string, option: string, path: string][] {
  const files: [string, string, string | undefined][] = [
    ['password', '--password-file', passwordFile],
    ['ca', '--ca', ca],
    ['cert', '--cert', cert],
    ['key', '--key', key],
  ];
  return files.filter((file): file is [string, string, string] => file[2] !== undefined);
}
