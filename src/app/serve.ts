/**
 * `busbar serve`: runs Busbar until it is told to stop.
 *
 * SIGTERM and SIGINT drain: not ready, newcomers refused, calls in flight finished, links closed spread over time, journal flushed, exit 0; a second one ends at once.
 * SIGHUP reads the configuration again.
 */
import { isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { cwd } from 'node:process';
import type { ExitCode } from '../cli/exit-code.ts';
import type { CliIo } from '../cli/io.ts';
import type { ServeOptions } from '../cli/program.ts';
import { shuttingDown } from '../api/config-routes.ts';
import { createLog } from '../adapters/pino/log.ts';
import { configurationForBackends, loadConfiguration } from '../control/configuration/load.ts';
import { formatProblem, type ConfigurationProblem } from '../control/configuration/problem.ts';
import type { Log, LogFields } from '../ports/log.ts';
import type { Settings } from '../ports/settings.ts';
import { ok, type Result } from '../std/result.ts';
import { startBusbar, type Busbar } from './busbar.ts';
import { busbarVersion } from './version.ts';

/** Link closings of a drain are spread over this time, so that the stations' reconnects are spread too. */
const drainSpreadMs = 5_000;
/** And everything has to be closed by then. Below the 30 seconds that orchestrators wait before they kill. */
const drainDeadlineMs = 20_000;

type Read = () => Promise<Result<Settings, readonly ConfigurationProblem[]>>;

export async function serve(options: ServeOptions, io: CliIo): Promise<ExitCode> {
  // The journal holds drivers' tokens and stations' passwords: whom Busbar lets read no secret file may not read it either.
  process.umask(process.umask() | 0o007);
  const read = readerOf(options, io);
  const settings = await read();
  if (!settings.ok) {
    io.stderr.write(`${settings.fault.map(formatProblem).join('\n')}\n`);
    return 2;
  }
  const log = createLog({ level: 'info', destination: io.stderr });
  // Stations connect before all of it has started: a hangup that nobody listens for would end that.
  let isHungUp = false;
  const onEarlyHangup = (): void => {
    isHungUp = true;
  };
  process.on('SIGHUP', onEarlyHangup);
  const started = await startBusbar({ settings: settings.value, log, readAgain: read });
  if (!started.ok) {
    process.off('SIGHUP', onEarlyHangup);
    io.stderr.write(`${started.fault.where}: ${started.fault.reason}\n`);
    return 1;
  }
  const busbar = started.value;
  // Whoever is told that it has started may signal at once: a hangup that nobody listens for would end it.
  const stopped = runUntilStopped(busbar, log, io.signal);
  process.off('SIGHUP', onEarlyHangup);
  if (isHungUp) void reload(busbar, log);
  log.info('started', startedFields(options, settings.value, busbar));
  const isClean = await stopped;
  log.info('stopped', { isClean });
  return isClean ? 0 : 1;
}

/** What whoever looks at a gateway wants to know first: what runs, by which file, where stations and operators connect, and where the journal is. */
function startedFields(options: ServeOptions, { listener, storage }: Settings, busbar: Busbar): LogFields {
  const { stationPort, adminUrl } = busbar;
  const host = isIPv6(listener.host) ? `[${listener.host}]` : listener.host;
  const scheme = listener.tls === null ? 'ws' : 'wss';
  return {
    version: busbarVersion,
    node: process.version,
    config: options.from === 'file' ? resolve(options.config) : null,
    stationUrl: `${scheme}://${host}:${stationPort}/ocpp/{station}`,
    stationPort,
    auth: listener.auth,
    admit: listener.admit,
    adminUrl,
    storage: storage.file,
  };
}

function readerOf(options: ServeOptions, io: CliIo): Read {
  return async () => {
    const loaded =
      options.from === 'file'
        ? await loadConfiguration(options.config, io.env)
        : await configurationForBackends(options.backends, options.listen, cwd());
    return loaded.ok ? ok(loaded.value.settings) : loaded;
  };
}

/** Returns when the drain is over: true when nothing had to be cut. */
async function runUntilStopped(busbar: Busbar, log: Log, signal: AbortSignal | undefined): Promise<boolean> {
  const onHangup = (): void => void reload(busbar, log);
  process.on('SIGHUP', onHangup);
  const cause = await stopSignal(signal);
  const atOnce = (): void => {
    log.warn('stopped_at_once');
    process.exit(1);
  };
  process.once('SIGTERM', atOnce);
  process.once('SIGINT', atOnce);
  log.info('draining', { cause, stations: busbar.gateway.registry.connectedCount });
  const isClean = await busbar.drain(drainSpreadMs, drainDeadlineMs);
  // Not before: a hangup that nobody listens for ends the process. While it drains, reloads are refused.
  process.off('SIGHUP', onHangup);
  process.off('SIGTERM', atOnce);
  process.off('SIGINT', atOnce);
  return isClean;
}

/** The first thing that says stop. */
function stopSignal(signal: AbortSignal | undefined): Promise<string> {
  return new Promise((stop) => {
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
    if (signal?.aborted === true) stop('abort');
    signal?.addEventListener('abort', () => stop('abort'), { once: true });
  });
}

/** Never rejects: what is wrong with the new file is logged, and what ran before still runs. */
async function reload(busbar: Busbar, log: Log): Promise<void> {
  const outcome = await busbar.reload();
  if (outcome.ok)
    return log.info('config_reloaded', {
      by: 'SIGHUP',
      outcome: outcome.value.changed ? 'changed' : 'unchanged',
    });
  const { fault } = outcome;
  const problems = fault.kind === 'invalid' ? fault.problems.map(formatProblem) : [shuttingDown];
  for (const problem of problems) log.warn('config_reload_refused', { by: 'SIGHUP', problem });
}
