/**
 * The door for stations: upgrade requests that passed identity, credentials and certificate, waiting for a decision.
 */
import type { StationId } from '../protocol/station-id.ts';
import type { OcppVersion } from '../protocol/version.ts';
import type { Secret } from '../std/secret.ts';
import type { Link, LinkHandler } from './link.ts';
import type { ListenerSettings } from './settings.ts';

/** One upgrade request. Exactly one of `accept` and `refuse` answers it; afterwards both do nothing. */
export interface Arrival {
  readonly station: StationId;
  /** Subprotocols in the station's order; empty when it named none. */
  readonly offered: readonly string[];
  /** Remote address, for logs. */
  readonly peer: string;
  /** A credential or client certificate was checked. */
  readonly isAuthenticated: boolean;
  /** The Basic password as presented, for the one backend that owns it (`forward: true`); null when there was none. */
  readonly credential: Secret | null;
  /** Completes the upgrade. Null when the peer is gone already. Nothing reaches the handler before this returns. */
  accept<Owner>(version: OcppVersion, handler: LinkHandler<Owner>, owner: Owner): Link | null;
  /** Answers with an HTTP status and closes. `reason` is a sentence for the body; it holds no secret. */
  refuse(status: number, reason: string, retryAfterS: number | null): void;
  /** Called once if the peer leaves, or the listener's upgrade deadline passes, before an answer. */
  onGone: (() => void) | null;
}

/** Why the listener itself refused, before any station was involved; the label of `busbar_refusals_total{reason}`. */
export type DoorRefusal =
  | 'bad_request'
  | 'bad_identity'
  | 'unknown_station'
  | 'bad_credentials'
  | 'bad_certificate'
  | 'origin_not_allowed'
  | 'too_many_handshakes'
  | 'too_many_attempts'
  | 'not_accepting'
  | 'timed_out';

export interface Door {
  onArrival(arrival: Arrival): void;
  onRefused(refusal: DoorRefusal, status: number, peer: string, station: StationId | null): void;
}

export interface Listener {
  /** The port actually bound. */
  readonly port: number;
  /** New handshakes use these from now on; open links stay. */
  update(settings: ListenerSettings): void;
  /** Stops accepting; open links stay. */
  stopAccepting(): void;
  close(): Promise<void>;
}
