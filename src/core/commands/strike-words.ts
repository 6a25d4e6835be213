/**
 * What a peer says in its own words, as it may be shown and logged: without what gives access.
 *
 * Pure. Close reasons and the descriptions of errors are free text, and some peers repeat in them what they were sent: an address with its password, a header, a setting. Nothing here knows which
 * texts are secret, only what stands before one.
 */

/** What stands in the place of a secret. */
export const struckOut = '***';

/** Who logs in, in an address: `user:password@`, or a token for a user. A password may hold what ends a host's name. */
const addressLogin = /:\/\/[^/]*@/g;

/** What a header or a setting gives away, behind its name. */
const namedSecret =
  /((?:authorization|auth|pass|passwd|password|passphrase|secret|token|credentials?|psk|(?:api|access|private|vpn|authorization|auth)[-_ ]?key)["']?\s*[:=]\s*)(?:"[^"]*"?|'[^']*'?|(?:(?:basic|bearer)\s+)?[^\s,;]+)/gi;

/** A header's value without its name. The letters alone may be a word: `Basic authentication`. */
const bareCredentials = /\b(basic|bearer)\s+(?=[^\s,;]*[\d=+/._-])[^\s,;]+/gi;

/** The same text when no address in it gives access. */
export function strikeAddresses(text: string): string {
  return text.includes('://') ? strikeQuery(text.replaceAll(addressLogin, `://${struckOut}@`)) : text;
}

/** All behind the path of the first address goes: signatures and tokens, in parameters of any name. Looked for from there once, since a peer may write as many addresses as fit. */
function strikeQuery(text: string): string {
  const addressAt = text.indexOf('://');
  const query = text.slice(addressAt).search(/[?#]/);
  const queryEnd = addressAt + query + 1;
  return query === -1 || queryEnd === text.length ? text : text.slice(0, queryEnd) + struckOut;
}

/** True where an address in the text says who logs in. */
export function hasLogin(text: string): boolean {
  return text.search(addressLogin) !== -1;
}

/** The same text when it gives nothing away that its words tell of. */
export function strikeWords(text: string): string {
  return strikeAddresses(text)
    .replaceAll(namedSecret, `$1${struckOut}`)
    .replaceAll(bareCredentials, `$1 ${struckOut}`);
}
