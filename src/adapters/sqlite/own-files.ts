/**
 * The files that a process has its journal in: whether their paths still lead to them.
 *
 * SQLite goes on writing files that were taken away, where nobody finds them again; and without its lock another Busbar may have begun on the same journal, and counts on from the same record.
 */
import { lockFileOf, type OpenFault } from './database.ts';
import { fileAt } from './place.ts';

/** The journal's file and its lock, to be compared; null: not there. */
export type OwnFiles = readonly (string | null)[];

/** Those of this moment. */
export function ownFilesOf(file: string): OwnFiles {
  return [file, lockFileOf(file)].map(fileAt);
}

/** Another file in the place of one of them does not have what was committed, or is locked by another process. */
export function areInPlace(file: string, own: OwnFiles): boolean {
  return ownFilesOf(file).every((found, at) => found === own[at]);
}

/** The WAL of this moment; null: there is none. */
export function walAt(file: string): string | null {
  return fileAt(`${file}-wal`);
}

/** What is told where one of them was taken away. */
export function takenAway(file: string): OpenFault {
  return {
    fault: 'cannot_open',
    detail: `${file} or its -wal or -lock was removed or replaced while Busbar writes it: move the same file back, or restart Busbar, which begins with what is there then; until it ends, /proc/${process.pid}/fd has what was in them`,
  };
}
