/**
 * What the configuration is going to say one day and cannot yet, and what it never will.
 *
 * Pure. These keys are refused with their reason instead of "no such key": somebody who writes one counts on it.
 */
import type { KeyPath } from './problem.ts';

export interface Refusal {
  /** `*` stands for any name or position. */
  readonly path: readonly string[];
  /** Refused only when the value is one of these; absent: always. */
  readonly when?: (value: unknown) => boolean;
  readonly what: string;
  readonly remedy: string;
}

const later = (
  path: string,
  capability: string,
  when?: Refusal['when'],
  remedy = 'remove the key',
): Refusal => ({
  path: path.split('.'),
  what: `not built yet: ${capability}`,
  remedy,
  ...(when === undefined ? {} : { when }),
});

const leastTls = {
  what: 'the least version of TLS is 1.2 and cannot be changed (1.0 and 1.1 are broken)',
  remedy: 'remove the key',
};

/** Every refusal, in the order of the file. */
export const refusals: readonly Refusal[] = [
  later(
    'storage',
    'storage in PostgreSQL',
    (value) => typeof value === 'string' && /^postgres(ql)?:/i.test(value),
    'write sqlite: and a path',
  ),
  later('retention.events', 'events, and how long they are kept'),
  later('quirks', 'rules that mend what stations and backends say'),
  later(
    'privacy.tokensInLogs',
    'logs with tokens in the clear or hashed',
    (value) => value !== 'masked',
    'remove the key, or write masked',
  ),
  later('sinks', 'events for webhooks, files and streams'),
  { path: ['stations', 'tls', 'min'], ...leastTls },
  { path: ['stations', 'tls', 'minVersion'], ...leastTls },
  { path: ['backends', '*', 'tls', 'min'], ...leastTls },
  { path: ['backends', '*', 'tls', 'minVersion'], ...leastTls },
];

/** Calls `found` for every key of the value that is refused. The value is not changed. */
export function findRefused(value: unknown, found: (path: KeyPath, refusal: Refusal) => void): void {
  for (const refusal of refusals) follow(value, refusal, 0, [], found);
}

function follow(
  value: unknown,
  refusal: Refusal,
  depth: number,
  path: KeyPath,
  found: (path: KeyPath, refusal: Refusal) => void,
): void {
  const step = refusal.path[depth];
  if (step === undefined) {
    if (refusal.when === undefined || refusal.when(value)) found(path, refusal);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    if (step === '*')
      value.forEach((item, index) => follow(item, refusal, depth + 1, [...path, index], found));
    return;
  }
  const entries = value as Readonly<Record<string, unknown>>;
  const keys = step === '*' ? Object.keys(entries) : Object.hasOwn(entries, step) ? [step] : [];
  for (const key of keys) follow(entries[key], refusal, depth + 1, [...path, key], found);
}
