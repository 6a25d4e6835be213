/**
 * Who may call the API, and with which role.
 *
 * With tokens configured: a Bearer token, compared by its SHA-256 against every configured hash in constant time. Without: only peers on a loopback
 * address, who are admin, and only by a loopback name in `Host`, so that a web page cannot reach the API by pointing its own name here
 * (DNS rebinding). `X-Forwarded-*` is never looked at. Fails closed.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';
import type { AdminSettings } from '../ports/settings.ts';
import { fail, ok, type Result } from '../std/result.ts';

export type Role = 'viewer' | 'operator' | 'admin';

/** What a route asks for. `open` is for probes: everyone, from everywhere. */
export type RouteRole = Role | 'open';

export interface Caller {
  /** The token's name, or `loopback`. For the audit. */
  readonly name: string;
  readonly role: Role;
}

export type GateFault = 'not-authenticated' | 'loopback-only' | 'host-not-allowed';

export interface Knock {
  /** The socket's remote address. */
  readonly peer: string;
  readonly host: string | undefined;
  readonly authorization: string | undefined;
}

const rank: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 };

/** Whether a role includes another: viewer < operator < admin. */
export function mayAct(role: Role, wanted: Role): boolean {
  return rank[role] >= rank[wanted];
}

/** Tells who a caller is. */
export function identify(settings: AdminSettings, knock: Knock): Result<Caller, GateFault> {
  if (settings.tokens.length > 0) return identifyByToken(settings, knock.authorization);
  if (!isLoopback(knock.peer)) return fail('loopback-only');
  if (!isOwnHost(settings, knock.host)) return fail('host-not-allowed');
  return ok({ name: 'loopback', role: 'admin' });
}

function identifyByToken(
  settings: AdminSettings,
  authorization: string | undefined,
): Result<Caller, GateFault> {
  const presented = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1];
  if (presented === undefined) return fail('not-authenticated');
  const digest = createHash('sha256').update(presented).digest();
  let caller: Caller | null = null;
  // Every hash is compared, so that the time taken does not tell which one was close.
  for (const { name, role, hash } of settings.tokens) {
    const expected = Buffer.from(hash, 'hex');
    if (expected.length === digest.length && timingSafeEqual(expected, digest)) caller = { name, role };
  }
  return caller === null ? fail('not-authenticated') : ok(caller);
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(address: string): boolean {
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return loopback.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

function isOwnHost(settings: AdminSettings, host: string | undefined): boolean {
  const url = URL.parse(`http://${host ?? ''}`);
  if (url === null || host === undefined) return false;
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === settings.host || isLoopback(name);
}
