/**
 * The quick look at a 1.6 message of which no number has to be changed: the common case, one backend whose numbers are the station's.
 *
 * Pure. It reads no member and builds nothing.
 */
import { mayEscape } from '../../protocol/splice.ts';
import type { BodySpan } from './rewrite.ts';

const name = '"transactionId":';

/** True when the payload names `transactionId` once, and what follows is a positive number. */
export function hasPlainNumber(text: string, { bodyStart, bodyEnd }: BodySpan): boolean {
  const named = text.indexOf(name, bodyStart);
  if (named === -1 || named >= bodyEnd) return false;
  const after = named + name.length;
  const code = text.charCodeAt(text.charCodeAt(after) === 0x20 ? after + 1 : after);
  if (code < 0x31 || code > 0x39) return false;
  return text.indexOf('transactionId', after) === -1 && !mayEscape(text, bodyStart, bodyEnd);
}
