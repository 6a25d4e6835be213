/**
 * A file that a verb writes its result into instead of stdout.
 *
 * It is always new, and gone again when the verb fails: what is there is whole.
 */
import { open, rm, type FileHandle } from 'node:fs/promises';
import type { CliIo } from './io.ts';

export interface NewFile {
  /** As the user wrote it. */
  readonly path: string;
  /** The option that named it, for what is said of it. */
  readonly option: string;
  /** `0o600` where it holds what only its owner may read. */
  readonly mode: number;
}

/** What `fill` gives; anything but null is a failure. 'unwritable': the disk refused, which is said and makes the exit code 2. */
export async function writeNewFile<Fault>(
  { path, option, mode }: NewFile,
  io: CliIo,
  fill: (write: (text: string) => Promise<void>) => Promise<Fault | null>,
): Promise<Fault | null | 'unwritable'> {
  const sayWhy = (error: unknown): 'unwritable' => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    io.stderr.write(`${option} ${path}: ${fileFaults[code] ?? `it cannot be written (${code})`}\n`);
    io.setExitCode(2);
    return 'unwritable';
  };
  let file: FileHandle;
  try {
    file = await open(path, 'wx', mode);
  } catch (error) {
    return sayWhy(error);
  }
  let isWhole = false;
  try {
    const fault = await fill((text) => file.writeFile(text));
    isWhole = fault === null;
    return fault;
  } catch (error) {
    return sayWhy(error);
  } finally {
    await file.close();
    if (!isWhole) await rm(path, { force: true });
  }
}

const fileFaults: Readonly<Record<string, string>> = {
  EEXIST: 'there is a file of that name; name another',
  ENOENT: 'there is no such folder; make it, or name another',
  ENOTDIR: 'a part of the path is a file; name another place',
  EISDIR: 'it is a folder; name a file',
  EACCES: 'this user may not write there; give the right, or name another place',
  EROFS: 'the file system is read-only; name another place',
  ENOSPC: 'the disk is full; free space, or name another place',
  EDQUOT: 'the disk quota is used up; free space, or name another place',
};
