/**
 * One secret file for each station: a path with `{station}` in it.
 *
 * The folder is listed once and every file read with the configuration, so that a dial never waits for a disk and an unreadable file is known
 * before a station needs it. A station without a file has no password; it gets one with the next reload.
 */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { checkStationId, type StationId } from '../../protocol/station-id.ts';
import type { Secret } from '../../std/secret.ts';
import type { KeyPath } from './problem.ts';
import { explainCode, readSecretFile, type Place } from './secret-files.ts';

const readsAtOnce = 64;

/** The secrets of all stations that have one. Problems are reported at the path of the key. */
export async function readStationSecrets(
  template: string,
  path: KeyPath,
  place: Place,
): Promise<ReadonlyMap<StationId, Secret>> {
  const secrets = new Map<StationId, Secret>();
  const name = basename(template);
  const folder = resolve(place.folder, dirname(template));
  const parts = name.split('{station}');
  const [prefix, suffix] = parts;
  if (
    prefix === undefined ||
    suffix === undefined ||
    parts.length !== 2 ||
    dirname(template).includes('{station}')
  ) {
    place.report.add(
      path,
      '{station} must stand once, and in the name of the file',
      'write it as secrets/old-{station}',
    );
    return secrets;
  }
  const files = await list(folder, path, place);
  const wanted = files.flatMap((file) => {
    const isOne =
      file.length > prefix.length + suffix.length && file.startsWith(prefix) && file.endsWith(suffix);
    const id = isOne ? checkStationId(file.slice(prefix.length, file.length - suffix.length)) : null;
    return id?.ok === true ? [{ id: id.value, file: join(folder, file) }] : [];
  });
  for (let at = 0; at < wanted.length; at += readsAtOnce) {
    const some = wanted.slice(at, at + readsAtOnce);
    const read = await Promise.all(some.map(({ file }) => readSecretFile(file)));
    some.forEach(({ id }, index) => {
      const secret = read[index];
      if (secret?.ok === true) secrets.set(id, secret.value);
      else if (secret !== undefined) place.report.add(path, secret.fault.what, secret.fault.remedy);
    });
  }
  return secrets;
}

async function list(folder: string, path: KeyPath, { report }: Place): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const fault = explainCode(folder, code);
    report.add(path, fault.what, fault.remedy);
    return [];
  }
}
