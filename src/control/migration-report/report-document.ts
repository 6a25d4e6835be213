/**
 * The report as a document: headings, facts and tables in the order in which a person reads them. Markdown and HTML are made of the same.
 *
 * Pure. Times are in UTC.
 */
import { pluralOf } from '../../core/commands/placed-object.ts';
import type {
  GateReport,
  MigrationReport,
  SessionsReport,
  SideReport,
  StationReport,
  WaveReport,
} from '../../core/migration/report.ts';
import { durationText } from '../configuration/units.ts';
import { figureText } from '../migration-plan/gate-figures.ts';
import { isoTime } from '../../std/iso-time.ts';

export type Block =
  | { readonly type: 'heading'; readonly level: 1 | 2 | 3; readonly text: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'facts'; readonly facts: readonly (readonly [name: string, value: string])[] }
  | {
      readonly type: 'table';
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
  /** Places to sign, one for each role. */
  | { readonly type: 'signatures'; readonly roles: readonly string[] };

export function reportDocument(report: MigrationReport): Block[] {
  const { plan } = report;
  return [
    { type: 'heading', level: 1, text: `Migration ${plan.name}: ${plan.from} to ${plan.to}` },
    { type: 'text', text: verdictOf(report) },
    { type: 'facts', facts: headFacts(report) },
    ...report.waves.flatMap((wave) => waveBlocks(wave, report)),
    heading('Sessions'),
    ...sessionBlocks(
      report.sessions,
      report.waves.flatMap(({ stations }) => stations),
      report,
    ),
    heading('Exceptions'),
    tableOr(
      'There were none.',
      ['Station', 'Wave', 'Since', 'Why'],
      report.exceptions.map(({ station, wave, at, reason }) => [
        station,
        wave ?? '',
        timeText(at),
        reason ?? '',
      ]),
    ),
    heading('Rollbacks'),
    tableOr(
      'There were none.',
      ['When', 'Wave', 'By', 'Why'],
      report.rollbacks.map(({ at, wave, who, reason }) => [timeText(at), wave ?? 'all', who, reason ?? '']),
    ),
    heading('Side effects'),
    ...effectBlocks(report),
    heading('Decisions'),
    tableOr(
      'Nobody has decided anything.',
      ['When', 'By', 'What', 'Wave', 'Why'],
      report.decisions.map(({ at, who, what, wave, reason }) => [
        timeText(at),
        who,
        what.replaceAll('_', ' '),
        wave ?? '',
        reason ?? '',
      ]),
    ),
    heading('Signed off'),
    {
      type: 'text',
      text: `The evidence behind this report is kept by Busbar under ${report.id} (GET /api/v1/migrations/${report.id}/evidence).`,
    },
    {
      type: 'signatures',
      roles: ['Operator of the stations', `For ${plan.from}`, `For ${plan.to}`],
    },
  ];
}

function verdictOf({ phase, reason, waves, plan }: MigrationReport): string {
  const tally = { there: 0, verified: 0, excused: 0, stuck: 0, back: 0, unmoved: 0 };
  const stations = waves.flatMap((wave) => wave.stations);
  for (const station of stations) {
    if (station.phase === 'moved' || station.phase === 'verified') tally.there += 1;
    if (station.phase === 'verified') tally.verified += 1;
    if (station.isStuck) tally.stuck += 1;
    else if (station.phase === 'failed') tally.excused += 1;
    else if (station.phase === 'rolled-back') tally[station.movedAt === null ? 'unmoved' : 'back'] += 1;
  }
  const { there, verified, excused, stuck, back, unmoved } = tally;
  const counts = [
    `${there} of ${stations.length} stations are at ${plan.to}, ${verified} of them verified; ${excused} were excused, ${back} went back`,
    ...(unmoved > 0 ? [`${unmoved} had not moved when their wave was taken back`] : []),
    ...(stuck > 0 ? [`${stuck} COULD NOT BE BROUGHT BACK`] : []),
  ].join(', ');
  return `${stateText(phase, stuck)} ${counts}.${reason === null ? '' : ` ${sentence(reason)}`}`;
}

function stateText(phase: MigrationReport['phase'], stuck: number): string {
  if (phase === 'done') return 'It is done.';
  if (phase === 'rolled-back') return stuck > 0 ? 'It was undone, but not for all.' : 'It was undone.';
  if (phase === 'abandoned') return 'It was given up before it began.';
  return `It is not over: it is ${phase}.`;
}

function headFacts(report: MigrationReport): readonly (readonly [string, string])[] {
  const { plan, evidence } = report;
  const lost = [
    ...(evidence.leftOut > 0 ? [`${evidence.leftOut} more were counted only`] : []),
    ...(evidence.missing > 0 ? [`${evidence.missing} CANNOT BE READ: the storage was damaged`] : []),
  ];
  return [
    ['Report made', timeText(report.madeAt)],
    ['Migration', `${plan.name} (${report.id})`],
    ['Made', timeText(report.createdAt)],
    ['Started', timeText(report.startedAt)],
    ['Ended', timeText(report.endedAt)],
    ...report.uncounted.map(
      (span) => ['Nothing counted', `${timeText(span.from)} to ${timeText(span.to)}: it was over`] as const,
    ),
    ['Open transactions', openTransactionsText[plan.openTransactions]],
    ['Watched after each wave', durationText(plan.soakMs)],
    [`${plan.from} kept ready for`, durationText(plan.keepOldWarmMs)],
    ['Evidence', [`${evidence.count} entries`, ...lost].join('; ')],
  ];
}

const openTransactionsText = {
  pin: 'finish at the backend where they began',
  wait: 'are waited for before a station moves',
  handover: 'are handed over to the new backend',
} as const;

function waveBlocks(wave: WaveReport, report: MigrationReport): Block[] {
  const { plan } = report;
  const planned = wave.plannedAt === null ? '' : `, planned for ${timeText(wave.plannedAt)}`;
  const reason = wave.reason === null ? '' : ` ${sentence(wave.reason)}`;
  const waived = wave.isWaived ? ' A person let the migration go on whatever its gates say.' : '';
  return [
    { type: 'heading', level: 2, text: `Wave ${wave.number}: ${wave.name}` },
    {
      type: 'text',
      text: `${wave.stations.length} stations, ${wave.phase}${planned}.${reason}${waived}`,
    },
    {
      type: 'facts',
      facts: [
        ['First move', timeText(wave.firstMoveAt)],
        ['Last move', timeText(wave.lastMoveAt)],
        ['Passed', timeText(wave.passedAt)],
        ['Watched', `${durationText(wholeSeconds(wave.soakedMs))} of ${durationText(wave.soakMs)}`],
        [`Messages that ${plan.to} has yet to get`, String(wave.undelivered)],
      ],
    },
    heading('Gates', 3),
    tableOr('The plan has none.', gateColumns, wave.gates.map(gateRow)),
    heading('Before and after', 3),
    {
      type: 'table',
      columns: ['', plan.from, plan.to],
      rows: sideRows.map(([name, valueOf]) => [
        name,
        String(valueOf(wave.before)),
        String(valueOf(wave.after)),
      ]),
    },
    heading('Sessions', 3),
    ...sessionBlocks(wave.sessions, wave.stations, report),
    heading('Stations', 3),
    tableOr(
      'It took none.',
      ['Station', 'State', 'Moved', 'Went back', `Open at ${plan.from}`, `Open at ${plan.to}`, 'Remarks'],
      wave.stations.map(stationRow),
    ),
  ];
}

const gateColumns = ['Measure', 'Limit', 'After', 'Before', 'State', 'Times red', 'Why'] as const;

function gateRow(gate: GateReport): string[] {
  const { measure, value, before, state, timesRed, reason } = gate;
  const figureOf = (number: number | null): string => (number === null ? '–' : figureText(measure, number));
  const limits = [
    ...(gate.atLeast === null ? [] : [`at least ${figureOf(gate.atLeast)}`]),
    ...(gate.atMost === null ? [] : [`at most ${figureOf(gate.atMost)}`]),
    ...(gate.worseThanBefore === null ? [] : [`at most ${figureOf(gate.worseThanBefore)} worse than before`]),
  ];
  return [
    measure,
    limits.join(', '),
    figureOf(value),
    figureOf(before),
    state,
    String(timesRed),
    reason ?? '',
  ];
}

const sideRows: readonly (readonly [string, (side: SideReport) => number])[] = [
  ['Calls of stations that were answered', ({ answered }) => answered],
  ['… with an error', ({ errors }) => errors],
  ['Calls that got no answer', ({ unanswered }) => unanswered],
  ['Drivers it was asked about', ({ asked }) => asked],
  ['… whom it let in', ({ accepted }) => accepted],
  ['Links that ended', ({ drops }) => drops],
];

function stationRow(station: StationReport): string[] {
  const { phase, reason, movedAt, wentBackAt, sessions, isBootAccepted, isStuck } = station;
  const remarks = [
    ...(isStuck ? ['It was to go back and cannot.'] : []),
    ...(isBootAccepted === false ? ['The new backend refused its boot.'] : []),
    ...(reason === null ? [] : [sentence(reason)]),
  ];
  return [
    station.station,
    phase,
    timeText(movedAt),
    timeText(wentBackAt),
    sessions === null ? '–' : String(sessions.from),
    sessions === null ? '–' : String(sessions.to),
    remarks.join(' '),
  ];
}

/** Those that are open are counted now, the others for as long as the migration was under way. */
function sessionBlocks(
  sessions: SessionsReport,
  stations: readonly StationReport[],
  { plan: { from, to }, endedAt }: MigrationReport,
): Block[] {
  if (sessions.since === null) return [{ type: 'text', text: 'No station has moved yet.' }];
  const open = stations.flatMap((station) => station.sessions ?? []);
  const openAt = (side: 'from' | 'to'): number => open.reduce((sum, counts) => sum + counts[side], 0);
  const { begunAtOld, begunAtNew, endedAtOld, endedAtNew, crossed, handedOver } = sessions;
  const until = endedAt === null ? '' : `, until the migration was over, ${timeText(endedAt)}`;
  const rows = [
    ['Begun', begunAtOld, begunAtNew],
    ['Ended', endedAtOld, endedAtNew],
    ['… after their station had moved to the other', crossed, ''],
    ['Handed over by the other while open', '', handedOver],
    ['Open when the report was made', openAt('from'), openAt('to')],
  ];
  return [
    { type: 'text', text: `Since the first move, ${timeText(sessions.since)}${until}.` },
    { type: 'table', columns: ['', from, to], rows: rows.map((row) => row.map(String)) },
  ];
}

function effectBlocks(report: MigrationReport): Block[] {
  const rows = report.waves.flatMap(({ stations }) =>
    stations.flatMap(({ station, effects }) =>
      effects
        // Settings of the plan for another version than the station's are no news.
        .filter(({ phase, isOfPlan }) => phase !== 'skipped' || !isOfPlan)
        .map(({ what, phase, before, reason }) => [station, what, phase, before ?? '', reason ?? '']),
    ),
  );
  return [
    tableOr(
      'Nothing was sent to a station because of its move.',
      ['Station', 'What', 'State', 'Before', 'Why'],
      rows,
    ),
    ...passedOverBlocks(report),
  ];
}

/** Stations whose version has nothing of what the plan clears: how many, since they may be a whole fleet. */
function passedOverBlocks({ waves }: MigrationReport): Block[] {
  const counts = new Map<string, number>();
  for (const { what, phase, reason } of waves.flatMap(({ stations }) =>
    stations.flatMap(({ effects }) => effects),
  )) {
    if (phase !== 'skipped' || reason === null || !plurals.has(what)) continue;
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return [...counts].map(([reason, count]) => ({
    type: 'text',
    text: `Nothing of the kind was looked for at ${count === 1 ? '1 station' : `${count} stations`}: ${reason}.`,
  }));
}

const plurals: ReadonlySet<string> = new Set(Object.values(pluralOf));

function heading(text: string, level: 2 | 3 = 2): Block {
  return { type: 'heading', level, text };
}

function tableOr(otherwise: string, columns: readonly string[], rows: readonly (readonly string[])[]): Block {
  return rows.length === 0 ? { type: 'text', text: otherwise } : { type: 'table', columns, rows };
}

function timeText(ms: number | null): string {
  return ms === null ? '–' : isoTime(ms).replace(/\.\d+Z$/, 'Z');
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}

/** With a capital and a full stop. */
function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
