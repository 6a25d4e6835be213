/**
 * What a batch's records change of the held messages, learned tokens and billing at risk that are read back at a start.
 *
 * Pure. Only what the batch comes to: the last mark of a message, the last word on a token, and nothing of a message that is held and over within it. Numbers
 * grow, so a message held in this batch has no row of an earlier one.
 */
import type { BillingRecord, DeliveryRecord, HeldRecord, LearnedRecord } from '../core/journal/record.ts';
import type { KeptChange } from '../ports/journal-store.ts';

export class KeptChanges {
  /** By what they change, so that finding what a later one undoes takes no search. */
  readonly #changes = new Map<string, KeptChange>();

  add(record: HeldRecord | DeliveryRecord | LearnedRecord | BillingRecord): void {
    switch (record.type) {
      case 'held': {
        const { station, message } = record;
        const { number } = message;
        this.#changes.delete(`mark ${number} ${station}`);
        this.#changes.set(`hold ${number} ${station}`, {
          do: 'hold',
          station,
          number,
          message: JSON.stringify(message),
        });
        return;
      }
      case 'delivery': {
        const { station, number, delivery } = record;
        if (delivery === null) {
          this.#changes.delete(`mark ${number} ${station}`);
          const isHeldHere = this.#changes.delete(`hold ${number} ${station}`);
          if (!isHeldHere)
            this.#changes.set(`release ${number} ${station}`, { do: 'release', station, number });
        } else {
          this.#changes.set(`mark ${number} ${station}`, {
            do: 'mark',
            station,
            number,
            delivery: JSON.stringify(delivery),
          });
        }
        return;
      }
      case 'learned': {
        const { backend, token, learned } = record;
        this.#changes.set(`learn ${token}`, {
          do: 'learn',
          backend,
          token,
          learned: JSON.stringify(learned),
        });
        return;
      }
      case 'billing': {
        const { backend, change, since, stations, messages, oldest } = record;
        const risk = change === 'over' ? null : JSON.stringify({ since, stations, messages, oldest });
        this.#changes.set(`risk ${backend}`, { do: 'risk', backend, risk });
      }
    }
  }

  /** In an order in which they can be applied. */
  list(): readonly KeptChange[] {
    return [...this.#changes.values()];
  }
}
