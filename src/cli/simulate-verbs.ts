/**
 * `busbar simulate stations|backend`: the options of stations and backends that are not there.
 *
 * What they do comes from outside, like everything that is more than talk.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ExitCode } from './exit-code.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import type { OutputFormat } from './output.ts';

/** Paths as given; `{station}` in one stands for a station's identity. */
interface CredentialOptions {
  /** HTTP Basic password; a line end after it is not part of it. */
  readonly passwordFile?: string;
  /** PEM files. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface SimulateStationsOptions extends CredentialOptions {
  readonly url: string;
  readonly count: number;
  /** Subprotocols, dealt to the stations in turn. */
  readonly versions: readonly string[];
  /** Identities are this and a number from 1. */
  readonly prefix: string;
  readonly seed: number;
  /** Makes a minute of a station's life this many times shorter. */
  readonly speed: number;
  /** Seconds until it ends by itself; null: never. */
  readonly seconds: number | null;
  /** Stations switched on a second. */
  readonly connectsPerSecond?: number;
  readonly output?: OutputFormat;
}

export interface SimulateBackendOptions extends CredentialOptions {
  readonly listen: string;
  readonly versions: readonly string[];
  readonly seed: number;
  /** How long every answer takes, milliseconds. */
  readonly delayMs?: number;
  /** Mean seconds between commands to one station; absent: none. */
  readonly commandEverySeconds?: number;
  /** Such as `hang=0.01,slow=0.2`: what goes wrong, with its share of answers. Not checked here. */
  readonly misbehaviour?: string;
  readonly seconds?: number | null;
  readonly output?: OutputFormat;
}

/** What these verbs do. Each tells how it ended; both end on the io's signal. */
export interface SimulateVerbs {
  simulateStations(options: SimulateStationsOptions, io: CliIo): Promise<ExitCode>;
  simulateBackend(options: SimulateBackendOptions, io: CliIo): Promise<ExitCode>;
}

export function addSimulateVerbs(program: Command, io: CliIo, verbs: SimulateVerbs): void {
  const simulate = program.command('simulate').description('stations and backends that are not there');
  addStations(simulate, io, verbs);
  addBackend(simulate, io, verbs);
}

function addStations(simulate: Command, io: CliIo, verbs: SimulateVerbs): void {
  const stations = simulate
    .command('stations')
    .description(
      'stations that boot, charge, lose their network and come back; ends with a summary, and with exit code 3 when billing data was lost',
    )
    .requiredOption('--url <url>', 'where they connect; the identity is added as the last segment')
    .addOption(wholeNumber('--count <n>', 'how many', 1, 100_000).default(10))
    .addOption(versionList())
    .option('--prefix <text>', 'identities are this and a number from 1', 'SIM-')
    .addOption(wholeNumber('--seed <n>', 'the same seed lives the same life', 0, 2 ** 32 - 1).default(1))
    .addOption(wholeNumber('--speed <n>', 'how many times faster than life', 1, 3_600).default(1))
    .addOption(wholeNumber('--seconds <n>', 'end by itself after so long', 1, 31_536_000))
    .addOption(
      wholeNumber('--connects-per-second <n>', 'stations switched on a second', 1, 100_000).default(100),
    );
  addCredentials(stations).action(async (_options: unknown, command: Command) => {
    const options = command.optsWithGlobals<
      Omit<SimulateStationsOptions, 'seconds'> & { seconds?: number }
    >();
    io.setExitCode(await verbs.simulateStations({ ...options, seconds: options.seconds ?? null }, io));
  });
  addExamples(
    stations,
    'busbar simulate stations --url ws://127.0.0.1:9220/ocpp --count 100 --speed 60',
    "busbar simulate stations --url wss://gateway.example/ocpp --ca ca.pem --password-file 'secrets/{station}'",
  );
}

function addBackend(simulate: Command, io: CliIo, verbs: SimulateVerbs): void {
  const backend = simulate
    .command('backend')
    .description('a backend that accepts every station and answers every call; ends with a summary')
    .option('--listen <host:port>', 'where stations or Busbar connect', '127.0.0.1:9301')
    .addOption(versionList())
    .addOption(wholeNumber('--seed <n>', 'the same seed answers the same', 0, 2 ** 32 - 1).default(1))
    .addOption(wholeNumber('--delay-ms <n>', 'how long every answer takes', 0, 3_600_000).default(0))
    .addOption(
      wholeNumber(
        '--command-every-seconds <n>',
        'mean time between commands to one station (default: none)',
        1,
        86_400,
      ),
    )
    .option('--misbehave <list>', 'what goes wrong and how often, such as hang=0.01,slow=0.2')
    .addOption(wholeNumber('--seconds <n>', 'end by itself after so long', 1, 31_536_000));
  addCredentials(backend).action(async (_options: unknown, command: Command) => {
    const { misbehave, ...options } = command.optsWithGlobals<
      Omit<SimulateBackendOptions, 'misbehaviour'> & { misbehave?: string }
    >();
    const given = misbehave === undefined ? options : { ...options, misbehaviour: misbehave };
    io.setExitCode(await verbs.simulateBackend(given, io));
  });
  addExamples(
    backend,
    'busbar simulate backend --listen 127.0.0.1:9301 --versions ocpp1.6',
    'busbar simulate backend --misbehave hang=0.01,slow=0.2 --command-every-seconds 60',
  );
}

function addCredentials(command: Command): Command {
  return command
    .option('--password-file <file>', 'file with the HTTP Basic password')
    .option('--ca <file>', 'PEM file with the authorities to trust')
    .option('--cert <file>', 'PEM file with the own certificate')
    .option('--key <file>', 'PEM file with its private key');
}

function wholeNumber(flags: string, description: string, least: number, most: number): Option {
  return new Option(flags, description).argParser((text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`A whole number from ${least} to ${most} is needed.`);
    return value;
  });
}

const versionNames = ['ocpp1.6', 'ocpp2.0.1', 'ocpp2.1'];

function versionList(): Option {
  return new Option('--versions <list>', 'OCPP versions, with commas between')
    .argParser((text) => {
      const versions = text.split(',');
      const wrong = versions.find((version) => !versionNames.includes(version));
      if (wrong !== undefined)
        throw new InvalidArgumentError(`"${wrong}" is none of ${versionNames.join(', ')}.`);
      return versions;
    })
    .default(versionNames, versionNames.join(','));
}
