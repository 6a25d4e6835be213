/**
 * What the control plane may read of the data plane: immutable snapshots, made when asked for.
 */
import type { JournalRecord } from '../core/journal/record.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { OcppVersion } from '../protocol/version.ts';

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
  readonly primary: string | null;
  /** RFC 3339, null when never seen. */
  readonly lastSeenAt: string | null;
  readonly backends: readonly StationBackendSnapshot[];
}

export interface StationBackendSnapshot {
  readonly backend: string;
  /** `authority`: not the primary, but the authority for some actions. */
  readonly role: 'primary' | 'authority';
  readonly link: 'idle' | 'dialling' | 'open' | 'waiting';
  /** Calls from the station that wait for this backend. */
  readonly laneDepth: number;
  readonly lastError: string | null;
}

export interface BackendSnapshot {
  readonly name: string;
  /** Without credentials. */
  readonly url: string;
  readonly versions: readonly OcppVersion[];
  readonly linksOpen: number;
  readonly linksDialling: number;
  readonly linksWaiting: number;
  readonly stationsPrimary: number;
  readonly lastError: string | null;
}

export interface Registry {
  station(id: StationId): StationSnapshot | null;
  stations(): IterableIterator<StationSnapshot>;
  backends(): BackendSnapshot[];
  readonly connectedCount: number;
}

/** The live stream of what was journalled, after its commit. */
export interface JournalFeed {
  /** `listener` gets every committed record with its position, in order. Returns how to stop. A listener never blocks: it copies or drops. */
  subscribe(listener: (record: JournalRecord, position: number) => void): () => void;
}
