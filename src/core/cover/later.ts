/**
 * What the backend still gets of a call that was answered in its place, once it is back.
 *
 * Pure. Reads the table of cover-table.ts. The station has its answer and forgets: what matters and is not held here is lost.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { coverTable, type Later } from './cover-table.ts';

export type { Later } from './cover-table.ts';

const coverTables = Object.values(coverTable);

/** What becomes of it; `none` for actions that are not known, since those were answered with an error. */
export function laterOf(version: OcppVersion, action: string): Later {
  return coverTable[version].get(action)?.later ?? 'none';
}

/** Whether it is held: for one whose version is not at hand, since an action is held in every version that has it or in none. */
export function isHeldLater(action: string): boolean {
  return coverTables.some((table) => table.get(action)?.later === 'held');
}

/** How long a held message is worth delivering, in milliseconds; null: until it is delivered. What is older is dropped. */
export function keptMsOf(version: OcppVersion, action: string): number | null {
  return coverTable[version].get(action)?.keptMs ?? null;
}
