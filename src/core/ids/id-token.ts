/**
 * What a JSON token says as an identifier, and how an identifier is written as JSON.
 *
 * Pure. Integers are kept as text and never pass through a Number, so that 64-bit ones survive. Liberal in what is read: firmware and backends send integers as
 * strings and as 4711.0; what Busbar itself writes follows the schema.
 */
import { ownText } from '../../std/own-text.ts';

/** The longest identifier that is kept; the schemas' longest is 60. A longer one is treated as unknown. */
export const idCharactersMax = 255;

/** 64 bits and a sign. */
const integerCharactersMax = 20;

/** The integer this token says, in its shortest form, or null. */
export function integerOf(token: string): string | null {
  const isString = token.charCodeAt(0) === quote;
  const text = isString ? token.slice(1, -1) : token;
  if (text.length > integerCharactersMax) return null;
  if (isPlainInteger(text)) return text;
  if (isString) return null;
  const value = Number(token);
  return Number.isSafeInteger(value) ? String(value) : null;
}

/** The string this token says, or null. */
export function stringOf(token: string): string | null {
  if (token.charCodeAt(0) !== quote || token.length > idCharactersMax + 2) return null;
  return token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
}

/** True for two tags that name one driver: 1.6's have no case (CiString20Type). */
export function isSameTag(one: string | null, other: string | null): boolean {
  return one !== null && other !== null && one.toLowerCase() === other.toLowerCase();
}

/** A copy that can be kept without the frame it was cut from; null when it is too long for that. */
export function kept(text: string): string | null {
  return text.length > idCharactersMax ? null : ownText(text);
}

const quote = 0x22;

/** Digits with no zero in front, a minus allowed: the one way to write an integer that needs no reading. */
function isPlainInteger(text: string): boolean {
  const first = text.charCodeAt(0) === 0x2d ? 1 : 0;
  const digits = text.length - first;
  if (digits === 0 || (text.charCodeAt(first) === 0x30 && text !== '0')) return false;
  for (let at = first; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}
