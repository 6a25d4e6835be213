/**
 * `busbar migration check`: whether the stations of a plan or a migration could be moved now, found out by telling the new backend of each.
 *
 * Nothing is sent to a station, and the new backend is told nothing more of it afterwards. Ends with 3 where one of them could not.
 */
import { access } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import type { Client, ClientFault } from '../api/client.ts';
import type { PlanPreviewed, Readiness } from '../api/migration-schemas.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { readWaitMs } from './duration.ts';
import { everyItem } from './every-page.ts';
import { withClient } from './gateway-client.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import { printProblems } from './migration-shown.ts';
import { printRows, type Column } from './output.ts';
import { readOrSay, type PlanJson, type PlanReader } from './plan-file.ts';
import { apiOptions, type ApiOptions } from './program.ts';

interface CheckOptions extends ApiOptions {
  readonly wave?: string;
  /** Milliseconds. */
  readonly wait: number;
}

/** Asked at one time: each is a link that the new backend has to open. */
const askedAtOnce = 8;

export function addCheckVerb(migration: Command, io: CliIo, reader: PlanReader): void {
  addExamples(
    apiOptions(
      migration
        .command('check <file-or-id>')
        .description(
          'whether the new backend would take each station now; stations notice nothing; exit code 3 when it would not',
        ),
    )
      .option('--wave <wave>', 'only the stations of this wave, by name or number')
      .addOption(
        new Option('--wait <duration>', 'how long the new backend may take for each station, 4min at most')
          .argParser(readWaitMs)
          .default(30_000, '30s'),
      )
      .action(async (fileOrId: string, _options: unknown, command: Command) => {
        const isFile = await access(fileOrId).then(
          () => true,
          () => false,
        );
        const plan = isFile ? await readOrSay(reader, fileOrId, io) : null;
        if (isFile && plan === null) return;
        await withClient(command, io, async (client, { output }) => {
          const { wave = null, wait } = command.optsWithGlobals<CheckOptions>();
          const wanted =
            plan === null ? await ofMigration(client, fileOrId, wave) : await ofPlan(client, plan, wave);
          if (!wanted.ok) return wanted.fault;
          const rows = await checkAll(client, wanted.value, wait, io);
          if (!rows.ok) return rows.fault;
          printRows(io, output, columns, rows.value);
          const missing = rows.value.filter(({ ready }) => !ready).length;
          io.stderr.write(`${rows.value.length - missing} of ${rows.value.length} stations are ready\n`);
          const blocking = wanted.value.problems.filter((problem) => problem.blocking);
          if (blocking.length > 0) printProblems(blocking, { ...io, stdout: io.stderr });
          if (missing > 0 || blocking.length > 0) io.setExitCode(3);
          return null;
        });
      }),
    'busbar migration check leave-old.yaml --wave canary',
    'busbar migration check leave-old --wait 1min -o csv > readiness.csv',
  );
}

interface Wanted {
  readonly to: string;
  readonly stations: readonly { readonly station: string; readonly wave: string }[];
  /** Stations that they leave out are not asked about. */
  readonly problems: PlanPreviewed['problems'];
}

type Row = Readiness & { readonly wave: string };

async function ofPlan(
  client: Client,
  plan: PlanJson,
  wave: string | null,
): Promise<Result<Wanted, ClientFault>> {
  const previewed = await client.previewMigration(plan);
  if (!previewed.ok) return previewed;
  const { waves, problems } = previewed.value;
  const wanted = waves.filter(({ name }, at) => wave === null || wave === name || wave === String(at + 1));
  if (wanted.length === 0) {
    const names = waves.map(({ name }) => name).join(', ');
    const message = `The plan has no wave ${wave}: its waves are ${names}, or 1 to ${waves.length}.`;
    return fail({ fault: 'refused', message, problem: null });
  }
  const stations = wanted.flatMap(({ name, stations: ids }) =>
    ids.map((station) => ({ station, wave: name })),
  );
  return ok({ to: plan.to, stations, problems });
}

async function ofMigration(
  client: Client,
  id: string,
  wave: string | null,
): Promise<Result<Wanted, ClientFault>> {
  const found = await client.migration(id);
  if (!found.ok) return found;
  const stations = await everyItem((page) =>
    client.migrationStations(id, { ...page, ...(wave === null ? {} : { wave }) }),
  );
  const { to, problems } = found.value;
  return stations.ok ? ok({ to, stations: stations.value, problems }) : stations;
}

async function checkAll(
  client: Client,
  { to, stations }: Wanted,
  waitMs: number,
  io: CliIo,
): Promise<Result<Row[], ClientFault>> {
  const rows: Row[] = [];
  const left = [...stations.entries()];
  const isTerminal = 'isTTY' in io.stderr && io.stderr.isTTY === true;
  let fault: ClientFault | null = null;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined && fault === null; next = left.shift()) {
      const [at, { station, wave }] = next;
      const readiness = await client.checkReadiness(station, to, waitMs);
      if (readiness.ok) rows[at] = { ...readiness.value, wave };
      else if (readiness.fault.problem !== null)
        rows[at] = { ...unready, station, wave, backend: to, reason: readiness.fault.message };
      else fault = readiness.fault;
      done += 1;
      if (isTerminal) io.stderr.write(`\r${done} of ${stations.length} stations checked`);
    }
  };
  await Promise.all(Array.from({ length: askedAtOnce }, work));
  if (isTerminal && stations.length > 0) io.stderr.write('\n');
  return fault === null ? ok(rows) : fail(fault);
}

const unready = { ready: false, state: null, openTransactions: 0, tookMs: 0 } as const;

const columns: readonly Column<Row>[] = [
  { title: 'wave', widthMax: 14, valueOf: ({ wave }) => wave },
  { title: 'station', widthMax: 24, valueOf: ({ station }) => station },
  { title: 'ready', valueOf: ({ ready }) => (ready ? 'yes' : 'no') },
  { title: 'state', valueOf: ({ state }) => state },
  { title: 'open', valueOf: ({ openTransactions }) => openTransactions },
  { title: 'took', valueOf: ({ tookMs }) => `${(tookMs / 1_000).toFixed(1)} s` },
  { title: 'why', widthMax: 44, valueOf: ({ reason }) => reason },
];
