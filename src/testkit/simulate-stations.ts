/**
 * `busbar simulate stations`: a fleet for an operator's own gateway or backend.
 *
 * Shell. Progress goes to stderr, a summary to stdout. The exit code is 3 when stations threw transaction messages away or got errors for
 * them: billing data was, or would have been, lost.
 */
import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { ExitCode } from '../cli/exit-code.ts';
import type { CliIo } from '../cli/io.ts';
import { neutralised, printRows, type Column } from '../cli/output.ts';
import type { SimulateStationsOptions } from '../cli/simulate-verbs.ts';
import { isOcppVersion, ocppVersions, type OcppVersion } from '../protocol/version.ts';
import { emptyStats, isSettled, type LifeStats } from './life-state.ts';
import { areFilesPerStation, readConnection } from './simulate-options.ts';
import { endOf, startProgress, usage, type End } from './simulate-run.ts';
import { SimulatedStation, type StationConnection, type StationWatch } from './simulated-station.ts';

/** What `simulate stations` tells in the end, for one version or for all. */
export interface StationsSummary {
  readonly version: OcppVersion | 'all';
  readonly stations: number;
  readonly transactions: number;
  readonly calls: number;
  readonly answered: number;
  readonly errors: number;
  readonly timeouts: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly reconnects: number;
  readonly commands: number;
  /** Transaction messages that still waited at the end. */
  readonly undelivered: number;
  /** CALLERRORs for transaction messages. */
  readonly transactionErrors: number;
  /** Transaction messages thrown away. */
  readonly discarded: number;
}

/** Time to deliver what is queued once the run is over. */
const settleMs = 10_000;

/** Runs stations until the time is over or the io's signal, lets them finish, and tells what happened. */
export async function simulateStations(options: SimulateStationsOptions, io: CliIo): Promise<ExitCode> {
  const versions = options.versions.filter(isOcppVersion);
  if (versions.length === 0) return usage(io, `--versions: give at least one of ${ocppVersions.join(', ')}`);
  const connection = await readConnection(options.url, options, `${options.prefix}1`);
  if (!connection.ok) return usage(io, connection.fault);
  const latencies = new Map<OcppVersion, RecordableHistogram>(
    versions.map((version) => [version, createHistogram()]),
  );
  const watch: StationWatch = {
    onAnswered: (station, { latencyMs }) =>
      latencies.get(station.life.version)?.record(Math.max(1, Math.round(latencyMs * 1_000))),
  };
  const stations: SimulatedStation[] = [];
  const end = endOf(options.seconds, io);
  const stopProgress = startProgress(io, () => stationsLine(stations));
  const startFault = await startStations(options, versions, connection.value, watch, stations, end);
  if (startFault === null) await end.promise;
  stopProgress();
  const lastError = stations.find((station) => station.lastError !== null)?.lastError ?? null;
  await finishStations(stations);
  if (startFault !== null) return usage(io, startFault);
  const rows = [...new Set(versions)].map((version) =>
    summarise(
      version,
      stations.filter(({ life }) => life.version === version),
      latencies,
    ),
  );
  if (rows.length > 1) rows.push(summarise('all', stations, latencies));
  printRows(io, options.output ?? 'table', stationsColumns, rows);
  return verdict(stations, lastError, options, io);
}

/** Lets every station end its transactions and deliver what it keeps, and switches each off as soon as it has; all of them when the time is over. */
async function finishStations(stations: readonly SimulatedStation[]): Promise<void> {
  for (const station of stations) station.windDown();
  const deadlineMs = performance.now() + settleMs;
  const stopped: Promise<void>[] = [];
  let left = stations;
  while (left.length > 0) {
    const isOver = performance.now() >= deadlineMs;
    const done = left.filter(({ life }) => isOver || life.stats.links === 0 || isSettled(life));
    for (const station of done) stopped.push(station.stop());
    left = left.filter((station) => !done.includes(station));
    if (left.length > 0) await delay(20);
  }
  await Promise.all(stopped);
}

/** Switches stations on at the pace that was asked for; gives the fault that stopped it, or null. */
async function startStations(
  options: SimulateStationsOptions,
  versions: readonly OcppVersion[],
  shared: StationConnection,
  watch: StationWatch,
  stations: SimulatedStation[],
  end: End,
): Promise<string | null> {
  const pauseMs = 1_000 / (options.connectsPerSecond ?? 100);
  const startMs = performance.now();
  for (let number = 1; number <= options.count && !end.isOver(); number += 1) {
    const id = `${options.prefix}${number}`;
    const own = areFilesPerStation(options) ? await readConnection(options.url, options, id) : null;
    if (own?.ok === false) return own.fault;
    const version = versions[(number - 1) % versions.length] as OcppVersion;
    const spec = { id, seed: options.seed, offers: [version], speed: options.speed } as const;
    stations.push(new SimulatedStation(spec, own === null ? shared : own.value, { watch }));
    const aheadMs = startMs + number * pauseMs - performance.now();
    if (aheadMs > 1) await Promise.race([delay(aheadMs), end.promise]);
  }
  return null;
}

function verdict(
  stations: readonly SimulatedStation[],
  lastError: string | null,
  options: SimulateStationsOptions,
  io: CliIo,
): ExitCode {
  const total = sumOf(stations);
  if (total.links === 0) {
    io.stderr.write(
      `no station got a connection to ${options.url}: ${neutralised(lastError ?? 'there was no time to')}\n`,
    );
    return 1;
  }
  if (total.discarded === 0 && total.guaranteedErrors === 0) return 0;
  io.stderr.write(
    `transaction messages thrown away: ${total.discarded}; errors answered to transaction messages: ${total.guaranteedErrors}\n`,
  );
  return 3;
}

function stationsLine(stations: readonly SimulatedStation[]): string {
  const open = stations.filter((station) => station.isOpen).length;
  const { callsSent, results, errors, timeouts, discarded, transactionsStarted } = sumOf(stations);
  return `${open}/${stations.length} connected, ${transactionsStarted} transactions, ${callsSent} calls, ${results} answered, ${errors} errors, ${timeouts} unanswered, ${discarded} discarded`;
}

function sumOf(stations: readonly SimulatedStation[]): LifeStats {
  const sum = emptyStats();
  for (const { life } of stations) {
    for (const name of Object.keys(sum) as (keyof LifeStats)[]) sum[name] += life.stats[name];
  }
  return sum;
}

function summarise(
  version: OcppVersion | 'all',
  stations: readonly SimulatedStation[],
  latencies: ReadonlyMap<OcppVersion, RecordableHistogram>,
): StationsSummary {
  const {
    callsSent,
    results,
    errors,
    timeouts,
    links,
    commands,
    guaranteedErrors,
    discarded,
    transactionsStarted,
  } = sumOf(stations);
  const latency = createHistogram();
  for (const [of, histogram] of latencies) if (version === 'all' || version === of) latency.add(histogram);
  const percentile = (share: number): number | null =>
    latency.count === 0 ? null : latency.percentile(share) / 1_000;
  return {
    version,
    stations: stations.length,
    transactions: transactionsStarted,
    calls: callsSent,
    answered: results,
    errors,
    timeouts,
    p50Ms: percentile(50),
    p99Ms: percentile(99),
    reconnects: links - stations.filter(({ life }) => life.stats.links > 0).length,
    commands,
    undelivered: stations.reduce((sum, { life }) => sum + life.queue.length, 0),
    transactionErrors: guaranteedErrors,
    discarded,
  };
}

const stationsColumns: readonly Column<StationsSummary>[] = [
  { title: 'version', valueOf: (row) => row.version },
  { title: 'stations', valueOf: (row) => row.stations },
  { title: 'transactions', valueOf: (row) => row.transactions },
  { title: 'calls', valueOf: (row) => row.calls },
  { title: 'answered', valueOf: (row) => row.answered },
  { title: 'errors', valueOf: (row) => row.errors },
  { title: 'timeouts', valueOf: (row) => row.timeouts },
  { title: 'p50 ms', valueOf: (row) => row.p50Ms },
  { title: 'p99 ms', valueOf: (row) => row.p99Ms },
  { title: 'reconnects', valueOf: (row) => row.reconnects },
  { title: 'commands', valueOf: (row) => row.commands },
  { title: 'undelivered', valueOf: (row) => row.undelivered },
  { title: 'transaction errors', valueOf: (row) => row.transactionErrors },
  { title: 'discarded', valueOf: (row) => row.discarded },
];
