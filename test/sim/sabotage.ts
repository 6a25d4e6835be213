/**
 * Breaks the gateway on purpose: a copy of its sources in which one place is changed, to be run instead of the real one.
 *
 * The product knows nothing of it. A place that is not found exactly once is an error, so that a break cannot fade away with a change of the code.
 */
import { cp, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface Break {
  /** What is wrong with the broken code, as one would tell of a bug. */
  readonly name: string;
  /** The rule that must be found broken. */
  readonly rule: string;
  /** Under `src/`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The seed that shows it, as the code is: where to look first. */
  readonly seed?: number;
}

const root = join(import.meta.dirname, '../..');
const folders = ['std', 'protocol', 'core', 'ports', 'runtime'];

/** Copies the sources, changes them in one place and returns the address of the broken gateway's module. */
export async function breakGateway(wanted: Break): Promise<string> {
  return pathToFileURL(join(await breakSources(wanted), 'src/runtime/gateway.ts')).href;
}

/** The same, and returns the folder that the broken copy is in. */
export async function breakSources(broken: Break): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-sabotage-'));
  for (const each of folders)
    await cp(join(root, 'src', each), join(folder, 'src', each), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const path = join(folder, 'src', broken.file);
  await writeFile(path, breakText(broken, await readFile(path, 'utf8')));
  return folder;
}

/** The text of the file that is to be broken, broken. */
export function breakText({ name, file, from, to }: Break, text: string): string {
  const places = text.split(from).length - 1;
  if (places !== 1)
    throw new Error(`"${name}": the place to break stands ${places} times in ${file}, not once`);
  return text.replace(from, () => to);
}
