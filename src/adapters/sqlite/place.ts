/**
 * The place that a journal's file lies in: what is wrong with it, and whether a path still leads to the file that was opened.
 */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Why nothing can be written at a path, and what to do; null where the file system sees nothing wrong. `code` is what a call said of it; SQLite says no more than "unable to open", so that then
 * the path is looked at, up to the first folder that is there.
 */
export function faultOfPlace(path: string, code = codeOfFile(path)): string | null {
  const known = code === null ? undefined : placeFaults[code];
  if (known !== undefined) return known;
  const parent = dirname(path);
  return code === 'ENOENT' && parent !== path ? faultOfPlace(parent, codeOf(parent)) : null;
}

function codeOfFile(path: string): string | null {
  return codeOf(path) ?? (statSync(path).isDirectory() ? 'EISDIR' : null);
}

function codeOf(path: string): string | null {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? null;
  }
}

export const diskFull = 'the disk is full; free space, or name another place';

const placeFaults: Readonly<Record<string, string>> = {
  EEXIST: 'there is a file of that name; name another place',
  ENOTDIR: 'a part of the path is a file; name another place',
  EISDIR: 'it is a folder; name a file',
  EACCES: 'this user may not write there; give the right, or name another place',
  EROFS: 'the file system is read-only; name another place',
  ENOSPC: diskFull,
  EDQUOT: 'the disk quota is used up; free space, or name another place',
};

/** Which file a path leads to, to be compared; null: none. */
export function fileAt(path: string): string | null {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

/** Where a path leads, past links: SQLite keeps the WAL there, and who opens the same file under another name is to find it in use. */
export function beyondLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
