/**
 * Charging profiles that are cleared at stations that have moved and placed again at those that went back, in each version's words.
 *
 * Pure. OCPP 1.6 §5.3 ClearChargingProfile, §5.16 SetChargingProfile; 2.x K10, K01. What Busbar keeps of the station's profiles is looked at right before: by its number another may have been placed since, or
 * the same cleared.
 */
import { familyOf, isEnded, profilesOf, type PlacedProfiles } from '../core/commands/placed-profiles.ts';
import { readPayload, textOf } from '../core/commands/payload.ts';
import type { EffectStep, OrderOutcome, ProfileOutcome } from '../core/migration/events.ts';
import type { CommandOutcome } from '../ports/station-commander.ts';
import type { OcppVersion } from '../protocol/version.ts';
import { answeredError, notSent } from './migration-effects.ts';

export type ProfileStep = Extract<EffectStep, { readonly do: 'list_profiles' } | { readonly id: string }>;

/** A station's profiles as they are now. */
export interface ProfileFacts {
  readonly profiles: PlacedProfiles | null;
  readonly version: OcppVersion;
  /** The backend that it leaves. */
  readonly from: string;
  readonly wallMs: number;
}

/** A command to send, or what came of it without one. */
export function profileCommand(
  step: ProfileStep,
  { profiles, version, from, wallMs }: ProfileFacts,
): { readonly action: string; readonly payload: string } | { readonly outcome: OrderOutcome } {
  if (step.do === 'list_profiles') {
    const found = profilesOf(profiles, from, version, wallMs);
    return { outcome: { kind: 'profiles', profiles: found, hasMore: profiles?.hasMore ?? false } };
  }
  const row = profiles?.rows.find(({ id }) => id === step.id);
  if (row === undefined) return { outcome: outcome('gone') };
  if (step.do === 'clear_profile') {
    // It was accepted, and nobody here heard so.
    if (row.asideAt !== null) return { outcome: outcome('cleared') };
    const id = Number(row.id);
    const payload = version === 'ocpp1.6' ? { id } : { chargingProfileId: id };
    return { action: 'ClearChargingProfile', payload: JSON.stringify(payload) };
  }
  if (row.asideAt === null) return { outcome: outcome(row.backend === from ? 'there' : 'gone') };
  if (isEnded(row, wallMs)) return { outcome: outcome('ended') };
  if (row.payload === null) return { outcome: outcome('gone') };
  if (row.family !== familyOf(version))
    return {
      outcome: { kind: 'inapplicable', detail: 'it was placed in the words of another OCPP version' },
    };
  return { action: 'SetChargingProfile', payload: row.payload };
}

/** What the station's answer comes to. `isAgain`: it may have been told before, so that it does not know it any more because of that. */
export function profileOutcome(step: ProfileStep, isAgain: boolean, answer: CommandOutcome): OrderOutcome {
  switch (answer.kind) {
    case 'refused':
      return answer.reason === 'forbidden' ? { kind: 'denied', detail: answer.detail } : notSent(answer);
    case 'error':
      return answeredError(answer);
    case 'result': {
      const status = textOf(readPayload(answer.payload).members, 'status');
      if (status === 'Accepted') return outcome(step.do === 'set_profile' ? 'placed' : 'cleared');
      if (status === 'Unknown' && step.do === 'clear_profile') return outcome(isAgain ? 'cleared' : 'gone');
      return { kind: 'denied', detail: `the station answered ${status ?? 'nothing that can be read'}` };
    }
  }
}

function outcome(is: ProfileOutcome): OrderOutcome {
  return { kind: 'profile', is };
}
