/**
 * A message that a backend is still to get: one that Busbar answered in its place, or a copy of what bills for a backend that listens in.
 *
 * Pure, types only. It is on disk before the station has its answer (D1), and stays until the backend has answered it or an operator has dropped it.
 */
import type { OcppVersion } from '../../protocol/version.ts';

export interface HeldMessage {
  /** Grows with every message held for this station, over restarts too: what an operator names it by. */
  readonly number: number;
  readonly backend: string;
  /** The message id it leaves with, every time until the backend refuses it: see station/call-id.ts. */
  readonly key: string;
  readonly version: OcppVersion;
  readonly action: string;
  /** The key of its transaction; null where it is about none that is known. */
  readonly transaction: string | null;
  /** It had left for the backend before it was held: it leaves again as the same bytes. Others say that the station was answered without the backend (2.x `offline`). */
  readonly hasLeft: boolean;
  /** How often its backend had refused it before it was held; none: never. */
  readonly refusedBefore?: number;
  /** The payload of the answer that the station got from Busbar, for when it repeats itself; null: it is a copy, and the station's answer was another backend's to give. */
  readonly answer: string | null;
  /** The text is in the backend's words: what its identifiers mean may be forgotten by the time it leaves. Otherwise the backend has yet to name the transaction. */
  readonly isWorded: boolean;
  /** Its transaction was another backend's: what this one thinks of the driver stops nobody. */
  readonly isHandedOver?: true;
  /** It stands behind what its backend is still to be told of a transaction that was handed over: nothing but that transaction waits for it either. */
  readonly isApart?: true;
  /** The call as the station sent it, but for identifiers where it is worded. */
  readonly text: string;
  /** When it was held: wall clock, milliseconds since 1970. */
  readonly since: number;
}

/** How far its delivery has come. */
export interface Delivery {
  /** `parked`: given up until an operator decides, with all that follows in its transaction. */
  readonly state: 'waiting' | 'parked';
  /** How often the backend refused it. */
  readonly attempts: number;
  /** Not before this time: wall clock, milliseconds since 1970; 0: at once. */
  readonly retryAt: number;
  readonly lastError: string | null;
  /** How often the backend has refused it in all, also before an operator had it retried; none: never. */
  readonly refusals?: number;
  /** It left once and nobody knows what became of it: the backend may have it already, and gets it once more. That stays so, whatever is said of the next. */
  readonly possiblyDuplicate?: true;
}

/** What a backend last said of a token, for the time when it cannot be asked. */
export interface LearnedToken {
  /** The status as the version spells it; only `Accepted` ever opens anything. */
  readonly status: string;
  /** 1.6 `parentIdTag` as a JSON string, 2.x `groupIdToken` as JSON, sealed with the token it belongs to; null: none. */
  readonly group: string | null;
  /** Wall clock, milliseconds since 1970; null: the backend named no end. */
  readonly expiresAt: number | null;
  readonly learnedAt: number;
  /** When its backend last had all that it had said forgotten before: `learnedAt` of that; none: never. */
  readonly saidAfter?: number;
}
