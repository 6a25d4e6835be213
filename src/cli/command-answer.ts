/**
 * Whether a station did what a command asked, by its answer: a script must not go on after a `Rejected`.
 *
 * Pure. OCPP says no in many words and yes in few, so those few are known here. An answer without a status (GetConfiguration) is what was asked for.
 */

const yes: ReadonlySet<string> = new Set([
  'Accepted',
  'AcceptedCanceled',
  'Processing',
  'RebootRequired',
  'Scheduled',
  'Unlocked',
  'Unpublished',
]);

/** The statuses of an answer, and of each element of its lists, that do not say yes; each word once. */
export function noesOf(answer: object): readonly string[] {
  const elements = Object.values(answer).filter((value) => Array.isArray(value)) as unknown[][];
  const statuses = [answer, ...elements.flat()].flatMap(statusesOf);
  return [...new Set(statuses.filter((status) => !yes.has(status)))];
}

function statusesOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { status, attributeStatus } = value as Readonly<Record<string, unknown>>;
  return [status, attributeStatus].filter((found) => typeof found === 'string');
}
