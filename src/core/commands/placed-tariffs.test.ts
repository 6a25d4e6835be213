import { describe, expect, test } from 'vitest';
import { KnownObjects, type GivenCommand } from '../../testkit/known-objects.ts';
import { foundOf, placedCharactersMax, placedMax } from './placed-objects.ts';

const operator = '@operator';

class Known extends KnownObjects {
  constructor() {
    super('ocpp2.1');
  }

  set(tariffId: string, evseId = 0, more: object = {}, given: GivenCommand = {}): this {
    return this.say('SetDefaultTariff', { evseId, tariff: { tariffId, currency: 'EUR', ...more } }, given);
  }

  /** `results`: what the station says of each, `A:Accepted`; `NoTariff` alone is of no tariff in particular. */
  clear(payload: object | string, results: readonly string[] | null, from = 'old'): this {
    const said = results?.map((result) => {
      const [first, status] = result.split(':');
      return status === undefined ? { status: first } : { tariffId: first, status };
    });
    const answer = said === undefined ? { status: null } : { answer: { clearTariffsResult: said } };
    return this.say('ClearTariffs', payload, { from, ...answer });
  }
}

const ids = (...tariffIds: string[]) => ({ tariffIds });
const later = { validFrom: '2026-01-01T00:00:00Z' };
const two = (): Known => new Known().set('A', 1).set('B', 2);
const aside = (): Known => two().clear(ids('A'), ['A:Accepted'], operator);

describe('a default tariff', () => {
  test('is kept in the station’s words once it has accepted it', () => {
    const known = new Known().set('A', 1, later).set('B', 1, {}, { status: 'TooManyElements' });
    expect(known.objects?.rows).toEqual([
      {
        kind: 'tariff',
        id: 'A',
        family: 'v2',
        backend: 'old',
        connector: 1,
        currency: 'EUR',
        validFrom: Date.UTC(2026, 0, 1),
        endsAt: null,
        payload: JSON.stringify({ evseId: 1, tariff: { tariffId: 'A', currency: 'EUR', ...later } }),
        asideAt: null,
      },
    ]);
    expect(foundOf(known.objects, 'tariff', 'old', 'ocpp2.1', Date.UTC(2030, 0, 1))).toEqual([
      { id: 'A', label: 'EUR', connector: 1, fate: 'clear' },
    ]);
  });

  test('takes the place of the one of its EVSE, or of all of them where it is for all (I07)', () => {
    expect(two().set('C', 1).ids).toEqual(['B', 'C']);
    expect(two().set('C', 1, {}, { from: 'new' }).ids).toEqual(['B', 'C']);
    expect(two().set('C', 0).ids).toEqual(['C']);
    expect(two().set('A', 1, { currency: 'SEK' }).ids).toEqual(['B', 'A']);
    // The others keep the one of all.
    expect(new Known().set('C', 0).set('A', 1).ids).toEqual(['C', 'A']);
  });

  test('stands beside one that is valid from another time on', () => {
    const known = new Known().set('A', 1).set('B', 1, later);
    expect(known.ids).toEqual(['A', 'B']);
    expect(known.set('C', 1, later).ids).toEqual(['A', 'C']);
    known.wallMs = Date.UTC(2026, 1, 1);
    expect(known.set('D', 1).ids).toEqual(['D']);
  });

  test('is no more once the station has cleared it, or says that it has none', () => {
    expect(two().clear(ids('A', 'B'), ['A:Accepted', 'B:Rejected']).ids).toEqual(['B']);
    expect(two().clear(ids('A', 'B'), ['A:NoTariff', 'B:Accepted'], 'new').objects).toBeNull();
    expect(two().clear(ids('A'), ['NoTariff']).ids).toEqual(['B']);
    expect(two().clear({}, ['A:Accepted', 'B:Accepted']).objects).toBeNull();
    expect(two().clear({ evseId: 1 }, ['A:Accepted']).ids).toEqual(['B']);
    expect(two().clear({}, ['NoTariff']).objects).toBeNull();
    expect(two().clear({}, []).ids).toEqual(['A', 'B']);
    expect(two().clear(ids('A'), null).ids).toEqual(['A', 'B']);
    // One of several words leaves it there.
    expect(two().clear(ids('A'), ['A:Accepted', 'A:Rejected']).ids).toEqual(['A', 'B']);
    // Which of the two the station goes by is not known: what it says counts.
    expect(two().clear('{"evseId":1,"EvseId":2}', ['B:Accepted']).ids).toEqual(['A']);
  });

  test('of all EVSEs that was cleared at one of them is not known whole any more', () => {
    const known = new Known().set('C', 0).clear({ ...ids('C'), evseId: 1 }, ['C:Accepted']);
    expect(known.ids).toEqual(['C in part']);
    expect(new Known().set('C', 0).clear({ ...ids('C'), evseId: 1 }, ['C:NoTariff']).ids).toEqual(['C']);
    expect(known.clear(ids('C'), ['C:Accepted']).objects).toBeNull();
  });

  test('is not known whole where nobody heard what the station said', () => {
    expect(new Known().set('A', 1, {}, { status: null }).ids).toEqual(['A in part']);
  });

  test('is bounded by count and by size, and what is beyond is there until all are cleared', () => {
    const known = new Known();
    for (let at = 1; at <= placedMax + 1; at += 1) known.set(`T${at}`, at);
    expect([known.ids.length, known.hasMore('tariff')]).toEqual([placedMax, true]);
    known.clear(ids('T1'), ['T1:Accepted']);
    expect(known.hasMore('tariff')).toBe(true);
    const all = known.ids.map((id) => `${id}:Accepted`);
    expect(known.clear({}, [...all, 'T33:Rejected']).hasMore('tariff')).toBe(true);
    expect(known.clear({}, ['T33:Accepted']).objects).toBeNull();
    const large = { description: [{ format: 'UTF8', content: 'x'.repeat(placedCharactersMax / 2) }] };
    expect(new Known().set('A', 1, large).set('B', 2, large).ids).toEqual(['A', 'B in part']);
    expect(new Known().say('SetDefaultTariff', '{"evseId":1}').hasMore('tariff')).toBe(true);
  });

  test('is nothing that OCPP 2.0.1 has', () => {
    expect(new Known().set('A', 1, {}, { version: 'ocpp2.0.1' }).objects).toBeNull();
  });
});

describe('a default tariff that was cleared in an operator’s name', () => {
  test('is set aside, and its backend’s again by the same words', () => {
    expect(aside().ids).toEqual(['B', 'A aside']);
    expect(aside().clear(ids('A'), ['A:NoTariff'], operator).ids).toEqual(['B', 'A aside']);
    expect(aside().set('A', 1, {}, { from: operator, status: 'DuplicateTariffId' }).ids).toEqual([
      'B',
      'A aside',
    ]);
    expect(aside().set('A', 1, {}, { from: operator }).objects?.rows.at(-1)).toMatchObject({
      id: 'A',
      backend: 'old',
      asideAt: null,
    });
    const both = two().clear(ids('A', 'B'), ['A:Accepted', 'B:Accepted'], operator);
    expect(both.ids).toEqual(['A aside', 'B aside']);
  });

  test('is there when the station says so of one whose placing nobody heard the answer to', () => {
    const unheard = (): Known => aside().set('A', 1, {}, { from: operator, status: null });
    expect(unheard().ids).toEqual(['B', 'A aside']);
    const duplicate = { from: operator, status: 'DuplicateTariffId' };
    expect(unheard().set('A', 1, { currency: 'SEK' }, duplicate).ids).toEqual(['B', 'A aside']);
    const back = unheard().set('A', 1, {}, { from: operator, status: null }).set('A', 1, {}, duplicate);
    expect(back.objects).toEqual(two().set('A', 1).objects);
    expect(unheard().set('A', 1, {}, { from: operator }).objects).toEqual(two().set('A', 1).objects);
    expect(new Known().set('A', 1, {}, { status: 'DuplicateTariffId' }).objects).toBeNull();
  });

  test('is what others clear and replace no part of, and what its own backend does', () => {
    expect(aside().set('C', 1, {}, { from: 'new' }).ids).toEqual(['B', 'A aside', 'C']);
    expect(aside().clear({}, ['NoTariff'], 'new').ids).toEqual(['A aside']);
    expect(aside().set('C', 0).ids).toEqual(['C']);
    expect(aside().clear(ids('A'), ['A:NoTariff']).ids).toEqual(['B']);
  });
});
