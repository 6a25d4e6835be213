/**
 * Certificates for the demo, the simulator and the tests: an authority, and what it issues to servers and stations.
 *
 * Not pure: makes keys. Shapes follow OCPP 2.0.1 Part 2 A00.FR.404, A00.FR.405 and A00.FR.511: the common name of a station's certificate is its serial number, the
 * organisation is its operator, and it carries no SAN unless a test asks for a misleading one. The library is loaded when the
 * first authority is made, so that nobody else pays for it.
 */
import type * as X509 from '@peculiar/x509';

/** PEM texts. */
export interface IssuedCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOrder {
  readonly use: 'server' | 'station';
  readonly keyType: 'rsa' | 'ecdsa';
  /** 2,048 by default. */
  readonly rsaBits?: number;
  /** A host name for servers, a serial number or identity for stations. */
  readonly commonName: string;
  /** DNS names and IP addresses of the SAN; none by default. */
  readonly names?: readonly string[];
  /** From an hour ago by default. */
  readonly validFrom?: Date;
  /** In 30 days by default. */
  readonly validTo?: Date;
}

export interface CertificateAuthority {
  /** PEM. */
  readonly cert: string;
  issue(order: CertificateOrder): Promise<IssuedCertificate>;
}

const hourMs = 3_600_000;
const monthMs = 30 * 24 * hourMs;
const signing = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const rsa = {
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: 2_048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
} as const;

/** Makes an authority with an ECDSA P-256 key of its own, valid for a month. */
export async function createAuthority(commonName: string): Promise<CertificateAuthority> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = await crypto.subtle.generateKey(signing, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [commonName] }],
    notBefore: new Date(Date.now() - hourMs),
    notAfter: new Date(Date.now() + monthMs),
    signingAlgorithm: signing,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    cert: certificate.toString('pem'),
    issue: (order) => issue(x509, certificate, keys.privateKey, order),
  };
}

async function issue(
  x509: typeof X509,
  authority: X509.X509Certificate,
  signingKey: CryptoKey,
  order: CertificateOrder,
): Promise<IssuedCertificate> {
  const { keyType, rsaBits = rsa.modulusLength } = order;
  const algorithm = keyType === 'rsa' ? { ...rsa, modulusLength: rsaBits } : signing;
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ O: ['Busbar Test Operator'] }, { CN: [order.commonName] }],
    issuer: authority.subject,
    notBefore: order.validFrom ?? new Date(Date.now() - hourMs),
    notAfter: order.validTo ?? new Date(Date.now() + monthMs),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: signing,
    extensions: await extensionsOf(x509, authority, keys.publicKey, order),
  });
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(key, 'PRIVATE KEY') };
}

async function extensionsOf(
  x509: typeof X509,
  authority: X509.X509Certificate,
  publicKey: CryptoKey,
  order: CertificateOrder,
): Promise<X509.Extension[]> {
  const isServer = order.use === 'server';
  // Key exchange by RSA, which two of OCPP's four mandated suites use, needs keyEncipherment.
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  const keyUses = digitalSignature | (order.keyType === 'rsa' ? keyEncipherment : 0);
  const purpose = isServer ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth;
  const extensions: X509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- flags are combined, whatever their type says
    new x509.KeyUsagesExtension(keyUses, true),
    new x509.ExtendedKeyUsageExtension([purpose]),
    await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
  if (order.names === undefined) return extensions;
  const names = order.names.map((value) => ({
    type: isAddress(value) ? ('ip' as const) : ('dns' as const),
    value,
  }));
  return [...extensions, new x509.SubjectAlternativeNameExtension(names)];
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(':');
}
