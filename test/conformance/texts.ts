/**
 * Frames as text, compared without decoding them the way the gateway does.
 */

/** The text with its message id blanked, everything else as it is. */
export function otherThanId(text: string | undefined): string {
  const match = /^(\s*\[\s*\d+\s*,\s*)"[^"\\]*(?:\\.[^"\\]*)*"(.*)$/s.exec(text ?? '');
  if (match === null) throw new Error(`no frame with an id: ${String(text).slice(0, 200)}`);
  return `${match[1]}<id>${match[2]}`;
}

/**
 * The text with its message id blanked, and the numbers that Busbar says in each side's own words: of requests, remote starts and 1.6 transactions. That each side gets
 * its own is what the tests of several backends are for.
 */
export function otherThanIds(text: string | undefined): string {
  return otherThanId(text).replaceAll(mappedNumbers, '$1<id>');
}

const mappedNumbers = /("(?:requestId|remoteStartId|transactionId)"\s*:\s*)(?:-?\d+|"\d+")/g;

/** The value without those numbers. */
export function withoutIds(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, member: unknown) =>
    typeof member === 'number' && mappedNames.has(key) ? '<id>' : member,
  );
}

const mappedNames: ReadonlySet<string> = new Set(['requestId', 'remoteStartId', 'transactionId']);

/** Commands that Busbar may answer itself, a primary's too: what would change how a station is connected, what it keeps for each backend, and the version of a local list. */
export const guardedActions: ReadonlySet<string> = new Set([
  'CertificateSigned',
  'ChangeConfiguration',
  'DeleteCertificate',
  'ExtendedTriggerMessage',
  'GetLocalListVersion',
  'InstallCertificate',
  'SetNetworkProfile',
  'SetVariables',
  'TriggerMessage',
]);
