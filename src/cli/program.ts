/**
 * The program `busbar`: its verbs, their options and their help. What the verbs do comes from outside, so that commands know neither the runtime
 * nor the control plane.
 *
 * Verbs that ask a running gateway add themselves (`add`); they start from `apiOptions`.
 */
import { Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander';
import { addConfigVerbs, configOption, type ConfigurationReader } from './config-verbs.ts';
import { exitCodeOf, type ExitCode } from './exit-code.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import { outputFormats, type OutputFormat } from './output.ts';
import { addSimulateVerbs, type SimulateVerbs } from './simulate-verbs.ts';

/** `serve` reads a file, or is told its backends. */
export type ServeOptions =
  | { readonly from: 'file'; readonly config: string }
  | {
      readonly from: 'backends';
      /** As given, first the primary of every station; at least one. */
      readonly backends: readonly BackendArgument[];
      /** `host:port` for stations; null: the default. */
      readonly listen: string | null;
    };

interface BackendArgument {
  readonly name: string;
  readonly url: string;
}

export interface DemoOptions {
  /** End after the verification instead of staying up. */
  readonly once: boolean;
}

/** What the verbs do. Each tells how it ended; long ones end on the io's signal. */
export interface Verbs extends SimulateVerbs {
  serve(options: ServeOptions, io: CliIo): Promise<ExitCode>;
  demo(options: DemoOptions, io: CliIo): Promise<ExitCode>;
  readonly configuration: ConfigurationReader;
  /** Verbs that live in files of their own. */
  readonly add: readonly ((program: Command, io: CliIo) => void)[];
}

/** What every verb that asks a running gateway takes. */
export interface ApiOptions {
  readonly admin: string;
  readonly tokenFile?: string;
  readonly output: OutputFormat;
}

/** Adds `--admin` and `--token-file`. The token itself may also be in BUSBAR_TOKEN; it is never an argument, which other users of the machine could read. */
export function apiOptions(command: Command): Command {
  return command
    .option('--admin <url>', 'address of the gateway’s admin listener', 'http://127.0.0.1:9221')
    .option('--token-file <file>', 'file with the access token (else: BUSBAR_TOKEN in the environment)');
}

/** Builds the program. Nothing runs before {@link runProgram}. */
export function createProgram(io: CliIo, version: string, verbs: Verbs): Command {
  const program = new Command('busbar')
    .description('An open OCPP gateway between charging stations and their backends.')
    .version(version)
    .exitOverride()
    .configureHelp({ optionDescription })
    .addHelpText('after', `\n${exitCodes}`)
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .addOption(
      new Option(
        '-o, --output <format>',
        'form of results: table, json or csv; of reports also others',
      ).default('table'),
    )
    .hook('preAction', (_program, command) => checkOutput(command));
  addServe(program, io, verbs);
  addDemo(program, io, verbs);
  addConfigVerbs(program, io, verbs.configuration);
  addSimulateVerbs(program, io, verbs);
  for (const add of verbs.add) add(program, io);
  return program;
}

const exitCodes = 'Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 a check did not hold.';

/** Commander does not show which options cannot be left out. */
function optionDescription(option: Option): string {
  const description = Help.prototype.optionDescription(option);
  return option.mandatory ? `${description} (needed)` : description;
}

const outputsOf = new WeakMap<Command, readonly string[]>();

/** Names the forms that a verb has instead of the usual ones; the first stands for `table`, which is the default. */
export function setOutputs(command: Command, outputs: readonly string[]): Command {
  outputsOf.set(command, outputs);
  return command;
}

function checkOutput(command: Command): void {
  const { output } = command.optsWithGlobals<{ output: string }>();
  const outputs = outputsOf.get(command) ?? outputFormats;
  if (outputs.includes(output) || (output === 'table' && outputsOf.has(command))) return;
  command.error(
    `error: option '-o, --output <format>' argument '${output}' is invalid. Allowed choices are ${outputs.join(', ')}.`,
  );
}

/** Runs the verb that the arguments (without program and script) name, and sets the exit code: 2 for wrong usage. */
export async function runProgram(program: Command, io: CliIo, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    io.setExitCode(exitCodeOf(error));
  }
}

function addServe(program: Command, io: CliIo, verbs: Verbs): void {
  const serve = program
    .command('serve')
    .description('run the gateway until it is told to stop (SIGTERM drains, SIGHUP reads the file again)')
    .addOption(new Option(...configOption).conflicts(['backend', 'listen']))
    .addOption(
      new Option(
        '--backend <name=url>',
        'no file: relay to this backend; the first is the primary, repeatable',
      ).argParser(collectBackend),
    )
    .option('--listen <host:port>', 'no file: where stations connect (default: 127.0.0.1:9220)')
    .action(async (options: { config?: string; backend?: BackendArgument[]; listen?: string }) => {
      if (options.config !== undefined) {
        io.setExitCode(await verbs.serve({ from: 'file', config: options.config }, io));
        return;
      }
      if (options.backend === undefined)
        return serve.error('error: serve needs --config FILE, or --backend NAME=URL to run without a file');
      const { backend: backends, listen = null } = options;
      io.setExitCode(await verbs.serve({ from: 'backends', backends, listen }, io));
    });
  addExamples(
    serve,
    'busbar serve --config busbar.yaml',
    "busbar serve --backend 'old=wss://csms.example/ocpp/{station}'",
  );
}

function addDemo(program: Command, io: CliIo, verbs: Verbs): void {
  addExamples(
    program
      .command('demo')
      .description('gateway, simulated backends and simulated stations on this machine, verified')
      .option('--once', 'end after the verification: exit code 0, or 3 when it did not hold', false)
      .action(async (options: DemoOptions) => io.setExitCode(await verbs.demo(options, io))),
    'busbar demo --once',
  );
}

function collectBackend(text: string, before: readonly BackendArgument[] = []): readonly BackendArgument[] {
  const at = text.indexOf('=');
  if (at < 1 || at === text.length - 1)
    throw new InvalidArgumentError('Write NAME=URL, such as old=wss://csms.example/ocpp/{station}.');
  return [...before, { name: text.slice(0, at), url: text.slice(at + 1) }];
}
