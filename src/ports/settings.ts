/**
 * Settings as the running gateway takes them: every default filled in, every secret read, every reference checked.
 *
 * Types only. Made by control/configuration from `busbar.yaml`; immutable; a reload makes a new one.
 */
import type { RoutingTable } from '../core/routing/table.ts';
import type { StationSettings } from '../core/station/events.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { OcppVersion } from '../protocol/version.ts';
import type { Secret } from '../std/secret.ts';

export interface Settings {
  readonly listener: ListenerSettings;
  readonly admin: AdminSettings;
  /** `file` is a path, or `:memory:` for a journal that does not outlive the process. */
  readonly storage: { readonly kind: 'sqlite'; readonly file: string };
  readonly retention: { readonly framesMs: number; readonly bytesMax: number };
  readonly backends: ReadonlyMap<string, BackendSettings>;
  readonly routing: RoutingTable;
  readonly station: StationSettings;
  readonly links: LinkLimits;
}

export interface ListenerSettings {
  readonly host: string;
  readonly port: number;
  readonly tls: ServerTls | null;
  readonly admit: 'any' | 'listed';
  /** 401 instead of 404 for an identity that is not listed. */
  readonly hideUnknown: boolean;
  readonly auth: 'none' | 'basic' | 'certificate';
  readonly known: ReadonlyMap<StationId, KnownStation>;
  readonly limits: LinkLimits;
}

/** PEM texts, read from the files: several certificate and key pairs serve one port (RSA and ECDSA). */
export interface ServerTls {
  readonly pairs: readonly { readonly cert: string; readonly key: Secret }[];
  readonly clientCa: readonly string[] | null;
}

export interface KnownStation {
  /** Octets as configured. Text of 2 × n hexadecimal digits is also accepted from the station as n bytes, and the other way round. */
  readonly password: Secret | null;
  readonly certificate: { readonly commonName: string } | null;
  readonly tags: readonly string[];
  readonly site: string | null;
  /** Backend name -> the identity that backend knows the station by. */
  readonly identities: ReadonlyMap<string, string>;
}

export interface BackendSettings {
  readonly name: string;
  /** May hold `{station}`, which stands for the identity this backend knows, percent-encoded. */
  readonly url: string;
  /** Template of that identity; `{station}` stands for the station's own. A known station's `identities` entry wins. */
  readonly identity: string;
  readonly versions: readonly OcppVersion[];
  /** The station's own credentials go to the one backend that says `forward`. */
  readonly credentials:
    | { readonly kind: 'none' }
    /** One password for all stations, or one for each that has one. */
    | { readonly kind: 'password'; readonly password: Secret | ReadonlyMap<StationId, Secret> }
    | { readonly kind: 'forward' };
  readonly headers: ReadonlyMap<string, string>;
  readonly tls: {
    readonly ca: readonly string[] | null;
    readonly cert: string | null;
    readonly key: Secret | null;
  };
  readonly callTimeoutMs: number;
  readonly redialFromMs: number;
  readonly redialToMs: number;
  /** Dials a second; Infinity: no pace. */
  readonly connectsPerSecond: number;
  /** Held messages a second at most; Infinity: no pace. */
  readonly deliveriesPerSecond: number;
}

/** Bounds of one link, on by default. */
export interface LinkLimits {
  readonly stationFrameBytes: number;
  readonly backendFrameBytes: number;
  readonly fragmentsMax: number;
  /** Time for a message to be whole once its first byte came. */
  readonly messageTimeoutMs: number;
  readonly controlFramesPerSecond: number;
  readonly handshakesMax: number;
  readonly handshakeTimeoutMs: number;
  readonly upgradeTimeoutMs: number;
  readonly headerBytes: number;
  readonly closeTimeoutMs: number;
  /** Failed credentials per minute, by source address and by identity. */
  readonly failuresPerMinute: number;
  /** Above it reading from the other side stops; above `bufferedBytesMax` the link is cut. */
  readonly congestedBytes: number;
  readonly bufferedBytesMax: number;
}

export interface AdminSettings {
  readonly host: string;
  readonly port: number;
  /** Empty: loopback only, everyone there is admin. */
  readonly tokens: readonly AdminToken[];
}

export interface AdminToken {
  readonly name: string;
  readonly role: 'viewer' | 'operator' | 'admin';
  /** SHA-256 of the token, hexadecimal. */
  readonly hash: string;
}
