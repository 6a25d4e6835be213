/**
 * Reads what the configuration points at: texts, secrets, certificates.
 *
 * Every file has a bound; a secret that other users of the machine can read is refused, since it is none. Faults are sentences for the operator and
 * hold nothing of what was read.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { fail, ok, type Result } from '../../std/result.ts';
import { Secret } from '../../std/secret.ts';
import type { KeyPath, Report } from './problem.ts';
import type { SecretReference } from './schema-parts.ts';
import type { Environment } from './yaml-source.ts';

/** Where references in one file lead. */
export interface Place {
  /** Relative paths start here. */
  readonly folder: string;
  readonly env: Environment;
  readonly report: Report;
}

export interface FileFault {
  readonly what: string;
  readonly remedy: string;
}

const secretBytesMax = 64 * 1024;
const pemBytesMax = 1024 * 1024;

/** A file's bytes. `isSecret`: others must not be able to read it. */
export async function readBytes(
  path: string,
  bytesMax: number,
  isSecret: boolean,
): Promise<Result<Uint8Array, FileFault>> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(path, 'r');
    const stat = await handle.stat();
    if (!stat.isFile()) return fail({ what: `${path} is not a file`, remedy: 'name a file' });
    if (isSecret && (stat.mode & 0o004) !== 0)
      return fail({
        what: `${path} can be read by every user of this machine`,
        remedy: `run chmod o-r ${path}`,
      });
    if (stat.size > bytesMax)
      return fail({ what: `${path} is larger than ${bytesMax} bytes`, remedy: 'name the right file' });
    return ok(await handle.readFile());
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return fail(explainCode(path, code));
  } finally {
    await handle?.close();
  }
}

/** A secret file without the one line end after it. */
export async function readSecretFile(path: string): Promise<Result<Secret, FileFault>> {
  const bytes = await readBytes(path, secretBytesMax, true);
  if (!bytes.ok) return bytes;
  const end = lineEndAt(bytes.value);
  return end === 0
    ? fail({ what: `${path} is empty`, remedy: 'write the secret into it' })
    : ok(new Secret(bytes.value.subarray(0, end)));
}

/** The secret that a reference leads to; null when there is a problem, which is reported. */
export async function readSecret(
  reference: SecretReference,
  path: KeyPath,
  place: Place,
): Promise<Secret | null> {
  const { file, env } = reference;
  if ((file === undefined) === (env === undefined)) {
    const what = file === undefined ? 'does not say where the secret is' : 'says twice where the secret is';
    if (!place.report.has([...path, 'file']) && !place.report.has([...path, 'env']))
      place.report.add(path, what, 'write { file: PATH } or { env: NAME }');
    return null;
  }
  if (env !== undefined) {
    const value = Object.hasOwn(place.env, env) ? place.env[env] : undefined;
    if (value !== undefined && value !== '') return new Secret(Buffer.from(value));
    const what = `the environment variable ${env} is ${value === undefined ? 'not set' : 'empty'}`;
    place.report.add([...path, 'env'], what, 'set it, or name another');
    return null;
  }
  const secret = await readSecretFile(resolve(place.folder, file ?? ''));
  if (secret.ok) return secret.value;
  place.report.add([...path, 'file'], secret.fault.what, secret.fault.remedy);
  return null;
}

/** Certificates of a PEM file, checked to be some; null when there is a problem, which is reported. */
export async function readCertificates(file: string, path: KeyPath, place: Place): Promise<string | null> {
  const full = resolve(place.folder, file);
  const bytes = await readBytes(full, pemBytesMax, false);
  if (!bytes.ok) {
    place.report.add(path, bytes.fault.what, bytes.fault.remedy);
    return null;
  }
  const pem = Buffer.from(bytes.value).toString('latin1');
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length > 0 && blocks.every(isCertificate)) return pem;
  place.report.add(
    path,
    `${full} holds no certificate that can be read`,
    'name a PEM file with certificates',
  );
  return null;
}

/** A private key in PEM, checked to be one and, when the certificate is there, to belong to it. */
export async function readPrivateKey(
  file: string,
  certificate: string | null,
  path: KeyPath,
  place: Place,
): Promise<Secret | null> {
  const full = resolve(place.folder, file);
  const bytes = await readBytes(full, pemBytesMax, true);
  if (!bytes.ok) {
    place.report.add(path, bytes.fault.what, bytes.fault.remedy);
    return null;
  }
  try {
    const key = createPrivateKey(Buffer.from(bytes.value));
    if (certificate !== null && !new X509Certificate(certificate).checkPrivateKey(key)) {
      place.report.add(
        path,
        `${full} is not the key of its certificate`,
        'list keys in the order of their certificates',
      );
      return null;
    }
    const weakness = certificate === null ? null : weaknessOf(certificate, bytes.value);
    if (weakness === null) return new Secret(bytes.value);
    place.report.add(
      path,
      `OpenSSL takes neither ${full} nor its certificate (${weakness})`,
      'make both anew, with RSA from 2048 bits or ECDSA from 256',
    );
    return null;
  } catch {
    // OpenSSL's words for this ("unsupported", "no start line") help nobody.
    place.report.add(
      path,
      `${full} holds no private key that can be read`,
      'name a PEM file with a key that has no passphrase',
    );
  }
  return null;
}

/** What OpenSSL says against a key and a certificate that belong together, such as of their size; null: nothing. */
function weaknessOf(cert: string, key: Uint8Array): string | null {
  try {
    createSecureContext({ cert, key: Buffer.from(key) });
    return null;
  } catch (error) {
    return (error as Error).message.replace(/^error:[^:]*:[^:]*:+/, '');
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

function lineEndAt(bytes: Uint8Array): number {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= bytes[end - 2] === 0x0d ? 2 : 1;
  return end;
}

/** What a system error means for a path. */
export function explainCode(path: string, code: string): FileFault {
  switch (code) {
    case 'ENOENT':
      return { what: `${path} does not exist`, remedy: 'create it, or mend the path' };
    case 'EACCES':
    case 'EPERM':
      return {
        what: `${path} may not be read by this user`,
        remedy: 'give the user that runs Busbar the right to',
      };
    case 'EISDIR':
      return { what: `${path} is not a file`, remedy: 'name a file' };
    case 'ENOTDIR':
      return { what: `${path} leads through a file`, remedy: 'mend the path' };
    default:
      return { what: `${path} cannot be read (${code})`, remedy: 'mend the path' };
  }
}
