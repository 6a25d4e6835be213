/**
 * `busbar simulate backend`: a backend for an operator's own stations or gateway.
 *
 * Shell. Progress goes to stderr, a summary to stdout.
 */
import type { ExitCode } from '../cli/exit-code.ts';
import type { CliIo } from '../cli/io.ts';
import { printRows, type Column } from '../cli/output.ts';
import type { SimulateBackendOptions } from '../cli/simulate-verbs.ts';
import { isOcppVersion, ocppVersions } from '../protocol/version.ts';
import { listenFaultText } from '../std/listen-fault.ts';
import { fail, ok, type Result } from '../std/result.ts';
import type { BackendStats } from './backend-life.ts';
import { areFilesPerStation, parseListen, parseMisbehave, readCredentials } from './simulate-options.ts';
import { endOf, startProgress, usage } from './simulate-run.ts';
import { SimulatedBackend, type BackendListen } from './simulated-backend.ts';

type BackendSummary = BackendStats & { readonly stations: number };

/** Runs a backend until the time is over or the io's signal, and tells what it saw. */
export async function simulateBackend(options: SimulateBackendOptions, io: CliIo): Promise<ExitCode> {
  const versions = options.versions.filter(isOcppVersion);
  if (versions.length === 0) return usage(io, `--versions: give at least one of ${ocppVersions.join(', ')}`);
  const listen = parseListen(options.listen);
  if (!listen.ok) return usage(io, listen.fault);
  const door = await readDoor(options);
  if (!door.ok) return usage(io, door.fault);
  const { commandEverySeconds, misbehaviour, seed, delayMs = 0 } = options;
  const misbehave = misbehaviour === undefined ? ok({}) : parseMisbehave(misbehaviour);
  if (!misbehave.ok) return usage(io, `--misbehave: ${misbehave.fault}`);
  const backend = new SimulatedBackend(
    {
      versions,
      seed,
      answerDelayMs: [delayMs, delayMs],
      ...(commandEverySeconds === undefined ? {} : { commandEveryMs: commandEverySeconds * 1_000 }),
      misbehave: misbehave.value,
    },
    { ...listen.value, ...door.value, keepsLedgers: false },
  );
  try {
    await backend.start();
  } catch (error) {
    const { host, port } = listen.value;
    io.stderr.write(`--listen: ${listenFaultText(host, port, error as NodeJS.ErrnoException)}\n`);
    return 1;
  }
  const scheme = options.cert === undefined ? 'ws' : 'wss';
  io.stderr.write(`listening on ${scheme}://${listen.value.host}:${backend.port}/ocpp/{station}\n`);
  const stopProgress = startProgress(io, () => backendLine(backend));
  await endOf(options.seconds ?? null, io).promise;
  stopProgress();
  await backend.stop();
  printRows(io, options.output ?? 'table', backendColumns, [summariseBackend(backend)]);
  return 0;
}

type Door = Pick<BackendListen, 'tls' | 'isPasswordRight'>;

/** TLS and the password check. One password serves all stations; a path with `{station}` is not read here. */
async function readDoor(options: SimulateBackendOptions): Promise<Result<Door, string>> {
  if (areFilesPerStation(options))
    return fail(
      '{station} in a file name is for simulated stations; a simulated backend has one password and certificate',
    );
  const read = await readCredentials(options, '');
  if (!read.ok) return read;
  const { password, ca, cert, key } = read.value;
  const tls =
    cert === undefined || key === undefined
      ? {}
      : { tls: { cert, key, ...(ca === undefined ? {} : { clientCa: ca }) } };
  return ok({
    ...tls,
    ...(password === undefined
      ? {}
      : { isPasswordRight: (_station: string, given: Buffer) => given.equals(password) }),
  });
}

function summariseBackend(backend: SimulatedBackend): BackendSummary {
  const sum = {
    stations: 0,
    calls: 0,
    sends: 0,
    commands: 0,
    commandResults: 0,
    commandErrors: 0,
    commandTimeouts: 0,
    strayAnswers: 0,
    unreadable: 0,
    misbehaved: 0,
  };
  for (const { stats } of backend.stations()) {
    sum.stations += 1;
    for (const name of Object.keys(stats) as (keyof BackendStats)[]) sum[name] += stats[name];
  }
  return sum;
}

function backendLine(backend: SimulatedBackend): string {
  const { stations, calls, commands, misbehaved } = summariseBackend(backend);
  return `${backend.linksOpen}/${stations} connected, ${calls} calls, ${commands} commands, ${misbehaved} misbehaved`;
}

const backendColumns: readonly Column<BackendSummary>[] = [
  { title: 'stations', valueOf: (row) => row.stations },
  { title: 'calls', valueOf: (row) => row.calls },
  { title: 'sends', valueOf: (row) => row.sends },
  { title: 'commands', valueOf: (row) => row.commands },
  { title: 'results', valueOf: (row) => row.commandResults },
  { title: 'errors', valueOf: (row) => row.commandErrors },
  { title: 'timeouts', valueOf: (row) => row.commandTimeouts },
  { title: 'stray answers', valueOf: (row) => row.strayAnswers },
  { title: 'unreadable', valueOf: (row) => row.unreadable },
  { title: 'misbehaved', valueOf: (row) => row.misbehaved },
];
