/**
 * The token that a station's call presents, as the text it is known by.
 *
 * Pure. 1.6: the idTag. 2.x: type and value, since the same value of two types is two tokens; additionalInfo is no part of it. Tokens are compared without
 * case (1.6 IdToken and 2.x IdTokenType are case-insensitive), so the text is in lower case.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import { membersOf, textOf, type Payload } from '../commands/payload.ts';

/** Longest value and type of 2.1; 1.6 and 2.0.1 allow less. */
const valueCharactersMax = 255;
const typeCharactersMax = 20;

/** `text` null: there is a token, but it does not say clearly which. */
export interface Presented {
  readonly text: string | null;
}

/** Null where the call has no token. */
export function presentedToken(
  version: OcppVersion,
  { members, isAmbiguous }: Pick<Payload, 'members' | 'isAmbiguous'>,
): Presented | null {
  const name = version === 'ocpp1.6' ? 'idTag' : 'idToken';
  const member = Object.hasOwn(members, name) ? members[name] : undefined;
  if (member === null || member === undefined) return null;
  if (isAmbiguous) return { text: null };
  return { text: version === 'ocpp1.6' ? tagText(textOf(members, name)) : tokenText(membersOf(member)) };
}

function tagText(tag: string | null): string | null {
  return tag === null || tag.length > valueCharactersMax ? null : tag.toLowerCase();
}

function tokenText(token: Readonly<Record<string, unknown>>): string | null {
  const value = textOf(token, 'idToken');
  const type = textOf(token, 'type');
  if (value === null || type === null) return null;
  if (value.length > valueCharactersMax || type.length > typeCharactersMax) return null;
  return `${type}:${value}`.toLowerCase();
}
