/**
 * What a bench found: figures beside their bounds, as a table, and the exit code that says whether they held.
 *
 * Not pure: prints. A figure is the median of its rounds with the lowest and the highest; a ratio is taken round by round, so that what disturbs the machine for longer
 * than a round disturbs both sides.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

export interface Figure {
  readonly bench: string;
  readonly name: string;
  readonly unit: string;
  /** One value a round. */
  readonly rounds: readonly number[];
  /** What it must not exceed. Null: it stands beside one that has a bound. */
  readonly bound: number | null;
  /** The bound is for every round, not for the median. */
  readonly isWorstJudged?: boolean;
}

/** Beyond the bound by more than this is a failure; less is noise of a shared machine. */
const tolerance = 1.25;
const notHeld = 3;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** The value that so large a share of the sorted values does not exceed. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Round by round. */
export function ratios(of: readonly number[], to: readonly number[]): number[] {
  return of.map((value, round) => value / (to[round] ?? Number.NaN));
}

/** Round by round. */
export function differences(of: readonly number[], to: readonly number[]): number[] {
  return of.map((value, round) => value - (to[round] ?? Number.NaN));
}

export function hasFailed(figure: Figure): boolean {
  return figure.bound !== null && !(judged(figure) <= figure.bound * tolerance);
}

function judged({ rounds, isWorstJudged = false }: Figure): number {
  return isWorstJudged ? Math.max(...rounds) : median(rounds);
}

export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.bench,
    figure.name,
    `${show(median(figure.rounds))} ${figure.unit}`.trim(),
    figure.rounds.length < 2
      ? ''
      : `${show(Math.min(...figure.rounds))} to ${show(Math.max(...figure.rounds))}`,
    figure.bound === null ? '' : `≤ ${show(figure.bound)} ${figure.unit}`.trim(),
    figure.bound === null ? '' : verdictOf(figure),
  ]);
  const head = ['bench', 'figure', 'median', 'lowest to highest', 'bound', ''];
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const lineOf = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [lineOf(head), lineOf(widths.map((width) => '-'.repeat(width))), ...rows.map(lineOf)].join('\n');
}

function verdictOf(figure: Figure): string {
  if (hasFailed(figure)) return 'not held';
  return judged(figure) <= (figure.bound ?? Infinity) ? 'held' : 'within noise of it';
}

function show(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en');
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** Prints the figures and sets the exit code; `--figures FILE` keeps them for `bench/all.ts`. */
export async function report(figures: readonly Figure[], file: string | undefined): Promise<void> {
  process.stdout.write(`${tableOf(figures)}\n`);
  if (file !== undefined) await writeFile(file, JSON.stringify(figures));
  if (figures.some(hasFailed)) process.exitCode = notHeld;
}

/** What every bench may be told. Unknown options end the command with exit 2 and what there is. */
export interface BenchOptions {
  readonly stations: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly isTls: boolean;
  readonly figures: string | undefined;
  /** Folder for the processor profile of the gateway; none is written without it. */
  readonly profile: string | undefined;
}

export function readOptions(defaults: Pick<BenchOptions, 'stations' | 'seconds' | 'rounds'>): BenchOptions {
  try {
    const { values } = parseArgs({
      options: {
        stations: { type: 'string', default: String(defaults.stations) },
        seconds: { type: 'string', default: String(defaults.seconds) },
        rounds: { type: 'string', default: String(defaults.rounds) },
        tls: { type: 'boolean', default: false },
        figures: { type: 'string' },
        profile: { type: 'string' },
      },
    });
    return {
      stations: positive('stations', values.stations),
      seconds: positive('seconds', values.seconds),
      rounds: positive('rounds', values.rounds),
      isTls: values.tls,
      figures: values.figures,
      profile: values.profile,
    };
  } catch (error) {
    process.stderr.write(
      `${(error as Error).message}\nOptions: --stations N --seconds S --rounds R --tls --figures FILE --profile FOLDER\n`,
    );
    process.exit(2);
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new Error(`--${name} ${text}: not a number above 0`);
}
