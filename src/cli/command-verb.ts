/**
 * `busbar station command`: one command to a station, and what it answered.
 *
 * What stops charging, can take a station out of service, changes how it connects or gives it a secret asks first, or takes `--yes`. An answer that is no yes, an error, a refusal and silence end with 1.
 */
import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import type { Command } from 'commander';
import type { Client, ClientFault } from '../api/client.ts';
import { riskOf } from '../api/risky-command.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { noesOf } from './command-answer.ts';
import { confirm, sayUndone, type Undone } from './confirm.ts';
import { withClient } from './gateway-client.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import { jsonText, neutralised, printRows } from './output.ts';
import { apiOptions, type ApiOptions } from './program.ts';

interface CommandOptions extends ApiOptions {
  readonly reason?: string;
  readonly yes?: true;
}

export function addCommandVerb(station: Command, io: CliIo): void {
  addExamples(
    apiOptions(
      station
        .command('command')
        .argument('<id>', 'the station')
        .argument('<action>', 'the OCPP action, in the version that the station speaks')
        .argument('[payload]', 'its payload as JSON, or - to read it from stdin', '{}')
        .description(
          'send a command to a station and wait for its answer; exit code 1 when none, an error or a no (such as Rejected) came',
        ),
    )
      .option('--reason <text>', 'why; the audit keeps it')
      .option(
        '--yes',
        'do not ask before a command that stops charging, can take the station out of service, changes how it connects or gives it a secret',
      )
      .action(async (id: string, action: string, payload: string, _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<CommandOptions>();
        const asked = await prepare(id, action, payload, options, io);
        if (asked.ok)
          await withClient(command, io, (client) => send(client, id, action, asked.value, options, io));
        else sayUndone(asked.fault, io);
      }),
    'busbar station command CP-1 TriggerMessage \'{"requestedMessage":"StatusNotification"}\'',
    'busbar station command CP-1 Reset \'{"type":"Soft"}\' --yes --reason "display frozen"',
    'busbar station command CP-1 SetChargingProfile - < profile.json',
  );
}

/** The payload, once it is known to be one and the person behind it is sure. */
async function prepare(
  id: string,
  action: string,
  given: string,
  options: CommandOptions,
  io: CliIo,
): Promise<Result<object, Undone>> {
  const source = given === '-' ? await textOf(io.stdin ?? Readable.from([])) : given;
  const payload = readPayload(source, given === '-' ? 'stdin' : 'PAYLOAD');
  const risk = payload.ok ? riskOf(id, action, payload.value) : null;
  if (risk === null) return payload;
  // A payload from stdin leaves nobody there to ask.
  const asked = given === '-' ? { ...io, stdin: Readable.from([]) } : io;
  const confirmed = await confirm(risk, 'Send it?', options.yes === true, asked);
  return confirmed.ok ? payload : confirmed;
}

function readPayload(source: string, where: string): Result<object, Undone> {
  try {
    const payload: unknown = JSON.parse(source);
    if (typeof payload === 'object' && payload !== null && !Array.isArray(payload)) return ok(payload);
  } catch {}
  return fail({
    message: `${where}: write the payload as a JSON object, such as '{"type":"Soft"}'`,
    code: 2,
  });
}

async function send(
  client: Client,
  id: string,
  action: string,
  payload: object,
  { output, reason }: CommandOptions,
  io: CliIo,
): Promise<ClientFault | null> {
  const answered = await client.command(id, { action, payload, ...(reason === undefined ? {} : { reason }) });
  if (!answered.ok) return answered.fault;
  const { result } = answered.value;
  if (output === 'json') io.stdout.write(`${jsonText(result, 2)}\n`);
  else
    printRows(
      io,
      output,
      [
        { title: 'field', valueOf: ([field]) => field },
        {
          title: 'value',
          widthMax: 70,
          valueOf: ([, value]) => (typeof value === 'string' ? value : jsonText(value)),
        },
      ],
      Object.entries(result),
    );
  const noes = noesOf(result);
  if (noes.length === 0) return null;
  io.stderr.write(`${id} did not do it: it answered ${neutralised(noes.join(', '))}\n`);
  io.setExitCode(1);
  return null;
}
