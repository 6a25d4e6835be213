import { describe, expect, test } from 'vitest';
import type { PlacedObject, PlacedProfile } from '../core/commands/placed-object.ts';
import type { CommandOutcome } from '../ports/station-commander.ts';
import type { OcppVersion } from '../protocol/version.ts';
import { placedCommand, placedOutcome } from './migration-placed.ts';

const placed: PlacedProfile = {
  kind: 'profile',
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

const clear = { do: 'clear_placed', kind: 'profile', id: '7' } as const;
const set = { do: 'place_again', kind: 'profile', id: '7' } as const;

const ask = (
  step: Parameters<typeof placedCommand>[0],
  row: Partial<PlacedProfile> | null,
  version: OcppVersion = 'ocpp1.6',
): unknown => {
  const rows = row === null ? [] : [{ ...placed, ...row }];
  const facts = { objects: { rows, more: ['profile' as const] }, version, from: 'old', wallMs: 1_000 };
  const command = placedCommand(step, facts);
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
    expect(ask({ do: 'list_placed', kind: 'profile' }, {})).toEqual({
      kind: 'found',
      of: 'profile',
      objects: [{ id: '7', label: 'TxDefaultProfile', connector: 1, fate: 'clear' }],
      hasMore: true,
    });
  });

  test('is cleared by its number in the words of each version, if it is there', () => {
    expect(ask(clear, {})).toEqual(['ClearChargingProfile', '{"id":7}']);
    expect(ask(clear, {}, 'ocpp2.0.1')).toEqual(['ClearChargingProfile', '{"chargingProfileId":7}']);
    expect(ask(clear, { asideAt: 1 })).toEqual({ kind: 'placed', of: 'profile', is: 'cleared' });
    expect(ask(clear, null)).toEqual({ kind: 'placed', of: 'profile', is: 'gone' });
  });

  test('is placed again as it was, if nobody has placed or cleared it since', () => {
    const aside = { asideAt: 1 };
    expect(ask(set, aside)).toEqual(['SetChargingProfile', placed.payload]);
    expect(ask(set, {})).toEqual(['SetChargingProfile', placed.payload]);
    expect(ask(set, { backend: 'new' })).toEqual({ kind: 'placed', of: 'profile', is: 'gone' });
    expect(ask(set, null)).toEqual({ kind: 'placed', of: 'profile', is: 'gone' });
    expect(ask(set, { ...aside, endsAt: 1_000 })).toEqual({ kind: 'placed', of: 'profile', is: 'ended' });
    expect(ask(set, { ...aside, payload: null })).toEqual({ kind: 'placed', of: 'profile', is: 'gone' });
    expect(ask(set, aside, 'ocpp2.1')).toMatchObject({ kind: 'inapplicable' });
  });

  test('is told of once more where nobody heard what the station said before', () => {
    expect(ask(set, { mayBeGone: true })).toEqual(['SetChargingProfile', placed.payload]);
    expect(ask(set, { mayBeGone: true, backend: 'new' })).toMatchObject({ is: 'gone' });
    expect(ask(clear, { asideAt: 1, mayBeBack: true })).toEqual(['ClearChargingProfile', '{"id":7}']);
    const isInDoubt = (doubt: Partial<PlacedProfile>): boolean => {
      const objects = { rows: [{ ...placed, ...doubt }], more: [] };
      const command = placedCommand(clear, { objects, version: 'ocpp1.6', from: 'old', wallMs: 1_000 });
      return 'isUncertain' in command && command.isUncertain;
    };
    expect(isInDoubt({})).toBe(false);
    expect(isInDoubt({ mayBeGone: true })).toBe(true);
    expect(isInDoubt({ asideAt: 1, mayBeBack: true })).toBe(true);
  });

  test('is not there any more where the station says so the first time', () => {
    expect(placedOutcome(clear, false, result('Accepted'))).toEqual({
      kind: 'placed',
      of: 'profile',
      is: 'cleared',
    });
    expect(placedOutcome(clear, false, result('Unknown'))).toEqual({
      kind: 'placed',
      of: 'profile',
      is: 'gone',
    });
    expect(placedOutcome(clear, true, result('Unknown'))).toEqual({
      kind: 'placed',
      of: 'profile',
      is: 'cleared',
    });
    expect(placedOutcome(set, false, result('Accepted'))).toEqual({
      kind: 'placed',
      of: 'profile',
      is: 'placed',
    });
    expect(placedOutcome(set, false, result('Unknown'))).toMatchObject({ kind: 'denied' });
  });

  test('is tried again where the station was not reached, and not where it refused', () => {
    expect(placedOutcome(set, false, result('Rejected'))).toEqual({
      kind: 'denied',
      detail: 'the station answered Rejected',
    });
    const error = { kind: 'error', code: 'NotSupported', description: '' } as const;
    expect(placedOutcome(clear, false, error)).toMatchObject({ kind: 'denied' });
    expect(placedOutcome(clear, false, refused('forbidden'))).toMatchObject({ kind: 'denied' });
    expect(placedOutcome(clear, false, refused('expired'))).toMatchObject({ reason: 'not_sent' });
    expect(placedOutcome(clear, false, refused('unknown_outcome'))).toMatchObject({
      reason: 'unknown_outcome',
    });
  });
});

const shared = { id: '7', family: 'v2', backend: 'old', connector: 1, endsAt: null, asideAt: null } as const;
const message = {
  kind: 'displayMessage',
  ...shared,
  priority: 'InFront',
  payload: '{"message":{}}',
} as const;
const tariff = {
  kind: 'tariff',
  ...shared,
  currency: 'EUR',
  validFrom: null,
  payload: '{"tariff":{}}',
} as const;

const askOf = (
  row: PlacedObject,
  what: 'list_placed' | 'clear_placed' | 'place_again',
  version: OcppVersion,
): unknown => {
  const facts = { objects: { rows: [placed, row], more: [] }, version, from: 'old', wallMs: 1_000 };
  const command = placedCommand({ do: what, kind: row.kind, id: '7' }, facts);
  return 'outcome' in command ? command.outcome : [command.action, command.payload];
};

describe('a display message', () => {
  test('is found, cleared and set again by its own number, in OCPP 2.x only', () => {
    expect(askOf(message, 'list_placed', 'ocpp2.0.1')).toMatchObject({
      objects: [{ id: '7', label: 'InFront', connector: 1, fate: 'clear' }],
      hasMore: false,
    });
    expect(askOf(message, 'clear_placed', 'ocpp2.1')).toEqual(['ClearDisplayMessage', '{"id":7}']);
    const aside = { ...message, asideAt: 1 };
    expect(askOf(aside, 'place_again', 'ocpp2.1')).toEqual(['SetDisplayMessage', message.payload]);
    expect(askOf({ ...aside, endsAt: 1_000 }, 'place_again', 'ocpp2.1')).toMatchObject({ is: 'ended' });
    expect(askOf(message, 'list_placed', 'ocpp1.6')).toEqual({
      kind: 'inapplicable',
      detail: 'OCPP 1.6 has no display messages',
    });
  });
});

const said = (...results: object[]): CommandOutcome => ({
  kind: 'result',
  payload: JSON.stringify({ clearTariffsResult: results }),
});

describe('a default tariff', () => {
  const cleared = { do: 'clear_placed', kind: 'tariff', id: '7' } as const;
  const put = { do: 'place_again', kind: 'tariff', id: '7' } as const;

  test('is found, cleared and set again by its own id, in OCPP 2.1 only', () => {
    expect(askOf(tariff, 'clear_placed', 'ocpp2.1')).toEqual(['ClearTariffs', '{"tariffIds":["7"]}']);
    const aside = { ...tariff, asideAt: 1 };
    expect(askOf(aside, 'place_again', 'ocpp2.1')).toEqual(['SetDefaultTariff', tariff.payload]);
    expect(askOf(tariff, 'list_placed', 'ocpp2.0.1')).toEqual({
      kind: 'inapplicable',
      detail: 'OCPP 2.0.1 has no tariffs',
    });
  });

  test('has a status of its own in the answer', () => {
    expect(placedOutcome(cleared, false, said({ tariffId: '7', status: 'Accepted' }))).toMatchObject({
      is: 'cleared',
    });
    expect(placedOutcome(cleared, false, said({ tariffId: '7', status: 'NoTariff' }))).toMatchObject({
      is: 'gone',
    });
    expect(placedOutcome(cleared, false, said({ status: 'NoTariff' }))).toMatchObject({ is: 'gone' });
    expect(placedOutcome(cleared, true, said({ status: 'NoTariff' }))).toMatchObject({ is: 'cleared' });
    expect(placedOutcome(cleared, false, said({ tariffId: '7', status: 'Rejected' }))).toMatchObject({
      kind: 'denied',
    });
    expect(placedOutcome(cleared, false, said({ tariffId: '8', status: 'Accepted' }))).toMatchObject({
      kind: 'denied',
    });
    expect(placedOutcome(cleared, false, said())).toMatchObject({
      detail: 'the station answered nothing that can be read',
    });
  });

  test('is tried again while the station says that it has one of its id', () => {
    expect(placedOutcome(put, true, result('DuplicateTariffId'))).toMatchObject({
      kind: 'refused',
      reason: 'not_sent',
    });
    expect(placedOutcome(put, true, result('TooManyElements'))).toMatchObject({ kind: 'denied' });
  });
});
