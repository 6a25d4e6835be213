/**
 * The effective configuration, as `busbar config print` shows it: every default filled in, what is implied written out, secrets as `***`.
 *
 * Pure.
 */
import { stringify } from 'yaml';
import { shownUrl } from '../../core/routing/backend-address.ts';
import type { Configuration, RouteEntry } from './schema.ts';

const hidden = '***';

/** Names of headers whose value is a secret more often than not. */
const secretHeader = /auth|cookie|credential|key|pass|secret|token/i;

export function effectiveYaml(configuration: Configuration, routes: readonly RouteEntry[]): string {
  const { stations, admin, backends } = configuration;
  return stringify(
    {
      ...configuration,
      stations: {
        ...stations,
        ...(stations.tls === undefined ? {} : { tls: withoutKey(stations.tls) }),
        auth: stations.auth ?? 'none',
        known: mapEntries(stations.known, (station) =>
          station.password === undefined ? station : { ...station, password: hidden },
        ),
      },
      admin: { ...admin, tokens: admin.tokens.map(({ name, role }) => ({ name, role, hash: hidden })) },
      backends: mapEntries(backends, (backend) => ({
        ...backend,
        ...(backend.url === undefined ? {} : { url: shownUrl(backend.url) }),
        ...(backend.credentials?.password === undefined ? {} : { credentials: { password: hidden } }),
        ...(backend.tls === undefined ? {} : { tls: withoutKey(backend.tls) }),
        headers: mapEntries(backend.headers, (value, name) => (secretHeader.test(name) ? hidden : value)),
      })),
      routes,
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}

function withoutKey(tls: { readonly key?: unknown }): object {
  return tls.key === undefined ? tls : { ...tls, key: hidden };
}

function mapEntries<Entry>(
  map: Readonly<Record<string, Entry>>,
  change: (entry: Entry, name: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(map).map(([name, entry]) => [name, change(entry, name)]));
}
