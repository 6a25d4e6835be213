/**
 * `busbar frames tail`: frames of every station as they happen.
 */
import type { Command } from 'commander';
import { withClient } from './gateway-client.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import { apiOptions } from './program.ts';
import { tail, tailOptions, type TailOptions } from './tail.ts';

export function addFramesVerbs(program: Command, io: CliIo): void {
  const frames = program.command('frames').description('raw OCPP frames, both ways');
  addExamples(
    tailOptions(
      apiOptions(frames.command('tail').description('frames as they happen, on every link of every station')),
    )
      .option('--station <id>', 'only those of one station')
      .action((_options: unknown, command: Command) =>
        withClient(command, io, (client) => {
          const options = command.optsWithGlobals<TailOptions & { readonly station?: string }>();
          return tail(client, io, options, options.station ?? null);
        }),
      ),
    'busbar frames tail',
    'busbar frames tail --all -o json > frames.jsonl',
  );
}
