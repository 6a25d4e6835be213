/**
 * The lock file is whole on every platform. npm leaves out optional packages that a registry did not have on the day somebody added another one, and
 * `npm ci` then refuses the file everywhere.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly resolved?: string;
}

const file = join(import.meta.dirname, '../../package-lock.json');
const { packages } = JSON.parse(await readFile(file, 'utf8')) as { packages: Record<string, LockedPackage> };

/** Whether Node's way up the folders, from the folder of a package, meets the other one. */
function isLocked(from: string, name: string, locked: Readonly<Record<string, LockedPackage>>): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('/node_modules/'), 0))) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in locked) return true;
    if (folder === '') return false;
  }
}

function missingIn(locked: Readonly<Record<string, LockedPackage>>): string[] {
  return Object.entries(locked).flatMap(([from, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !isLocked(from, name, locked))
      .map((name) => `${from} needs ${name}`),
  );
}

test('every package that a locked package may need is locked, for every platform', () => {
  expect(Object.keys(packages).length).toBeGreaterThan(100);
  expect(missingIn(packages)).toEqual([]);
});

test('no package is bound to the registry of one machine', () => {
  expect(Object.entries(packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});

test('a package that was left out is seen', () => {
  const { 'node_modules/ws': _left, ...others } = packages;
  expect(missingIn(others)).toContain(' needs ws');
});
