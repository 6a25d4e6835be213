/**
 * From what a person wrote to a plan, or everything that is wrong with it, each with its place, its reason and what to do.
 *
 * Whether the plan fits the fleet is not looked at here.
 */
import { resolve } from 'node:path';
import { secretNames } from '../../core/commands/connection-keys.ts';
import { hasLogin, struckOut } from '../../core/commands/strike-words.ts';
import type {
  Gate,
  MigrationPlan,
  PlannedWave,
  SettingChange,
  WaveSelection,
} from '../../core/migration/plan.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import { durationOf } from '../configuration/limit-settings.ts';
import {
  ProblemList,
  type ConfigurationProblem,
  type KeyPath,
  type Report,
} from '../configuration/problem.ts';
import { shapeReader } from '../configuration/shape.ts';
import { readSource } from '../configuration/source-file.ts';
import { parseRate } from '../configuration/units.ts';
import type { Environment } from '../configuration/yaml-source.ts';
import { parseFigure } from './gate-figures.ts';
import { planSchema, type GateEntry, type PlanFile, type WaveEntry } from './plan-schema.ts';

const shapeOfPlan = shapeReader<PlanFile>(planSchema);

export interface ReadPlan {
  readonly plan: MigrationPlan;
  /** What was written, defaults filled in: the same plan as plain JSON. */
  readonly written: PlanFile;
}

type Read = Result<ReadPlan, readonly ConfigurationProblem[]>;

/** Reads a YAML file. `env` fills `${NAME}`. */
export async function readPlanFile(file: string, env: Environment): Promise<Read> {
  const problems = new ProblemList();
  const source = await readSource(file, resolve(file), env, problems);
  return source === null ? fail(problems.sorted()) : readWritten(source.value, source.report, problems);
}

/** Reads a plan that came as JSON. `where` stands for the file in what is wrong with it. The value may not be used again. */
export function readPlan(value: unknown, where: string): Read {
  const problems = new ProblemList();
  return readWritten(
    value,
    problems.of(where, () => null),
    problems,
  );
}

function readWritten(value: unknown, report: Report, problems: ProblemList): Read {
  const shaped: Partial<PlanFile> = shapeOfPlan(value, report);
  // What did not fit was taken out, and the rest is still checked, so that all is told at once.
  const written = { name: '', from: '', to: '', waves: [], ...shaped } as PlanFile;
  const { name, from, to, openTransactions, approve, also } = written;
  checkName(name, ['name'], report);
  for (const [at, wave] of written.waves.entries()) checkName(wave.name, ['waves', at, 'name'], report);
  const plan: MigrationPlan = {
    name,
    from,
    to,
    waves: written.waves.map((wave, at) => readWave(wave, ['waves', at], report)),
    openTransactions,
    waitUpToMs: durationOf(written.waitUpTo),
    giveUpAfterMs: durationOf(written.giveUpAfter),
    gates: written.gates.map((gate, at) => readGate(gate, ['gates', at], report)),
    soakMs: durationOf(written.soak),
    approve,
    keepOldWarmMs: durationOf(written.keepOldWarm),
    also: {
      ...also,
      configuration: also.configuration.map((setting, at) => readSetting(setting, at, report)),
    },
  };
  return problems.isEmpty ? ok({ plan, written }) : fail(problems.sorted());
}

/** What is set is read back and kept as evidence, in the clear. */
function readSetting(
  { component, key = '', value = '' }: Partial<PlanFile['also']['configuration'][number]>,
  at: number,
  report: Report,
): SettingChange {
  if (secretNames.test(key.toLowerCase().replaceAll(/[^a-z]/g, '')))
    report.add(
      ['also', 'configuration', at, 'key'],
      'is a secret by its name, and would stand in the evidence and the report',
      'set it with `busbar station command`',
    );
  if (value.includes(struckOut))
    report.add(
      ['also', 'configuration', at, 'value'],
      `holds ${struckOut}, which stands where something that gives access was left out`,
      'write the value itself',
    );
  else if (hasLogin(value))
    report.add(
      ['also', 'configuration', at, 'value'],
      'holds the login of an address, and would stand in the evidence and the report',
      'set it with `busbar station command`',
    );
  return { component: component ?? null, key, value };
}

function readWave(wave: WaveEntry, path: KeyPath, report: Report): PlannedWave {
  const { name, limit = null, at, pace, soak } = wave;
  return {
    name,
    take: readSelection(wave, path, report),
    limit,
    atMs: at === undefined ? null : readTimeOf(at, [...path, 'at'], report),
    perMinute: pace === undefined ? null : perMinuteOf(pace),
    soakMs: soak === undefined ? null : durationOf(soak),
  };
}

const nameCharactersMax = 100;

/** It stands in paths, in files and on terminals. */
function checkName(name: string | undefined, path: KeyPath, report: Report): void {
  if (name === undefined || report.has(path)) return;
  if (name.length > nameCharactersMax)
    report.add(path, `has more than ${nameCharactersMax} characters`, 'shorten it');
  if (/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(name) || name.trim() === '')
    report.add(path, 'holds characters that cannot be seen', 'write a plain name');
  if (name === '.' || name === '..') report.add(path, 'means a step in a path', 'write a plain name');
}

const selections = ['stations', 'group', 'tag', 'site'] as const;

function readSelection(wave: WaveEntry, path: KeyPath, report: Report): WaveSelection {
  const given = selections.filter((key) => wave[key] !== undefined);
  const [first, second] = given;
  const isTakenOut = selections.some((key) => report.has([...path, key]));
  if (first === undefined && !isTakenOut)
    report.add(path, 'takes no stations', `add one of ${selections.join(', ')}`);
  if (second !== undefined)
    report.add(
      [...path, second],
      `stands beside ${first}, and a wave takes its stations by one of them`,
      'keep one, or make two waves',
    );
  switch (first) {
    case 'group':
      return { by: first, group: wave.group ?? '' };
    case 'tag':
      return { by: first, tag: wave.tag ?? '' };
    case 'site':
      return { by: first, site: wave.site ?? '' };
    default:
      return { by: 'stations', patterns: wave.stations ?? [] };
  }
}

const timeWithOffset = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

function readTimeOf(text: string, path: KeyPath, report: Report): number {
  const ms = timeWithOffset.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) {
    if (!isOfCalendar(text))
      report.add(
        path,
        `is on a day that its month has not, ${JSON.stringify(text)}`,
        'the wave would start on another one',
      );
    return ms;
  }
  report.add(
    path,
    `must be a time with its offset from UTC, not ${JSON.stringify(text.slice(0, 60))}`,
    'write it as 2026-12-01T02:00+01:00',
  );
  return 0;
}

/** `Date.parse` takes the 31st of a month of thirty days for the first of the next. */
function isOfCalendar(text: string): boolean {
  const day = text.slice(0, '2026-12-01'.length);
  return new Date(`${day}T00:00Z`).toISOString().startsWith(day);
}

/** null: as many as can be. */
function perMinuteOf(pace: string): number | null {
  const rate = parseRate(pace);
  return rate.ok && Number.isFinite(rate.value) ? Number((rate.value * 60).toFixed(6)) : null;
}

function readGate(gate: GateEntry, path: KeyPath, report: Report): Gate {
  const { rollback, whenNoData } = gate;
  const measure: GateEntry['measure'] | undefined = gate.measure;
  const limitOf = (key: 'atLeast' | 'atMost' | 'worseThanBefore'): number | null => {
    const given = gate[key];
    if (given === undefined || measure === undefined) return null;
    const figure = parseFigure(measure, given);
    if (figure.ok) return figure.value;
    report.add(
      [...path, key],
      `must be ${figure.fault}, not ${JSON.stringify(given)}`,
      `so ${measure} is measured`,
    );
    return 0;
  };
  if (gate.atLeast === undefined && gate.atMost === undefined && gate.worseThanBefore === undefined)
    report.add(path, 'has no limit', 'add atLeast, atMost or worseThanBefore');
  return {
    measure: measure ?? '',
    atLeast: limitOf('atLeast'),
    atMost: limitOf('atMost'),
    worseThanBefore: limitOf('worseThanBefore'),
    forMs: durationOf(gate.for),
    rollback,
    whenNoData,
  };
}
