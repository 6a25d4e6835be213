/**
 * Groups and routes as a routing table, from the sections `groups` and `routes`.
 *
 * Pure. Refuses two authorities for one thing and what could never take effect: somebody who wrote it counts on it.
 */
import { parseFirmwareCondition, type FirmwareCondition } from '../../core/routing/firmware.ts';
import { matchesPattern } from '../../core/routing/pattern.ts';
import type { Group, Route, RoutingTable } from '../../core/routing/table.ts';
import { isActionName } from '../../protocol/action-name.ts';
import { primaryOnlyActions } from '../../protocol/actions.ts';
import { unknownBackend } from './known-stations.ts';
import { durationOf } from './limit-settings.ts';
import { readKeyOwners } from './key-owner-settings.ts';
import { nearestName } from './nearest.ts';
import { readObservers } from './observer-settings.ts';
import type { KeyPath, Report } from './problem.ts';
import { explainNoVersion, type RoutingSources } from './routing-sources.ts';
import type { Configuration, GroupEntry, RouteEntry } from './schema.ts';
import { readWhenDown } from './when-down-settings.ts';

export function readRouting(
  groupEntries: Configuration['groups'],
  routeEntries: readonly RouteEntry[],
  sources: RoutingSources,
): RoutingTable {
  const groups = new Map<string, Group>();
  for (const [name, entry] of Object.entries(groupEntries))
    groups.set(name, readGroup(name, entry, sources.report));
  const routes = routeEntries.flatMap((entry, index) => readRoute(entry, index, groups, sources) ?? []);
  reportUnreachable(routeEntries, groups, sources.report);
  return {
    groups,
    routes,
    backends: new Map(
      [...sources.backends].map(([name, { settings, revision }]) => {
        const { versions, callTimeoutMs, redialFromMs, redialToMs } = settings;
        const { nonBilling = false, holdDown = '0s' } = sources.entries[name] ?? {};
        const holdDownMs = durationOf(holdDown);
        return [
          name,
          { name, versions, callTimeoutMs, redialFromMs, redialToMs, nonBilling, holdDownMs, revision },
        ];
      }),
    ),
  };
}

/**
 * The routes of a file: those that are written, or every station to the only backend there is.
 */
export function routesOf(configuration: Configuration, report: Report): readonly RouteEntry[] {
  const { routes, backends } = configuration;
  const names = Object.keys(backends);
  const [only] = names;
  if (routes !== undefined && routes.length > 0) return routes;
  if (only === undefined || report.has(['routes'])) return [];
  if (names.length === 1 && routes === undefined)
    return [
      {
        stations: '*',
        primary: only,
        actions: {},
        observers: [],
        configurationKeys: {},
        whenDown: 'disconnect',
        authorizeWhenDown: 'known',
        localAnswers: 'none',
        clock: 'relay',
      },
    ];
  const what =
    routes === undefined
      ? 'is missing, and there is more than one backend'
      : 'is an empty list, so that no station could connect';
  report.add(
    ['routes'],
    what,
    `say which stations belong to which, such as [{ stations: "*", primary: ${only} }]`,
  );
  return [];
}

function readGroup(name: string, entry: GroupEntry, report: Report): Group {
  const path = ['groups', name];
  const { stations, vendor = null, model = null, firmware, tags = null } = entry;
  if (Object.keys(entry).length === 0)
    report.add(
      path,
      'has no condition, so that it would be every station',
      'add one, or write a route with stations: "*"',
    );
  let condition: FirmwareCondition | null = null;
  if (firmware !== undefined) {
    const parsed = parseFirmwareCondition(firmware);
    if (parsed.ok) condition = parsed.value;
    else report.add([...path, 'firmware'], 'names no version', 'write it as >=1.8, <2 or 1.8.*');
  }
  return { name, stations: patternsOf(stations), vendor, model, firmware: condition, tags };
}

function readRoute(
  entry: RouteEntry,
  index: number,
  groups: ReadonlyMap<string, Group>,
  sources: RoutingSources,
): Route | null {
  const { report } = sources;
  const path = ['routes', index];
  const names = Object.keys(sources.entries);
  if ((entry.group === undefined) === (entry.stations === undefined)) {
    const what =
      entry.group === undefined
        ? 'does not say which stations it is for'
        : 'says twice which stations it is for';
    const isReported = [path, [...path, 'group'], [...path, 'stations']].some((one) => report.has(one));
    if (!isReported) report.add(path, what, 'write either group or stations');
  }
  if (entry.group !== undefined && !groups.has(entry.group)) {
    const nearest = nearestName(entry.group, groups.keys());
    report.add(
      [...path, 'group'],
      `there is no group ${JSON.stringify(entry.group)}`,
      nearest === null
        ? `the groups are ${[...groups.keys()].join(', ') || 'none so far'}`
        : `did you mean ${nearest}?`,
    );
  }
  const { primary } = entry;
  if (primary !== undefined && !names.includes(primary))
    report.add([...path, 'primary'], ...unknownBackend(primary, names));
  for (const [action, backend] of Object.entries(entry.actions))
    checkAction(action, backend, primary, [...path, 'actions', action], sources);
  const observers = readObservers(entry, path, sources);
  const keys = readKeyOwners(entry, path, sources);
  checkOwnAnswers(entry, path, report);
  const whenDown = readWhenDown(entry, path, report);
  if (primary === undefined) return null;
  return {
    stations: patternsOf(entry.stations),
    group: entry.group ?? null,
    assignment: {
      route: index,
      group: entry.group ?? null,
      primary,
      actions: new Map(Object.entries(entry.actions)),
      observers,
      standbys: [],
      keys,
      localAnswers: new Set(ownAnswersOf(entry)),
      clock: entry.clock,
      whenDown,
      authorizeWhenDown: entry.authorizeWhenDown,
    },
  };
}

function checkAction(
  action: string,
  backend: string,
  primary: string | undefined,
  path: KeyPath,
  { entries, report }: RoutingSources,
): void {
  if (!isActionName(action))
    report.add(path, 'this is not the name of an OCPP action', 'write it as OCPP does, such as DataTransfer');
  if (primaryOnlyActions.has(action))
    report.add(
      path,
      'boots, transactions, meter values and security events have one authority, the primary: a station’s link depends on where they go',
      'remove it',
    );
  if (!Object.hasOwn(entries, backend)) {
    report.add(path, ...unknownBackend(backend, Object.keys(entries)));
    return;
  }
  if (backend === primary) {
    report.add(path, `${backend} is the primary of this route, and has this action anyway`, 'remove it');
    return;
  }
  const noVersion = explainNoVersion(backend, primary, { entries });
  if (noVersion !== null) report.add(path, ...noVersion);
}

/** What Busbar answers itself must be nobody else's, and not speak of a time that is another's. */
function checkOwnAnswers(entry: RouteEntry, path: KeyPath, report: Report): void {
  const at = [...path, 'localAnswers'];
  const own = ownAnswersOf(entry);
  if (own.includes('Heartbeat') && entry.clock === 'relay')
    report.add(
      at,
      'the answer to a Heartbeat holds the time, and with clock: relay the station sees its primary’s, which Busbar does not know',
      'add clock: own, or leave Heartbeat to the primary',
    );
  for (const action of own) {
    const authority = Object.hasOwn(entry.actions, action) ? entry.actions[action] : undefined;
    if (authority !== undefined && !primaryOnlyActions.has(action))
      report.add(
        at,
        `actions gives ${action} to ${authority}, and only one can answer it`,
        'keep one of the two',
      );
  }
}

function ownAnswersOf({ localAnswers }: RouteEntry): readonly string[] {
  return localAnswers === 'none' ? [] : localAnswers;
}

/**
 * Reports routes that an earlier one leaves nothing for. Sound, not complete: a pattern covers another when it matches it as a text, since each of
 * the other's stars then stands under one of its own.
 */
function reportUnreachable(
  entries: readonly RouteEntry[],
  groups: ReadonlyMap<string, Group>,
  report: Report,
): void {
  const taken: { pattern: string; route: number }[] = [];
  const groupsSeen = new Map<string, number>();
  for (const [index, entry] of entries.entries()) {
    const group = entry.group === undefined ? undefined : groups.get(entry.group);
    const patterns = entry.group === undefined ? patternsOf(entry.stations) : (group?.stations ?? ['*']);
    if (patterns === null || (entry.group !== undefined && group === undefined)) continue;
    const sameGroup = entry.group === undefined ? undefined : groupsSeen.get(entry.group);
    const covering = patterns.map((pattern) => taken.find((one) => matchesPattern(one.pattern, pattern)));
    const earlier =
      sameGroup ?? (covering.every((one) => one !== undefined) ? covering[0]?.route : undefined);
    if (earlier !== undefined)
      report.add(
        ['routes', index],
        `can never match: routes[${earlier}] comes first and takes the same stations`,
        'move it up, or remove it',
      );
    if (entry.group !== undefined && !groupsSeen.has(entry.group)) groupsSeen.set(entry.group, index);
    if (entry.group === undefined || isOnlyPatterns(group))
      taken.push(...patterns.map((pattern) => ({ pattern, route: index })));
  }
}

function isOnlyPatterns(group: Group | undefined): boolean {
  if (group === undefined || group.stations === null) return false;
  return group.vendor === null && group.model === null && group.firmware === null && group.tags === null;
}

function patternsOf(value: string | readonly string[] | undefined): readonly string[] | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? [value] : value;
}
