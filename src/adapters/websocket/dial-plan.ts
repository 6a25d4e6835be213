/**
 * What a dial says to a backend: address, request, credentials and certificates.
 *
 * Not pure: draws the key, reads certificates into an OpenSSL context. RFC 6455 §4.1. Basic credentials are the octets of identity, colon and password (RFC 7617); the
 * user is the name that backend knows the station by, as in its URL.
 */
import { randomBytes } from 'node:crypto';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { unescape } from 'node:querystring';
import { createSecureContext, type SecureContext } from 'node:tls';
import { backendIdentity, backendUrl } from '../../core/routing/backend-address.ts';
import type { DialRequest } from '../../ports/dialer.ts';
import type { BackendSettings } from '../../ports/settings.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import { Secret } from '../../std/secret.ts';
import { acceptKeyOf } from './accept-key.ts';

/** A context costs a millisecond and some 100 KB: one a backend, not one a link. */
export type SecureContexts = WeakMap<BackendSettings['tls'], SecureContext>;

export interface DialPlan {
  readonly host: string;
  readonly port: number;
  /** Null: without TLS. */
  readonly secureContext: SecureContext | null;
  /** Request line and headers, whole, in Latin-1. */
  readonly request: string;
  /** What the server has to answer. */
  readonly acceptKey: string;
}

/**
 * The fault says what is missing, without any secret. Throws what `URL` throws for an address, Node for a header and OpenSSL for a certificate that it
 * cannot use.
 */
export function planDial(request: DialRequest, contexts: SecureContexts): Result<DialPlan, string> {
  const { backend, known, station, version } = request;
  const identity = backendIdentity(backend, known, station);
  const password = passwordFor(request);
  if (!password.ok) return password;
  const url = new URL(backendUrl(backend.url, identity));
  const isTls = url.protocol === 'wss:';
  if (!isTls && url.protocol !== 'ws:') return fail('the address is none of WebSocket');
  if (url.hash !== '') return fail('the address has a fragment');
  const key = randomBytes(16).toString('base64');
  const headers = new RequestHeaders();
  headers.set('Host', url.host);
  if (url.username !== '' || url.password !== '')
    headers.set('Authorization', basicHeader(unescape(url.username), Buffer.from(unescape(url.password))));
  for (const [name, value] of backend.headers) headers.set(name, value);
  if (password.value !== null) headers.set('Authorization', basicHeader(identity, password.value.reveal()));
  headers.set('Connection', 'Upgrade');
  headers.set('Upgrade', 'websocket');
  headers.set('Sec-WebSocket-Version', '13');
  headers.set('Sec-WebSocket-Key', key);
  headers.set('Sec-WebSocket-Protocol', version);
  return ok({
    host: url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname,
    port: url.port === '' ? (isTls ? 443 : 80) : Number(url.port),
    secureContext: isTls ? contextOf(backend.tls, contexts) : null,
    request: `GET ${url.pathname}${url.search} HTTP/1.1\r\n${headers.lines()}\r\n`,
    acceptKey: acceptKeyOf(key),
  });
}

/** Header fields under names whose case does not matter; what is set later counts. */
class RequestHeaders {
  readonly #lines = new Map<string, string>();

  /** Throws for what would not be a header, or would be more than one. */
  set(name: string, value: string): void {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    this.#lines.set(name.toLowerCase(), `${name}: ${value}\r\n`);
  }

  lines(): string {
    return [...this.#lines.values()].join('');
  }
}

function passwordFor(request: DialRequest): Result<Secret | null, string> {
  const { credentials } = request.backend;
  switch (credentials.kind) {
    case 'none':
      return ok(null);
    case 'forward':
      return ok(request.forwarded);
    case 'password': {
      const { password } = credentials;
      const own = password instanceof Secret ? password : password.get(request.station);
      return own === undefined ? fail('no password is configured for this station at this backend') : ok(own);
    }
  }
}

function basicHeader(user: string, password: Uint8Array): string {
  const credentials = Buffer.concat([Buffer.from(`${user}:`), password]);
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
