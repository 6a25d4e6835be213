/**
 * Answers an upgrade request with an HTTP status instead of 101.
 *
 * Not pure: writes to the socket, which is destroyed as soon as the answer is handed to the system.
 */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** `reason` is a sentence for the body; `headers` are whole lines. */
export function refuseUpgrade(
  socket: Duplex,
  status: number,
  reason: string,
  headers: readonly string[],
): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = `${reason}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
  ];
  socket.once('finish', destroy);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** The header that tells a station when to come again, or none. */
export function retryAfter(retryAfterS: number | null): readonly string[] {
  return retryAfterS === null ? [] : [`Retry-After: ${Math.ceil(retryAfterS)}`];
}

function destroy(this: Duplex): void {
  this.destroy();
}
