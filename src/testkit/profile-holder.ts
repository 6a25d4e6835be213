/**
 * The charging profiles of a simulated station of OCPP 1.6, and what Busbar knows of them.
 *
 * Pure. It holds what it is told as §5.3 and §5.16 say; what Busbar knows it knows by the real code.
 */
import type { PlacedObjects } from '../core/commands/placed-objects.ts';
import { integerOf, membersOf, readPayload, textOf, type Members } from '../core/commands/payload.ts';
import { KnownObjects } from './known-objects.ts';

interface HeldProfile {
  readonly connector: number | null;
  readonly purpose: string | null;
  readonly level: number | null;
  /** The payload that placed it. */
  readonly text: string;
}

export class ProfileHolder {
  /** By number. */
  readonly there = new Map<string, HeldProfile>();
  readonly #busbar = new KnownObjects('ocpp1.6');

  get known(): PlacedObjects | null {
    return this.#busbar.objects;
  }

  /** Carries out what a backend says, or an operator. `isHeard` false: its answer is lost. */
  tell(from: string, action: string, payload: string, isHeard = true): string {
    const status = this.place(action, payload);
    this.#busbar.say(action, payload, { from, status: isHeard ? status : null });
    return status;
  }

  /** The same before Busbar was there. */
  place(action: string, payload: string): string {
    const { members } = readPayload(payload);
    if (action === 'ClearChargingProfile') return this.#clear(members);
    const profile = membersOf(members['csChargingProfiles']);
    const held: HeldProfile = {
      connector: integerOf(members, 'connectorId'),
      purpose: textOf(profile, 'chargingProfilePurpose'),
      level: integerOf(profile, 'stackLevel'),
      text: payload,
    };
    for (const [id, { connector, purpose, level }] of this.there)
      if (connector === held.connector && purpose === held.purpose && level === held.level)
        this.there.delete(id);
    this.there.set(String(integerOf(profile, 'chargingProfileId')), held);
    return 'Accepted';
  }

  #clear(members: Members): string {
    const id = integerOf(members, 'id');
    if (id !== null) return this.there.delete(String(id)) ? 'Accepted' : 'Unknown';
    const wanted = integerOf(members, 'connectorId');
    const wantedLevel = integerOf(members, 'stackLevel');
    const wantedPurpose = textOf(members, 'chargingProfilePurpose');
    const met = [...this.there].filter(
      ([, { connector, purpose, level }]) =>
        (wanted ?? connector) === connector &&
        (wantedLevel ?? level) === level &&
        (wantedPurpose ?? purpose) === purpose,
    );
    for (const [found] of met) this.there.delete(found);
    return met.length > 0 ? 'Accepted' : 'Unknown';
  }
}
