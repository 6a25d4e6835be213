/**
 * The door for stations: upgrade requests that passed identity, credentials and certificate, waiting for a decision.
 */
import type { Result } from '../std/result.ts';
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

/** What the client certificate of a TLS connection says; it was asked for only with `auth: certificate`. */
export interface PeerCertificate {
  /** Null when the chain leads to one of our CAs and nothing is wrong; else OpenSSL's word, such as `CERT_HAS_EXPIRED`. */
  readonly chainFault: string | null;
  /** Every CN of the subject, in its order. */
  readonly commonNames: readonly string[];
  /** Milliseconds since 1970. Checked again for each connection, since a resumed TLS session is not verified anew. */
  readonly validFromMs: number;
  readonly validToMs: number;
}

/** One upgrade request, as far as the question who it is goes. */
export interface EntryRequest {
  readonly station: StationId;
  /** Remote address. */
  readonly peer: string;
  /** Every Authorization header that came, in order. */
  readonly authorization: readonly string[];
  /** Null when there was none. */
  readonly certificate: PeerCertificate | null;
}

/** The gatekeeper's answer; a refusal holds what the station is told and never says which part of a credential was wrong. */
export type Entry =
  | { readonly isAdmitted: true; readonly isAuthenticated: boolean; readonly credential: Secret | null }
  | {
      readonly isAdmitted: false;
      readonly refusal: DoorRefusal;
      readonly status: 401 | 403 | 404 | 429;
      readonly reason: string;
      readonly retryAfterS: number | null;
    };

/** Decides who may enter, before the upgrade is answered. Synchronous, and costs microseconds whatever it is given. */
export interface Gatekeeper {
  admit(request: EntryRequest): Entry;
  /** The next request is judged by these. Counted failures stay. */
  update(settings: ListenerSettings): void;
}

export interface Door {
  onArrival(arrival: Arrival): void;
  /** `detail`: what the peer was told, or the TLS library's word for what went wrong; null: the refusal says all. */
  onRefused(
    refusal: DoorRefusal,
    status: number,
    peer: string,
    station: StationId | null,
    detail: string | null,
  ): void;
}

export interface Listener {
  /** The port actually bound. */
  readonly port: number;
  /** When the first of the certificates that stations are shown runs out, milliseconds since 1970; null without TLS. */
  readonly certificatesEndMs: number | null;
  /**
   * New handshakes use these from now on; open links stay. Host and port are not looked at: another address is another listener.
   * A fault (a key that does not fit its certificate) leaves everything as it was.
   */
  update(settings: ListenerSettings): Result<null, ListenerFault>;
  /** From now on every upgrade request is answered with 503; open links stay. */
  stopAccepting(): void;
  /** Frees the port and cuts what is left. */
  close(): Promise<void>;
}

/** `message` is for the operator: what, where, why. */
export interface ListenerFault {
  readonly message: string;
}
