/**
 * Which backend is the authority for a station, and for one of its actions.
 *
 * Pure. The table is an immutable snapshot that a reload replaces as a whole; first match wins. Assignments are shared objects, one per
 * route, so that "did anything change for this station" is a comparison of two references.
 */
import type { StationId } from '../../protocol/station-id.ts';
import type { MessageClass } from '../../protocol/message-class.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { compareFirmware, type FirmwareCondition } from './firmware.ts';
import { matchesPattern } from './pattern.ts';

/** What a route may ask about a station. */
export interface StationFacts {
  readonly id: StationId;
  readonly tags: readonly string[];
  readonly vendor: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
}

/** A named set of stations: every condition that is given must match; a pattern list matches when one of its patterns does. */
export interface Group {
  readonly name: string;
  readonly stations: readonly string[] | null;
  readonly vendor: string | null;
  readonly model: string | null;
  readonly firmware: FirmwareCondition | null;
  /** The station must carry all of them. */
  readonly tags: readonly string[] | null;
}

export interface Route {
  /** Identity patterns (`*` stands for any run of characters), or the group's name. Exactly one is given. */
  readonly stations: readonly string[] | null;
  readonly group: string | null;
  readonly assignment: Assignment;
}

/** What a route gives a station. */
export interface Assignment {
  /** Which entry of `routes`, from 0. */
  readonly route: number;
  readonly group: string | null;
  readonly primary: string;
  /** Another authority for a station's call of that action, and for that backend's commands of it. */
  readonly actions: ReadonlyMap<string, string>;
  /** Backends that get copies; none of them is the primary. A backend stands in it once. */
  readonly observers: readonly Observer[];
  /** Backends that are kept ready to become the primary: by decision, not by the route. */
  readonly standbys: readonly string[];
  /** Who beside the primary may write which configuration keys; the first pattern that matches a key decides. */
  readonly keys: readonly KeyOwner[];
  /** Actions of the station that Busbar answers itself though the primary is up. */
  readonly localAnswers: ReadonlySet<string>;
  /** Whose `currentTime` the station sees: its primary's, or Busbar's. */
  readonly clock: 'relay' | 'own';
  /** What happens while the primary is down. */
  readonly whenDown: WhenDown;
  /** Whom Busbar lets charge meanwhile: nobody, those whom the primary let charge before, everybody. */
  readonly authorizeWhenDown: AuthorizePolicy;
}

/**
 * `covers`: Busbar answers the station and holds what the primary must still get; otherwise the station's link is closed, and it keeps its messages itself. Covering
 * ends after so long, or with so many messages held for one station; then the link is closed.
 */
export interface WhenDown {
  readonly covers: boolean;
  /** Infinity: no end. */
  readonly untilMs: number;
  readonly untilMessages: number;
}

export type AuthorizePolicy = 'deny' | 'known' | 'all';

export const disconnects: WhenDown = { covers: false, untilMs: 0, untilMessages: 0 };

/** One primary that has and answers everything: what a route gives that says no more. */
export function plainAssignment(route: number, primary: string): Assignment {
  return {
    route,
    group: null,
    primary,
    actions: new Map(),
    observers: [],
    standbys: [],
    keys: [],
    localAnswers: new Set(),
    clock: 'relay',
    whenDown: disconnects,
    authorizeWhenDown: 'known',
  };
}

/** A backend that gets copies of what a station says, and may do at most what is listed. */
export interface Observer {
  readonly backend: string;
  readonly receives: ReadonlySet<MessageClass>;
  /** Actions it may send to the station; none by default. */
  readonly commands: ReadonlySet<string>;
}

/** The one backend that may write the configuration keys (1.6) or variables (2.x, as `Component.Variable`) that match. */
export interface KeyOwner {
  readonly pattern: string;
  readonly backend: string;
}

/** What a station must know of a backend. `revision` changes whenever its links have to be dialled anew. */
export interface BackendFacts {
  readonly name: string;
  readonly versions: readonly OcppVersion[];
  readonly callTimeoutMs: number;
  readonly redialFromMs: number;
  readonly redialToMs: number;
  /** It bills nobody: it may be given transactions and tokens as an observer. */
  readonly nonBilling: boolean;
  /** How long it must have been reachable before it is sent what was held for it, once it has come and gone a few times. */
  readonly holdDownMs: number;
  readonly revision: string;
}

export interface RoutingTable {
  readonly groups: ReadonlyMap<string, Group>;
  readonly routes: readonly Route[];
  readonly backends: ReadonlyMap<string, BackendFacts>;
}

/** The first route that matches, or null when none does. */
export function assign(table: RoutingTable, facts: StationFacts): Assignment | null {
  for (const route of table.routes) {
    if (route.stations !== null && matchesAny(route.stations, facts.id)) return route.assignment;
    if (route.group !== null) {
      const group = table.groups.get(route.group);
      if (group !== undefined && isMember(group, facts)) return route.assignment;
    }
  }
  return null;
}

/** Whether the station belongs to the group. What is not known yet does not match a condition on it. */
export function isMember(group: Group, facts: StationFacts): boolean {
  if (group.stations !== null && !matchesAny(group.stations, facts.id)) return false;
  if (group.vendor !== null && !matchesKnown(group.vendor, facts.vendor)) return false;
  if (group.model !== null && !matchesKnown(group.model, facts.model)) return false;
  if (
    group.firmware !== null &&
    (facts.firmware === null || !compareFirmware(facts.firmware, group.firmware))
  )
    return false;
  return group.tags === null || group.tags.every((tag) => facts.tags.includes(tag));
}

function matchesAny(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, text));
}

function matchesKnown(pattern: string, text: string | null): boolean {
  return text !== null && matchesPattern(pattern, text);
}
