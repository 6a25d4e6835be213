/**
 * Whether a client certificate is that of the station in the URL.
 *
 * Pure. OCPP security profile 3 (2.0.1 Part 2 A00.FR.403–407, A00.FR.429): the chain leads to our CA, it is valid now, and the subject's one common name is the
 * one registered for this station: its serial number, or its identity where none is configured. Names in the SAN are never looked at
 * (A00.FR.511).
 */
export interface CertificateFacts {
  /** Null: the chain verified. */
  readonly chainFault: string | null;
  readonly commonNames: readonly string[];
  readonly validFromMs: number;
  readonly validToMs: number;
}

export type CertificateFault = 'missing' | 'not_verified' | 'not_valid_now' | 'other_name';

/** The first rule the certificate breaks, or null. `wallMs`: milliseconds since 1970. */
export function certificateFault(
  certificate: CertificateFacts | null,
  registeredName: string,
  wallMs: number,
): CertificateFault | null {
  if (certificate === null) return 'missing';
  if (certificate.chainFault !== null) return 'not_verified';
  // Written so that a date nobody could read refuses.
  if (!(certificate.validFromMs <= wallMs && wallMs <= certificate.validToMs)) return 'not_valid_now';
  const [commonName] = certificate.commonNames;
  return certificate.commonNames.length === 1 && commonName === registeredName ? null : 'other_name';
}
