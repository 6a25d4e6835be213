/**
 * The proof that a server has read a client's handshake (RFC 6455 §4.2.2).
 *
 * Pure. SHA-1 as the RFC prescribes: it protects nothing, it tells a WebSocket server from another one.
 */
import { hash } from 'node:crypto';

/** For the value of `Sec-WebSocket-Key`, that of `Sec-WebSocket-Accept`. */
export function acceptKeyOf(key: string): string {
  return hash('sha1', `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64');
}
