/**
 * `busbar station move|rollback`: stations to another backend and back, one after the other, while they stay connected.
 *
 * Both ask first, or take `--yes`, and want a reason, which the audit keeps. Ends with 1 where any of the stations is not where it should be.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Client, ClientFault } from '../api/client.ts';
import type { AssignmentBody } from '../api/assignment-schemas.ts';
import { messageClass, type MessageClass, type StationMoved } from '../api/schemas.ts';
import type { Result } from '../std/result.ts';
import { confirm, sayUndone } from './confirm.ts';
import { readWaitMs } from './duration.ts';
import { withClient } from './gateway-client.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import { printRows, type Column } from './output.ts';
import { apiOptions, type ApiOptions } from './program.ts';

interface RollbackOptions extends ApiOptions {
  readonly reason: string;
  readonly yes?: true;
}

interface MoveOptions extends RollbackOptions {
  readonly to: string;
  /** Milliseconds. */
  readonly wait: number;
  readonly openTransactions: AssignmentBody['openTransactions'];
  readonly keepOldWarm?: string;
  readonly force?: true;
  readonly observer?: readonly ObserverAsked[];
  /** False: nobody is to listen in. */
  readonly observers: boolean;
}

type ObserverAsked = NonNullable<AssignmentBody['observers']>[number];

const openTransactions = [
  'pin',
  'wait',
  'handover',
] as const satisfies readonly AssignmentBody['openTransactions'][];

export function addMoveVerbs(station: Command, io: CliIo): void {
  addMove(station, io);
  addRollback(station, io);
}

function addMove(station: Command, io: CliIo): void {
  addExamples(
    apiOptions(
      station
        .command('move <ids...>')
        .description(
          'move stations to another backend while they stay connected; one that does not know them yet is told of them, and asked for again with --wait',
        ),
    )
      .requiredOption('--to <backend>', 'the backend that is to answer them')
      .addOption(
        new Option(
          '--wait <duration>',
          'how long to wait for the backend to know each station, such as 30s; 4min at most',
        )
          .argParser(readWaitMs)
          .default(0, 'not at all'),
      )
      .addOption(
        new Option(
          '--open-transactions <what>',
          'pin: their backend keeps them to the end; wait: no move while there are any; handover: the new backend gets them, which only some backends take',
        )
          .choices(openTransactions)
          .default('pin'),
      )
      .option('--keep-old-warm <duration>', 'how long a rollback finds the backend before ready, such as 14d')
      .addOption(
        new Option(
          '--observer <backend[:classes[:commands]]>',
          'who is to listen in, whatever the route says, with classes and commands as in the configuration, such as new:state,meter:GetConfiguration; may be given again. Without it: whom the route says',
        )
          .argParser(readObserver)
          .conflicts('observers'),
      )
      .option('--no-observers', 'nobody is to listen in')
      .option(
        '--force',
        'though a firmware update, a reservation or a report is under way, whose end is safer to wait for',
      )
      .option('--yes', 'do not ask')
      .requiredOption('--reason <text>', 'why; the audit keeps it')
      .action(async (ids: string[], _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<MoveOptions>();
        const observers = options.observers ? options.observer : [];
        const body: AssignmentBody = {
          primary: options.to,
          reason: options.reason,
          ...(observers === undefined ? {} : { observers: [...observers] }),
          ...(options.openTransactions === undefined ? {} : { openTransactions: options.openTransactions }),
          ...(options.keepOldWarm === undefined ? {} : { keepOldWarm: options.keepOldWarm }),
          ...(options.force === undefined ? {} : { force: true }),
        };
        await decideEach(command, io, ids, {
          risk: `${named(ids)} will be answered by ${options.to}${listening(observers)}${riskOf(options)}`,
          question: 'Move?',
          // With observers named it may be that only they are others now.
          done: observers === undefined ? 'moved' : 'placed',
          already: observers === undefined ? 'was there already' : 'was so already',
          to: options.to,
          decide: (client, id) => client.moveStation(id, body, options.wait),
        });
      }),
    'busbar station move CP-1 --to new --wait 30s --reason "pilot"',
    'busbar station move CP-1 CP-7 --to new --open-transactions wait --yes --reason "pilot"',
    'busbar station move CP-1 --to old --observer new:registration,liveness,state,meter --reason "a first look"',
  );
}

function addRollback(station: Command, io: CliIo): void {
  addExamples(
    apiOptions(
      station
        .command('rollback <ids...>')
        .description('take the last move of stations back: the backend before answers them again'),
    )
      .option('--yes', 'do not ask')
      .requiredOption('--reason <text>', 'why; the audit keeps it')
      .action(async (ids: string[], _options: unknown, command: Command) => {
        const { reason } = command.optsWithGlobals<RollbackOptions>();
        await decideEach(command, io, ids, {
          risk: `${named(ids)} will be answered by the backend before again`,
          question: 'Roll back?',
          done: 'rolled back',
          already: 'was there already',
          to: null,
          decide: (client, id) => client.rollBackStation(id, reason),
        });
      }),
    'busbar station rollback CP-1 --yes --reason "new backend refuses drivers"',
  );
}

interface Deciding {
  readonly risk: string;
  readonly question: string;
  readonly done: string;
  readonly already: string;
  /** Who is the primary once it is done; null: only the answer tells. */
  readonly to: string | null;
  readonly decide: (client: Client, id: string) => Promise<Result<StationMoved, ClientFault>>;
}

interface Row {
  readonly station: string;
  readonly outcome: string;
  readonly primary: string | null;
  readonly detail: string | null;
}

const columns: readonly Column<Row>[] = [
  { title: 'station', widthMax: 30, valueOf: ({ station }) => station },
  { title: 'outcome', valueOf: ({ outcome }) => outcome },
  { title: 'primary', widthMax: 20, valueOf: ({ primary }) => primary },
  { title: 'detail', widthMax: 60, valueOf: ({ detail }) => detail },
];

async function decideEach(
  command: Command,
  io: CliIo,
  ids: readonly string[],
  what: Deciding,
): Promise<void> {
  const confirmed = await confirm(
    what.risk,
    what.question,
    command.optsWithGlobals<RollbackOptions>().yes === true,
    io,
  );
  if (!confirmed.ok) {
    sayUndone(confirmed.fault, io);
    return;
  }
  await withClient(command, io, async (client, { output }) => {
    const rows: Row[] = [];
    for (const station of new Set(ids)) {
      const decided = await what.decide(client, station);
      // Without a gateway that answers, the others need not be tried.
      if (!decided.ok && decided.fault.problem === null && rows.length === 0) return decided.fault;
      rows.push(rowOf(station, decided, what));
    }
    if (rows.some(({ outcome }) => outcome === notDone)) io.setExitCode(1);
    printRows(io, output, columns, rows);
    return null;
  });
}

const notDone = 'not done';

function rowOf(station: string, decided: Result<StationMoved, ClientFault>, what: Deciding): Row {
  if (!decided.ok) return { station, outcome: notDone, primary: null, detail: decided.fault.message };
  const { changed, placement, migration } = decided.value;
  const details = [
    ...(placement === null ? ['its route alone decides'] : []),
    ...(migration === null ? [] : [`it is in migration ${migration}, which is not over`]),
  ];
  return {
    station,
    outcome: changed ? what.done : what.already,
    primary: placement?.primary ?? what.to,
    detail: details.length === 0 ? null : details.join('; '),
  };
}

function named(ids: readonly string[]): string {
  return ids.length <= 3 ? ids.join(', ') : `${ids.length} stations`;
}

function listening(observers: MoveOptions['observer']): string {
  if (observers === undefined) return '';
  const names = observers.map(({ backend }) => backend).join(', ');
  return names === '' ? ', and nobody listens in' : `, and those who listen in are ${names}`;
}

/** `new`, `new:state,meter`, `new:state:GetConfiguration`, `new::GetConfiguration`. */
function readObserver(text: string, before: readonly ObserverAsked[] = []): ObserverAsked[] {
  const [backend = '', classes = '', commands = '', ...rest] = text.split(':');
  if (backend === '' || rest.length > 0)
    throw new InvalidArgumentError('It is written as BACKEND, BACKEND:CLASSES or BACKEND:CLASSES:COMMANDS.');
  const receives = namesIn(classes);
  const unknown = receives.find((name) => !isMessageClass(name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`${unknown} is no class; classes are ${messageClass.enum.join(', ')}.`);
  return [
    ...before,
    {
      backend,
      ...(receives.length === 0 ? {} : { receives: receives.filter(isMessageClass) }),
      ...(commands === '' ? {} : { commands: namesIn(commands) }),
    },
  ];
}

function namesIn(list: string): string[] {
  return list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function isMessageClass(name: string): name is MessageClass {
  return (messageClass.enum as readonly string[]).includes(name);
}

function riskOf({ openTransactions: open, force }: MoveOptions): string {
  const handover =
    open === 'handover'
      ? '; open transactions are handed over, and a backend that does not take one started elsewhere bills it wrong'
      : '';
  const forced =
    force === true ? '; firmware updates, reservations and reports under way are not waited for' : '';
  return `${handover}${forced}`;
}
