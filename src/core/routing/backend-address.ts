/**
 * What a backend calls a station, and the address that belongs to it.
 *
 * Pure. OCPP 2.1 Part 4 §3.1.1: the identity is the last path segment, percent-encoded. A station may have another name at another backend;
 * user name and URL on that link then carry that name.
 */
import type { StationId } from '../../protocol/station-id.ts';

const placeholder = '{station}';

/** The configured name of this station at this backend, or the backend's template filled in. */
export function backendIdentity(
  backend: { readonly name: string; readonly identity: string },
  known: { readonly identities: ReadonlyMap<string, string> } | null,
  station: StationId,
): string {
  return known?.identities.get(backend.name) ?? backend.identity.replaceAll(placeholder, () => station);
}

/** The backend's URL with `{station}` replaced by that identity, percent-encoded. */
export function backendUrl(template: string, identity: string): string {
  return template.replaceAll(placeholder, () => encodeURIComponent(identity));
}

/** The template as people may see it: `***` for every value of its query, where some backends want their token. */
export function shownUrl(template: string): string {
  const queryAt = template.indexOf('?');
  if (queryAt === -1) return template;
  const parts = template.slice(queryAt + 1).split('&');
  return `${template.slice(0, queryAt)}?${parts.map(shownPart).join('&')}`;
}

/** A part without a name may be the token itself. */
function shownPart(part: string): string {
  const [, name = '', value = part] = /^([^=]*=)(.*)$/s.exec(part) ?? [];
  return value === '' || value === placeholder ? part : `${name}***`;
}
