/**
 * A fleet without sockets: stations as the control plane sees and moves them, for tests of migrations with many of them.
 *
 * It keeps the promises of the ports that it stands for: a decision is durable, settles after a while, and is refused for the reasons that a station's machine has.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AskedSetting } from '../core/commands/asked-settings.ts';
import type { JournalRecord } from '../core/journal/record.ts';
import type { AssignmentMade, Assignments, PlacementSnapshot } from '../ports/assignments.ts';
import type { JournalFeed, Registry, StationBackendSnapshot, StationSnapshot } from '../ports/registry.ts';
import type { CommandOutcome, StationCommander } from '../ports/station-commander.ts';
import { fromOperator } from '../core/station/state.ts';
import type { StationId } from '../protocol/station-id.ts';
import { ProfileHolder } from './profile-holder.ts';

export interface FleetStationState {
  readonly id: StationId;
  primary: string;
  before: string | null;
  /** Backends that are told of it, the primary aside. */
  readonly ready: Set<string>;
  isConnected: boolean;
  /** A refusal for every cutover; null: none. */
  refusal: 'firmware_update' | 'reservation' | 'transaction_open' | null;
  transactions: number;
  held: number;
  readonly settings: Map<string, string>;
  /** What a backend that is told of it has asked it for. */
  asked: readonly AskedSetting[];
  readonly profiles: ProfileHolder;
  /** Of its local list; 0: it has none. */
  listVersion: number;
  /** Actions that it was sent. */
  readonly sent: string[];
}

export interface SimulatedFleet {
  readonly stations: ReadonlyMap<StationId, FleetStationState>;
  readonly registry: Registry;
  readonly assignments: Assignments;
  readonly commander: StationCommander;
  readonly feed: JournalFeed;
  /** Backends that no station can reach. */
  readonly down: Set<string>;
  /** Decisions under way now, and the most there ever were. */
  readonly load: { now: number; most: number };
  /** Told to whoever follows the journal. */
  publish(record: JournalRecord): void;
}

export interface SimulatedFleetOptions {
  readonly count: number;
  readonly primary: string;
  /** How long a decision takes, milliseconds. */
  readonly decisionMs?: number;
}

export function createSimulatedFleet({
  count,
  primary,
  decisionMs = 2,
}: SimulatedFleetOptions): SimulatedFleet {
  const stations = new Map<StationId, FleetStationState>();
  for (let at = 1; at <= count; at += 1) stations.set(`CP-${at}` as StationId, freshStation(at, primary));
  const down = new Set<string>();
  const load = { now: 0, most: 0 };
  const listeners = new Set<(record: JournalRecord, position: number) => void>();
  let position = 0;
  return {
    stations,
    down,
    load,
    registry: {
      station: (id) => {
        const station = stations.get(id);
        return station === undefined ? null : snapshotOf(station, down);
      },
      *stations() {
        for (const station of stations.values()) yield snapshotOf(station, down);
      },
      backends: () => [],
      groups: () => [],
      get connectedCount() {
        return stations.size;
      },
    },
    assignments: {
      decide: async (id, decision) => {
        load.now += 1;
        load.most = Math.max(load.most, load.now);
        await sleep(decisionMs);
        load.now -= 1;
        const station = stations.get(id);
        if (station === undefined) return refuse(null, 'not_routed');
        switch (decision.do) {
          case 'attach':
            return done(station, () => station.ready.add(decision.backend));
          case 'detach':
            return done(station, () => station.ready.delete(decision.backend));
          case 'cut_over':
            return cutOver(station, decision.primary, down);
          case 'roll_back':
            return rollBack(station);
        }
      },
    },
    commander: {
      command: async ({ station, action, payload }) => {
        await sleep(1);
        const found = stations.get(station);
        return found?.isConnected === true ? answer(found, action, payload) : unreachable;
      },
    },
    feed: {
      subscribe(listener) {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    publish(record) {
      position += 1;
      for (const listener of listeners) listener(record, position);
    },
  };
}

function freshStation(at: number, primary: string): FleetStationState {
  return {
    id: `CP-${at}` as StationId,
    primary,
    before: null,
    ready: new Set(),
    isConnected: true,
    refusal: null,
    transactions: 0,
    held: 0,
    settings: new Map([['MeterValueSampleInterval', '60']]),
    asked: [],
    profiles: new ProfileHolder(),
    listVersion: 0,
    sent: [],
  };
}

function snapshotOf(station: FleetStationState, down: ReadonlySet<string>): StationSnapshot {
  const { id, primary, ready, isConnected } = station;
  const backends = [...new Set([primary, ...ready])].map((backend): StationBackendSnapshot => {
    const isUp = isConnected && !down.has(backend);
    return {
      backend,
      role: backend === primary ? 'primary' : 'observer',
      link: isUp ? 'open' : 'waiting',
      state: isUp ? 'synced' : 'connecting',
      laneDepth: 0,
      held: backend === primary ? station.held : 0,
      parked: 0,
      heldBytes: 0,
      dropped: 0,
      lastError: isUp ? null : 'connect_failed',
      clockSkewMs: 0,
      asked: station.asked,
      transactions: Array.from({ length: backend === primary ? station.transactions : 0 }, (_, number) => ({
        id: String(number),
        stationId: String(number),
        connector: 1,
        startedAt: null,
      })),
    };
  });
  return {
    id,
    connected: isConnected,
    version: 'ocpp1.6',
    vendor: 'ACME',
    model: 'One',
    firmware: '1.0',
    group: null,
    site: null,
    tags: [],
    primary,
    placement: placementOf(station),
    lastSeenAt: null,
    backends,
    objects: station.profiles.known,
    placing: null,
    recentCommands: [],
  };
}

function cutOver(station: FleetStationState, to: string, down: ReadonlySet<string>): AssignmentMade {
  if (station.primary === to) return done(station, () => false);
  if (!station.isConnected) return refuse(station, 'not_connected');
  if (!station.ready.has(to) || down.has(to)) {
    station.ready.add(to);
    return refuse(station, 'not_synced');
  }
  if (station.refusal !== null) return refuse(station, station.refusal);
  return done(station, () => {
    station.before = station.primary;
    station.ready.add(station.primary);
    station.primary = to;
  });
}

function rollBack(station: FleetStationState): AssignmentMade {
  const { before } = station;
  if (before === null) return refuse(station, 'nothing_to_undo');
  return done(station, () => {
    station.ready.add(station.primary);
    station.primary = before;
    station.before = null;
  });
}

function done(station: FleetStationState, change: () => unknown): AssignmentMade {
  const before = placementOf(station);
  const isChanged = change() !== false;
  return { kind: 'done', isChanged, before, after: placementOf(station) };
}

function refuse(
  station: FleetStationState | null,
  reason: Extract<AssignmentMade, { kind: 'refused' }>['reason'],
): AssignmentMade {
  const placement = station === null ? null : placementOf(station);
  return { kind: 'refused', reason, detail: `Refused: ${reason}.`, before: placement, after: placement };
}

function placementOf({ primary, before, ready }: FleetStationState): PlacementSnapshot {
  return {
    routed: 'old',
    primary,
    before,
    observers: null,
    since: null,
    ready: [...ready].map((backend) => ({ backend, until: null })),
  };
}

const unreachable: CommandOutcome = {
  kind: 'refused',
  reason: 'not_connected',
  detail: 'The station is not connected.',
};

function answer(station: FleetStationState, action: string, payload: string): CommandOutcome {
  const { key, value } = JSON.parse(payload) as { key?: unknown; value?: string };
  station.sent.push(action);
  switch (action) {
    case 'GetConfiguration': {
      const [name] = key as [string];
      const known = station.settings.get(name);
      const body =
        known === undefined
          ? { unknownKey: [name] }
          : { configurationKey: [{ key: name, readonly: false, value: known }] };
      return { kind: 'result', payload: JSON.stringify(body) };
    }
    case 'ChangeConfiguration':
      station.settings.set(String(key), value ?? '');
      return { kind: 'result', payload: '{"status":"Accepted"}' };
    case 'GetLocalListVersion':
      return { kind: 'result', payload: `{"listVersion":${station.listVersion}}` };
    case 'SendLocalList':
      station.listVersion = (JSON.parse(payload) as { listVersion: number }).listVersion;
      return { kind: 'result', payload: '{"status":"Accepted"}' };
    case 'SetChargingProfile':
    case 'ClearChargingProfile': {
      const status = station.profiles.tell(fromOperator, action, payload);
      return { kind: 'result', payload: JSON.stringify({ status }) };
    }
    case 'ClearCache':
      return { kind: 'result', payload: '{"status":"Accepted"}' };
    default:
      return { kind: 'error', code: 'NotImplemented', description: '' };
  }
}
