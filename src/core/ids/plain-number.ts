/**
 * The quick look at a 1.6 message of which no number has to be changed: the common case, one backend whose numbers are the station's.
 *
 * Pure. It reads no member and builds nothing.
 */
import { mayEscape } from '../../protocol/splice.ts';
import type { BodySpan } from './rewrite.ts';

const name = '"transactionId":';

/** Where the positive number stands that the payload, naming `transactionId` just once, has under that name (at whatever depth); -1 when it is not as simple as that. */
export function plainNumberAt(text: string, { bodyStart, bodyEnd }: BodySpan): number {
  const named = text.indexOf(name, bodyStart);
  if (named === -1 || named >= bodyEnd) return -1;
  const after = named + name.length;
  const at = text.charCodeAt(after) === 0x20 ? after + 1 : after;
  const code = text.charCodeAt(at);
  if (code < 0x31 || code > 0x39) return -1;
  return text.indexOf('transactionId', after) === -1 && !mayEscape(text, bodyStart, bodyEnd) ? at : -1;
}
