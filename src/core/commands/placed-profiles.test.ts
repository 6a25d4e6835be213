import { describe, expect, test, vi } from 'vitest';
import { KnownObjects, type GivenCommand } from '../../testkit/known-objects.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { asideMs, foundOf, placedCharactersMax, placedMax } from './placed-objects.ts';

const operator = '@operator';

class Known extends KnownObjects {
  constructor() {
    super('ocpp1.6');
  }

  set(id: number, more: object = {}, given: GivenCommand = {}, connectorId = 1): this {
    return this.say('SetChargingProfile', { connectorId, csChargingProfiles: profile(id, more) }, given);
  }

  clear(payload: object | string, given: GivenCommand = {}): this {
    return this.say('ClearChargingProfile', payload, given);
  }
}

/** Each in a place of its own. */
const profile = (id: number, more: object = {}): object => ({
  chargingProfileId: id,
  stackLevel: id,
  chargingProfilePurpose: 'TxDefaultProfile',
  chargingProfileKind: 'Absolute',
  chargingSchedule: { chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }] },
  ...more,
});

const setV2 = (id: number, more: object = {}): object => ({
  evseId: 0,
  chargingProfile: {
    id,
    stackLevel: 0,
    chargingProfilePurpose: 'TxDefaultProfile',
    validTo: '2026-01-01T00:00:00Z',
    ...more,
  },
});

const three = (): Known => new Known().set(1).set(2).set(3, {}, {}, 2);
const aside = (): Known => new Known().set(1).set(2).clear({ id: 1 }, { from: operator });

describe('what a station was given', () => {
  test.each(['2026-01-01T00:00:00', '2026-01-01T00:00:00Z', '2026-01-01T01:00:00+01:00'])(
    'ends when it says, wherever Busbar runs: %s',
    (validTo) => {
      vi.stubEnv('TZ', 'Asia/Tokyo');
      const known = new Known().set(1, { validTo });
      vi.unstubAllEnvs();
      expect(known.objects?.rows[0]?.endsAt).toBe(Date.UTC(2026, 0, 1));
    },
  );

  test('is kept in its own words once it has accepted it', () => {
    const known = new Known().set(1).set(2, {}, { status: 'Rejected' });
    expect(known.objects).toEqual({
      more: [],
      rows: [
        {
          kind: 'profile',
          id: '1',
          family: 'v16',
          backend: 'old',
          connector: 1,
          purpose: 'TxDefaultProfile',
          stackLevel: 1,
          endsAt: null,
          payload: JSON.stringify({ connectorId: 1, csChargingProfiles: profile(1) }),
          asideAt: null,
        },
      ],
    });
  });

  test('is kept of OCPP 2.x too, but not where its backend changes it all the time', () => {
    const v21 = { version: 'ocpp2.1' } as const;
    const known = new Known()
      .say('SetChargingProfile', setV2(1), v21)
      .say('SetChargingProfile', setV2(2, { chargingProfileKind: 'Dynamic' }), v21);
    expect(known.ids).toEqual(['1', '2 in part']);
    expect(known.objects?.rows[0]).toMatchObject({ family: 'v2', endsAt: Date.UTC(2026, 0, 1) });
    known.clear({ chargingProfileCriteria: { evseId: 1 } }, v21);
    expect(known.ids).toEqual(['1', '2 in part']);
    known.clear({ chargingProfileId: 1 }, v21).clear({ chargingProfileCriteria: { evseId: 0 } }, v21);
    expect(known.objects).toBeNull();
  });

  test('is none of it that belongs to a transaction, which takes the place of what has its number', () => {
    const tx = { chargingProfilePurpose: 'TxProfile' };
    expect(new Known().set(1, tx).objects).toBeNull();
    expect(new Known().set(1).set(1, tx).objects).toBeNull();
    const start = { idTag: 'T', chargingProfile: profile(1, tx) };
    expect(new Known().set(1).set(2).say('RemoteStartTransaction', start).ids).toEqual(['2']);
    expect(new Known().set(1).say('RemoteStartTransaction', start, { status: 'Rejected' }).ids).toEqual([
      '1',
    ]);
    expect(new Known().set(1).say('RemoteStartTransaction', { idTag: 'T' }).ids).toEqual(['1']);
  });

  test('is no more what another took the place of', () => {
    const other = { chargingSchedule: {} };
    const known = new Known().set(1).set(1, other);
    expect(known.objects?.rows).toMatchObject([
      { payload: expect.stringContaining('"chargingSchedule":{}') },
    ]);
    expect(new Known().set(1).set(2, { stackLevel: 1 }, { from: 'new' }).ids).toEqual(['2']);
    expect(new Known().set(1).set(2, { stackLevel: 1 }, {}, 2).ids).toEqual(['1', '2']);
    expect(
      new Known().set(1).set(2, { stackLevel: 1, chargingProfilePurpose: 'ChargePointMaxProfile' }).ids,
    ).toEqual(['1', '2 in part']);
  });

  test('is no more once it was cleared, by whomever and however', () => {
    expect(three().clear({ id: 2 }).ids).toEqual(['1', '3']);
    expect(three().clear({ id: 2 }, { status: 'Unknown' }).ids).toEqual(['1', '3']);
    expect(three().clear({ connectorId: 1 }, { from: 'new' }).ids).toEqual(['3']);
    expect(three().clear({ stackLevel: 1 }).ids).toEqual(['2', '3']);
    expect(three().clear({ chargingProfilePurpose: 'ChargePointMaxProfile' }).ids).toEqual(['1', '2', '3']);
    expect(three().clear({}).objects).toBeNull();
    expect(three().clear({}, { status: 'Rejected' }).ids).toHaveLength(3);
    expect(three().clear({}, { status: null }).ids).toHaveLength(3);
    // Which of the two the station goes by is not known.
    expect(three().clear('{"id":1,"ID":2}').objects).toBeNull();
  });

  test('is not known whole where nobody heard what the station said', () => {
    expect(new Known().set(1, {}, { status: null }).ids).toEqual(['1 in part']);
    expect(new Known().set(1).set(1, {}, { status: null }).ids).toEqual(['1 in part']);
    const tx = { chargingProfilePurpose: 'TxProfile' };
    expect(new Known().set(1, tx, { status: null }).objects).toBeNull();
    expect(new Known().set(1).set(1, tx, { status: null }).ids).toEqual(['1 in part']);
  });

  test('is bounded by count and by size, and what is beyond is known to be there', () => {
    const known = new Known();
    for (let id = 1; id <= placedMax; id += 1) known.set(id);
    known.set(placedMax + 1);
    expect([known.ids.length, known.hasMore('profile')]).toEqual([placedMax, true]);
    known.set(1, {}, { status: null }).set(placedMax + 2, {}, { status: null });
    expect(known.ids).toContain('1 in part');
    expect(known.clear({ id: 1 }).hasMore('profile')).toBe(true);
    expect(known.clear({}).objects).toBeNull();

    const large = { chargingSchedule: 'x'.repeat(placedCharactersMax / 2) };
    expect(new Known().set(1, large).set(2, large).set(3).ids).toEqual(['1', '2 in part', '3']);
    expect(new Known().set(1, large).set(1, large).ids).toEqual(['1']);
    expect(new Known().say('SetChargingProfile', '{"connectorId":1}').objects).toEqual({
      rows: [],
      more: ['profile'],
    });
  });
});

describe('what was cleared in an operator’s name', () => {
  test('is set aside, and placed again by the same words', () => {
    expect(aside().ids).toEqual(['2', '1 aside']);
    expect(aside().clear({ id: 1 }, { from: operator, status: 'Unknown' }).ids).toEqual(['2', '1 aside']);
    expect(aside().set(1, {}, { from: operator, status: null }).ids).toEqual(['2', '1 aside']);
    const back = aside().set(1, {}, { from: operator });
    expect(back.objects?.rows.at(-1)).toMatchObject({ id: '1', backend: 'old', asideAt: null });
  });

  test('is in doubt where nobody heard what the station said, and keeps its place', () => {
    const unheard = { from: operator, status: null };
    const maybeGone = new Known().set(1).set(2).clear({ id: 1 }, unheard);
    expect(maybeGone.ids).toEqual(['1', '2']);
    expect(maybeGone.objects?.rows[0]).toMatchObject({ mayBeGone: true, payload: expect.any(String) });
    expect(maybeGone.set(1, {}, unheard).objects?.rows[0]).toMatchObject({ id: '1', mayBeGone: true });
    expect(maybeGone.set(1, {}, { from: operator }).objects?.rows.at(-1)).not.toHaveProperty('mayBeGone');
    expect(new Known().set(1).set(1, {}, unheard).objects?.rows).toMatchObject([
      { backend: 'old', payload: expect.any(String) },
    ]);
    const maybeBack = aside().set(1, {}, unheard);
    expect(foundOf(maybeBack.objects, 'profile', 'old', 'ocpp1.6', 0).map(({ id }) => id)).toEqual([
      '2',
      '1',
    ]);
    expect(maybeBack.clear({ id: 1 }, { from: operator, status: 'Unknown' }).ids).toEqual(['2', '1 aside']);
    expect(maybeBack.objects?.rows.at(-1)).not.toHaveProperty('mayBeBack');
    expect(new Known().set(1).clear({ id: 1 }, { status: null }).objects?.rows[0]).not.toHaveProperty(
      'mayBeGone',
    );
  });

  test('is what others clear and replace no part of, and what its own backend does', () => {
    expect(aside().clear({}, { from: 'new' }).ids).toEqual(['1 aside']);
    expect(aside().set(3, { stackLevel: 1 }, { from: 'new' }).ids).toEqual(['2', '1 aside', '3']);
    expect(aside().clear({ stackLevel: 1 }).ids).toEqual(['2']);
    expect(aside().clear({ id: 1 }, { status: 'Unknown' }).ids).toEqual(['2']);
    expect(aside().set(3, { stackLevel: 1 }).ids).toEqual(['2', '3']);
    expect(aside().set(1).ids).toEqual(['2', '1']);
  });

  test('makes room once it has been aside for long', () => {
    const known = aside();
    known.wallMs = asideMs - 1;
    expect(known.set(3).ids).toEqual(['2', '1 aside', '3']);
    known.wallMs = asideMs;
    expect(known.set(4).ids).toEqual(['2', '3', '4']);
  });

  test('is gone for good where it could not be placed again', () => {
    const max = { chargingProfilePurpose: 'ChargePointMaxProfile' };
    expect(new Known().set(1, max).clear({ id: 1 }, { from: operator }).objects).toBeNull();
  });
});

test('of what a backend placed some may be cleared, and of the rest is said why not', () => {
  const known = new Known()
    .set(1)
    .set(2, { chargingProfilePurpose: 'ChargePointMaxProfile' }, {}, 0)
    .set(3, {}, { status: null })
    .set(4, {}, { from: 'new' })
    .set(5, { validTo: '2026-01-01T00:00:00Z' })
    .set(6)
    .clear({ id: 6 }, { from: operator });
  const found = (version: OcppVersion): string[] =>
    foundOf(known.objects, 'profile', 'old', version, Date.UTC(2026, 0, 1)).map(
      ({ id, fate }) => `${id} ${fate}`,
    );
  expect(found('ocpp1.6')).toEqual(['1 clear', '2 limit', '3 not_whole']);
  // It speaks another version by now, in which the words that were kept mean nothing.
  expect(found('ocpp2.0.1')).toEqual(['1 not_whole', '2 limit', '3 not_whole']);
  expect(foundOf(null, 'profile', 'old', 'ocpp1.6', 0)).toEqual([]);
});
