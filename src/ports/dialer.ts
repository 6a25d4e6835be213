/**
 * How a backend link is opened: one station's, with that backend's address, identity and credentials.
 */
import type { StationId } from '../protocol/station-id.ts';
import type { OcppVersion } from '../protocol/version.ts';
import type { Secret } from '../std/secret.ts';
import type { DialFault } from '../core/station/events.ts';
import type { BackendSettings, KnownStation } from './settings.ts';
import type { Link, LinkHandler } from './link.ts';

export interface DialRequest {
  readonly station: StationId;
  /** Its configuration entry, which may name it otherwise at this backend; null when it is not listed. */
  readonly known: KnownStation | null;
  readonly backend: BackendSettings;
  /** Exactly one subprotocol is offered; a backend that answers another, or none, is refused. */
  readonly version: OcppVersion;
  /** The station's own password, where this backend's credentials say `forward`; else null. */
  readonly forwarded: Secret | null;
}

export interface DialOutcome<Owner> {
  onOpened(owner: Owner, link: Link): void;
  /** `detail` is for operators: status, system error code, certificate fault. It holds no secret and no URL credentials. */
  onRefused(owner: Owner, fault: DialFault, detail: string): void;
}

export interface Dialer {
  /** Dials; exactly one of the outcome's functions is called, never before this returns. The function given back abandons the dial: then neither is called. */
  dial<Owner>(
    request: DialRequest,
    handler: LinkHandler<Owner>,
    outcome: DialOutcome<Owner>,
    owner: Owner,
  ): () => void;
}
