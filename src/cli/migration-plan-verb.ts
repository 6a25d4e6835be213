/**
 * `busbar migration plan`: what there is to move, which stations to move first, and a plan to begin with.
 *
 * The plan goes to stdout, or into a new file; what there is to move is told beside it.
 */
import type { Command } from 'commander';
import type { Client, ClientFault } from '../api/client.ts';
import type { PlanPreviewed } from '../api/migration-schemas.ts';
import type { Station } from '../api/schemas.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { withClient } from './gateway-client.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import { writeNewFile } from './new-file.ts';
import { jsonText, printRows, type Column } from './output.ts';
import { apiOptions, type ApiOptions } from './program.ts';
import { allStations } from './station-verbs.ts';

interface PlanOptions extends ApiOptions {
  readonly from: string;
  readonly to: string;
  readonly name?: string;
  readonly file?: string;
}

export function addPlanVerb(migration: Command, io: CliIo): void {
  addExamples(
    apiOptions(
      migration
        .command('plan')
        .description('what there is to move, which stations to move first, and a plan to begin with'),
    )
      .requiredOption('--from <backend>', 'the backend that the stations leave')
      .requiredOption('--to <backend>', 'the backend that they move to')
      .option('--name <name>', 'what the plan is called (else: leave- and the backend)')
      .option('--file <file>', 'write the plan into a new file, and the stations to stdout')
      .action((_options: unknown, command: Command) =>
        withClient(command, io, async (client) => {
          const options = command.optsWithGlobals<PlanOptions>();
          const inventory = await takeInventory(client, options);
          if (!inventory.ok) return inventory.fault;
          await give(inventory.value, options, io);
          return null;
        }),
      ),
    'busbar migration plan --from old --to new > leave-old.yaml',
    'busbar migration plan --from old --to new --file leave-old.yaml -o csv > stations.csv',
  );
}

interface Inventory {
  readonly stations: readonly Station[];
  readonly canaries: PlanPreviewed['canaries'];
  readonly plan: string;
}

async function takeInventory(
  client: Client,
  { from, to, name = `leave-${from}` }: PlanOptions,
): Promise<Result<Inventory, ClientFault>> {
  const all = await allStations(client, { backend: from });
  if (!all.ok) return all;
  const stations = all.value.filter(({ primary }) => primary === from);
  const patterns = stations.length === 0 ? ['*'] : stations.map(({ id }) => id);
  const previewed = await client.previewMigration({
    name,
    from,
    to,
    waves: [{ name: 'all', stations: patterns }],
  });
  if (!previewed.ok) return previewed;
  const wrong = previewed.value.problems.find(({ where }) => where === 'from' || where === 'to');
  if (wrong !== undefined) {
    const message = `--${wrong.where}: ${wrong.why}; ${wrong.advice}.`;
    return fail({ fault: 'refused', message, problem: null });
  }
  // In a plan an identity with a star is a pattern: such a wave would take others along.
  const canaries = previewed.value.canaries.filter(({ station }) => !station.includes('*'));
  const asked = askedOf(stations, to);
  return ok({ stations, canaries, plan: planText({ name, from, to }, stations.length, canaries, asked) });
}

async function give({ stations, canaries, plan }: Inventory, options: PlanOptions, io: CliIo): Promise<void> {
  const { output, file } = options;
  if (file !== undefined) {
    const written = await writeNewFile({ path: file, option: '--file', mode: 0o666 }, io, async (write) => {
      await write(plan);
      return null;
    });
    if (written !== null) return;
  }
  if (output === 'json') {
    io.stdout.write(`${jsonText({ stations: stations.map(rowOf), canaries, plan }, 2)}\n`);
    return;
  }
  // The plan is the result; what it is made of is talk, unless the plan went elsewhere.
  const beside = file === undefined ? { ...io, stdout: io.stderr } : io;
  printRows(beside, output, stationColumns, stations);
  if (output === 'table' && canaries.length > 0) printRows(beside, output, canaryColumns, canaries);
  if (stations.length === 0)
    io.stderr.write(`no station is answered by ${options.from} now: the plan takes those that will be\n`);
  if (file === undefined) io.stdout.write(plan);
  else io.stderr.write(`the plan is in ${file}\n`);
}

function openSessions({ backends }: Station): number {
  return backends.reduce((sum, { transactions }) => sum + transactions.length, 0);
}

function rowOf(station: Station): object {
  const { id, connected, vendor, model, firmware, version, lastSeenAt } = station;
  return {
    station: id,
    connected,
    vendor,
    model,
    firmware,
    version,
    openSessions: openSessions(station),
    lastSeenAt,
  };
}

const stationColumns: readonly Column<Station>[] = [
  { title: 'station', widthMax: 24, valueOf: ({ id }) => id },
  { title: 'vendor', widthMax: 16, valueOf: ({ vendor }) => vendor },
  { title: 'model', widthMax: 16, valueOf: ({ model }) => model },
  { title: 'firmware', widthMax: 14, valueOf: ({ firmware }) => firmware },
  { title: 'version', valueOf: ({ version }) => version },
  { title: 'connected', valueOf: ({ connected }) => (connected ? 'yes' : 'no') },
  { title: 'open', valueOf: openSessions },
  { title: 'last seen', valueOf: ({ lastSeenAt }) => lastSeenAt },
];

const canaryColumns: readonly Column<PlanPreviewed['canaries'][number]>[] = [
  { title: 'canary', widthMax: 24, valueOf: ({ station }) => station },
  { title: 'vendor', widthMax: 20, valueOf: ({ vendor }) => vendor },
  { title: 'model', widthMax: 20, valueOf: ({ model }) => model },
  { title: 'firmware', widthMax: 20, valueOf: ({ firmware }) => firmware },
  { title: 'stands for', valueOf: ({ standsFor }) => standsFor },
];

/** One station in ten is the pilot, and five at least. A wave that nobody is left for would be a problem of the plan. */
function laterWaves(all: number, left: number): string[] {
  const pilot = Math.max(5, Math.ceil(all / 10));
  const rest = '  - { name: rest, stations: ["*"], pace: 60/min }';
  if (left > pilot) return [`  - { name: pilot, stations: ["*"], limit: ${pilot}, pace: 20/min }`, rest];
  return left > 0 || all === 0 ? [rest] : [];
}

/** A setting that the new backend asked stations for, and how many of them. */
interface AskedFor {
  readonly setting: Station['backends'][number]['asked'][number];
  count: number;
}

/** What the new backend asked for while it was told of stations, and may not write yet; what it asked most for first. */
function askedOf(stations: readonly Station[], to: string): AskedFor[] {
  const all = new Map<string, AskedFor>();
  for (const { backends } of stations)
    for (const setting of backends.find(({ backend }) => backend === to)?.asked ?? []) {
      const name = JSON.stringify([setting.component, setting.key, setting.value]);
      const known = all.get(name);
      if (known === undefined) all.set(name, { setting, count: 1 });
      else known.count += 1;
    }
  return [...all.values()].toSorted((one, other) => other.count - one.count);
}

/** As comments: what stations are sent is for a person to decide. */
function wishes(to: string, asked: readonly AskedFor[]): string[] {
  if (asked.length === 0) return [];
  return [
    `# ${to} asked stations for these settings, and may not write them yet. What stands under also is set after the move, and put back by a rollback:`,
    '# Or, for each station what it was asked for itself: "also: { asked: apply }".',
    '# also:',
    '#   configuration:',
    ...asked.map(({ setting: { component, key, value }, count }) => {
      const named = component === null ? '' : `component: ${quoted(component)}, `;
      const which = `${named}key: ${quoted(key)}, value: ${quoted(value)}`;
      return `#     - { ${which} }     # ${count} ${count === 1 ? 'station' : 'stations'}`;
    }),
  ];
}

/** Every key that people change most is written out. Texts are quoted as JSON, which is YAML. */
function planText(
  { name, from, to }: Required<Pick<PlanOptions, 'name' | 'from' | 'to'>>,
  count: number,
  canaries: PlanPreviewed['canaries'],
  asked: readonly AskedFor[],
): string {
  const canary =
    canaries.length === 0
      ? []
      : [
          '  # One station of each model and firmware: what breaks there breaks everywhere.',
          `  - { name: canary, stations: [${canaries.map(({ station }) => quoted(station)).join(', ')}], soak: 24h }`,
        ];
  return `${[
    `# ${count} stations to move. Look at it with: busbar migration create FILE --dry-run`,
    `name: ${quoted(name)}`,
    `from: ${quoted(from)}`,
    `to: ${quoted(to)}`,
    'waves:',
    ...canary,
    '  # Add "at: 2026-12-01T02:00+01:00" to a wave that is not to start earlier.',
    ...laterWaves(count, count - canaries.length),
    'openTransactions: pin      # pin: they finish where they began; wait: a station moves when it is idle',
    'gates:                     # red holds the next wave; with rollback it undoes this one',
    '  - { measure: boots.accepted, atLeast: 100% }',
    '  - { measure: calls.errorRate, atMost: 1%, worseThanBefore: 0.5%, for: 5min }',
    '  - { measure: transactions.undelivered, atMost: 0, for: 15min, rollback: true }',
    'soak: 24h                  # each wave is watched so long before the next one',
    'approve: true              # the next wave waits for: busbar migration approve',
    'keepOldWarm: 14d           # so long a rollback finds the old backend ready',
    ...wishes(to, asked),
  ].join('\n')}\n`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
