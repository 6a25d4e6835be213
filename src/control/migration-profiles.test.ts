import { describe, expect, test } from 'vitest';
import type { PlacedProfile } from '../core/commands/placed-profiles.ts';
import type { CommandOutcome } from '../ports/station-commander.ts';
import type { OcppVersion } from '../protocol/version.ts';
import { profileCommand, profileOutcome } from './migration-profiles.ts';

const placed: PlacedProfile = {
  id: '7',
  family: 'v16',
  backend: 'old',
  connector: 1,
  purpose: 'TxDefaultProfile',
  stackLevel: 0,
  endsAt: 2_000,
  payload: '{"connectorId":1}',
  asideAt: null,
};

const clear = { do: 'clear_profile', id: '7' } as const;
const set = { do: 'set_profile', id: '7' } as const;

const ask = (
  step: Parameters<typeof profileCommand>[0],
  row: Partial<PlacedProfile> | null,
  version: OcppVersion = 'ocpp1.6',
): unknown => {
  const rows = row === null ? [] : [{ ...placed, ...row }];
  const facts = { profiles: { rows, hasMore: true }, version, from: 'old', wallMs: 1_000 };
  const command = profileCommand(step, facts);
  return 'outcome' in command ? command.outcome : [command.action, command.payload];
};

const result = (status: string): CommandOutcome => ({
  kind: 'result',
  payload: JSON.stringify({ status }),
});

const refused = (reason: 'forbidden' | 'expired' | 'unknown_outcome'): CommandOutcome => ({
  kind: 'refused',
  reason,
  detail: 'No.',
});

describe('a charging profile', () => {
  test('is found in what Busbar keeps', () => {
    expect(ask({ do: 'list_profiles' }, {})).toEqual({
      kind: 'profiles',
      profiles: [{ id: '7', purpose: 'TxDefaultProfile', connector: 1, fate: 'clear' }],
      hasMore: true,
    });
  });

  test('is cleared by its number in the words of each version, if it is there', () => {
    expect(ask(clear, {})).toEqual(['ClearChargingProfile', '{"id":7}']);
    expect(ask(clear, {}, 'ocpp2.0.1')).toEqual(['ClearChargingProfile', '{"chargingProfileId":7}']);
    expect(ask(clear, { asideAt: 1 })).toEqual({ kind: 'profile', is: 'cleared' });
    expect(ask(clear, null)).toEqual({ kind: 'profile', is: 'gone' });
  });

  test('is placed again as it was, if nobody has placed or cleared it since', () => {
    const aside = { asideAt: 1 };
    expect(ask(set, aside)).toEqual(['SetChargingProfile', placed.payload]);
    expect(ask(set, {})).toEqual({ kind: 'profile', is: 'there' });
    expect(ask(set, { backend: 'new' })).toEqual({ kind: 'profile', is: 'gone' });
    expect(ask(set, null)).toEqual({ kind: 'profile', is: 'gone' });
    expect(ask(set, { ...aside, endsAt: 1_000 })).toEqual({ kind: 'profile', is: 'ended' });
    expect(ask(set, { ...aside, payload: null })).toEqual({ kind: 'profile', is: 'gone' });
    expect(ask(set, aside, 'ocpp2.1')).toMatchObject({ kind: 'inapplicable' });
  });

  test('is not there any more where the station says so the first time', () => {
    expect(profileOutcome(clear, false, result('Accepted'))).toEqual({ kind: 'profile', is: 'cleared' });
    expect(profileOutcome(clear, false, result('Unknown'))).toEqual({ kind: 'profile', is: 'gone' });
    expect(profileOutcome(clear, true, result('Unknown'))).toEqual({ kind: 'profile', is: 'cleared' });
    expect(profileOutcome(set, false, result('Accepted'))).toEqual({ kind: 'profile', is: 'placed' });
    expect(profileOutcome(set, false, result('Unknown'))).toMatchObject({ kind: 'denied' });
  });

  test('is tried again where the station was not reached, and not where it refused', () => {
    expect(profileOutcome(set, false, result('Rejected'))).toEqual({
      kind: 'denied',
      detail: 'the station answered Rejected',
    });
    const error = { kind: 'error', code: 'NotSupported', description: '' } as const;
    expect(profileOutcome(clear, false, error)).toMatchObject({ kind: 'denied' });
    expect(profileOutcome(clear, false, refused('forbidden'))).toMatchObject({ kind: 'denied' });
    expect(profileOutcome(clear, false, refused('expired'))).toMatchObject({ reason: 'not_sent' });
    expect(profileOutcome(clear, false, refused('unknown_outcome'))).toMatchObject({
      reason: 'unknown_outcome',
    });
  });
});
