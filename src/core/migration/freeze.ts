/**
 * Which station is in which wave, frozen once, and what is wrong with a plan when it meets the fleet.
 *
 * Pure. The first wave that takes a station has it. A site's stations share a grid connection, so that a wave's limit never splits a site: one that does not fit whole waits for a
 * later wave. A station that is named and cannot be moved is a problem that blocks; one that a pattern, a group, a tag or a site brings in is left out, and the plan says so.
 */
import { matchesPattern } from '../routing/pattern.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { checkPlan } from './check-plan.ts';
import type { Fleet, FleetStation, FrozenPlan } from './fleet.ts';
import {
  canariesMax,
  problemStationsMax,
  stationsMax,
  type Canary,
  type MigrationPlan,
  type PlannedWave,
  type PlanProblem,
} from './plan.ts';

/** `claims`: which stations another migration that is not over has, and its name. The same plan and fleet give the same. */
export function planMigration(
  plan: MigrationPlan,
  fleet: Fleet,
  claims: ReadonlyMap<StationId, string>,
): FrozenPlan {
  const problems = checkPlan(plan, fleet);
  const byId = new Map(fleet.stations.map((station) => [station.station, station]));
  const sorted = [...byId.keys()].sort().map((id) => byId.get(id) as FleetStation);
  const draft: Draft = { plan, fleet, claims, problems, taken: new Set(), notes: new Map() };
  const waves = plan.waves.map((wave, at) => {
    const { literals, includes } = readSelection(wave);
    for (const id of literals) {
      if (!byId.has(id)) note(draft, at, 'unknown', id);
      else if (draft.taken.has(id)) note(draft, at, 'taken', id);
    }
    const found = sorted.filter((station) => includes(station) && !draft.taken.has(station.station));
    const movable = found.filter((station) => isMovable(draft, at, station, literals.has(station.station)));
    const taken = withinLimit(draft, at, wave.limit, movable);
    for (const { station } of taken) draft.taken.add(station);
    return taken;
  });
  addNotes(draft);
  const frozen = waves.flat();
  checkWaves(draft, waves);
  return {
    waves: waves.map((wave) => wave.map(({ station }) => station)),
    problems,
    canaries: proposeCanaries(frozen),
  };
}

interface Draft {
  readonly plan: MigrationPlan;
  readonly fleet: Fleet;
  readonly claims: ReadonlyMap<StationId, string>;
  readonly problems: PlanProblem[];
  readonly taken: Set<StationId>;
  /** Stations by what is wrong with them, and where. */
  readonly notes: Map<string, Note>;
}

interface Note {
  readonly wave: number;
  readonly kind: NoteKind;
  readonly stations: StationId[];
}

/** What can be wrong with a station. `named_…`: the plan names it, so that it blocks. */
type NoteKind = 'unknown' | 'taken' | `${'named_' | ''}${'foreign' | 'version' | 'claimed'}` | 'no_room';

function note({ notes }: Draft, wave: number, kind: NoteKind, station: StationId): void {
  const key = `${wave} ${kind}`;
  const there = notes.get(key);
  if (there === undefined) notes.set(key, { wave, kind, stations: [station] });
  else there.stations.push(station);
}

interface Selection {
  /** Stations that the wave names one by one. */
  readonly literals: ReadonlySet<StationId>;
  readonly includes: (station: FleetStation) => boolean;
}

function readSelection({ take }: PlannedWave): Selection {
  const none: ReadonlySet<StationId> = new Set();
  switch (take.by) {
    case 'stations': {
      const patterns = take.patterns.filter((pattern) => pattern.includes('*'));
      const literals = new Set(take.patterns.filter((pattern) => !pattern.includes('*')) as StationId[]);
      const includes = ({ station }: FleetStation): boolean =>
        literals.has(station) || patterns.some((pattern) => matchesPattern(pattern, station));
      return { literals, includes };
    }
    case 'group':
      return { literals: none, includes: ({ groups }) => groups.includes(take.group) };
    case 'tag':
      return { literals: none, includes: ({ tags }) => tags.includes(take.tag) };
    case 'site':
      return { literals: none, includes: ({ site }) => site === take.site };
  }
}

function isMovable(draft: Draft, wave: number, station: FleetStation, isNamed: boolean): boolean {
  const { plan, fleet, claims } = draft;
  const spoken = fleet.backends.get(plan.to);
  const wrong =
    station.primary !== plan.from
      ? 'foreign'
      : claims.has(station.station)
        ? 'claimed'
        : station.version !== null && spoken !== undefined && !spoken.includes(station.version)
          ? 'version'
          : null;
  if (wrong === null) return true;
  note(draft, wave, isNamed ? `named_${wrong}` : wrong, station.station);
  return false;
}

/** Whole sites, and stations without one, as long as there is room. */
function withinLimit(
  draft: Draft,
  wave: number,
  limit: number | null,
  stations: readonly FleetStation[],
): FleetStation[] {
  if (limit === null) return [...stations];
  const units = new Map<string, FleetStation[]>();
  for (const station of stations) {
    const key = station.site === null ? `station ${station.station}` : `site ${station.site}`;
    const unit = units.get(key);
    if (unit === undefined) units.set(key, [station]);
    else unit.push(station);
  }
  const taken: FleetStation[] = [];
  for (const unit of units.values()) {
    if (taken.length + unit.length <= limit) taken.push(...unit);
    else for (const { station } of unit) note(draft, wave, 'no_room', station);
  }
  return taken;
}

function addNotes({ plan, claims, problems, notes, taken }: Draft): void {
  for (const { wave, kind, stations } of notes.values()) {
    // A later wave may have taken what did not fit.
    const left = kind === 'no_room' ? stations.filter((station) => !taken.has(station)) : stations;
    if (left.length === 0) continue;
    const others = [...new Set(left.map((station) => claims.get(station)))].filter(
      (name) => name !== undefined,
    );
    problems.push({
      where: `waves[${wave}]`,
      ...wordsOf(kind, plan, others),
      stations: left.slice(0, problemStationsMax),
      stationCount: left.length,
      isBlocking: kind === 'unknown' || kind.startsWith('named_'),
    });
  }
}

function wordsOf(
  kind: NoteKind,
  { from, to }: MigrationPlan,
  others: readonly string[],
): Pick<PlanProblem, 'why' | 'advice'> {
  switch (kind) {
    case 'unknown':
      return {
        why: 'no such station was ever seen, and none is configured',
        advice: 'mend the identity, or take it out of the wave',
      };
    case 'taken':
      return {
        why: 'the wave names them, and an earlier one takes them: they move with that one',
        advice: 'put this wave before that one, if they are to move with this one',
      };
    case 'named_foreign':
      return {
        why: `the primary is another than ${from}`,
        advice: 'take it out of the wave, or move it with a migration from its own primary',
      };
    case 'foreign':
      return {
        why: `the primary is another than ${from}: left out`,
        advice: 'nothing, if they are not to move',
      };
    case 'named_version':
      return {
        why: `${to} does not speak the station's version`,
        advice: `add the version to ${to} under backends, or take the station out of the wave`,
      };
    case 'version':
      return {
        why: `${to} does not speak their version: left out`,
        advice: `add the version to ${to} under backends`,
      };
    case 'named_claimed':
      return {
        why: `the station is in ${others.join(', ')} already, which is not over`,
        advice: 'end that migration first',
      };
    case 'claimed':
      return {
        why: `they are in ${others.join(', ')} already, which is not over: left out`,
        advice: 'end that migration first',
      };
    case 'no_room':
      return {
        why: 'the limit leaves no room for them together with their whole site, and no later wave takes them: left out',
        advice: 'raise the limit, or add a wave for them, if they are to move',
      };
  }
}

function checkWaves(draft: Draft, waves: readonly (readonly FleetStation[])[]): void {
  const { problems } = draft;
  const waveOfSite = new Map<string, number>();
  const split = new Map<string, StationId[]>();
  let count = 0;
  for (const [at, wave] of waves.entries()) {
    count += wave.length;
    if (wave.length === 0)
      problems.push(
        aboutPlan(`waves[${at}]`, 'no station is left for it', 'take it out, or let it take others'),
      );
    for (const { site, station } of wave) {
      if (site === null) continue;
      const first = waveOfSite.get(site) ?? at;
      waveOfSite.set(site, first);
      if (first === at) continue;
      addToSite(split, site, station);
    }
  }
  for (const [site, stations] of split)
    problems.push(
      aboutSite(
        waveOfSite.get(site),
        `the site ${site} has stations in several waves: for a while two backends control one grid connection`,
        stations,
      ),
    );
  noteLeftBehind(draft, waveOfSite);
  if (count > stationsMax)
    problems.push(
      aboutPlan(
        'waves',
        `they have ${count} stations; ${stationsMax} at most`,
        'make more than one migration',
      ),
    );
}

/** Stations of a site that a wave takes, and no wave takes them. */
function noteLeftBehind(
  { plan, fleet, problems, taken }: Draft,
  waveOfSite: ReadonlyMap<string, number>,
): void {
  const left = new Map<string, StationId[]>();
  for (const { site, station, primary } of fleet.stations) {
    if (site === null || primary !== plan.from || taken.has(station) || !waveOfSite.has(site)) continue;
    addToSite(left, site, station);
  }
  for (const [site, stations] of left)
    problems.push(
      aboutSite(
        waveOfSite.get(site),
        `the site ${site} has stations that no wave takes: from then on two backends control one grid connection`,
        stations.toSorted(),
      ),
    );
}

function addToSite(sites: Map<string, StationId[]>, site: string, station: StationId): void {
  const others = sites.get(site);
  if (others === undefined) sites.set(site, [station]);
  else others.push(station);
}

function aboutSite(wave: number | undefined, why: string, stations: readonly StationId[]): PlanProblem {
  return {
    where: `waves[${wave ?? 0}]`,
    why,
    advice: 'let one wave take the whole site',
    stations: stations.slice(0, problemStationsMax),
    stationCount: stations.length,
    isBlocking: false,
  };
}

function aboutPlan(where: string, why: string, advice: string): PlanProblem {
  return { where, why, advice, stations: [], stationCount: 0, isBlocking: true };
}

/** Of each vendor, model and firmware the station that is best to begin with: connected, and no car at it. */
function proposeCanaries(stations: readonly FleetStation[]): Canary[] {
  const kinds = new Map<string, { best: FleetStation; count: number }>();
  for (const station of stations) {
    const key = `${station.vendor}\n${station.model}\n${station.firmware}`;
    const kind = kinds.get(key);
    if (kind === undefined) kinds.set(key, { best: station, count: 1 });
    else {
      kind.count += 1;
      if (fitness(station) > fitness(kind.best)) kind.best = station;
    }
  }
  return [...kinds.values()]
    .toSorted((one, other) => other.count - one.count)
    .slice(0, canariesMax)
    .map(({ best: { station, vendor, model, firmware }, count }) => ({
      station,
      vendor,
      model,
      firmware,
      standsFor: count,
    }));
}

function fitness({ isConnected, hasTransaction }: FleetStation): number {
  return isConnected ? (hasTransaction ? 1 : 2) : 0;
}
