/**
 * What a dial says to a backend: address, credentials, headers, TLS and limits.
 *
 * Not pure: reads certificates into an OpenSSL context. Basic credentials are the octets of identity, colon and password (RFC 7617); the user is the name that
 * backend knows the station by, as in its URL.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import type { ClientOptions } from 'ws';
import { backendIdentity, backendUrl } from '../../core/routing/backend-address.ts';
import type { DialRequest } from '../../ports/dialer.ts';
import type { BackendSettings, LinkLimits } from '../../ports/settings.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import type { Secret } from '../../std/secret.ts';
import { bufferedChunksMax } from './link.ts';

/** A context costs a millisecond and some 100 KB: one a backend, not one a link. */
export type SecureContexts = WeakMap<BackendSettings['tls'], SecureContext>;

export interface DialPlan {
  readonly url: string;
  readonly options: ClientOptions & { readonly closeTimeout: number };
}

/** The fault says what is missing, without any secret. Throws what OpenSSL throws for a certificate it cannot read. */
export function planDial(
  request: DialRequest,
  limits: LinkLimits,
  contexts: SecureContexts,
): Result<DialPlan, string> {
  const { backend, known, station } = request;
  const identity = backendIdentity(backend, known, station);
  const password = passwordFor(request);
  if (!password.ok) return password;
  const headers = Object.fromEntries(backend.headers);
  if (password.value !== null) headers['Authorization'] = basicHeader(identity, password.value);
  const url = backendUrl(backend.url, identity);
  const options: DialPlan['options'] = {
    headers,
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: limits.backendFrameBytes,
    maxFragments: limits.fragmentsMax,
    maxBufferedChunks: bufferedChunksMax(limits.backendFrameBytes),
    closeTimeout: limits.closeTimeoutMs,
    ...(url.startsWith('wss:') ? { secureContext: contextOf(backend.tls, contexts) } : {}),
  };
  return ok({ url, options });
}

function passwordFor(request: DialRequest): Result<Secret | null, string> {
  const { credentials } = request.backend;
  switch (credentials.kind) {
    case 'none':
      return ok(null);
    case 'forward':
      return ok(request.forwarded);
    case 'password': {
      const password = credentials.passwordOf(request.station);
      return password === null
        ? fail('no password is configured for this station at this backend')
        : ok(password);
    }
  }
}

function basicHeader(identity: string, password: Secret): string {
  const credentials = Buffer.concat([Buffer.from(`${identity}:`), password.reveal()]);
  return `Basic ${credentials.toString('base64')}`;
}

function contextOf(tls: BackendSettings['tls'], contexts: SecureContexts): SecureContext {
  const cached = contexts.get(tls);
  if (cached !== undefined) return cached;
  const context = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(tls.ca === null ? {} : { ca: [...tls.ca] }),
    ...(tls.cert === null ? {} : { cert: tls.cert }),
    ...(tls.key === null ? {} : { key: Buffer.from(tls.key.reveal()) }),
  });
  contexts.set(tls, context);
  return context;
}
