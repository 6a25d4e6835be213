/**
 * The data plane as others see it: immutable snapshots, made when asked for.
 *
 * Not pure only in that it reads live state; it changes nothing.
 */
import type { BillingRisk } from '../core/hold/billing-risk.ts';
import type { DurableStation } from '../core/journal/record.ts';
import { place } from '../core/routing/placement.ts';
import { shownUrl } from '../core/routing/backend-address.ts';
import { assign, isMember, type Assignment, type StationFacts } from '../core/routing/table.ts';
import { ownsOpen } from '../core/ids/transactions.ts';
import { askedBy } from '../core/commands/asked-settings.ts';
import { placedBy, resumeObjects } from '../core/commands/placed-objects.ts';
import { laneDepth } from '../core/station/slot.ts';
import {
  durableStation,
  type BackendLink,
  type RecentCommand,
  type StationState,
} from '../core/station/state.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { Clock } from '../ports/clock.ts';
import type {
  BackendSnapshot,
  CommandSnapshot,
  Registry,
  StationBackendSnapshot,
  StationSnapshot,
  TransactionSnapshot,
} from '../ports/registry.ts';
import type { BackendHeld, Deliveries } from '../ports/deliveries.ts';
import type { BackendSettings } from '../ports/settings.ts';
import { isoTime } from '../std/iso-time.ts';
import type { DataPlane } from './data-plane.ts';
import { placementSnapshot } from './assignments.ts';
import { heldIn, heldLanesOf } from './deliveries.ts';

export function createRegistry(plane: DataPlane, deliveries: Pick<Deliveries, 'heldByBackend'>): Registry {
  const station = (id: StationId): StationSnapshot | null => {
    const state = plane.drivers.get(id)?.state;
    if (state !== undefined) return stationSnapshot(plane, id, state.durable, state);
    const durable = plane.remembered.get(id) ?? (plane.settings.listener.known.has(id) ? unseen : undefined);
    return durable === undefined ? null : stationSnapshot(plane, id, durable, null);
  };
  return {
    station,
    stations: function* stations() {
      const { drivers, remembered, settings } = plane;
      // Taken first: whoever walks in slices would pass by a station that comes meanwhile, and meet one that is forgotten twice.
      const ids = new Set(drivers.keys());
      for (const [id] of remembered) ids.add(id);
      for (const id of settings.listener.known.keys()) ids.add(id);
      for (const id of ids) {
        const snapshot = station(id);
        if (snapshot !== null) yield snapshot;
      }
    },
    backends: () => {
      const held = deliveries.heldByBackend();
      return [...plane.settings.backends.values()].map((backend) =>
        backendSnapshot(plane, backend, held.get(backend.name)),
      );
    },
    groups: () => [...plane.context.routing.groups.keys()],
    get connectedCount() {
      let count = 0;
      for (const { state } of plane.drivers.values()) if (state.link !== null) count += 1;
      return count;
    },
  };
}

/** A station that is configured and never came. */
const unseen = durableStation({});

function stationSnapshot(
  plane: DataPlane,
  id: StationId,
  durable: DurableStation,
  state: StationState | null,
): StationSnapshot {
  const known = plane.settings.listener.known.get(id);
  const { boot } = durable;
  const facts = {
    id,
    tags: known?.tags ?? [],
    vendor: boot?.vendor ?? null,
    model: boot?.model ?? null,
    firmware: boot?.firmware ?? null,
  };
  const groups = [...plane.context.routing.groups.values()];
  return {
    ...facts,
    connected: state?.link != null,
    version: state?.link?.version ?? durable.version,
    group: groups.find((group) => isMember(group, facts))?.name ?? null,
    site: known?.site ?? null,
    primary: (state?.assignment ?? comingTo(plane, facts, durable))?.primary ?? null,
    placement: placementSnapshot(durable.placement),
    lastSeenAt: lastSeenAt(plane.clock, durable, state),
    backends: backendsOf(plane, id, durable, state),
    // One that has not connected yet is as an older program may have saved it.
    objects: resumeObjects(durable),
    placing: placingOf(state),
    recentCommands: (state?.recentCommands ?? []).toReversed().map(commandSnapshot),
  };
}

/** While it is connected, any frame of it counts; afterwards the end of its link, the last that is kept of it. */
function lastSeenAt(clock: Clock, durable: DurableStation, state: StationState | null): string | null {
  const heardAtMs = state?.link?.heard.heardAtMs;
  const at = heardAtMs === undefined ? durable.lastSeenAt : clock.wallMs() - (clock.nowMs() - heardAtMs);
  return at === null ? null : isoTime(at);
}

function placingOf(state: StationState | null): StationSnapshot['placing'] {
  const slot = state?.link?.slot ?? null;
  const kind = slot === null ? null : placedBy(slot.action);
  return slot === null || kind === null ? null : { kind, backend: slot.from };
}

/** Where a station that is away will be. */
function comingTo(plane: DataPlane, facts: StationFacts, { placement }: DurableStation): Assignment | null {
  const routed = assign(plane.context.routing, facts);
  return routed === null ? null : place(routed, placement);
}

/** The backends that it is attached to, and then those that messages are held for all the same. */
function backendsOf(
  plane: DataPlane,
  id: StationId,
  durable: DurableStation,
  state: StationState | null,
): StationBackendSnapshot[] {
  const lanes = new Map(heldLanesOf(plane, id).map((lane) => [lane.backend, lane]));
  const links = new Map(
    (state?.backends ?? [])
      .filter((link) => isAttached(state, link) || lanes.has(link.backend))
      .map((link) => [link.backend, link]),
  );
  return [...new Set([...links.keys(), ...lanes.keys()])].map((backend): StationBackendSnapshot => {
    const link = links.get(backend) ?? null;
    const lane = lanes.get(backend);
    const { held, parked, bytes } = lane === undefined ? nothingHeld : heldIn(plane, lane);
    return {
      backend,
      role: roleOf(state?.assignment ?? null, durable, backend),
      link: link?.phase ?? 'idle',
      laneDepth: link === null ? 0 : laneDepth(link),
      held,
      parked,
      heldBytes: bytes,
      lastError: link?.lastError ?? null,
      state: link === null ? null : primingStateOf(link),
      dropped: link === null ? 0 : link.skippedInAll + link.skipped,
      clockSkewMs: link?.clockSkewMs ?? null,
      asked: askedBy(durable.asked, backend),
      transactions: transactionsOf(durable, backend),
    };
  });
}

const nothingHeld: BackendHeld = { held: 0, parked: 0, billingAtRisk: 0, bytes: 0 };

function commandSnapshot({ at, from, action, outcome, tookMs }: RecentCommand): CommandSnapshot {
  return { at: isoTime(at), from, action, outcome, tookMs };
}

/** The open transactions that this backend knows, and as what. */
function transactionsOf({ ids }: DurableStation, backend: string): TransactionSnapshot[] {
  return ids.transactions.flatMap(({ state, family, ext, connectorId, startedAt, ids: names }) => {
    const name = Object.hasOwn(names, backend) ? names[backend] : undefined;
    if (state !== 'open' || name === undefined) return [];
    const isNamed = name !== 'pending' && name !== 'none';
    const id = family === 'v2' ? ext : isNamed ? name : null;
    return [{ id, stationId: ext, connector: connectorId, startedAt }];
  });
}

/** A link that is not open is on its way; one that Busbar tells nothing has no state of its own. */
function primingStateOf({ phase, priming }: BackendLink): StationBackendSnapshot['state'] {
  if (phase === 'idle') return null;
  if (phase !== 'open') return 'connecting';
  return priming.phase === 'idle' ? null : priming.phase;
}

function roleOf(
  assignment: Assignment | null,
  { ids }: DurableStation,
  backend: string,
): StationBackendSnapshot['role'] {
  if (assignment === null) return 'draining';
  if (backend === assignment.primary) return 'primary';
  if ([...assignment.actions.values()].includes(backend)) return 'authority';
  if (assignment.observers.some((observer) => observer.backend === backend)) return 'observer';
  const isStandby = assignment.standbys.includes(backend);
  return isStandby && !ownsOpen(ids, backend) ? 'standby' : 'draining';
}

function isAttached(state: StationState | null, link: BackendLink): boolean {
  const assignment = state?.assignment;
  if (assignment == null) return link.phase !== 'idle';
  return (
    link.phase !== 'idle' ||
    assignment.standbys.includes(link.backend) ||
    roleOf(assignment, state?.durable ?? unseen, link.backend) !== 'draining'
  );
}

function backendSnapshot(
  plane: DataPlane,
  backend: BackendSettings,
  { held, parked, bytes }: BackendHeld = nothingHeld,
): BackendSnapshot {
  const counts = { open: 0, dialling: 0, waiting: 0, idle: 0 };
  let stationsPrimary = 0;
  let lastError: string | null = null;
  for (const { state } of plane.drivers.values()) {
    if (state.link !== null && state.assignment?.primary === backend.name) stationsPrimary += 1;
    for (const link of state.backends) {
      if (link.backend !== backend.name) continue;
      counts[link.phase] += 1;
      lastError = link.lastError ?? lastError;
    }
  }
  return {
    name: backend.name,
    url: shownUrl(backend.url),
    versions: backend.versions,
    linksOpen: counts.open,
    linksDialling: counts.dialling,
    linksWaiting: counts.waiting,
    stationsPrimary,
    held,
    parked,
    heldBytes: bytes,
    billingAtRisk: riskSnapshot(plane.risks.get(backend.name)),
    lastError,
  };
}

function riskSnapshot(risk: BillingRisk | undefined): BackendSnapshot['billingAtRisk'] {
  if (risk === undefined) return null;
  const { since, stations, messages, oldest } = risk;
  return { since: isoTime(since), stations, messages, oldest: isoTime(oldest) };
}
