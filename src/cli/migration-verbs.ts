/**
 * `busbar migration create|list|show|start|pause|resume|approve|replan|rollback|complete|abandon|report`: a fleet moved by plan. `migration plan` and `migration check` have files of their own.
 *
 * What moves stations asks first, or takes `--yes`. A plan with problems that keep it from starting ends with 3.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Client, ClientFault } from '../api/client.ts';
import type { Migration, PlanPreviewed, ReportQuery } from '../api/migration-schemas.ts';
import { confirm, sayUndone } from './confirm.ts';
import { everyItem } from './every-page.ts';
import { withClient } from './gateway-client.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import { addCheckVerb } from './migration-check-verb.ts';
import { addPlanVerb } from './migration-plan-verb.ts';
import {
  migrationColumns,
  movedStationColumns,
  printProblems,
  progressLine,
  showMigration,
} from './migration-shown.ts';
import { jsonText, printRows } from './output.ts';
import { readOrSay, type PlanReader } from './plan-file.ts';
import { apiOptions, setOutputs, type ApiOptions } from './program.ts';

/** The verbs, over a reader of plans that comes from outside. */
export function addMigrationVerbs(reader: PlanReader): (program: Command, io: CliIo) => void {
  return (program, io) => {
    const migration = program.command('migration').description('moving a fleet from one backend to another');
    addPlanVerb(migration, io);
    addCheckVerb(migration, io, reader);
    addCreate(migration, io, reader);
    addList(migration, io);
    addShow(migration, io);
    for (const verb of verbs) addDecision(migration, io, verb);
    addReport(migration, io);
  };
}

interface CreateOptions extends ApiOptions {
  readonly dryRun?: true;
  readonly reason?: string;
}

function addCreate(migration: Command, io: CliIo, reader: PlanReader): void {
  addExamples(
    apiOptions(
      migration
        .command('create <file>')
        .description('make a migration of a plan; nothing moves before it is started'),
    )
      .option(
        '--dry-run',
        'only say which stations each wave has and what is wrong; exit code 3 if it could not start',
      )
      .option('--reason <text>', 'why; the audit keeps it')
      .action(async (file: string, _options: unknown, command: Command) => {
        const plan = await readOrSay(reader, file, io);
        if (plan === null) return;
        const { dryRun, reason = null } = command.optsWithGlobals<CreateOptions>();
        await withClient(command, io, (client, { output }) =>
          dryRun === true ? preview(client, plan, output, io) : create(client, plan, reason, output, io),
        );
      }),
    'busbar migration create leave-old.yaml --dry-run',
    'busbar migration create leave-old.yaml --reason "contract with old ends in March"',
  );
}

async function preview(
  client: Client,
  plan: object,
  output: ApiOptions['output'],
  io: CliIo,
): Promise<ClientFault | null> {
  const previewed = await client.previewMigration(plan);
  if (!previewed.ok) return previewed.fault;
  const { waves, problems } = previewed.value;
  if (output === 'json') io.stdout.write(`${jsonText(previewed.value, 2)}\n`);
  else
    printRows(
      io,
      output,
      [
        { title: 'wave', widthMax: 20, valueOf: ({ name }) => name },
        { title: 'number', valueOf: ({ number }) => number },
        { title: 'station', widthMax: 48, valueOf: ({ station }) => station },
      ],
      waves.flatMap(({ name, stations }, at) =>
        stations.map((station) => ({ name, number: at + 1, station })),
      ),
    );
  if (output === 'table') printProblems(problems, io);
  sayIfBlocked(problems, 'it could not be started', io);
  return null;
}

async function create(
  client: Client,
  plan: object,
  reason: string | null,
  output: ApiOptions['output'],
  io: CliIo,
): Promise<ClientFault | null> {
  const created = await client.createMigration(plan, reason);
  if (!created.ok) return created.fault;
  const { name, id, problems, state } = created.value;
  print(created.value, output, io);
  io.stderr.write(`${name} is ${state} as ${id}\n`);
  sayIfBlocked(
    problems,
    `mend them, then run "busbar migration replan ${id}"; for another plan, abandon it first`,
    io,
  );
  return null;
}

function sayIfBlocked(problems: PlanPreviewed['problems'], advice: string, io: CliIo): void {
  const count = problems.filter(({ blocking }) => blocking).length;
  if (count === 0) return;
  io.stderr.write(`${count} ${count === 1 ? 'problem blocks' : 'problems block'} the plan: ${advice}\n`);
  io.setExitCode(3);
}

function addList(migration: Command, io: CliIo): void {
  addExamples(
    apiOptions(migration.command('list').description('migrations, newest first')).action(
      (_options: unknown, command: Command) =>
        withClient(command, io, async (client, { output }) => {
          const all = await everyItem((page) => client.migrations(page));
          if (!all.ok) return all.fault;
          printRows(io, output, migrationColumns, all.value);
          return null;
        }),
    ),
    'busbar migration list',
  );
}

interface ShowOptions extends ApiOptions {
  readonly watch?: true;
  readonly stations?: true;
}

function addShow(migration: Command, io: CliIo): void {
  addExamples(
    apiOptions(
      migration
        .command('show <id>')
        .description('one migration, by id or name: its waves, gates and problems'),
    )
      .option('--watch', 'show its progress until it is over, paused or Ctrl-C')
      .option('--stations', 'how far each of its stations is instead')
      .action((id: string, _options: unknown, command: Command) =>
        withClient(command, io, (client) => {
          const { watch, stations, output } = command.optsWithGlobals<ShowOptions>();
          if (stations === true) return showStations(client, id, output, io);
          return watch === true ? watchMigration(client, id, io) : showOnce(client, id, output, io);
        }),
      ),
    'busbar migration show leave-old --watch',
    'busbar migration show leave-old --stations -o csv > stations.csv',
  );
}

async function showOnce(
  client: Client,
  id: string,
  output: ApiOptions['output'],
  io: CliIo,
): Promise<ClientFault | null> {
  const found = await client.migration(id);
  if (!found.ok) return found.fault;
  print(found.value, output, io);
  return null;
}

function print(migration: Migration, output: ApiOptions['output'], io: CliIo): void {
  if (output === 'json') io.stdout.write(`${jsonText(migration, 2)}\n`);
  else if (output === 'csv') printRows(io, output, migrationColumns, [migration]);
  else showMigration(migration, io);
}

async function showStations(
  client: Client,
  id: string,
  output: ApiOptions['output'],
  io: CliIo,
): Promise<ClientFault | null> {
  const stations = await everyItem((page) => client.migrationStations(id, page));
  if (!stations.ok) return stations.fault;
  printRows(io, output, movedStationColumns, stations.value);
  return null;
}

const lookMs = 1_000;
const restingStates: ReadonlySet<string> = new Set(['done', 'rolled-back', 'abandoned', 'paused', 'draft']);

/** On a terminal one line that changes in place; elsewhere a line for each change. */
async function watchMigration(client: Client, id: string, io: CliIo): Promise<ClientFault | null> {
  const isTerminal = 'isTTY' in io.stdout && io.stdout.isTTY === true;
  let last = '';
  let isLost = false;
  while (io.signal?.aborted !== true) {
    const found = await client.migration(id);
    if (!found.ok) {
      // A gateway that restarts comes back, and the migration with it.
      if (found.fault.fault === 'refused' || last === '') return found.fault;
      if (!isLost) io.stderr.write(`${found.fault.message} Trying again.\n`);
      isLost = true;
    } else {
      isLost = false;
      const line = progressLine(found.value);
      if (line !== last) io.stdout.write(isTerminal ? `\r\u001b[2K${cut(line, io)}` : `${line}\n`);
      last = line;
      if (restingStates.has(found.value.state)) {
        if (isTerminal) io.stdout.write('\n');
        return null;
      }
    }
    await pause(lookMs, null, io.signal === undefined ? {} : { signal: io.signal }).catch(() => null);
  }
  return null;
}

/** A line that the terminal breaks could not be written over. */
function cut(line: string, { stdout }: CliIo): string {
  const columns = 'columns' in stdout && typeof stdout.columns === 'number' ? stdout.columns : Infinity;
  return line.length < columns ? line : `${line.slice(0, columns - 2)}…`;
}

interface DecisionOptions extends ApiOptions {
  readonly wave?: string;
  readonly reason?: string;
  readonly yes?: true;
}

interface Verb {
  readonly name: string;
  readonly description: string;
  /** What it means, to ask before; null: it is not asked. */
  readonly risk: ((id: string, wave: string | null) => string) | null;
  readonly ofWave: string | null;
  readonly needsReason: (wave: string | null) => boolean;
}

const verbs: readonly Verb[] = [
  {
    name: 'start',
    description: 'start it, or one wave now, whatever its time, its approval and the gates before it say',
    risk: (id, wave) =>
      wave === null
        ? `the stations of ${id} start to move by its plan`
        : `the stations of wave ${wave} of ${id} start to move now, and the gates before it hold nothing up`,
    ofWave: 'start this wave, by name or number',
    needsReason: (wave) => wave !== null,
  },
  {
    name: 'pause',
    description: 'stop moving stations; those that moved stay where they are',
    risk: null,
    ofWave: null,
    needsReason: () => false,
  },
  {
    name: 'resume',
    description: 'go on after a pause',
    risk: null,
    ofWave: null,
    needsReason: () => false,
  },
  {
    name: 'approve',
    description: 'let the next wave of a plan with approve: true start, or this one and no other',
    risk: null,
    ofWave: 'approve this wave, by name or number',
    needsReason: () => false,
  },
  {
    name: 'replan',
    description: 'look at the fleet anew: a draft whose problems are mended is ready',
    risk: null,
    ofWave: null,
    needsReason: () => false,
  },
  {
    name: 'rollback',
    description: 'take every station back and end it, or the stations of one wave and pause it',
    risk: (id, wave) =>
      wave === null
        ? `every station of ${id} goes back to its old backend, and the migration ends`
        : `the stations of wave ${wave} of ${id} go back to their old backend, and the migration pauses`,
    ofWave: 'only this wave, by name or number',
    needsReason: () => true,
  },
  {
    name: 'complete',
    description: 'end it as it stands: waves that have passed stay, the others are left with the old backend',
    risk: (id) =>
      `${id} ends, and stations of waves that were rolled back or never started stay with their old backend`,
    ofWave: null,
    needsReason: () => true,
  },
  {
    name: 'abandon',
    description: 'give up one that was never started',
    risk: (id) => `${id} is given up for good`,
    ofWave: null,
    needsReason: () => true,
  },
];

function addDecision(migration: Command, io: CliIo, verb: Verb): void {
  const command = apiOptions(migration.command(`${verb.name} <id>`).description(verb.description));
  if (verb.ofWave !== null) command.option('--wave <wave>', verb.ofWave);
  if (verb.risk !== null) command.option('--yes', 'do not ask');
  const need = verb.needsReason(null) ? ' (needed)' : verb.needsReason('') ? ' (needed with --wave)' : '';
  command.option('--reason <text>', `why; the audit keeps it${need}`);
  command.action(async (id: string, _options: unknown, its: Command) => {
    const { wave = null, reason = null, yes } = its.optsWithGlobals<DecisionOptions>();
    if (reason === null && verb.needsReason(wave)) {
      sayUndone({ message: `--reason: say why; the audit and the report keep it`, code: 2 }, io);
      return;
    }
    if (verb.risk !== null) {
      const confirmed = await confirm(verb.risk(id, wave), 'Go on?', yes === true, io);
      if (!confirmed.ok) {
        sayUndone(confirmed.fault, io);
        return;
      }
    }
    await withClient(its, io, async (client, { output }) => {
      const path = wave === null ? verb.name : `waves/${encodeURIComponent(wave)}/${verb.name}`;
      const decided = await client.decideMigration(id, path, reason);
      if (!decided.ok) return decided.fault;
      const { changed, migration: now } = decided.value;
      io.stderr.write(`${now.name} is ${now.state}${changed ? '' : ', as it was before'}\n`);
      print(now, output, io);
      return null;
    });
  });
  const wave = verb.ofWave === null ? '' : ' --wave pilot';
  const reason = verb.needsReason('pilot') ? ' --reason "drivers are refused"' : '';
  const lines = [`busbar migration ${verb.name} leave-old${verb.needsReason(null) ? reason : ''}`];
  addExamples(
    command,
    ...lines,
    ...(wave === '' ? [] : [`busbar migration ${verb.name} leave-old${wave}${reason}`]),
  );
}

/** The first where none is named. */
const reportOutputs = ['markdown', 'json', 'html'] as const satisfies readonly ReportQuery['format'][];

function addReport(migration: Command, io: CliIo): void {
  addExamples(
    setOutputs(
      apiOptions(
        migration
          .command('report <id>')
          .description(
            'what was moved, when and by whom, with figures: what a person signs off (-o markdown|json|html)',
          ),
      ),
      reportOutputs,
    ).action((id: string, _options: unknown, command: Command) =>
      withClient(command, io, async (client) => {
        const { output } = command.optsWithGlobals<{ output: string }>();
        const format = reportOutputs.find((one) => one === output) ?? 'markdown';
        const report = await client.migrationReport(id, format);
        if (!report.ok) return report.fault;
        io.stdout.write(report.value.endsWith('\n') ? report.value : `${report.value}\n`);
        return null;
      }),
    ),
    'busbar migration report leave-old -o html > leave-old.html',
  );
}
