/**
 * What records change of the held messages, learned tokens and billing at risk that are read back at a start.
 *
 * Pure. Only what they come to: the last mark of a message, the last word on a token, and nothing of a message that is held and over among them. Numbers
 * grow, so a message that is held here has no row of before, unless its station has repeated it, or the same records were told of already.
 */
import type { StationId } from '../../protocol/station-id.ts';
import type { BillingRecord, DeliveryRecord, HeldRecord, JournalRecord, LearnedRecord } from './record.ts';

/**
 * What is to be read back at a start, of held messages, learned tokens and billing at risk. A hold of what is there already, which its station has repeated, changes nothing of its delivery; a
 * mark or a release of a message that is not there changes nothing. A token's newest word replaces the one before.
 */
export type KeptChange =
  | {
      readonly do: 'hold';
      readonly station: StationId;
      readonly number: number;
      /** JSON of a `HeldMessage`. */
      readonly message: string;
      /** Its station has repeated it: it may have its row already. */
      readonly isAgain?: true;
    }
  | {
      readonly do: 'mark';
      readonly station: StationId;
      readonly number: number;
      /** JSON of a `Delivery`. */
      readonly delivery: string;
    }
  | { readonly do: 'release'; readonly station: StationId; readonly number: number }
  | {
      readonly do: 'learn';
      readonly backend: string;
      /** Its digest. */
      readonly token: string;
      /** JSON of a `LearnedToken`. */
      readonly learned: string;
    }
  /** JSON of a `BillingRisk`; null: it is over. */
  | { readonly do: 'risk'; readonly backend: string; readonly risk: string | null };

export type KeptRecord = HeldRecord | DeliveryRecord | LearnedRecord | BillingRecord;

export function isKept(record: JournalRecord): record is KeptRecord {
  return (
    record.type === 'held' ||
    record.type === 'delivery' ||
    record.type === 'learned' ||
    record.type === 'billing'
  );
}

export class KeptChanges {
  readonly #mayBeThere: boolean;
  /** By what they change, so that finding what a later one undoes takes no search. */
  readonly #changes = new Map<string, KeptChange>();

  /** `mayBeThere`: some of what comes may have been written before, so that what is over has to be taken away whether it is held here or not. */
  constructor(mayBeThere = false) {
    this.#mayBeThere = mayBeThere;
  }

  get count(): number {
    return this.#changes.size;
  }

  add(record: KeptRecord): void {
    this.merge(changeOf(record));
  }

  /** Takes a change that comes after all those that are here. */
  merge(change: KeptChange): void {
    switch (change.do) {
      case 'hold': {
        const { number, station } = change;
        this.#changes.set(`hold ${number} ${station}`, change);
        return;
      }
      case 'mark':
        this.#changes.set(`mark ${change.number} ${change.station}`, change);
        return;
      case 'release': {
        const { number, station } = change;
        this.#changes.delete(`mark ${number} ${station}`);
        const held = this.#changes.get(`hold ${number} ${station}`);
        this.#changes.delete(`hold ${number} ${station}`);
        const hasNoRow = held?.do === 'hold' && held.isAgain === undefined && !this.#mayBeThere;
        if (!hasNoRow) this.#changes.set(`release ${number} ${station}`, change);
        return;
      }
      case 'learn':
        this.#changes.set(`learn ${change.token}`, change);
        return;
      case 'risk':
        this.#changes.set(`risk ${change.backend}`, change);
    }
  }

  /** In an order in which they can be applied. */
  list(): readonly KeptChange[] {
    return [...this.#changes.values()];
  }
}

function changeOf(record: KeptRecord): KeptChange {
  switch (record.type) {
    case 'held': {
      const { at, station, message } = record;
      const change = {
        do: 'hold',
        station,
        number: message.number,
        message: JSON.stringify(message),
      } as const;
      // It is recorded as it is held, and then whenever its station repeats it.
      return at === message.since ? change : { ...change, isAgain: true };
    }
    case 'delivery': {
      const { station, number, delivery } = record;
      if (delivery === null) return { do: 'release', station, number };
      return { do: 'mark', station, number, delivery: JSON.stringify(delivery) };
    }
    case 'learned': {
      const { backend, token, learned } = record;
      return { do: 'learn', backend, token, learned: JSON.stringify(learned) };
    }
    case 'billing': {
      const { backend, change, since, stations, messages, oldest } = record;
      const risk = change === 'over' ? null : JSON.stringify({ since, stations, messages, oldest });
      return { do: 'risk', backend, risk };
    }
  }
}
