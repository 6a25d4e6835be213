/** A folder with a configuration, for one test: written, loaded, removed. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadConfiguration, type LoadedConfiguration } from '../../src/control/configuration/load.ts';
import { formatProblem } from '../../src/control/configuration/problem.ts';
import type { Result } from '../../src/std/result.ts';

export interface Folder {
  readonly path: string;
  /** Writes a file that only its owner can read, unless `mode` says otherwise. */
  write(name: string, text: string | Uint8Array, mode?: number): Promise<void>;
  /** Loads `busbar.yaml` from it. Problems come as lines, with the folder's path written as `FOLDER`. */
  load(env?: Readonly<Record<string, string>>): Promise<Result<LoadedConfiguration, readonly string[]>>;
  remove(): Promise<void>;
}

async function createFolder(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'busbar-config-'));
  const folder: Folder = {
    path,
    write: async (name, text, mode = 0o600) => {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), text);
      await chmod(join(path, name), mode);
    },
    load: async (env = {}) => {
      const loaded = await loadConfiguration(join(path, 'busbar.yaml'), env);
      if (loaded.ok) return loaded;
      const lines = loaded.fault.map((problem) =>
        formatProblem(problem).replaceAll(`${path}/busbar.yaml`, 'busbar.yaml'),
      );
      return { ok: false, fault: lines.map((line) => line.replaceAll(path, 'FOLDER')) };
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
  for (const [name, text] of Object.entries(files)) await folder.write(name, text);
  return folder;
}

/** Does something with a folder, and removes it. */
export async function withFolder<Outcome>(
  files: Readonly<Record<string, string>>,
  use: (folder: Folder) => Promise<Outcome>,
): Promise<Outcome> {
  const folder = await createFolder(files);
  try {
    return await use(folder);
  } finally {
    await folder.remove();
  }
}

/** The problems of a text as `busbar.yaml`, one line each; empty when it is sound. */
export async function problemsOf(
  text: string,
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const loaded = await withFolder({ ...files, 'busbar.yaml': text }, (folder) => folder.load(env));
  return loaded.ok ? [] : loaded.fault;
}

/** A configuration that is read without a problem; fails the test otherwise. */
export async function configurationOf(
  text: string,
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
): Promise<LoadedConfiguration> {
  const loaded = await withFolder({ ...files, 'busbar.yaml': text }, (folder) => folder.load(env));
  if (!loaded.ok) throw new Error(loaded.fault.join('\n'));
  return loaded.value;
}
