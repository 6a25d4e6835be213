/**
 * What is held for backends, for operators to see and decide about.
 *
 * A delivery is a message that its station has the answer to and its backend has not got yet.
 */
import type { DecisionOutcome, DeliveryDecision } from '../core/station/events.ts';
import type { StationId } from '../protocol/station-id.ts';

export type { DeliveryDecision } from '../core/station/events.ts';

/** Names a delivery: numbers are a station's own. */
export interface DeliveryKey {
  readonly station: StationId;
  readonly number: number;
}

export interface DeliverySnapshot extends DeliveryKey {
  readonly backend: string;
  /** `held`: it leaves by itself. `parked`: it does not before an operator decides, about it or about the one it waits behind. */
  readonly state: 'held' | 'parked';
  readonly action: string;
  /** Busbar's key of its transaction; null where it is about none that is known. */
  readonly transaction: string | null;
  /** When it was held: wall clock, milliseconds since 1970. */
  readonly since: number;
  /** How often the backend refused it. */
  readonly attempts: number;
  readonly lastError: string | null;
  /** It left once and was not answered: the backend may have it already. */
  readonly possiblyDuplicate: boolean;
  /** The number of the parked one of its transaction that it waits behind; null: none. */
  readonly behind: number | null;
  /** The call as it was held. */
  readonly text: string;
}

export interface DeliveryFilter {
  readonly state?: DeliverySnapshot['state'];
  readonly backend?: string;
  readonly station?: StationId;
  /** Only those after this one, in the order of the list. */
  readonly after?: DeliveryKey;
  readonly limit: number;
}

/** What is held for one backend, of all stations. */
export interface BackendHeld {
  readonly held: number;
  readonly parked: number;
  /** Of transactions, and parked or held for more than an hour. */
  readonly billingAtRisk: number;
  /** Of the texts: what they weigh, roughly. */
  readonly bytes: number;
}

/** `unknown_outcome`: it was decided, and nobody knows whether that is on disk. `too_many_stations`: there is no room for the station now. */
export type DecisionMade = (
  | DecisionOutcome
  | {
      readonly kind: 'refused';
      readonly reason: 'unknown_outcome' | 'too_many_stations';
      readonly detail: string;
    }
) & {
  /** Right before and right after the decision; null: there is no such delivery. */
  readonly before: DeliverySnapshot | null;
  readonly after: DeliverySnapshot | null;
};

export interface Deliveries {
  /** Oldest first: by number, then by station. Ends early where the texts would fill the memory of who asks: it goes on after the last one. */
  list(filter: DeliveryFilter): { readonly items: readonly DeliverySnapshot[]; readonly hasMore: boolean };
  find(key: DeliveryKey): DeliverySnapshot | null;
  /** By backend, those that are no longer configured too; none where nothing is held. */
  heldByBackend(): ReadonlyMap<string, BackendHeld>;
  /** Settles within seconds, once the decision is on disk, and never rejects. */
  decide(key: DeliveryKey, decision: DeliveryDecision): Promise<DecisionMade>;
}
