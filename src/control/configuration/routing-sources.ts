/**
 * What the parts of a route are read against, and what is asked of each backend and action that one names.
 *
 * Pure.
 */
import type { ReadBackend } from './backend-settings.ts';
import type { Report } from './problem.ts';
import type { BackendEntry } from './schema.ts';

/** `entries` has every backend that is written, `backends` those that are sound. */
export interface RoutingSources {
  readonly entries: Readonly<Record<string, BackendEntry>>;
  readonly backends: ReadonlyMap<string, ReadBackend>;
  readonly report: Report;
}

/** Why the backend could never have a link for a station of this primary, or null. That one of them is not written at all is another problem. */
export function explainNoVersion(
  backend: string,
  primary: string | undefined,
  { entries }: Pick<RoutingSources, 'entries'>,
): readonly [string, string] | null {
  if (primary === undefined || !Object.hasOwn(entries, primary)) return null;
  const spoken = entries[backend]?.versions ?? [];
  if (entries[primary]?.versions.some((version) => spoken.includes(version)) !== false) return null;
  return [
    `${backend} speaks none of the versions of ${primary}, and a station’s links all speak one version`,
    'name another backend',
  ];
}
