/**
 * `busbar config check|schema|print`: the configuration file, looked at without starting anything.
 *
 * The reader comes from outside: commands know nothing of the control plane.
 */
import type { Command } from 'commander';
import type { Result } from '../std/result.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';

/** Reads configuration files for these verbs. */
export interface ConfigurationReader {
  /** Everything that is wrong with the file, one line each, or what it says. */
  read(file: string, env: CliIo['env']): Promise<Result<ReadConfiguration, readonly string[]>>;
  /** The JSON Schema of the file. */
  schema(): Promise<object>;
}

interface ReadConfiguration {
  readonly backends: number;
  readonly routes: number;
  readonly knownStations: number;
  /** The effective configuration as YAML: every default filled in, secrets as `***`. */
  readonly effective: string;
}

/** The option of every verb that reads the file. */
export const configOption = ['--config <file>', 'the configuration file'] as const;

export function addConfigVerbs(program: Command, io: CliIo, reader: ConfigurationReader): void {
  const config = program.command('config').description('look at the configuration file');

  addExamples(
    config
      .command('check')
      .description('say everything that is wrong with the file; exit code 2 when anything is')
      .requiredOption(...configOption)
      .action(async (options: { config: string }) => {
        const read = await readOrSay(reader, options.config, io);
        if (read === null) return;
        const { backends, routes, knownStations } = read;
        const counts = `${count(backends, 'backend')}, ${count(routes, 'route')}, ${count(knownStations, 'known station')}`;
        io.stdout.write(`ok: ${counts}\n`);
      }),
    'busbar config check --config busbar.yaml',
  );

  addExamples(
    config
      .command('print')
      .description('print the effective configuration as YAML: every default filled in, secrets as ***')
      .requiredOption(...configOption)
      .action(async (options: { config: string }) => {
        const read = await readOrSay(reader, options.config, io);
        if (read !== null) io.stdout.write(read.effective);
      }),
    'busbar config print --config busbar.yaml',
  );

  addExamples(
    config
      .command('schema')
      .description('print the JSON Schema of the file, for editors and checks')
      .action(async () => {
        io.stdout.write(`${JSON.stringify(await reader.schema(), null, 2)}\n`);
      }),
    'busbar config schema > busbar-config.schema.json',
  );
}

async function readOrSay(
  reader: ConfigurationReader,
  file: string,
  io: CliIo,
): Promise<ReadConfiguration | null> {
  const read = await reader.read(file, io.env);
  if (read.ok) return read.value;
  io.stderr.write(`${read.fault.join('\n')}\n`);
  io.setExitCode(2);
  return null;
}

function count(items: number, name: string): string {
  return `${items} ${name}${items === 1 ? '' : 's'}`;
}
