/**
 * Every measurement the gateway gives: its traffic, its links, its journal, its build.
 *
 * What is a state now (links, what waits for a commit) is read from snapshots when somebody asks; only traffic is counted on its way.
 */
import { migrationPhases } from '../core/migration/phase.ts';
import type { BackendHeld, Deliveries } from '../ports/deliveries.ts';
import type { JournalStats } from '../ports/journal.ts';
import type { Listener } from '../ports/listener.ts';
import type { CountFamily, MetricFamily, Sample } from '../ports/metrics.ts';
import type { Migrations } from '../ports/migrations.ts';
import type { Registry } from '../ports/registry.ts';
import { createHistogram } from './metrics-histogram.ts';
import type { TrafficMetrics } from './metrics-from-records.ts';

export interface GatewayMetricsSources {
  readonly traffic: TrafficMetrics;
  readonly registry: Pick<Registry, 'backends' | 'connectedCount'>;
  readonly deliveries: Pick<Deliveries, 'heldByBackend'>;
  readonly migrations: Pick<Migrations, 'list'>;
  readonly journal: JournalStats;
  readonly listener: Pick<Listener, 'certificatesEndMs'>;
  /** Of Busbar and of Node.js. */
  readonly versions: { readonly busbar: string; readonly node: string };
}

/** Commits take milliseconds on a good disk, seconds on a dying one. */
const commitBoundsS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5] as const;

/** The families behind `/metrics`. Listens to the journal's commits from now on. */
export function gatewayMetrics({
  traffic,
  registry,
  deliveries,
  migrations,
  journal,
  listener,
  versions,
}: GatewayMetricsSources): readonly MetricFamily[] {
  const commits = createHistogram(commitBoundsS);
  journal.onCommit((seconds) => commits.observe(seconds));
  return [
    single(
      'gauge',
      'busbar_stations_connected',
      'Stations whose link is open.',
      () => registry.connectedCount,
    ),
    linksFamily(registry),
    ...heldFamilies(registry, deliveries),
    migrationsFamily(migrations),
    ...traffic.families,
    {
      type: 'histogram',
      name: 'busbar_journal_commit_seconds',
      help: 'Time that a group commit of the journal took.',
      labelNames: [],
      samples: () => [commits.sample({})],
    },
    single(
      'counter',
      'busbar_journal_records_total',
      'Records that the journal has on disk.',
      () => journal.records,
    ),
    single(
      'counter',
      'busbar_journal_records_missed_total',
      'Records lost because the journal failed for too long.',
      () => journal.recordsMissed,
    ),
    single(
      'gauge',
      'busbar_journal_pending_bytes',
      'Bytes of records that wait for a commit.',
      () => journal.pendingBytes,
    ),
    single(
      'gauge',
      'busbar_journal_pending_records',
      'Records that wait for a commit.',
      () => journal.pendingRecords,
    ),
    {
      type: 'gauge',
      name: 'busbar_certificate_expiry_timestamp_seconds',
      help: 'When the first of the certificates that stations are shown runs out, in seconds since 1970; none without TLS.',
      labelNames: [],
      samples: () => {
        const endMs = listener.certificatesEndMs;
        return endMs === null ? [] : [{ labels: {}, value: endMs / 1_000 }];
      },
    },
    {
      type: 'gauge',
      name: 'busbar_build_info',
      help: 'Always 1; the labels say what is running.',
      labelNames: ['version', 'node'],
      samples: () => [{ labels: { version: versions.busbar, node: versions.node }, value: 1 }],
    },
  ];
}

function single(type: 'counter' | 'gauge', name: string, help: string, value: () => number): CountFamily {
  return { type, name, help, labelNames: [], samples: () => [{ labels: {}, value: value() }] };
}

function linksFamily(registry: GatewayMetricsSources['registry']): CountFamily {
  return {
    type: 'gauge',
    name: 'busbar_links',
    help: 'Links by side, backend (empty for links of stations) and state.',
    labelNames: ['side', 'backend', 'state'],
    samples: () => [
      { labels: { side: 'station', backend: '', state: 'open' }, value: registry.connectedCount },
      ...registry.backends().flatMap(({ name, linksOpen, linksDialling, linksWaiting }): Sample[] => [
        { labels: { side: 'backend', backend: name, state: 'open' }, value: linksOpen },
        { labels: { side: 'backend', backend: name, state: 'dialling' }, value: linksDialling },
        { labels: { side: 'backend', backend: name, state: 'waiting' }, value: linksWaiting },
      ]),
    ],
  };
}

function migrationsFamily(migrations: GatewayMetricsSources['migrations']): CountFamily {
  return {
    type: 'gauge',
    name: 'busbar_migrations',
    help: 'Migrations that are kept, by state.',
    labelNames: ['state'],
    samples: () => {
      const all = migrations.list();
      // Every state has its series, so that an alert need not guess whether one is missing.
      return migrationPhases.map((state) => ({
        labels: { state },
        value: all.filter(({ phase }) => phase === state).length,
      }));
    },
  };
}

const nothingHeld: BackendHeld = { held: 0, parked: 0, billingAtRisk: 0, bytes: 0 };

/** Every configured backend has its series, and every other one that something is held for. */
function heldFamilies(
  registry: GatewayMetricsSources['registry'],
  deliveries: GatewayMetricsSources['deliveries'],
): CountFamily[] {
  let counted: ReadonlyMap<string, BackendHeld> | null = null;
  // All of them are asked for at once, and a long outage leaves much to count.
  const count = (): ReadonlyMap<string, BackendHeld> => {
    if (counted !== null) return counted;
    const held = new Map(deliveries.heldByBackend());
    for (const { name } of registry.backends()) if (!held.has(name)) held.set(name, nothingHeld);
    setImmediate(() => {
      counted = null;
    });
    counted = held;
    return held;
  };
  const family = (name: string, help: string, what: keyof BackendHeld): CountFamily => ({
    type: 'gauge',
    name,
    help,
    labelNames: ['backend'],
    samples: () => [...count()].map(([backend, held]) => ({ labels: { backend }, value: held[what] })),
  });
  return [
    family(
      'busbar_held',
      'Messages that Busbar answered in the place of a backend, and that leave for it by themselves.',
      'held',
    ),
    family(
      'busbar_parked',
      'Messages that a backend refused for good, and those behind them: an operator has to decide.',
      'parked',
    ),
    family(
      'busbar_billing_at_risk',
      'Messages of transactions that are parked, or have been held for more than an hour; no copies for observers.',
      'billingAtRisk',
    ),
  ];
}
