import { describe, expect, test } from 'vitest';
import { KnownObjects, type GivenCommand } from '../../testkit/known-objects.ts';
import { asideMs, foundOf, isEnded, placedCharactersMax, placedMax } from './placed-objects.ts';

const operator = '@operator';

class Known extends KnownObjects {
  constructor() {
    super('ocpp2.0.1');
  }

  set(id: number, more: object = {}, given: GivenCommand = {}): this {
    return this.say('SetDisplayMessage', { message: message(id, more) }, given);
  }

  clear(payload: object | string, given: GivenCommand = {}): this {
    return this.say('ClearDisplayMessage', payload, given);
  }
}

const message = (id: number, more: object = {}): object => ({
  id,
  priority: 'NormalCycle',
  message: { format: 'UTF8', content: 'Hello' },
  ...more,
});

const aside = (): Known => new Known().set(1).set(2).clear({ id: 1 }, { from: operator });

describe('a display message', () => {
  test('is kept in the station’s words once it has accepted it', () => {
    const known = new Known()
      .set(1, { endDateTime: '2026-01-01T00:00:00Z', display: { name: 'Display', evse: { id: 2 } } })
      .set(2, {}, { status: 'NotSupportedPriority' });
    expect(known.objects?.rows).toEqual([
      {
        kind: 'displayMessage',
        id: '1',
        family: 'v2',
        backend: 'old',
        connector: 2,
        priority: 'NormalCycle',
        endsAt: Date.UTC(2026, 0, 1),
        payload: expect.stringContaining('"content":"Hello"'),
        asideAt: null,
      },
    ]);
    expect(foundOf(known.objects, 'displayMessage', 'old', 'ocpp2.1', Date.UTC(2026, 0, 1))).toEqual([]);
    expect(isEnded(known.objects?.rows[0] as never, Date.UTC(2026, 0, 1) - 1)).toBe(false);
  });

  test('takes the place of the one with its id, and of no other whatever its priority (O06)', () => {
    const known = new Known()
      .set(1)
      .set(2)
      .set(1, { message: { format: 'UTF8', content: 'Bye' } });
    expect(known.ids).toEqual(['2', '1']);
    expect(known.objects?.rows.at(-1)?.payload).toContain('Bye');
    const front = { priority: 'AlwaysFront' };
    expect(new Known().set(1, front).set(2, front).ids).toEqual(['1', '2']);
  });

  test('of a transaction goes with it, and is not kept (O02)', () => {
    const tx = { transactionId: 'TX' };
    expect(new Known().set(1, tx).objects).toBeNull();
    expect(new Known().set(1).set(2).set(1, tx).ids).toEqual(['2']);
    expect(new Known().set(1).set(1, tx, { status: null }).ids).toEqual(['1 in part']);
  });

  test('is no more once it was cleared, by whomever, or is unknown to the station', () => {
    expect(new Known().set(1).set(2).clear({ id: 1 }, { from: 'new' }).ids).toEqual(['2']);
    expect(new Known().set(1).set(2).clear({ id: 1 }, { status: 'Unknown' }).ids).toEqual(['2']);
    expect(new Known().set(1).clear({ id: 1 }, { status: 'Rejected' }).ids).toEqual(['1']);
    expect(new Known().set(1).clear({ id: 1 }, { status: null }).ids).toEqual(['1']);
    expect(new Known().set(1).clear({}).ids).toEqual(['1']);
    // Which of the two the station goes by is not known.
    expect(new Known().set(1).set(2).clear('{"id":1,"ID":2}').objects).toBeNull();
  });

  test('is not known whole where nobody heard what the station said', () => {
    expect(new Known().set(1, {}, { status: null }).ids).toEqual(['1 in part']);
    const known = new Known().set(1).set(2, {}, { status: null });
    expect(foundOf(known.objects, 'displayMessage', 'old', 'ocpp2.0.1', 0)).toEqual([
      { id: '1', label: 'NormalCycle', connector: 0, fate: 'clear' },
      { id: '2', label: 'NormalCycle', connector: 0, fate: 'not_whole' },
    ]);
  });

  test('is bounded by count and by size, apart from profiles', () => {
    const known = new Known();
    for (let id = 1; id <= placedMax + 1; id += 1) known.set(id);
    expect([known.ids.length, known.hasMore('displayMessage'), known.hasMore('profile')]).toEqual([
      placedMax,
      true,
      false,
    ]);
    known.say('SetChargingProfile', {
      evseId: 1,
      chargingProfile: { id: 1, stackLevel: 0, chargingProfilePurpose: 'TxDefaultProfile' },
    });
    // The same number is another thing of another kind.
    const named1 = (): string[] =>
      (known.objects?.rows ?? []).filter(({ id }) => id === '1').map(({ kind }) => kind);
    expect(named1()).toEqual(['displayMessage', 'profile']);
    known.clear({ id: 1 });
    expect(named1()).toEqual(['profile']);
    const large = { message: { format: 'UTF8', content: 'x'.repeat(placedCharactersMax / 2) } };
    expect(new Known().set(1, large).set(2, large).set(3).ids).toEqual(['1', '2 in part', '3']);
    expect(new Known().say('SetDisplayMessage', '{"message":{}}').hasMore('displayMessage')).toBe(true);
  });

  test('is nothing that OCPP 1.6 has', () => {
    expect(new Known().set(1, {}, { version: 'ocpp1.6' }).objects).toBeNull();
  });
});

describe('a display message that was cleared in an operator’s name', () => {
  test('is set aside, and its backend’s again by the same words', () => {
    expect(aside().ids).toEqual(['2', '1 aside']);
    expect(aside().set(1, {}, { from: operator, status: null }).ids).toEqual(['2', '1 aside']);
    const back = aside().set(1, {}, { from: operator });
    expect(back.objects?.rows.at(-1)).toMatchObject({ id: '1', backend: 'old', asideAt: null });
  });

  test('is over once its own backend sets or clears it anew, and makes room after long', () => {
    expect(aside().set(1, { priority: 'InFront' }).objects?.rows.at(-1)).toMatchObject({
      id: '1',
      asideAt: null,
      priority: 'InFront',
    });
    expect(aside().clear({ id: 1 }, { status: 'Unknown' }).ids).toEqual(['2']);
    const known = aside();
    known.wallMs = asideMs;
    expect(known.set(3).ids).toEqual(['2', '3']);
  });

  test('is gone for good where it could not be set again', () => {
    expect(new Known().set(1, {}, { status: null }).clear({ id: 1 }, { from: operator }).objects).toBeNull();
  });
});
