/**
 * The charging profiles of a simulated migration's stations: backends that place and clear them, and what there would be had no station moved.
 */
import { placedCommand, placedOutcome } from '../../src/control/migration-placed.ts';
import type { OrderOutcome, PlacedStep } from '../../src/core/migration/events.ts';
import { fromOperator } from '../../src/core/station/state.ts';
import { ProfileHolder } from '../../src/testkit/profile-holder.ts';
import type { Random } from '../../src/testkit/random.ts';

const txDefault = 'TxDefaultProfile';
const limit = 'ChargePointMaxProfile';

/** Numbers of each backend in the station's terms; those of nobody were there before Busbar. */
const firstNumber = { nobody: 0, old: 10, new: 20, third: 30 };

export class SimProfiles {
  readonly holder = new ProfileHolder();
  /** What the old backend has placed and not cleared, and what was there before: as if nothing were set aside. */
  readonly wanted = new ProfileHolder();
  /** The station has dropped them by itself, so that either is right. */
  readonly #dropped = new Set<string>();
  #serial = 0;
  #lost = 0;

  constructor(random: Random) {
    for (let count = random.below(3); count > 0; count -= 1) {
      const payload = this.#profile(random, 'nobody');
      this.holder.place('SetChargingProfile', payload);
      this.wanted.place('SetChargingProfile', payload);
    }
  }

  /** The primary says something about them, or the station drops one. */
  live(random: Random, primary: string): void {
    const from = primary as keyof typeof firstNumber;
    const what = random.below(10);
    if (what < 6) return this.#say(from, 'SetChargingProfile', this.#profile(random, from));
    if (what < 8) {
      const id = firstNumber[from] + random.below(4);
      return this.#say(from, 'ClearChargingProfile', JSON.stringify({ id }));
    }
    if (what === 8)
      return this.#say(from, 'ClearChargingProfile', JSON.stringify({ chargingProfilePurpose: txDefault }));
    const [id] = [...this.holder.there.keys()];
    if (id === undefined) return;
    this.holder.there.delete(id);
    this.#dropped.add(id);
  }

  /** What a migration has sent. `isLost`: it is carried out, and nobody hears of it; of a clearing now and then not even Busbar knows that it was sent, since it was killed. */
  carryOut(step: PlacedStep, isAgain: boolean, isLost: boolean): OrderOutcome {
    const facts = { objects: this.holder.known, version: 'ocpp1.6', from: 'old', wallMs: 0 } as const;
    const command = placedCommand(step, facts);
    if ('outcome' in command) return command.outcome;
    const isForgotten = isLost && step.do === 'clear_placed' && (this.#lost += 1) % 2 === 1;
    const status = isForgotten
      ? this.holder.place(command.action, command.payload)
      : this.holder.tell(fromOperator, command.action, command.payload, !isLost);
    if (isLost) return { kind: 'refused', reason: 'unknown_outcome', detail: 'No answer.', primary: null };
    return placedOutcome(step, isAgain || command.isUncertain, {
      kind: 'result',
      payload: JSON.stringify({ status }),
    });
  }

  /** Limits that are not there and should be. */
  missingLimits(): string[] {
    return [...this.wanted.there]
      .filter(([id, { purpose }]) => purpose === limit && !this.#isRight(id))
      .map(([id]) => id);
  }

  /** Numbers of which the station does not have what it would have, had it never moved. */
  wrong(): string[] {
    const ids = new Set([...this.wanted.there.keys(), ...this.holder.there.keys()]);
    return [...ids].filter((id) => Number(id) < firstNumber.new && !this.#isRight(id));
  }

  /** Numbers that the old backend has placed, and that are there though they can be cleared. */
  left(): string[] {
    return [...this.holder.there]
      .filter(([id, { purpose }]) => purpose === txDefault && isOfOld(Number(id)) && !this.#dropped.has(id))
      .map(([id]) => id);
  }

  #isRight(id: string): boolean {
    return this.#dropped.has(id) || this.wanted.there.get(id)?.text === this.holder.there.get(id)?.text;
  }

  #say(from: string, action: string, payload: string): void {
    const before = this.#all();
    this.holder.tell(from, action, payload);
    const after = this.#all();
    // What others replace or clear is gone; what is set aside they cannot mean.
    for (const id of before) if (!after.has(id)) this.wanted.there.delete(id);
    if (from === 'old') this.wanted.place(action, payload);
  }

  /** What the station has, or Busbar believes it to have. */
  #all(): Set<string> {
    return new Set([...this.holder.there.keys(), ...(this.holder.known?.rows ?? []).map(({ id }) => id)]);
  }

  #profile(random: Random, from: keyof typeof firstNumber): string {
    this.#serial += 1;
    return JSON.stringify({
      connectorId: random.below(2),
      csChargingProfiles: {
        chargingProfileId: firstNumber[from] + random.below(4),
        stackLevel: random.below(3),
        chargingProfilePurpose: random.chance(0.7) ? txDefault : limit,
        chargingProfileKind: 'Absolute',
        chargingSchedule: {
          chargingRateUnit: 'A',
          chargingSchedulePeriod: [{ startPeriod: 0, limit: this.#serial }],
        },
      },
    });
  }
}

function isOfOld(id: number): boolean {
  return id >= firstNumber.old && id < firstNumber.new;
}
