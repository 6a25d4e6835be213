/**
 * What is wrong with a plan whatever the fleet is like: names that mean nothing, bounds, and what Busbar does not do.
 *
 * Pure.
 */
import { placedKinds, pluralOf, type PlacedPlural } from '../commands/placed-object.ts';
import type { Fleet } from './fleet.ts';
import { gatesMax, measures, settingsMax, wavesMax, type MigrationPlan, type PlanProblem } from './plan.ts';

export function checkPlan(plan: MigrationPlan, fleet: Pick<Fleet, 'backends' | 'groups'>): PlanProblem[] {
  const blocking = [
    ...checkBackends(plan, fleet),
    ...checkWaveNames(plan, fleet),
    ...checkGates(plan),
    ...checkEffects(plan),
  ];
  return [
    ...blocking.map((finding) => problemOf(finding, true)),
    ...effectsToKnow(plan).map((finding) => problemOf(finding, false)),
  ];
}

function problemOf([where, why, advice]: Finding, isBlocking: boolean): PlanProblem {
  return { where, why, advice, stations: [], stationCount: 0, isBlocking };
}

type Finding = readonly [where: string, why: string, advice: string];

function checkBackends({ from, to }: MigrationPlan, { backends }: Pick<Fleet, 'backends'>): Finding[] {
  const known = `name one of ${[...backends.keys()].join(', ')}`;
  const found: Finding[] = [];
  if (!backends.has(from)) found.push(['from', `no backend is called ${from}`, known]);
  if (!backends.has(to)) found.push(['to', `no backend is called ${to}`, known]);
  if (from === to) found.push(['to', 'it is the backend that the stations are to leave', known]);
  return found;
}

function checkWaveNames({ waves }: MigrationPlan, { groups }: Pick<Fleet, 'groups'>): Finding[] {
  const found: Finding[] = [];
  if (waves.length === 0) found.push(['waves', 'there is none', 'name the stations to move']);
  if (waves.length > wavesMax)
    found.push(['waves', `there are ${waves.length}; ${wavesMax} at most`, 'join some of them']);
  const names = new Set<string>();
  for (const [at, { name, take, perMinute, limit }] of waves.entries()) {
    const where = `waves[${at}]`;
    if (names.has(name))
      found.push([`${where}.name`, `another wave is called ${name}`, 'name each wave once']);
    if (/^\d*$/.test(name))
      found.push([`${where}.name`, 'a number means the place of a wave', 'name it with a letter in it']);
    names.add(name);
    if (take.by === 'group' && !groups.has(take.group))
      found.push([`${where}.group`, `no group is called ${take.group}`, 'define it under groups']);
    if (perMinute !== null && !(perMinute > 0))
      found.push([`${where}.pace`, 'nothing would ever move', 'give a pace above 0']);
    if (limit !== null && !(limit >= 1))
      found.push([`${where}.limit`, 'it leaves room for no station', 'let it be 1 at least']);
  }
  return found;
}

function checkGates({ gates }: MigrationPlan): Finding[] {
  const found: Finding[] = [];
  if (gates.length > gatesMax)
    found.push(['gates', `there are ${gates.length}; ${gatesMax} at most`, 'join some of them']);
  for (const [at, { measure, atLeast, atMost, worseThanBefore }] of gates.entries()) {
    if (!(measures as readonly string[]).includes(measure))
      found.push([
        `gates[${at}].measure`,
        `nothing measures ${measure}`,
        `measure one of ${measures.join(', ')}`,
      ]);
    if (atLeast === null && atMost === null && worseThanBefore === null)
      found.push([`gates[${at}]`, 'it has no limit', 'add atLeast, atMost or worseThanBefore']);
  }
  return found;
}

function checkEffects({ also: { configuration } }: MigrationPlan): Finding[] {
  const found: Finding[] = [];
  if (configuration.length > settingsMax)
    found.push([
      'also.configuration',
      `there are ${configuration.length} settings; ${settingsMax} at most`,
      'leave the rest to the new backend',
    ]);
  return found;
}

/** What a plan does less of than its words may promise. */
function effectsToKnow({ from, also }: MigrationPlan): Finding[] {
  const plurals = placedKinds.map((kind) => pluralOf[kind]).filter((plural) => also[plural] === 'clear');
  return plurals.map((plural) => [
    `also.${plural}`,
    `only what ${from} placed through Busbar and is known whole is cleared; ${staying[plural]} and what was placed before Busbar stay`,
    'see in the report what stayed at each station',
  ]);
}

const staying: Readonly<Record<PlacedPlural, string>> = {
  profiles: 'limits of the connection, profiles of transactions',
  displayMessages: 'messages of transactions',
  tariffs: 'tariffs of drivers and of transactions',
};
