/**
 * A migration on a terminal: how it stands, its waves and their gates, and what is wrong with its plan.
 */
import type { Migration, MovedStation, PlanProblemShown } from '../api/migration-schemas.ts';
import type { CliIo } from './io.ts';
import { neutralised, printRows, type Column } from './output.ts';

export const migrationColumns: readonly Column<Migration>[] = [
  { title: 'migration', widthMax: 24, valueOf: ({ name }) => name },
  { title: 'id', valueOf: ({ id }) => id },
  { title: 'state', valueOf: ({ state }) => state },
  { title: 'from', widthMax: 14, valueOf: ({ from }) => from },
  { title: 'to', widthMax: 14, valueOf: ({ to }) => to },
  {
    title: 'moved',
    valueOf: ({ waves }) => `${sumOf(waves, movedIn)} of ${sumOf(waves, ({ stations }) => stations)}`,
  },
  { title: 'since', valueOf: ({ since }) => since },
];

type Wave = Migration['waves'][number];

/** Stations that are at the new backend. */
export function movedIn({ tally }: Wave): number {
  return tally.moved + tally.verified;
}

/** Moved, excused or back: nothing more is to come. */
export function settledIn({ tally }: Wave): number {
  return tally.moved + tally.verified + tally.failed + tally['rolled-back'];
}

export function sumOf(waves: readonly Wave[], of: (wave: Wave) => number): number {
  return waves.reduce((sum, wave) => sum + of(wave), 0);
}

/** Prints all of it as tables. */
export function showMigration(migration: Migration, io: CliIo): void {
  const { name, id, from, to, state, reason, since, waves, problems, plan } = migration;
  const facts: readonly (readonly [string, string])[] = [
    ['migration', `${name} (${id})`],
    ['from, to', `${from}, ${to}`],
    [
      'state',
      `${state}${migration.goingBack && state !== 'rolled-back' ? ', going back' : ''} since ${since}`,
    ],
    ...(reason === null ? [] : [['why', reason] as const]),
    ['open transactions', plan.openTransactions],
    [`${from} kept ready`, plan.keepOldWarm],
  ];
  printRows(
    io,
    'table',
    [
      { title: 'what', valueOf: ([what]) => what },
      { title: 'value', widthMax: 76, valueOf: ([, value]) => value },
    ],
    facts,
  );
  printRows(io, 'table', waveColumns, waves);
  const begun = waves.filter(({ firstMoveAt }) => firstMoveAt !== null);
  const gates = begun.flatMap((wave) =>
    wave.gates.map((gate, at): GateRow => ({ wave: wave.name, gate, planned: plan.gates[at] })),
  );
  if (gates.length > 0) printRows(io, 'table', gateColumns, gates);
  const reasons = waves.filter((wave) => wave.reason !== null);
  if (reasons.length > 0) printRows(io, 'table', reasonColumns, reasons);
  printProblems(problems, io);
}

export function printProblems(problems: readonly PlanProblemShown[], io: CliIo): void {
  if (problems.length > 0) printRows(io, 'table', problemColumns, problems);
}

const waveColumns: readonly Column<Wave>[] = [
  { title: 'wave', widthMax: 20, valueOf: ({ number, name }) => `${number} ${name}` },
  { title: 'state', valueOf: stateOf },
  { title: 'stations', valueOf: ({ stations }) => stations },
  { title: 'moved', valueOf: movedIn },
  { title: 'verified', valueOf: ({ tally }) => tally.verified },
  { title: 'waiting', valueOf: ({ tally }) => tally.waiting },
  { title: 'excused', valueOf: ({ tally }) => tally.failed },
  { title: 'back', valueOf: ({ tally }) => tally['rolled-back'] },
  { title: 'soaked', valueOf: ({ soakedMs, soakMs }) => `${seconds(soakedMs)} of ${seconds(soakMs)}` },
];

/** One that a person approved ahead starts by itself. */
function stateOf({ state, approved }: Wave): string {
  return approved && (state === 'planned' || state === 'attaching') ? `${state}, approved` : state;
}

const reasonColumns: readonly Column<Wave>[] = [
  { title: 'wave', widthMax: 20, valueOf: ({ name }) => name },
  { title: 'why', widthMax: 70, valueOf: ({ reason }) => reason },
];

interface GateRow {
  readonly wave: string;
  readonly gate: Wave['gates'][number];
  readonly planned: Migration['plan']['gates'][number] | undefined;
}

const gateColumns: readonly Column<GateRow>[] = [
  { title: 'wave', widthMax: 14, valueOf: ({ wave }) => wave },
  { title: 'gate', valueOf: ({ gate }) => gate.measure },
  { title: 'limit', widthMax: 24, valueOf: ({ planned }) => limitsOf(planned) },
  { title: 'is', valueOf: ({ gate }) => gate.figure },
  { title: 'was', valueOf: ({ gate }) => gate.figureBefore },
  { title: 'state', valueOf: ({ gate }) => gate.state },
];

function limitsOf(gate: GateRow['planned']): string {
  if (gate === undefined) return '';
  const { atLeast, atMost, worseThanBefore } = gate;
  return [
    ...(atLeast === undefined ? [] : [`≥ ${atLeast}`]),
    ...(atMost === undefined ? [] : [`≤ ${atMost}`]),
    ...(worseThanBefore === undefined ? [] : [`≤ was + ${worseThanBefore}`]),
  ].join(', ');
}

const problemColumns: readonly Column<PlanProblemShown>[] = [
  { title: 'problem', widthMax: 24, valueOf: ({ where }) => where },
  { title: 'blocks', valueOf: ({ blocking }) => (blocking ? 'yes' : 'no') },
  {
    title: 'why',
    widthMax: 44,
    valueOf: ({ why, stations, stationCount }) => `${why}${named(stations, stationCount)}`,
  },
  { title: 'what to do', widthMax: 36, valueOf: ({ advice }) => advice },
];

function named(stations: readonly string[], count: number): string {
  if (count === 0) return '';
  const first = stations.slice(0, 5).join(', ');
  return `: ${first}${count > 5 ? ` and ${count - Math.min(5, stations.length)} more` : ''}`;
}

export const movedStationColumns: readonly Column<MovedStation>[] = [
  { title: 'station', widthMax: 24, valueOf: ({ station }) => station },
  { title: 'wave', widthMax: 14, valueOf: ({ wave }) => wave },
  { title: 'state', valueOf: ({ state }) => state },
  { title: 'moved', valueOf: ({ movedAt }) => movedAt },
  { title: 'why', widthMax: 50, valueOf: ({ reason, effects }) => reason ?? failedEffects(effects) },
];

function failedEffects(effects: MovedStation['effects']): string | null {
  const failed = effects.filter(({ state }) => state === 'failed');
  return failed.length === 0 ? null : failed.map(({ what, reason }) => `${what}: ${reason}`).join('; ');
}

/** One line that says how far it is: for watching, and for logs. */
export function progressLine({ name, state, waves, reason }: Migration): string {
  const all = sumOf(waves, ({ stations }) => stations);
  const settled = sumOf(waves, settledIn);
  const current = waves.find((wave) => !['passed', 'planned', 'rolled-back'].includes(wave.state));
  const place = current === undefined ? '' : `, wave ${current.number} ${current.name} ${current.state}`;
  const red = waves.flatMap((wave) =>
    wave.gates.filter((gate) => gate.state === 'red').map((gate) => `${gate.measure} ${gate.figure}`),
  );
  const gates = red.length === 0 ? '' : `, RED: ${red.join(', ')}`;
  const excused = sumOf(waves, ({ tally }) => tally.failed);
  const why = reason === null ? '' : ` (${reason})`;
  return neutralised(
    `${name} ${bar(settled, all)} ${sumOf(waves, movedIn)} of ${all} moved, ${excused} excused; ${state}${place}${gates}${why}`,
  );
}

const barCells = 24;

function bar(part: number, whole: number): string {
  const filled = whole === 0 ? barCells : Math.floor((part / whole) * barCells);
  return `[${'#'.repeat(filled)}${'.'.repeat(barCells - filled)}]`;
}

function seconds(ms: number): string {
  const whole = Math.floor(ms / 1_000);
  if (whole < 120) return `${whole} s`;
  return whole < 7_200 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 3_600)} h`;
}
