/**
 * Station identity, as it arrives in the connection URL.
 *
 * Pure. The only reader of that URL: everything past the listener takes a StationId.
 * OCPP 2.1 Part 4 §3.1.1: last path segment, percent-encoded, no ':', at most 48 characters. Earlier segments are free,
 * doubled and trailing slashes and a query are tolerated. Percent-encoding is undone once, never twice, and what is left must be an
 * identifierString of OCPP 2.x (letters, digits and * - _ = + | @ .), which is also safe in a URL, a log and a file name.
 */
import type { Brand } from '../std/brand.ts';
import { fail, ok, type Result } from '../std/result.ts';

export type StationId = Brand<string, 'StationId'>;

export type StationIdFault = 'missing' | 'bad_encoding' | 'has_colon' | 'bad_character' | 'too_long';

/** The longest identity of OCPP 2.1 Part 2, `SecurityCtrlr.Identity`. */
export const stationIdCharactersMax = 48;

const allowed = /^[A-Za-z0-9*\-_=+|@.]+$/;

/** Reads the identity from a request target such as `/ocpp/CP-1`. */
export function parseStationId(url: string): Result<StationId, StationIdFault> {
  const end = url.search(/[?#]/);
  const path = end === -1 ? url : url.slice(0, end);
  const segments = path.split('/').filter((segment) => segment !== '');
  const last = segments.at(-1);
  if (last === undefined) return fail('missing');
  let decoded: string;
  try {
    decoded = decodeURIComponent(last);
  } catch {
    return fail('bad_encoding');
  }
  return checkStationId(decoded);
}

/** Checks an identity that does not come from a URL: a configuration key, an argument, a stored row. */
export function checkStationId(text: string): Result<StationId, StationIdFault> {
  if (text === '') return fail('missing');
  if (text.length > stationIdCharactersMax) return fail('too_long');
  if (text.includes(':')) return fail('has_colon');
  if (!allowed.test(text) || text === '.' || text === '..') return fail('bad_character');
  return ok(text as StationId);
}
