/**
 * What a simulated station of OCPP 2.x was given and holds: charging profiles, display messages, default tariffs.
 *
 * Pure. It does as the specification has it and knows nothing of Busbar's ledger: K01, K10; O01, O05, O06; I07, I10.
 */
import { integerOf, listOf, membersOf, textOf, type Members } from '../core/commands/payload.ts';

interface HeldTariff {
  /** Where it is the default. */
  readonly evses: Set<number>;
  readonly validFrom: string | null;
  readonly text: string;
}

/** The EVSEs of the station. */
const evseIds = [1, 2];

export class ObjectHolder {
  /** By number: the payload that placed it. */
  readonly profiles = new Map<number, string>();
  readonly messages = new Map<number, string>();
  /** By id. */
  readonly tariffs = new Map<string, HeldTariff>();
  /** Those that a session goes by: they are there until it ends, whatever is cleared (I10.FR.07). */
  readonly inUse = new Set<string>();

  /** Carries out what a backend says; null: it is about something else. */
  answer(action: string, payload: Members): object | null {
    switch (action) {
      case 'SetChargingProfile':
        return put(this.profiles, membersOf(payload['chargingProfile']), payload);
      case 'ClearChargingProfile':
        return drop(this.profiles, integerOf(payload, 'chargingProfileId'));
      case 'SetDisplayMessage':
        return put(this.messages, membersOf(payload['message']), payload);
      case 'ClearDisplayMessage':
        return drop(this.messages, integerOf(payload, 'id'));
      case 'SetDefaultTariff':
        return { status: this.#setTariff(payload) };
      case 'ClearTariffs':
        return { clearTariffsResult: this.#clearTariffs(payload) };
      default:
        return null;
    }
  }

  /** What is there, in no order. */
  get all(): object {
    const tariffs = [...this.tariffs].map(([id, { evses, text }]) => [
      id,
      evseIds.filter((evse) => evses.has(evse)),
      text,
    ]);
    return {
      profiles: new Map(this.profiles),
      messages: new Map(this.messages),
      tariffs: new Set(tariffs.map((tariff) => JSON.stringify(tariff))),
    };
  }

  #setTariff(payload: Members): string {
    const tariff = membersOf(payload['tariff']);
    const id = textOf(tariff, 'tariffId') ?? '';
    if (this.tariffs.has(id) || this.inUse.has(id)) return 'DuplicateTariffId';
    const evse = integerOf(payload, 'evseId') ?? 0;
    const validFrom = textOf(tariff, 'validFrom');
    const evses = new Set(evse === 0 ? evseIds : [evse]);
    for (const [other, held] of this.tariffs)
      if (held.validFrom === validFrom) this.#leave(other, held, evses);
    this.tariffs.set(id, { evses, validFrom, text: JSON.stringify(payload) });
    return 'Accepted';
  }

  #clearTariffs(payload: Members): object[] {
    const given = listOf(payload, 'tariffIds').map(String);
    const evse = integerOf(payload, 'evseId') ?? 0;
    const ids = given.length === 0 ? [...this.tariffs.keys()] : given;
    if (ids.length === 0) return [{ status: 'NoTariff' }];
    return ids.map((tariffId) => {
      const held = this.tariffs.get(tariffId);
      if (held === undefined) return { tariffId, status: 'NoTariff' };
      this.#leave(tariffId, held, evse === 0 ? held.evses : new Set([evse]));
      return { tariffId, status: 'Accepted' };
    });
  }

  #leave(id: string, { evses }: HeldTariff, left: ReadonlySet<number>): void {
    for (const evse of left) evses.delete(evse);
    if (evses.size === 0) this.tariffs.delete(id);
  }
}

function put(held: Map<number, string>, object: Members, payload: Members): object {
  held.set(integerOf(object, 'id') ?? -1, JSON.stringify(payload));
  return { status: 'Accepted' };
}

function drop(held: Map<number, string>, id: number | null): object {
  return { status: id !== null && held.delete(id) ? 'Accepted' : 'Unknown' };
}
