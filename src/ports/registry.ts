/**
 * What the control plane may read of the data plane: immutable snapshots, made when asked for.
 */
import type { AskedSetting } from '../core/commands/asked-settings.ts';
import type { PlacedKind } from '../core/commands/placed-object.ts';
import type { PlacedObjects } from '../core/commands/placed-objects.ts';
import type { JournalRecord } from '../core/journal/record.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { OcppVersion } from '../protocol/version.ts';
import type { PlacementSnapshot } from './assignments.ts';

/** A station, as `GET /stations` gives it. */
export interface StationSnapshot {
  readonly id: StationId;
  readonly connected: boolean;
  readonly version: OcppVersion | null;
  readonly vendor: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
  readonly group: string | null;
  readonly site: string | null;
  readonly tags: readonly string[];
  /** Of a station that is away: the one it will come back to. */
  readonly primary: string | null;
  /** What was decided of it beside its route; null: its route alone decides. */
  readonly placement: PlacementSnapshot | null;
  /** RFC 3339: its last frame, while it is connected, pongs too; else the last change of its link. null when never seen. */
  readonly lastSeenAt: string | null;
  readonly backends: readonly StationBackendSnapshot[];
  /** The charging profiles, display messages and default tariffs that it was given through Busbar and has; null: none is known. */
  readonly objects: PlacedObjects | null;
  /** What it is just being given, and by whom; null: nothing. */
  readonly placing: { readonly kind: PlacedKind; readonly backend: string } | null;
  /** The newest commands that are over, newest first; a few. */
  readonly recentCommands: readonly CommandSnapshot[];
}

export interface StationBackendSnapshot {
  readonly backend: string;
  /**
   * `authority`: not the primary, but the authority for some actions. `observer`: gets copies. `standby`: told of the station, so that it can be cut over to it.
   * `draining`: the primary before, which still has open transactions, or a backend that messages are held for while the station is placed nowhere or elsewhere. An
   * authority that observes too is an authority, and an observer that stands by an observer.
   */
  readonly role: 'primary' | 'observer' | 'authority' | 'standby' | 'draining';
  readonly link: 'idle' | 'dialling' | 'open' | 'waiting';
  /** How far it knows the station; null while it has no link, and for one that is told nothing by Busbar itself. */
  readonly state: PrimingState | null;
  /** Calls from the station that wait for this backend. */
  readonly laneDepth: number;
  /** Messages of the station that it has yet to get and that leave by themselves; those that do not before an operator decides. */
  readonly held: number;
  readonly parked: number;
  /** What the texts of both weigh, roughly. */
  readonly heldBytes: number;
  /** Copies that were not sent because its lane was full. */
  readonly dropped: number;
  readonly lastError: string | null;
  /** Its clock less Busbar's, by its last `currentTime`, milliseconds; null: none was seen. */
  readonly clockSkewMs: number | null;
  /** Settings of the station that it asked for and may not write; a few, oldest first. */
  readonly asked: readonly AskedSetting[];
  /** The open ones, as it knows them. */
  readonly transactions: readonly TransactionSnapshot[];
}

/** How far a backend was told of a station that was there before it: boot, statuses, one heartbeat. */
export type PrimingState =
  | 'connecting'
  | 'registering'
  | 'pending'
  | 'priming'
  | 'synced'
  | 'rejected'
  | 'failed';

export interface TransactionSnapshot {
  /** As this backend knows it; a number in OCPP 1.6, and null while the backend has not given it a usable one. */
  readonly id: string | null;
  /** As the station knows it; null while nobody has answered its start. */
  readonly stationId: string | null;
  /** null where it is not known. */
  readonly connector: number | null;
  /** RFC 3339; null where it began before Busbar was there. */
  readonly startedAt: string | null;
}

export interface CommandSnapshot {
  /** When it was asked for, RFC 3339. */
  readonly at: string;
  /** The backend's name, or `operator`. */
  readonly from: string;
  readonly action: string;
  /** `refused` by Busbar; `expired` before its turn came; `unknown`: sent, and no answer came. */
  readonly outcome: 'result' | 'error' | 'refused' | 'expired' | 'unknown';
  /** From asking to the answer. */
  readonly tookMs: number;
}

export interface BackendSnapshot {
  readonly name: string;
  /** The template, with `***` for what its query holds. */
  readonly url: string;
  readonly versions: readonly OcppVersion[];
  readonly linksOpen: number;
  readonly linksDialling: number;
  readonly linksWaiting: number;
  readonly stationsPrimary: number;
  /** Of all stations; see StationBackendSnapshot. */
  readonly held: number;
  readonly parked: number;
  readonly heldBytes: number;
  /** What is on record of it, times RFC 3339; null: billing is not at risk. See core/hold/billing-risk.ts. */
  readonly billingAtRisk: {
    readonly since: string;
    /** The most at once since then. */
    readonly stations: number;
    readonly messages: number;
    readonly oldest: string;
  } | null;
  readonly lastError: string | null;
}

export interface Registry {
  station(id: StationId): StationSnapshot | null;
  stations(): IterableIterator<StationSnapshot>;
  backends(): BackendSnapshot[];
  /** The names of those that are configured. */
  groups(): readonly string[];
  readonly connectedCount: number;
}

/** The live stream of what was journalled, after its commit. */
export interface JournalFeed {
  /** `listener` gets every committed record with its position, in order. Returns how to stop. A listener never blocks: it copies or drops. */
  subscribe(listener: (record: JournalRecord, position: number) => void): () => void;
}
