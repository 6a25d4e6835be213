/**
 * Why a station got no connection, in words that say what to do about it.
 *
 * Pure. Node's own texts name parts of OpenSSL and options of Node, which help nobody who runs `busbar simulate`.
 */

/** What each fault means, by Node's code or words; the first that matches. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/^ECONNREFUSED$/, 'nothing listens there; is it running, and is this its port?'],
  [/^ENOTFOUND$|^EAI_AGAIN$/, 'the host name does not resolve'],
  [/^EPROTO$|^ERR_SSL_/, 'the TLS handshake failed; does the server speak TLS there? If not, write ws://'],
  [
    /^UNABLE_TO_|SELF_SIGNED/,
    'no authority that is trusted has signed its certificate; name the file of one with --ca',
  ],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is of another name than the address'],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet; is the clock right?'],
];

/** The fault of a connection that was not made, for people. `url`: where to. */
export function connectFault(error: NodeJS.ErrnoException, url: string): string {
  const { code = '', message } = error;
  const isPlain = url.startsWith('ws:');
  if (isPlain && (code === 'ECONNRESET' || message === 'socket hang up'))
    return 'the server closed the connection without an answer; does it speak TLS there? Then write wss://';
  const meaning = meanings.find(([pattern]) => pattern.test(code))?.[1];
  return meaning === undefined ? message.trim() : `${meaning} (${code})`;
}
