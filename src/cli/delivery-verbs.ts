/**
 * `busbar delivery list|show|retry|drop|export`: what a running gateway holds for backends, and what is decided about it.
 *
 * Dropping cannot be undone, so it wants a reason, which the audit keeps, and the answer shows the message once more.
 */
import { Option, type Command } from 'commander';
import type { Client, ClientFault } from '../api/client.ts';
import type { Delivery, DeliveryQuery } from '../api/delivery-schemas.ts';
import { pageItems } from './every-page.ts';
import { withClient } from './gateway-client.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import { writeNewFile } from './new-file.ts';
import { jsonText, printRows, type Column } from './output.ts';
import { apiOptions, type ApiOptions } from './program.ts';

interface FilterOptions extends ApiOptions {
  readonly state?: 'held' | 'parked';
  readonly backend?: string;
  readonly station?: string;
}

interface ExportOptions extends FilterOptions {
  readonly out?: string;
}

interface DecisionOptions extends ApiOptions {
  readonly reason?: string;
}

export function addDeliveryVerbs(program: Command, io: CliIo): void {
  const delivery = program
    .command('delivery')
    .description('messages that a running gateway holds for backends');
  addList(delivery, io);
  addExamples(
    apiOptions(delivery.command('show <id>').description('one of them, with its text')).action(
      (id: string, _options: unknown, command: Command) =>
        withClient(command, io, async (client, { output }) => {
          const found = await client.delivery(id);
          if (!found.ok) return found.fault;
          showDelivery(found.value, output, io);
          return null;
        }),
    ),
    'busbar delivery show CP-1:1764300000000',
  );
  addRetry(delivery, io);
  addDrop(delivery, io);
  addExport(delivery, io);
}

function filterOptions(command: Command): Command {
  return apiOptions(command)
    .addOption(
      new Option(
        '--state <state>',
        'only those that leave by themselves, or that wait for a decision',
      ).choices(['held', 'parked']),
    )
    .option('--backend <name>', 'only those for this backend')
    .option('--station <id>', 'only those of one station');
}

function addList(delivery: Command, io: CliIo): void {
  addExamples(
    filterOptions(
      delivery.command('list').description('what is held, oldest first; parked: an operator has to decide'),
    ).action((_options: unknown, command: Command) =>
      withClient(command, io, async (client) => {
        const options = command.optsWithGlobals<FilterOptions>();
        const rows: Delivery[] = [];
        const fault = await eachPage(client, options, (items) => {
          rows.push(...items);
          return Promise.resolve();
        });
        if (fault === null) printRows(io, options.output, listColumns, rows);
        return fault;
      }),
    ),
    'busbar delivery list --state parked',
    'busbar delivery list --backend old --station CP-1 -o json',
  );
}

function addRetry(delivery: Command, io: CliIo): void {
  addExamples(
    apiOptions(
      delivery
        .command('retry <id>')
        .description('send it again as if its backend had never refused it, and what waits behind it'),
    )
      .option('--reason <text>', 'why; the audit keeps it')
      .action((id: string, _options: unknown, command: Command) => decide(command, io, id, 'retry')),
    'busbar delivery retry CP-1:1764300000000 --reason "tag T-1 is known now"',
  );
}

function addDrop(delivery: Command, io: CliIo): void {
  addExamples(
    apiOptions(
      delivery
        .command('drop <id>')
        .description('give it up: its backend never gets it; it is printed once more'),
    )
      .requiredOption('--reason <text>', 'why; the audit keeps it')
      .action((id: string, _options: unknown, command: Command) => decide(command, io, id, 'drop')),
    'busbar delivery drop CP-1:1764300000000 --reason "booked by hand, case 4711"',
  );
}

function addExport(delivery: Command, io: CliIo): void {
  addExamples(
    filterOptions(
      delivery.command('export').description('what is held as NDJSON: one delivery a line, oldest first'),
    )
      .option('--out <file>', 'into a new file instead of stdout')
      .action((_options: unknown, command: Command) =>
        withClient(command, io, async (client) => {
          const options = command.optsWithGlobals<ExportOptions>();
          const { out } = options;
          const exportTo = (write: (text: string) => Promise<void>): Promise<ClientFault | null> =>
            eachPage(client, options, (items) => write(items.map((item) => `${jsonText(item)}\n`).join('')));
          if (out === undefined)
            return exportTo((text) => new Promise((resolve) => void io.stdout.write(text, () => resolve())));
          // The messages hold tokens.
          const file = { path: out, option: '--out', mode: 0o600 };
          const fault = await writeNewFile(file, io, exportTo);
          return fault === 'unwritable' ? null : fault;
        }),
      ),
    'busbar delivery export --state parked > parked.ndjson',
    'busbar delivery export --backend old --out held.ndjson',
  );
}

/** Gives every page to `take`, one after the other. */
async function eachPage(
  client: Client,
  { state, backend, station }: FilterOptions,
  take: (items: readonly Delivery[]) => Promise<unknown>,
): Promise<ClientFault | null> {
  const query: DeliveryQuery = {
    limit: pageItems,
    ...(state === undefined ? {} : { state }),
    ...(backend === undefined ? {} : { backend }),
    ...(station === undefined ? {} : { station }),
  };
  for (let after: string | null = ''; after !== null;) {
    const page = await client.deliveries({ ...query, ...(after === '' ? {} : { after }) });
    if (!page.ok) return page.fault;
    await take(page.value.items);
    after = page.value.nextCursor;
  }
  return null;
}

function decide(command: Command, io: CliIo, id: string, decision: 'retry' | 'drop'): Promise<void> {
  return withClient(command, io, async (client) => {
    const { reason, output } = command.optsWithGlobals<DecisionOptions>();
    const decided = await client.decideDelivery(id, decision, reason === undefined ? {} : { reason });
    if (!decided.ok) return decided.fault;
    io.stderr.write(`${id} is ${decided.value.outcome}\n`);
    showDelivery(decided.value.delivery, output, io);
    return null;
  });
}

/** The widths make the table fit into 120 columns; the text is in `show`. */
const listColumns: readonly Column<Delivery>[] = [
  { title: 'delivery', widthMax: 30, valueOf: ({ id }) => id },
  { title: 'backend', widthMax: 13, valueOf: ({ backend }) => backend },
  { title: 'state', valueOf: ({ state, behind }) => (behind === null ? state : `${state}, behind`) },
  { title: 'action', widthMax: 18, valueOf: ({ action }) => action },
  { title: 'since', valueOf: ({ since }) => since },
  { title: 'attempts', valueOf: ({ attempts }) => attempts },
  { title: 'last error', widthMax: 18, valueOf: ({ lastError }) => lastError },
];

function showDelivery(delivery: Delivery, output: ApiOptions['output'], io: CliIo): void {
  if (output === 'json') {
    io.stdout.write(`${jsonText(delivery, 2)}\n`);
    return;
  }
  printRows(
    io,
    output,
    [
      { title: 'field', valueOf: ([field]) => field },
      { title: 'value', widthMax: 76, valueOf: ([, value]) => value },
    ],
    Object.entries(delivery),
  );
}
