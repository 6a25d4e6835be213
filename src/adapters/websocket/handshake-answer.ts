/**
 * Reads what a server answers to a handshake: does it speak WebSocket, with exactly the subprotocol that was offered?
 *
 * Pure. RFC 6455 §4.1, RFC 9112 as far as a head without a body needs it, read strictly: no folded lines, no bare line ends. Redirects are no exception among statuses,
 * since the configured address is the only one that may see the credentials. Details quote nothing of what was answered but the status.
 */
import type { DialFault } from '../../core/station/events.ts';
import { fail, ok, type Result } from '../../std/result.ts';

/** Octets of status line and headers; an answer that is longer is none. */
export const answerBytesMax = 16_384;

export type RefusedAnswer = readonly [DialFault, string];

const statusLine = /^HTTP\/1\.[01] (\d{3})(?: [^\r\n\0]*)?$/;
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\r\n\0]*?)[ \t]*$/;
const notHttp = fail<RefusedAnswer>(['connect_failed', 'the answer is not HTTP']);

/** Whether what has come so far can be the start of an answer. */
export function mayBeAnswer(start: string): boolean {
  const known = 'HTTP/1.';
  return start.slice(0, known.length) === known.slice(0, start.length);
}

/** `head` is all up to the empty line, without it. */
export function judgeAnswer(
  head: string,
  expected: { readonly acceptKey: string; readonly version: string },
): Result<null, RefusedAnswer> {
  const [first = '', ...lines] = head.split('\r\n');
  const status = statusLine.exec(first)?.[1];
  if (status === undefined) return notHttp;
  if (status !== '101') return fail(['refused_status', `HTTP ${status}`]);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = headerLine.exec(line) ?? [];
    if (name === undefined || value === undefined) return notHttp;
    const key = name.toLowerCase();
    const before = headers.get(key);
    headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return judgeHeaders(headers, expected);
}

function judgeHeaders(
  headers: ReadonlyMap<string, string>,
  { acceptKey, version }: { readonly acceptKey: string; readonly version: string },
): Result<null, RefusedAnswer> {
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') return notWebSocket('Upgrade');
  if (!tokensOf(headers.get('connection')).includes('upgrade')) return notWebSocket('Connection');
  if (headers.get('sec-websocket-accept') !== acceptKey) return notWebSocket('Sec-WebSocket-Accept');
  if (headers.has('sec-websocket-extensions')) return notWebSocket('Sec-WebSocket-Extensions');
  const answered = headers.get('sec-websocket-protocol');
  if (answered === version) return ok(null);
  const answer = answered === undefined ? 'no subprotocol' : 'another subprotocol';
  return fail(['no_subprotocol', `${version} was offered, ${answer} was answered`]);
}

function notWebSocket(header: string): Result<null, RefusedAnswer> {
  return fail(['connect_failed', `the answer is not WebSocket: ${header}`]);
}

function tokensOf(list: string | undefined): readonly string[] {
  return (list ?? '').split(',').map((token) => token.trim().toLowerCase());
}
