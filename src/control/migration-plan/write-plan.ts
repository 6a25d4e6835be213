/**
 * A plan as people write it: for what shows one.
 *
 * Pure. What is written is read back to the same plan.
 */
import type { Gate, MigrationPlan, PlannedWave, WaveSelection } from '../../core/migration/plan.ts';
import { durationText } from '../configuration/units.ts';
import { isoTime } from '../../std/iso-time.ts';
import { figureText } from './gate-figures.ts';
import type { GateEntry, PlanFile, WaveEntry } from './plan-schema.ts';

export function writePlan(plan: MigrationPlan): PlanFile {
  const { name, from, to, openTransactions, approve, also } = plan;
  return {
    name,
    from,
    to,
    waves: plan.waves.map(writeWave),
    openTransactions,
    waitUpTo: durationText(plan.waitUpToMs),
    giveUpAfter: durationText(plan.giveUpAfterMs),
    gates: plan.gates.map(writeGate),
    soak: durationText(plan.soakMs),
    approve,
    keepOldWarm: durationText(plan.keepOldWarmMs),
    also: {
      ...also,
      configuration: also.configuration.map(({ component, key, value }) =>
        component === null ? { key, value } : { component, key, value },
      ),
    },
  };
}

function writeWave({ name, take, limit, atMs, perMinute, soakMs }: PlannedWave): WaveEntry {
  return {
    name,
    ...writeSelection(take),
    ...(limit === null ? {} : { limit }),
    ...(atMs === null ? {} : { at: isoTime(atMs) }),
    ...(perMinute === null ? {} : { pace: paceText(perMinute) }),
    ...(soakMs === null ? {} : { soak: durationText(soakMs) }),
  };
}

function writeSelection(take: WaveSelection): Partial<WaveEntry> {
  switch (take.by) {
    case 'stations':
      return { stations: [...take.patterns] };
    case 'group':
      return { group: take.group };
    case 'tag':
      return { tag: take.tag };
    case 'site':
      return { site: take.site };
  }
}

/** In the first unit in which it is a whole number. */
function paceText(perMinute: number): string {
  if (Number.isInteger(perMinute)) return `${perMinute}/min`;
  return Number.isInteger(perMinute / 60) ? `${perMinute / 60}/s` : `${Math.round(perMinute * 60)}/h`;
}

function writeGate(gate: Gate): GateEntry {
  const { measure, atLeast, atMost, worseThanBefore, forMs, rollback, whenNoData } = gate;
  return {
    // A plan that was read has no other.
    measure: measure as GateEntry['measure'],
    ...(atLeast === null ? {} : { atLeast: figureOf(measure, atLeast) }),
    ...(atMost === null ? {} : { atMost: figureOf(measure, atMost) }),
    ...(worseThanBefore === null ? {} : { worseThanBefore: figureOf(measure, worseThanBefore) }),
    for: durationText(forMs),
    rollback,
    whenNoData,
  };
}

/** What has no unit is a number. */
function figureOf(measure: string, value: number): number | string {
  const text = figureText(measure, value);
  return /^[\d.]+$/.test(text) ? Number(text) : text;
}
