/**
 * TLS as the listener serves it.
 *
 * Not pure: builds OpenSSL contexts. OCPP 2.0.1 Part 2 A00.FR.312–318 and A00.FR.424: TLS 1.2 or later, an RSA and an ECDSA certificate on one port,
 * the four mandated suites and nothing weaker, no compression. Two of the four (TLS_RSA) have no forward secrecy and are there because the
 * specification asks for them; a station that can do better gets better, since the server's order counts.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { ServerOptions } from 'node:https';
import { createSecureContext, type TLSSocket } from 'node:tls';
import type { PeerCertificate } from '../../ports/listener.ts';
import type { ServerTls } from '../../ports/settings.ts';
import { fail, ok, type Result } from '../../std/result.ts';

const ciphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-GCM-SHA256',
].join(':');

/** Options for `https.createServer`, tried out once: what they hold makes a context. */
export function serverTlsOptions(
  tls: ServerTls,
  asksForCertificate: boolean,
): Result<ServerOptions, { readonly message: string }> {
  const options: ServerOptions = {
    cert: tls.pairs.map((pair) => pair.cert),
    key: tls.pairs.map((pair) => Buffer.from(pair.key.reveal())),
    ciphers,
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    requestCert: asksForCertificate,
    // The chain is still verified, and the gatekeeper refuses what did not verify: with a status and a sentence instead of a TLS alert.
    rejectUnauthorized: false,
    ...(tls.clientCa === null ? {} : { ca: [...tls.clientCa] }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    return fail({
      message: `stations.tls: OpenSSL refuses the certificates or keys: ${(error as Error).message}`,
    });
  }
  for (const [index, pair] of tls.pairs.entries()) {
    const fault = pairFault(pair.cert, Buffer.from(pair.key.reveal()));
    if (fault !== null) return fail({ message: `stations.tls: pair ${index}: ${fault}` });
  }
  return ok(options);
}

/** What the client's certificate says; null when it sent none. */
export function peerCertificateOf(socket: TLSSocket): PeerCertificate | null {
  const certificate = socket.getPeerCertificate();
  if (Object.keys(certificate).length === 0) return null;
  const commonName = certificate.subject.CN;
  return {
    chainFault: socket.authorized ? null : String(socket.authorizationError ?? 'not verified'),
    commonNames: commonName === undefined ? [] : [commonName].flat(),
    validFromMs: Date.parse(certificate.valid_from),
    validToMs: Date.parse(certificate.valid_to),
  };
}

function pairFault(cert: string, key: Buffer): string | null {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))
      ? null
      : 'the key does not fit the certificate';
  } catch (error) {
    return (error as Error).message;
  }
}
