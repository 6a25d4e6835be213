/**
 * The address of a backend, as a template with `{station}` in it.
 *
 * Pure. OCPP-J joins the endpoint and the identity with a slash (OCPP 1.6J §3.1.1, OCPP 2.x Part 4 §3.1.1): an address without `{station}` gets it as its
 * last segment. A fault never repeats the address, which may hold a password.
 */
import { fail, ok, type Result } from '../../std/result.ts';

export interface UrlFault {
  readonly what: string;
  readonly remedy: string;
}

/** Checks the address and puts `{station}` in where it is missing. */
export function backendUrl(text: string): Result<string, UrlFault> {
  // Braces are not URL characters; a word stands in while the address is taken apart.
  const plain = text.replaceAll('{station}', 'station');
  if (/[{}]/.test(plain)) return fault('only {station} is replaced in an address', 'remove other braces');
  if (/[\s\\]/.test(plain))
    return fault('an address holds no blanks and no backslashes', 'remove or encode them');
  if (!URL.canParse(plain)) return fault('is not a URL', 'write it as wss://host/path/{station}');
  const url = new URL(plain);
  if (url.protocol === 'http:' || url.protocol === 'https:')
    return fault(
      `${url.protocol}// is not WebSocket`,
      `write ${url.protocol === 'https:' ? 'wss' : 'ws'}://`,
    );
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    return fault(`${url.protocol} is not WebSocket`, 'write wss://, or ws:// without TLS');
  if (url.hostname === '') return fault('has no host', 'write it as wss://host/path/{station}');
  if (url.username !== '' || url.password !== '')
    return fault(
      'holds a user name or password, which would end up in logs',
      'put the password under credentials',
    );
  if (url.port === '0') return fault('port 0 cannot be dialled', 'name the port');
  if (url.hash !== '' || text.includes('#'))
    return fault('a WebSocket address has no #fragment (RFC 6455 §3)', 'remove it');
  if (!text.includes('{station}')) return ok(withStation(text));
  const hostPart = /^[^:]+:\/\/[^/?]*/.exec(text)?.[0] ?? '';
  if (hostPart.includes('{station}'))
    return fault(
      '{station} has no place in the host: a station’s name would choose the machine that is dialled',
      'put it into the path',
    );
  return ok(text);
}

function withStation(text: string): string {
  const queryAt = text.indexOf('?');
  const path = queryAt === -1 ? text : text.slice(0, queryAt);
  const query = queryAt === -1 ? '' : text.slice(queryAt);
  return `${path.replace(/\/+$/, '')}/{station}${query}`;
}

function fault(what: string, remedy: string): Result<never, UrlFault> {
  return fail({ what, remedy });
}
