/**
 * What the journal holds: everything that happened to a station, and the little that happened to a backend for all of its stations, in order.
 *
 * Pure. A record is made inside `step` and gets its position from the journal. Two positions are used by a frame that was
 * received and relayed in the same step, one for each hop, so that every frame on every link has its own.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import type { FrameKind } from '../../protocol/frame.ts';
import type { StationId } from '../../protocol/station-id.ts';
import type { Inventory, InventoryChange } from '../commands/inventory.ts';
import type { AskedSetting, AskedSettings, SettingName } from '../commands/asked-settings.ts';
import type { PlacedChange, PlacedObjects } from '../commands/placed-objects.ts';
import type { IdChange } from '../ids/change.ts';
import type { BillingChange, BillingRisk } from '../hold/billing-risk.ts';
import type { Delivery, HeldMessage, LearnedToken } from '../hold/held-message.ts';
import type { IdLedger } from '../ids/ledger.ts';
import type { Verdict } from '../priming/priming.ts';
import type { MissedStatus, StationImage } from '../priming/station-image.ts';
import type { Placement } from '../routing/placement.ts';

/** `station`, or `backend:` and its configured name. */
export type LinkName = 'station' | `backend:${string}`;

/**
 * What became of a received frame.
 *
 * `relayed`: sent on in the same step. `queued`: it waits for a slot; a `sent` or `dropped` record follows. `joined`: it repeats a
 * guaranteed call that is still open or waiting, and gets that one's answer. `answered`: Busbar answered it itself (a
 * malformed call, a command over the bound) and a `sent` record follows. `covered`: the same in the place of a backend that is down, or that has to get others first. `rewritten`: sent on in the same step with an identifier in it changed, so that the
 * `sent` record that follows holds another text. `consumed`: the answer to a copy or to a call of Busbar's own, which goes no further. The rest left the books by a counted reason: `late`, `repeated`
 * and `foreign` are replies that match nothing open; `ignored` is what a version tells us to ignore; `refused` is a frame whose
 * link is being closed, or a SEND that nobody there may have.
 */
export type Outcome =
  | 'relayed'
  | 'queued'
  | 'joined'
  | 'answered'
  | 'covered'
  | 'rewritten'
  | 'consumed'
  | 'late'
  | 'repeated'
  | 'foreign'
  | 'ignored'
  | 'refused';

/** A frame received on a link, and its way on where that happened at once. */
export interface FrameRecord {
  readonly type: 'frame';
  /** Wall clock, milliseconds since 1970. */
  readonly at: number;
  readonly station: StationId;
  readonly link: LinkName;
  readonly kind: FrameKind | 'invalid';
  /** The action, for a result or error that of the call it answers; null where it is not known. */
  readonly action: string | null;
  /** As received, to the byte. */
  readonly text: string;
  /** Where the message id stands in `text`, quotes included; both 0 when there is none. */
  readonly idStart: number;
  readonly idEnd: number;
  readonly outcome: Outcome;
  /** With outcome `relayed`: the link it left on and the id it left with, as JSON with its quotes. */
  readonly relayedTo: LinkName | null;
  readonly relayedIdToken: string | null;
  /** For a result or error: milliseconds since its call was sent. */
  readonly latencyMs: number | null;
}

/**
 * Why a frame left. `relay`: it is somebody's, in another step than it came in or with more than its id changed, or Busbar's answer to somebody. `copy`: what
 * the station said, for a backend that listens in. `held`: what the station said while Busbar answered it. `own`: a call that Busbar makes itself.
 */
export type SentPurpose = 'relay' | 'copy' | 'held' | 'own';

/** A frame that left on a link in another step than it came in, or that Busbar wrote itself. */
export interface SentRecord {
  readonly type: 'sent';
  readonly purpose: SentPurpose;
  readonly at: number;
  readonly station: StationId;
  readonly link: LinkName;
  readonly kind: FrameKind;
  readonly action: string | null;
  readonly text: string;
  readonly idStart: number;
  readonly idEnd: number;
}

/** A call that left the books without being sent: its link went, or its time was up. */
export interface DroppedRecord {
  readonly type: 'dropped';
  readonly at: number;
  readonly station: StationId;
  /** The link the call had come in on. */
  readonly link: LinkName;
  readonly action: string;
  readonly reason: DropReason;
}

/**
 * Why a queued call was never sent on. `withheld`: the backend may not see what it is about; Busbar answered it. `covered`: Busbar
 * answered it, and holds it where it must still arrive.
 */
export type DropReason = 'caller_gone' | 'peer_gone' | 'expired' | 'withheld' | 'covered';

/** Copies that a backend which listens in did not get, counted; written when the next one leaves or its link ends. */
export interface SkippedRecord {
  readonly type: 'skipped';
  readonly at: number;
  readonly station: StationId;
  readonly link: LinkName;
  readonly copies: number;
  readonly reason: SkipReason;
}

/** `lane_full`: it answered too slowly. `link_lost`: they waited for a link that went. */
export type SkipReason = 'lane_full' | 'link_lost';

/** A link of a station opened or closed. */
export interface LinkRecord {
  readonly type: 'link';
  readonly at: number;
  readonly station: StationId;
  readonly link: LinkName;
  readonly change: 'opened' | 'closed';
  readonly version: OcppVersion | null;
  /** WebSocket close code; null while it opens, or when the peer just vanished. */
  readonly code: number | null;
  /** Why, in Busbar's words: a short snake_case reason. */
  readonly reason: string | null;
}

/** What a station said of itself in BootNotification: durable, since routes by vendor, model and firmware depend on it. */
export interface BootedRecord {
  readonly type: 'booted';
  readonly at: number;
  readonly station: StationId;
  readonly boot: BootFacts;
}

/** Of BootNotification.req (1.6) or its `chargingStation` (2.x). null: the station did not say. */
export interface BootFacts {
  readonly vendor: string | null;
  readonly model: string | null;
  readonly firmware: string | null;
  readonly serial: string | null;
}

/** Something else that outlives the process is another now: see `DurableChange`. */
export interface ChangedRecord {
  readonly type: 'changed';
  readonly at: number;
  readonly station: StationId;
  readonly change: DurableChange;
}

/** Plain JSON, as the journal keeps it. */
export type DurableChange =
  /** What a backend thinks of the station's boot. */
  | { readonly what: 'verdict'; readonly backend: string; readonly verdict: Verdict }
  /** The answer that a guaranteed message got; the oldest of `answersKept` makes room. */
  | { readonly what: 'answered'; readonly given: GivenAnswer }
  | { readonly what: 'ids'; readonly change: IdChange }
  /** What an answer told of the station's settings. */
  | { readonly what: 'inventory'; readonly change: InventoryChange }
  /** A driver is refused whom Busbar has let charge; `info` null: the station knows. */
  | { readonly what: 'refusal'; readonly transaction: string; readonly info: string | null }
  /** A fault that a backend did not hear of; the oldest of `missedMax` makes room. */
  | { readonly what: 'missed'; readonly status: MissedStatus }
  /** It has by now. */
  | { readonly what: 'told'; readonly number: number }
  /** Busbar has answered in a backend's place; or the backend was told how the station is since. */
  | { readonly what: 'unaware'; readonly backend: string; readonly isUnaware: boolean }
  /** Who hears the station itself from here on. */
  | { readonly what: 'heard_by'; readonly backend: string }
  /** Whose the station is by decision; null: its route alone decides. */
  | { readonly what: 'placed'; readonly placement: Placement | null }
  /** Which profiles, messages and tariffs the station was given and has. */
  | { readonly what: 'objects'; readonly change: PlacedChange }
  /** Settings that a backend asked for and may not write. */
  | { readonly what: 'asked'; readonly backend: string; readonly settings: readonly AskedSetting[] }
  /** It has written these by now: what it asked for before counts no more. */
  | { readonly what: 'wrote'; readonly backend: string; readonly settings: readonly SettingName[] }
  /** Values of settings that a backend wrote and only it sees. */
  | {
      readonly what: 'virtual';
      readonly backend: string;
      readonly values: readonly (readonly [key: string, value: string])[];
    };

/** A message that its station has the answer to and its backend not yet has: see hold/held-message.ts. */
export interface HeldRecord {
  readonly type: 'held';
  readonly at: number;
  readonly station: StationId;
  readonly message: HeldMessage;
}

/** What came of an attempt to deliver a held message, or of an operator's decision about it. */
export interface DeliveryRecord {
  readonly type: 'delivery';
  readonly at: number;
  readonly station: StationId;
  readonly backend: string;
  readonly number: number;
  readonly action: string;
  /** `delivered` and `dropped` end it; `refused` and `unanswered`: it will be tried again; `retried`: an operator wants it to be. */
  readonly outcome: DeliveryOutcome;
  /** How it stands now; null: it is over. */
  readonly delivery: Delivery | null;
}

export type DeliveryOutcome = 'delivered' | 'refused' | 'unanswered' | 'parked' | 'retried' | 'dropped';

/** What a backend said of a token, kept for the time when it cannot be asked. */
export interface LearnedRecord {
  readonly type: 'learned';
  readonly at: number;
  readonly station: StationId;
  readonly backend: string;
  /** A digest: tokens are not kept. One that no token has: the backend had all that it said before forgotten. */
  readonly token: string;
  readonly learned: LearnedToken;
}

/** A driver that a backend refused too late, and whose station does not know yet. */
export interface Refusal {
  /** The key of the transaction. */
  readonly transaction: string;
  /** 2.x: the `idTokenInfo` as the backend wrote it, JSON; 1.6: ''. */
  readonly info: string;
  /** Wall clock, milliseconds since 1970. */
  readonly since: number;
}

/** What a station was told about a guaranteed message. */
export interface GivenAnswer {
  /** The message's id on the backend's link: a digest of station, action and content. */
  readonly key: string;
  /** JSON, as the station got it. */
  readonly payload: string;
}

/**
 * What is held for a backend has come to put billing at risk, or does no more: about a backend, and of no station (ADR 0026). With `over` the figures are the most that the process which writes it has seen.
 */
export interface BillingRecord extends BillingRisk {
  readonly type: 'billing';
  readonly at: number;
  readonly backend: string;
  readonly change: BillingChange;
}

/**
 * Records that are missing before this position, and how many.
 *
 * `not_kept`: the journal failed and its bound was reached; written once it works again. `unreadable`: never written, but what a reader gives in the
 * place of a stored batch whose checksum does not hold.
 */
export interface GapRecord {
  readonly type: 'gap';
  readonly at: number;
  readonly records: number;
  readonly cause: GapCause;
}

export type GapCause = 'not_kept' | 'unreadable';

export type StationRecord =
  | FrameRecord
  | SentRecord
  | DroppedRecord
  | SkippedRecord
  | LinkRecord
  | BootedRecord
  | ChangedRecord
  | HeldRecord
  | DeliveryRecord
  | LearnedRecord;
/** Records that Busbar makes while it runs; a gap is the journal's own. */
export type WrittenRecord = StationRecord | BillingRecord;
export type JournalRecord = WrittenRecord | GapRecord;

/** The positions a record takes: two where a frame was received and relayed at once. */
export function positionsOf(record: JournalRecord): 1 | 2 {
  return record.type === 'frame' && record.relayedTo !== null ? 2 : 1;
}

/** What of a station outlives the process. It changes only through `applyRecord`. */
export interface DurableStation {
  boot: BootFacts | null;
  /** The version of the last link; null before the first. */
  version: OcppVersion | null;
  /** Wall clock of the last link change; null before the first. */
  lastSeenAt: number | null;
  /** What backends that join late are told. */
  readonly image: StationImage;
  /** The last answers to what starts and ends transactions, oldest first. */
  readonly answers: GivenAnswer[];
  /** Oldest first; a few at most. */
  readonly refusals: Refusal[];
  /** Faults that backends have yet to hear of, oldest first. */
  readonly missed: MissedStatus[];
  /** Backends that Busbar has answered for, or that became the primary without having listened, and that were not told since how the station is. */
  unaware: string[];
  /** The last primary of a station that was here; null: none is known. */
  heardBy: string | null;
  /** What is known of its settings, from answers that passed. */
  readonly inventory: Inventory;
  /** By backend: the values that it wrote and only it sees. */
  readonly virtual: Record<string, Record<string, string>>;
  /** By backend: the settings that it asked for and may not write, oldest first. */
  readonly asked: AskedSettings;
  /** The charging profiles, display messages and default tariffs that it was given and has; null: none is known. */
  objects: PlacedObjects | null;
  /** Which identifier means what to whom. */
  readonly ids: IdLedger;
  /** By backend: what it thought of the station's last boot. */
  readonly verdicts: Record<string, Verdict>;
  /** What was decided of it beside its route; null: nothing. */
  placement: Placement | null;
}
