/**
 * What can happen to a station, what its machine decides, and what it may look at while it decides.
 *
 * Pure, types only. Every link has an epoch, unique in the process: an event or effect that names an old one touches nothing new
 * (invariant S7).
 */
import type { StationRecord } from '../journal/record.ts';
import type { LearnedToken } from '../hold/held-message.ts';
import type { ObserverFault } from '../routing/observer-rules.ts';
import type { PlacedObserver } from '../routing/placement.ts';
import type { RoutingTable } from '../routing/table.ts';
import type { OcppVersion } from '../../protocol/version.ts';

/** Why a dial got no link. `refused_status` is an HTTP answer other than 101. */
export type DialFault =
  | 'connect_failed'
  | 'timed_out'
  | 'tls_failed'
  | 'refused_status'
  | 'no_subprotocol'
  | 'not_paced'
  | 'misconfigured';

export type StationEvent =
  /** An upgrade request that passed identity, credentials and certificate. It is answered by `accept` or `refuse`. */
  | {
      readonly type: 'station_arrived';
      readonly epoch: number;
      /** Subprotocols in the station's order. */
      readonly offered: readonly string[];
      /** A credential or certificate was checked; false with `auth: none`. */
      readonly isAuthenticated: boolean;
      /** False where a link of it to a backend shows that backend the password of another connection (`credentials: forward`): then this one needs links of its own. */
      readonly isSameCredential: boolean;
    }
  | { readonly type: 'station_frame'; readonly epoch: number; readonly text: string }
  | { readonly type: 'station_pong'; readonly epoch: number }
  /** The station's link or its pending upgrade is gone. */
  | {
      readonly type: 'station_lost';
      readonly epoch: number;
      readonly code: number | null;
      readonly reason: string;
    }
  | { readonly type: 'backend_opened'; readonly backend: string; readonly epoch: number }
  | {
      readonly type: 'backend_refused';
      readonly backend: string;
      readonly epoch: number;
      readonly fault: DialFault;
      /** For the log and `station show`; holds no secret. */
      readonly detail: string;
    }
  | {
      readonly type: 'backend_frame';
      readonly backend: string;
      readonly epoch: number;
      readonly text: string;
    }
  | { readonly type: 'backend_pong'; readonly backend: string; readonly epoch: number }
  | {
      readonly type: 'backend_lost';
      readonly backend: string;
      readonly epoch: number;
      readonly code: number | null;
      readonly reason: string;
    }
  /** The shell does not read from these links for reasons of its own: that they are silent proves nothing. */
  | { readonly type: 'links_unread'; readonly epochs: readonly number[] }
  /** The time asked for by `wakeAtMs` has come, or passed. */
  | { readonly type: 'tick' }
  /** What the step before left behind for those who listen in: see `defersCopies`. */
  | { readonly type: 'copies_due' }
  /** An operator wants the station to be sent this; `payload` is a JSON object as text. Settled by a `command_settled` of the same number. */
  | {
      readonly type: 'command_requested';
      readonly requestId: number;
      readonly action: string;
      readonly payload: string;
    }
  /** What an operator wants of a held message. Settled by a `decision_settled` of the same number. */
  | {
      readonly type: 'delivery_decided';
      readonly requestId: number;
      /** The held message's. */
      readonly number: number;
      readonly decision: DeliveryDecision;
    }
  /**
   * What an operator or a migration wants of whose the station is. Settled by an `assignment_settled` of the same number. `said`: where open transactions are handed over, the
   * calls in which the station told of them, oldest first, as far as the journal reaches. `taken`: the calls (`callOf` their message ids) of what the new primary has taken of it, or
   * refused for good; `left`: by message id what left for it and it did not take, as it left.
   */
  | {
      readonly type: 'assignment_decided';
      readonly requestId: number;
      readonly decision: AssignmentDecision;
      readonly said?: readonly string[];
      readonly taken?: ReadonlySet<string>;
      readonly left?: ReadonlyMap<string, string>;
    }
  /** The routing table or the settings in the context are new. */
  | { readonly type: 'routing_changed' }
  /** The configuration does not let this station in any more, whatever it presents. */
  | { readonly type: 'admission_ended' }
  /** Busbar is going down: refuse arrivals, close this station's link at that time, and at the latest then when calls are in flight. */
  | { readonly type: 'drain_started'; readonly closeAtMs: number; readonly deadlineMs: number };

/** `retry`: it is sent again as if it had never been refused. `drop`: its backend never gets it. */
export type DeliveryDecision = 'retry' | 'drop';

/**
 * Why a decision about a held message changed nothing. `unknown`: there is no such message, or no longer. `on_its_way`: its backend has it, and has not answered. `behind`:
 * it waits for another, about which is to be decided first. `journal_failing`: what is decided could not be kept.
 */
export type DecisionRefusal = 'unknown' | 'on_its_way' | 'behind' | 'journal_failing';

/** What came of a decision. */
export type DecisionOutcome =
  | { readonly kind: 'done' }
  /** `detail` is a sentence for the operator. */
  | { readonly kind: 'refused'; readonly reason: DecisionRefusal; readonly detail: string };

/** What may be decided of whose a station is. A backend by its configured name. */
export type AssignmentDecision =
  /** It is told of the station from now on, which a cutover to it needs. */
  | { readonly do: 'attach'; readonly backend: string }
  /** It is not told any more, but for what is its own still. */
  | { readonly do: 'detach'; readonly backend: string }
  /** It answers the station from now on, and so it is decided who listens in. Where it does already, that is all that changes. */
  | {
      readonly do: 'cut_over';
      readonly primary: string;
      /** These, whatever the route says; `routed`: whom the route says. Absent: whoever it is now, but for the new primary. */
      readonly observers?: readonly PlacedObserver[] | 'routed';
      readonly openTransactions: OpenTransactions;
      /** How long the primary before is kept ready, milliseconds. */
      readonly keepWarmMs: number;
      /** Though a firmware update, a reservation or a report of the primary before is under way. */
      readonly isForced: boolean;
    }
  /** The primary before answers the station again. */
  | { readonly do: 'roll_back' };

/**
 * What becomes of transactions that are open at a cutover. `pin`: their backend keeps them to the end. `wait`: no cutover as long as there are any. `handover`: the new primary
 * gets them, with their start, and the one before nothing more of them.
 */
export type OpenTransactions = 'pin' | 'wait' | 'handover';

/**
 * Why a decision about a station's backend changed nothing. `not_routed`: no route takes the station. `unknown_backend`: it is not configured. `wrong_version`: it does not
 * speak what the station speaks. `not_synced`: it does not know the station yet, and is told of it from now on. `transaction_open`, `firmware_update`, `reservation`,
 * `report_in_parts`: that is to end first. `nothing_to_undo`: there was no cutover. `is_primary`: the primary is not detached. `observers_unfit`: one of them may not listen in so.
 */
export type AssignmentRefusal =
  | 'not_routed'
  | 'unknown_backend'
  | 'wrong_version'
  | 'not_connected'
  | 'not_synced'
  | 'transaction_open'
  | 'firmware_update'
  | 'reservation'
  | 'report_in_parts'
  | 'nothing_to_undo'
  | 'is_primary'
  | 'observers_unfit'
  | 'journal_failing';

/** What came of a decision about a station's backend. */
export type AssignmentOutcome =
  /** `isChanged` false: it was so already. */
  | { readonly kind: 'done'; readonly isChanged: boolean }
  /** `detail` is a sentence for the operator. `faults`: with `observers_unfit`, paths begin at the list. */
  | {
      readonly kind: 'refused';
      readonly reason: AssignmentRefusal;
      readonly detail: string;
      readonly faults?: readonly ObserverFault[];
    };

/** One end of a WebSocket, as effects name it. */
export type LinkRef =
  | { readonly side: 'station'; readonly epoch: number }
  | { readonly side: 'backend'; readonly backend: string; readonly epoch: number };

/** Decisions about frames that the journal does not show, by name; the shell turns them into metrics and log lines. */
export type Notice =
  | 'identity_clash'
  | 'identity_displaced'
  | 'station_flooding'
  | 'backend_flooding'
  | 'station_unresponsive'
  | 'backend_unresponsive'
  | 'backend_silent'
  /** It has answered so many calls in a row with an error of its own that Busbar answers in its place. */
  | 'backend_rejecting'
  | 'command_unanswered'
  | 'command_forbidden'
  /** It would have changed how the station is connected. */
  | 'command_protected'
  | 'moved_by_route'
  /** A backend refused a driver whom Busbar had let charge. */
  | 'late_refusal'
  | 'stale_event'
  | 'journal_failing'
  /** A station's lane has passed the share of its bound at which somebody should look. */
  | 'held_near_bound'
  /** A fault that a backend had yet to hear of made room for a newer one. */
  | 'fault_forgotten';

/**
 * Why an operator's command got no answer. `not_connected`, `forbidden`, `queue_full` and `expired` (it waited too long behind others): it was never sent and
 * never will be. `unknown_outcome`: it was sent, or may still be, and nobody knows what the station did.
 */
export type CommandRefusal = 'not_connected' | 'forbidden' | 'queue_full' | 'expired' | 'unknown_outcome';

/** How an operator's command ended. */
export type CommandOutcome =
  /** The station's CALLRESULT: its payload as it came. */
  | { readonly kind: 'result'; readonly payload: string }
  /** The station's CALLERROR. */
  | { readonly kind: 'error'; readonly code: string; readonly description: string }
  /** `detail` is a sentence for the operator. */
  | { readonly kind: 'refused'; readonly reason: CommandRefusal; readonly detail: string };

export type Effect =
  /** Complete the upgrade with this subprotocol. */
  | { readonly type: 'accept'; readonly epoch: number; readonly version: OcppVersion }
  /** Answer the upgrade with this HTTP status instead. */
  | {
      readonly type: 'refuse';
      readonly epoch: number;
      readonly status: 400 | 403 | 404 | 409 | 429 | 503;
      readonly reason: string;
      readonly retryAfterS: number | null;
    }
  | { readonly type: 'dial'; readonly backend: string; readonly epoch: number; readonly version: OcppVersion }
  | {
      readonly type: 'send';
      readonly link: LinkRef;
      readonly text: string;
      /** `afterCommit`: not before the records of this step are on disk. To a station `now` means no sooner than what was to be sent on its link before. */
      readonly when: 'now' | 'afterCommit';
      /** Monotonic time of the step, for the measurement of what was added. */
      readonly decidedAtMs: number;
    }
  /** `afterCommit` keeps the order: answers that wait for an earlier commit leave first. */
  | {
      readonly type: 'close';
      readonly link: LinkRef;
      readonly code: number;
      readonly reason: string;
      readonly when: 'now' | 'afterCommit';
    }
  /** Cut without a closing handshake: the peer does not answer. */
  | { readonly type: 'terminate'; readonly link: LinkRef }
  | { readonly type: 'ping'; readonly link: LinkRef }
  | { readonly type: 'pause_reading'; readonly link: LinkRef }
  | { readonly type: 'resume_reading'; readonly link: LinkRef }
  | { readonly type: 'command_settled'; readonly requestId: number; readonly outcome: CommandOutcome }
  /** Of one that is done, once the records of this step are on disk. */
  | { readonly type: 'decision_settled'; readonly requestId: number; readonly outcome: DecisionOutcome }
  | { readonly type: 'assignment_settled'; readonly requestId: number; readonly outcome: AssignmentOutcome }
  | { readonly type: 'notice'; readonly notice: Notice; readonly backend: string | null };

/** What `step` returns. */
export interface Step {
  readonly records: readonly StationRecord[];
  readonly effects: readonly Effect[];
  /** The records change what outlives the process: it is to be saved with them. */
  readonly isDurableChanged: boolean;
  /** What the station last said of itself is another: worth saving soon. A crash before costs no more than hearing it again. */
  readonly isImageChanged: boolean;
  /** Monotonic time of the next `tick` wanted, or Infinity. */
  readonly wakeAtMs: number;
}

/** Durations and bounds of a station's link. `Infinity` switches a limit off. */
export interface StationSettings {
  /** For calls to the station. */
  readonly callTimeoutMs: number;
  /** Where Busbar covers for a backend: how long a station's call waits for the backend's own answer. */
  readonly answerWithinMs: number;
  /** Messages that may be held for one station. */
  readonly heldMax: number;
  /** Characters of the messages that may be held for one station. */
  readonly heldCharactersMax: number;
  /** The same of all stations together; kept by the shell. */
  readonly heldInAllMax: number;
  readonly pingIntervalMs: number;
  /** Silence after a ping before the link counts as dead. */
  readonly pongTimeoutMs: number;
  readonly callsPerSecond: number;
  readonly connectsPerHour: number;
}

/** What a step may look at. Read-only, shared by all stations; the shell sets the clocks before each step. */
export interface StationContext {
  /** Wall clock, milliseconds since 1970: only for records. */
  readonly wallMs: number;
  /** Monotonic clock, milliseconds: for every duration. */
  readonly nowMs: number;
  readonly routing: RoutingTable;
  readonly settings: StationSettings;
  /** Tags of a station that the configuration knows. */
  readonly tagsOf: (station: string) => readonly string[];
  /** False while the journal cannot be written: nothing that must be durable may be answered. */
  readonly isJournalWritable: boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A 128-bit digest of the text as 32 hexadecimal digits. */
  readonly digest: (text: string) => string;
  /** What a backend last said of the token with this digest; null: nothing that is kept. */
  readonly learned: (token: string) => LearnedToken | null;
  /** Milliseconds until a held message may leave for this backend; 0: it may now, and is counted as having left. */
  readonly deliveryWaitMs: (backend: string) => number;
  /** Characters of all that is held in this process, over all stations. */
  readonly heldInAll: () => number;
  /**
   * True: where a call has left for the backend that answers it, what others are to be told of it is left to a `copies_due` event. Whoever takes the steps sees that it comes once
   * the call has really left, and before anything else happens to the station. False: they are told in the step of the call.
   */
  readonly defersCopies: boolean;
  /** True while no station has been able to reach this backend lately. */
  readonly isUnreachable: (backend: string) => boolean;
  /** A fresh link epoch, unique in the process. */
  readonly nextEpoch: () => number;
}
