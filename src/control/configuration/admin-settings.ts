/**
 * The door for operators, from the section `admin`.
 *
 * Pure. Refuses one that is open to everybody.
 */
import type { AdminSettings, AdminToken } from '../../ports/settings.ts';
import { addressOf } from './listener-settings.ts';
import type { Report } from './problem.ts';
import type { Configuration } from './schema.ts';
import { isAnyAddress, isLoopback } from './units.ts';

export function readAdmin({ admin, stations }: Configuration, report: Report): AdminSettings {
  const path = ['admin', 'listen'];
  const address = addressOf(admin.listen);
  const door = addressOf(stations.listen);
  if (!isLoopback(address.host) && admin.tokens.length === 0 && !report.has(['admin', 'tokens']))
    report.add(
      path,
      `${admin.listen} can be reached from other machines, and without tokens anyone could run this gateway`,
      'add admin.tokens, or listen on 127.0.0.1',
    );
  const isOverlapping = door.host === address.host || isAnyAddress(door.host) || isAnyAddress(address.host);
  if (door.port === address.port && door.port !== 0 && isOverlapping)
    report.add(path, `stations.listen has port ${address.port} already`, 'choose another port');
  return { host: address.host, port: address.port, tokens: readTokens(admin.tokens, report) };
}

function readTokens(entries: Configuration['admin']['tokens'], report: Report): readonly AdminToken[] {
  const tokens: AdminToken[] = [];
  const names = new Set<string>();
  for (const [index, { name, role, hash }] of entries.entries()) {
    const at = ['admin', 'tokens', index];
    if (name !== undefined && names.has(name))
      report.add([...at, 'name'], 'another token has this name already', 'choose another');
    if (hash !== undefined && !/^[0-9a-fA-F]{64}$/.test(hash))
      report.add(
        [...at, 'hash'],
        'is not a SHA-256 digest of 64 hexadecimal digits',
        'make it with: printf %s "$TOKEN" | sha256sum',
      );
    if (name === undefined || role === undefined || hash === undefined) continue;
    names.add(name);
    if (tokens.some((other) => other.hash === hash.toLowerCase()))
      report.add(
        [...at, 'hash'],
        'another token has this hash already, perhaps with another role',
        'make a token for each name',
      );
    tokens.push({ name, role, hash: hash.toLowerCase() });
  }
  return tokens;
}
