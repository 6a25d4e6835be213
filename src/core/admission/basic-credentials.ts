/**
 * What a station may present as its Basic password, and how it is read.
 *
 * Pure. RFC 7617; OCPP security profiles 1 and 2. In 1.6 the password is a byte string (16 to 20 octets, also 0x00, 0x3A and 0xFF), which is why the decoded
 * header stays bytes; in 2.x it is text. Some stations and some backends send the hexadecimal digits of a 1.6 key instead of
 * its bytes, so both forms of a key are the same key.
 */
export interface BasicCredentials {
  readonly user: Uint8Array;
  readonly password: Uint8Array;
}

/** Longer than any honest one: 48 characters of identity, a colon and 40 of password, several times over. */
export const basicBytesMax = 512;

/** `Basic` and one base64 text, with its padding. The scheme's case is free (RFC 9110 §11.1). */
const headerForm = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i;

/** The base64 text of the one Authorization header, or null when there is none, more than one, another scheme, or it is too long. */
export function basicTokenOf(authorization: readonly string[]): string | null {
  const [header] = authorization;
  if (header === undefined || authorization.length > 1 || header.length > basicBytesMax * 2) return null;
  const token = headerForm.exec(header)?.[1];
  return token === undefined || token.length % 4 !== 0 ? null : token;
}

/** Splits the decoded header at the first colon. Null without a colon, and for an empty user or password. */
export function splitCredentials(decoded: Uint8Array): BasicCredentials | null {
  const colonAt = decoded.indexOf(0x3a);
  if (colonAt < 1 || colonAt === decoded.length - 1 || decoded.length > basicBytesMax) return null;
  return { user: decoded.subarray(0, colonAt), password: decoded.subarray(colonAt + 1) };
}

/** Whether the station can present it, in the shorter of its two forms. */
export function canBePresented(password: Uint8Array, station: string): boolean {
  const { length } = hexDecoded(password) ?? password;
  return station.length + 1 + length <= basicBytesMax;
}

/** Whether the user name is that identity, octet for octet. Identities are ASCII. */
export function isUser(user: Uint8Array, station: string): boolean {
  if (user.length !== station.length) return false;
  return user.every((octet, at) => octet === station.charCodeAt(at));
}

/** The octets that hexadecimal digits denote, or null when they are no such text. */
export function hexDecoded(text: Uint8Array): Uint8Array | null {
  if (text.length === 0 || text.length % 2 !== 0) return null;
  const octets = new Uint8Array(text.length / 2);
  for (let at = 0; at < octets.length; at += 1) {
    const high = digitOf(text[at * 2] as number);
    const low = digitOf(text[at * 2 + 1] as number);
    if (high === -1 || low === -1) return null;
    octets[at] = high * 16 + low;
  }
  return octets;
}

function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
