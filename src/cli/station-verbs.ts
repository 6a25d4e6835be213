/**
 * `busbar station list|show|tail`: what a running gateway knows of its stations. `station command`, `station move` and `station rollback` have files of their own.
 */
import { Option, type Command } from 'commander';
import type { Client, ClientFault } from '../api/client.ts';
import type { Station, StationQuery } from '../api/schemas.ts';
import type { Result } from '../std/result.ts';
import { addCommandVerb } from './command-verb.ts';
import { everyItem } from './every-page.ts';
import { withClient } from './gateway-client.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import { addMoveVerbs } from './move-verbs.ts';
import { jsonText, printRows, type Column } from './output.ts';
import { apiOptions, type ApiOptions } from './program.ts';
import { tail, tailOptions, type TailOptions } from './tail.ts';

interface ListOptions extends ApiOptions {
  readonly connected?: true;
  readonly disconnected?: true;
  readonly backend?: string;
  readonly group?: string;
  readonly vendor?: string;
  readonly search?: string;
}

export function addStationVerbs(program: Command, io: CliIo): void {
  const station = program.command('station').description('stations of a running gateway');
  addList(station, io);
  addExamples(
    apiOptions(station.command('show <id>').description('one station, its links and what waits')).action(
      (id: string, _options: unknown, command: Command) =>
        withClient(command, io, async (client, { output }) => {
          const found = await client.station(id);
          if (!found.ok) return found.fault;
          showStation(found.value, output, io);
          return null;
        }),
    ),
    'busbar station show CP-1',
  );
  addExamples(
    tailOptions(
      apiOptions(
        station.command('tail <id>').description('frames of one station as they happen, on every link'),
      ),
    ).action((id: string, _options: unknown, command: Command) =>
      withClient(command, io, (client) => tail(client, io, command.optsWithGlobals<TailOptions>(), id)),
    ),
    'busbar station tail CP-1',
    'busbar station tail CP-1 --all --count 100 -o json',
  );
  addCommandVerb(station, io);
  addMoveVerbs(station, io);
}

function addList(station: Command, io: CliIo): void {
  addExamples(
    apiOptions(station.command('list').description('stations, by identity'))
      .option('--connected', 'only those whose link is open')
      .addOption(new Option('--disconnected', 'only those whose link is not open').conflicts('connected'))
      .option('--backend <name>', 'only those that this backend has to do with, in any role')
      .option('--group <name>', 'only those of the group')
      .option('--vendor <pattern>', 'only those of the vendor; * stands for any run of characters')
      .option(
        '--search <text>',
        'only those with the text in identity, vendor, model, firmware, site or a tag',
      )
      .action((_options: unknown, command: Command) =>
        withClient(command, io, async (client) => {
          const options = command.optsWithGlobals<ListOptions>();
          const stations = await allStations(client, options);
          if (!stations.ok) return stations.fault;
          printRows(io, options.output, stationColumns, stations.value);
          return null;
        }),
      ),
    'busbar station list --connected --backend old',
    "busbar station list --vendor 'ABB*' -o csv > stations.csv",
  );
}

/** Every station that meets the conditions. */
export async function allStations(
  client: Client,
  options: Omit<ListOptions, keyof ApiOptions>,
): Promise<Result<Station[], ClientFault>> {
  const { connected, disconnected, backend, group, vendor, search } = options;
  const query: StationQuery = {
    ...(connected === undefined && disconnected === undefined ? {} : { connected: connected === true }),
    ...(backend === undefined ? {} : { backend }),
    ...(group === undefined ? {} : { group }),
    ...(vendor === undefined ? {} : { vendor }),
    ...(search === undefined ? {} : { q: search }),
  };
  return everyItem((page) => client.stations({ ...query, ...page }));
}

const stationColumns: readonly Column<Station>[] = [
  { title: 'station', valueOf: ({ id }) => id },
  { title: 'connected', valueOf: ({ connected }) => (connected ? 'yes' : 'no') },
  { title: 'version', valueOf: ({ version }) => version },
  { title: 'vendor', valueOf: ({ vendor }) => vendor },
  { title: 'model', valueOf: ({ model }) => model },
  { title: 'firmware', valueOf: ({ firmware }) => firmware },
  { title: 'group', valueOf: ({ group }) => group },
  { title: 'primary', valueOf: ({ primary }) => primary },
  { title: 'last seen', valueOf: ({ lastSeenAt }) => lastSeenAt },
];

function showStation(station: Station, output: ApiOptions['output'], io: CliIo): void {
  switch (output) {
    case 'json':
      io.stdout.write(`${jsonText(station, 2)}\n`);
      return;
    case 'csv':
      printRows(io, output, stationColumns, [station]);
      return;
    case 'table': {
      const facts = [
        ...stationColumns.map((column) => ({ title: column.title, value: column.valueOf(station) })),
        { title: 'site', value: station.site },
        { title: 'tags', value: station.tags.join(', ') },
        ...placementFacts(station.placement),
      ];
      printRows(
        io,
        output,
        [
          { title: 'what', valueOf: ({ title }) => title },
          { title: 'value', widthMax: 76, valueOf: ({ value }) => value },
        ],
        facts,
      );
      printRows(io, output, linkColumns, station.backends);
      printSome(
        io,
        heldColumns,
        station.backends.filter(({ held, parked }) => held + parked > 0),
      );
      printSome(
        io,
        errorColumns,
        station.backends.filter(({ lastError }) => lastError !== null),
      );
      printSome(io, transactionColumns, station.backends.flatMap(transactionsOf));
      printSome(io, commandColumns, station.recentCommands);
    }
  }
}

function placementFacts(placement: Station['placement']): { title: string; value: string | null }[] {
  if (placement === null) return [];
  const ready = placement.ready.map(({ backend, until }) =>
    until === null ? backend : `${backend} until ${until}`,
  );
  return [
    { title: 'by its route', value: placement.routed },
    { title: 'observers', value: observersText(placement.observers) },
    { title: 'moved at', value: placement.since },
    { title: 'rollback to', value: placement.before },
    { title: 'kept ready', value: ready.join(', ') },
  ];
}

function observersText(observers: NonNullable<Station['placement']>['observers']): string {
  if (observers === null) return 'by its route';
  if (observers.length === 0) return 'nobody';
  return observers
    .map(({ backend, receives, commands }) => {
      const may = commands.length === 0 ? '' : `; may send ${commands.join(', ')}`;
      return `${backend} (${receives.join(', ')}${may})`;
    })
    .join(', ');
}

/** A table of its own, unless it would be empty. */
function printSome<Row>(io: CliIo, columns: readonly Column<Row>[], rows: readonly Row[]): void {
  if (rows.length > 0) printRows(io, 'table', columns, rows);
}

type StationBackend = Station['backends'][number];
type OpenTransaction = StationBackend['transactions'][number] & { readonly backend: string };

function transactionsOf({ backend, transactions }: StationBackend): OpenTransaction[] {
  return transactions.map((transaction) => ({ ...transaction, backend }));
}

/** The widths make every table fit into 100 columns. */
const linkColumns: readonly Column<StationBackend>[] = [
  { title: 'backend', widthMax: 20, valueOf: ({ backend }) => backend },
  { title: 'role', valueOf: ({ role }) => role },
  { title: 'link', valueOf: ({ link }) => link },
  { title: 'state', valueOf: ({ state }) => state },
  { title: 'waiting', valueOf: ({ laneDepth }) => laneDepth },
  { title: 'dropped', valueOf: ({ dropped }) => dropped },
  {
    title: 'clock',
    valueOf: ({ clockSkewMs: skew }) =>
      skew === null ? null : `${skew < 0 ? '' : '+'}${(skew / 1_000).toFixed(1)} s`,
  },
];

const heldColumns: readonly Column<StationBackend>[] = [
  { title: 'backend', widthMax: 20, valueOf: ({ backend }) => backend },
  { title: 'held', valueOf: ({ held }) => held },
  { title: 'parked', valueOf: ({ parked }) => parked },
  { title: 'held bytes', valueOf: ({ heldBytes }) => heldBytes },
];

const errorColumns: readonly Column<StationBackend>[] = [
  { title: 'backend', widthMax: 20, valueOf: ({ backend }) => backend },
  { title: 'last error', widthMax: 70, valueOf: ({ lastError }) => lastError },
];

const transactionColumns: readonly Column<OpenTransaction>[] = [
  { title: 'backend', widthMax: 13, valueOf: ({ backend }) => backend },
  { title: 'transaction', widthMax: 18, valueOf: ({ id }) => id },
  { title: 'at the station', widthMax: 18, valueOf: ({ stationId }) => stationId },
  { title: 'connector', valueOf: ({ connector }) => connector },
  { title: 'since', valueOf: ({ startedAt }) => startedAt },
];

const commandColumns: readonly Column<Station['recentCommands'][number]>[] = [
  { title: 'command at', valueOf: ({ at }) => at },
  { title: 'from', widthMax: 13, valueOf: ({ from }) => from },
  { title: 'action', widthMax: 26, valueOf: ({ action }) => action },
  { title: 'outcome', valueOf: ({ outcome }) => outcome },
  { title: 'took', valueOf: ({ tookMs }) => `${tookMs} ms` },
];
