/**
 * The OCPP versions Busbar speaks, and which one a station and a backend end on.
 *
 * Pure. OCPP-J 1.6 §3.1.2, OCPP 2.0.1 and 2.1 Part 4 §3.1.3: the client offers subprotocols in its order of preference,
 * the server answers exactly one. The URL never decides the version (2.0.1 errata 2025-09, 4.2).
 */
export const ocppVersions = ['ocpp1.6', 'ocpp2.0.1', 'ocpp2.1'] as const;

/** A WebSocket subprotocol that Busbar speaks, exactly as on the wire. */
export type OcppVersion = (typeof ocppVersions)[number];

export function isOcppVersion(text: string): text is OcppVersion {
  return (ocppVersions as readonly string[]).includes(text);
}

/** The first offered version that the backend speaks too, or null. Names are case-sensitive; blanks around them are not. */
export function negotiateVersion(
  offered: readonly string[],
  spoken: readonly OcppVersion[],
): OcppVersion | null {
  for (const offer of offered) {
    const name = offer.trim();
    // The constant, not the equal text that came in: what looks something up by version compares it on every frame.
    const version = ocppVersions.find((known) => known === name);
    if (version !== undefined && spoken.includes(version)) return version;
  }
  return null;
}
